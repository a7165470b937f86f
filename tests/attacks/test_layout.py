"""Prohibitions that hold in every module, read from the code itself. Each rule is shown to catch what it forbids."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlmodel import SQLModel

from migrations.models import metadata

ROOT = Path(__file__).parents[2]
ROOMS = ("trial", "randomization", "reports", "api", "migrations")
BELOW_THE_DOORS = ("trial", "randomization", "reports")

SEALED_MODELS = frozenset(
    mapper.class_.__name__
    for table in metadata.tables.values()
    if table.schema == "sealed"
    for mapper in SQLModel._sa_registry.mappers
    if mapper.local_table is table
)
STRONGROOM_MODELS = SEALED_MODELS | {"Allocation"}


class Module(NamedTuple):
    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.partition("/")[0]


_SEALED_SQL = re.compile(r"\b(from|join|into|update|table)\s+(only\s+)?(sealed\.|trial\.allocation\b)", re.IGNORECASE)
Rule = Callable[[Module], Iterator[ast.AST]]


@cache
def modules() -> tuple[Module, ...]:
    found = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return tuple(Module(str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))) for path in found)


def broken(rule: Rule, *rooms: str, but: frozenset[str] = frozenset()) -> list[str]:
    """Where the rule is broken in these rooms; ``but`` names the modules in which it may be."""
    return [
        f"{module.path}:{getattr(node, 'lineno', 1)}"
        for module in modules()
        if module.room in rooms and module.path not in but
        for node in rule(module)
    ]


def caught(rule: Rule, source: str) -> bool:
    return any(True for _ in rule(Module("trial/planted.py", ast.parse(source))))


def calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the last name of what is called."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            called = node.func
            yield (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")), node


def dotted(node: ast.AST) -> str:
    """``a.b.c`` as it is written; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def texts(module: Module) -> Iterator[ast.Constant]:
    """Every text that is no docstring."""
    prose = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node


def commits(module: Module) -> Iterator[ast.AST]:
    yield from (node for name, node in calls(module) if name == "commit")
    # Handed on to a thread, it is named and not called.
    yield from (
        node for node in ast.walk(module.tree) if isinstance(node, ast.Attribute) and node.attr == "commit_and_close"
    )


def opens_the_strongroom(module: Module) -> Iterator[ast.AST]:
    for node in ast.walk(module.tree):
        imported = isinstance(node, ast.ImportFrom) and any(alias.name == "strongroom" for alias in node.names)
        if imported or (isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "strongroom"):
            yield node


def names_the_strongrooms_role(module: Module) -> Iterator[ast.AST]:
    yield from (node for node in ast.walk(module.tree) if isinstance(node, ast.Name) and node.id == "STRONGROOM_ROLE")
    yield from (node for node in texts(module) if "equipoise_strongroom" in node.value)


def selects_what_is_sealed(module: Module) -> Iterator[ast.AST]:
    for name, node in calls(module):
        named = {
            part.id for given in node.args for part in ast.walk(given) if isinstance(part, ast.Name)
        } & STRONGROOM_MODELS
        if name in {"select", "get", "insert", "update", "join", "outerjoin", "select_from"} and named:
            yield node


def writes_sql_on_what_is_sealed(module: Module) -> Iterator[ast.AST]:
    yield from (node for node in texts(module) if _SEALED_SQL.search(node.value))


def uses_the_sealing_key(module: Module) -> Iterator[ast.AST]:
    yield from (
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and dotted(node).endswith("keyring.sealing")
    )


def asks_fastapi_for_a_dependency(module: Module) -> Iterator[ast.AST]:
    yield from (node for name, node in calls(module) if name in {"Depends", "Security"})


def takes_time_or_chance_from_the_machine(module: Module) -> Iterator[ast.AST]:
    forbidden = {
        "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now", "datetime.date.today",
        "time.time", "time.time_ns", "os.urandom", "uuid.uuid4", "uuid.uuid1", "uuid4", "uuid1", "np.random.seed",
        "np.random.rand", "np.random.random",
    }  # fmt: skip
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in forbidden:
            yield node
        elif isinstance(node, ast.Import):
            yield from (node for alias in node.names if alias.name in {"random", "secrets"})
        elif (isinstance(node, ast.ImportFrom) and node.module in {"random", "secrets"}) or (
            isinstance(node, ast.Call) and dotted(node.func) == "np.random.default_rng" and not node.args
        ):
            yield node


def has_no_docstring(module: Module) -> Iterator[ast.AST]:
    if not ast.get_docstring(module.tree) and (module.tree.body or not module.path.endswith("__init__.py")):
        yield module.tree


