"""A world of the script: a database of its own with scripted clock, entropy, keys and seal, and what was answered in it."""

import copy
import io
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy
from pydantic import BaseModel

from tests.support import board, events, locking, participants, randomization
from tests.support.databases import copy_database, drop_database, engine_for
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.script.logs import captured_log
from tests.support.script.seal import Exchange, ScriptedEntropy, SealedFacts, inject_digests, under_seal
from trial.clock import SetClock
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.database.session import Database
from trial.errors import DomainError
from trial.keyring import Keyring
from trial.keys import MasterKey
from trial.protocol.loader import LoadedProtocol, load_protocol, shipped_text
from trial.vault import Vault

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLOTS = 6
NEWCOMERS = {"S1": SLOTS + 1, "S2": 5}
FACTS = {("baseline", "opioid_use"): "no", ("baseline", "pain_type"): "neuropathic"}
KET, PBO = "KET", "PBO"


@cache
def two_to_one() -> LoadedProtocol:
    """The shipped protocol with one thing changed: the ratio."""
    text = shipped_text("keta-pain")
    changed = text.replace("ratio: {KET: 1, PBO: 1}", "ratio: {KET: 2, PBO: 1}")
    assert changed != text, "the shipped protocol writes its ratio in another way now"
    return load_protocol(changed)


class _Key:
    def master_key(self) -> MasterKey:
        return MasterKey(b"s" * 32)


@dataclass
class World:
    """One run of the script."""

    house: House
    exchange: Exchange
    facts: SealedFacts
    owner: sqlalchemy.Engine
    app_url: str
    logged: io.StringIO
    anchor_file: Path
    acts: list[str] = field(default_factory=list)
    people: list[UUID] = field(default_factory=list)
    set_aside: tuple[str, ...] = ()
    given_before_running_out: int = 0

    def act(self, name: str, do: Callable[[], Any]) -> Any:
        """Do it, and keep what was answered: the receipt, or the code and sentence of a refusal."""
        try:
            answer = do()
        except DomainError as refusal:
            self.acts.append(f"{name}: {type(refusal).__name__} {refusal.code} {refusal.sentence} {refusal.fields}")
            return None
        self.acts.append(f"{name}: {_told(answer)}")
        return answer

    def chosen_codes(self, site: str | None) -> tuple[str, ...]:
        """Two people: one who was treated, and one who was refused, for want of a slot at S1 and for want of a kit at S2."""
        second = NEWCOMERS["S1"]
        chosen = {"S1": (0, SLOTS), "S2": (second, second + 3), None: (0, second + 3)}[site]
        return tuple(participants.participant(self.house, self.people[place]).code for place in chosen)

    def ids(self, table: str) -> tuple[str, ...]:
        """The first two ids of a table's rows, or one that nothing has."""
        rows = self.rows(f"SELECT id FROM {table} ORDER BY recorded_at, id LIMIT 2")
        return tuple(str(row[0]) for row in rows) or (str(UUID(int=0, version=4)),)

    def rows(self, query: str) -> list[Any]:
        """What the database's owner sees."""
        with self.owner.begin() as connection:
            return list(connection.execute(sqlalchemy.text(query)))

    def log_lines(self) -> list[str]:
        """Every line, without when it was written and how long it took."""
        lines = [json.loads(line) for line in self.logged.getvalue().splitlines()]
        return [json.dumps({k: v for k, v in line.items() if k not in {"timestamp", "ms"}}) for line in lines]


def _told(answer: Any) -> str:
    """As ``repr`` would, but the same in every process: a record's own ``repr`` follows the order of a set."""
    if isinstance(answer, BaseModel):
        return f"{type(answer).__name__} {json.dumps(answer.model_dump(mode='json'), sort_keys=True)}"
    if is_dataclass(answer):
        shown = ", ".join(f"{one.name}={_told(getattr(answer, one.name))}" for one in fields(answer) if one.repr)
        return f"{type(answer).__name__}({shown})"
    if isinstance(answer, list | tuple):
        return f"[{', '.join(map(_told, answer))}]"
    return repr(answer)


@dataclass(frozen=True)
class Begun:
    """What is the same in every world, made once and copied: people, sites, and who waits to be randomized."""

    server: Connection
    database_name: str
    house: House
    entropy: ScriptedEntropy
    waiting: dict[str, list[UUID]]


@contextmanager
def prologue(server: Connection, template: str, loaded: LoadedProtocol | None = None) -> Iterator[Begun]:
    """The trial until just before its list is made: nothing of it is sealed."""
    with _copied(server, template) as name, _counted_keys(1):
        inject_digests(server.url(name))
        entropy = ScriptedEntropy(2026)
        database = _database(server, name, SetClock(START), entropy)
        house = House.build(database, SetClock(START), loaded=loaded or two_to_one(), planned=60)
        waiting = {
            site: [ready_to_randomize(house, site, FACTS, birth_year=1960 + number) for number in range(count)]
            for site, count in NEWCOMERS.items()
        }
        database.close()
        yield Begun(server, name, house, entropy, waiting)


@contextmanager
def world_of(
    begun: Begun,
    exchange: Exchange,
    play: Callable[[World, dict[str, list[UUID]]], None],
    *,
    aside: tuple[str, ...] = (),
) -> Iterator[World]:
    """A world in a database of its own, in which ``play`` was played. ``aside``: the kits that are set aside at the end."""
    clock, entropy = SetClock(START), copy.deepcopy(begun.entropy)
    with (
        _copied(begun.server, begun.database_name) as name,
        _counted_keys(1000),
        tempfile.TemporaryDirectory() as directory,
    ):
        database = _database(begun.server, name, clock, entropy)
        house = replace(begun.house, database=database, clock=clock)
        owner, app_url = sqlalchemy.create_engine(begun.server.url(name)), begun.server.url(name, role=APP)
        try:
            with under_seal(exchange) as facts, captured_log() as logged:
                world = World(
                    house, exchange, facts, owner, app_url, logged, Path(directory) / "anchors.jsonl", set_aside=aside
                )
                play(world, begun.waiting)
            yield world
        finally:
            database.close()
            owner.dispose()


def _database(server: Connection, name: str, clock: SetClock, entropy: ScriptedEntropy) -> Database:
    keyring = Keyring(vault=Vault(b"v" * 32), sealing=_Key())
    return Database(engine_for(server.url(name, role=APP)), keyring, clock=clock, entropy=entropy)


@contextmanager
def _counted_keys(first: int) -> Iterator[None]:
    """Keys that the support modules would draw at random are counted instead."""
    keys = itertools.count(first)
    with pytest.MonkeyPatch.context() as patch:
        for module in (board, events, locking, participants, randomization):
            patch.setattr(module, "uuid4", lambda: UUID(int=next(keys), version=4))
        yield


@contextmanager
def _copied(server: Connection, template: str) -> Iterator[str]:
    name = f"script_{uuid4().hex[:12]}"
    copy_database(server, name, template=template)
    try:
        yield name
    finally:
        drop_database(server, name)