def deletes_rows(module: Module) -> Iterator[ast.AST]:
    for name, node in calls(module):
        if name == "delete" and (dotted(node.func) == "delete" or dotted(node.func).endswith("session.delete")):
            yield node
    yield from (node for node in texts(module) if node.value.lstrip().upper().startswith(("DELETE FROM", "TRUNCATE")))


def test_nobody_below_the_doors_commits():
    assert broken(commits, *BELOW_THE_DOORS, but=frozenset({"trial/database/session.py"})) == []


def test_a_commit_ends_a_transaction_a_reading_or_a_question_to_the_server_and_nothing_else():
    (module,) = (module for module in modules() if module.path == "trial/database/session.py")
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
    committing = [one.name for one in functions if list(commits(Module(module.path, one)))]
    assert sorted(committing) == ["_ask_whether_alive", "commit_and_close", "reading", "transaction"]


def test_the_doors_leave_the_commit_to_the_transaction():
    assert broken(commits, "api", but=frozenset({"api/dependencies.py"})) == []


def test_the_strongroom_is_opened_in_its_own_room_alone():
    assert broken(opens_the_strongroom, "trial", "reports", "api") == []
    allowed = frozenset({"trial/database/session.py", "migrations/runner.py", "migrations/versions/0001_audit.py"})
    assert broken(names_the_strongrooms_role, "trial", "reports", "api", "migrations", but=allowed) == []


def test_allocations_and_sealed_tables_are_read_in_the_strongrooms_room_alone():
    assert {"SlotRecord", "KitContent", "Allocation", "StoredDataKey", "ArmCoding"} <= STRONGROOM_MODELS
    assert broken(selects_what_is_sealed, "trial", "reports", "api") == []
    assert broken(writes_sql_on_what_is_sealed, "trial", "reports", "api") == []


def test_the_sealing_key_is_used_in_the_strongrooms_room_alone():
    assert broken(uses_the_sealing_key, "trial", "reports", "api") == []


def test_a_request_gets_its_transaction_from_one_module_alone():
    """``Depends`` stands where an alias is defined: a scope that is forgotten elsewhere would open a second session."""
    allowed = frozenset({"api/dependencies.py", "api/places.py", "api/app.py", "api/pages/answers.py"})
    assert broken(asks_fastapi_for_a_dependency, *ROOMS, but=allowed) == []
    opened = [f"{module.path}" for module in modules() for name, _ in calls(module) if name == "transaction"]
    doors = {path for path in opened if path.startswith(("api/pages/", "api/routes/", "api/middleware/"))}
    assert doors == set()


def test_time_and_chance_are_passed_in():
    allowed = frozenset({"trial/clock.py", "trial/ids.py", "trial/database/embedded/directory.py"})
    assert broken(takes_time_or_chance_from_the_machine, *BELOW_THE_DOORS, but=allowed) == []


def test_every_module_says_what_it_is_for():
    assert broken(has_no_docstring, *ROOMS) == []


def test_no_trial_record_is_ever_deleted_by_the_product():
    assert broken(deletes_rows, *BELOW_THE_DOORS, "api") == []


@pytest.mark.parametrize(
    ("rule", "planted"),
    [
        (commits, "def f(session):\n    session.commit()"),
        (opens_the_strongroom, "with strongroom(session):\n    pass"),
        (opens_the_strongroom, "from trial.database.session import strongroom as room"),
        (names_the_strongrooms_role, "session.execute(text('SET LOCAL ROLE equipoise_strongroom'))"),
        (selects_what_is_sealed, "session.exec(select(Allocation.kit_id))"),
        (selects_what_is_sealed, "session.get(KitContent, kit_id)"),
        (writes_sql_on_what_is_sealed, "text('SELECT content FROM sealed.slot')"),
        (uses_the_sealing_key, "session.keyring.sealing.master_key()"),
        (asks_fastapi_for_a_dependency, "def route(session: Annotated[TrialSession, Depends(begin)]): ..."),
        (takes_time_or_chance_from_the_machine, "now = datetime.now(UTC)"),
        (takes_time_or_chance_from_the_machine, "from uuid import uuid4\nmade = uuid4()"),
        (takes_time_or_chance_from_the_machine, "import random"),
        (takes_time_or_chance_from_the_machine, "rng = np.random.default_rng()"),
        (has_no_docstring, "x = 1"),
        (deletes_rows, "session.delete(record)"),
        (deletes_rows, "text('DELETE FROM trial.participant')"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_each_rule_catches_what_it_forbids(rule: Rule, planted: str):
    assert caught(rule, planted)
