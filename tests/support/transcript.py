"""Everything that a blinded person can get out of a scripted world, as text to be compared with another world's.

Sources
    answers   status, headers and body of every GET route of ``route_table``, with real values filled in, for roles that it
              lets in and for one that it does not; of every other route, asked with an empty form. The roles take turns;
              with EQUIPOISE_TEST_EVERYBODY=1 each asks every route (three times as long)
    database  every row that the blinded role may read, and the sizes of what it may not
    log       every line, without when it was written and how long it took
    mails     every alert as it would be sent

A route is covered because it stands in ``route_table``. One whose path holds a name that ``values_of`` does not know makes
the test fail, with a message that names the route: add the value there.

What is left out of a comparison, all of it listed here: ``UNCOMPARED_COLUMNS`` and ``CLOSED`` below say what and why.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from api.app import create_app
from api.cookies import session_cookie_name
from api.jobs.alerts import message_for
from api.middleware.csrf import token_for
from api.permissions import RouteAccess, route_table
from api.services import AppServices
from tests.support.house import PASSWORD
from tests.support.inline import handlers_in_line
from tests.support.script.logs import captured_log
from tests.support.script.seal import injected_commitments
from tests.support.script.world import World
from trial.access.accounts import Account, code_secret, get_account
from trial.access.alerts import Alert
from trial.access.codes import code_at
from trial.access.passwords import LIGHT_FOR_SIMULATION
from trial.access.sign_in import give_code, sign_in
from trial.reference.permissions import permissions
from trial.settings import Settings

UNBLINDED_ROLES = frozenset(
    {
        "pharmacist_unblinded",
        "monitor_unblinded",
        "statistician_unblinded",
        "statistician_randomization",
        "supply_manager_unblinded",
        "safety_officer_unblinded",
    }
)
"""The roles that may see arms, by their work. Everybody else is compared."""

CLOSED = frozenset({"report:closed:read", "report:closed:decode"})
"""Routes that ask for one of these show what the board alone may see: coded arms. They are not compared."""
CLOSED_PAGES = frozenset({"show_bounds"})
"""So does this one, to the chair and the unblinded statistician alone (``tests/api/jobs/test_bounds.py``)."""

NOT_SENT: Mapping[str, str] = {
    "sign_out": "it would end the session with which the others are asked",
    "end_one_session": "as above",
}
"""Unsafe routes that are not asked, by name, and why."""

UNCOMPARED_COLUMNS: Mapping[str, frozenset[str]] = {
    "audit.entry": frozenset({"transaction"}),  # the server's own counter
    "audit.link": frozenset({"chained_at"}),  # the server's own clock
}
"""Columns that the database server fills in by itself, different in each run of one and the same world."""

UNCOMPARED_HEADERS = frozenset({"date"})
RECORDS = (
    "trial.participant",
    "trial.kit",
    "trial.allocation",
    "trial.allocation_list",
    "trial.shipment",
    "trial.preparation",
    "trial.unblinding",
    "sealed.kit_content",
    "sealed.list_matter",
)
"""Of these tables a record's own history is asked for, where a route shows one."""
DATASET_FILES = ("manifest.json", "sdtm/dm.csv", "sdtm/ex.xpt", "adam/adsl.parquet")
"""Of the locked datasets these files are pulled. The hashes of all stand in rows, which are compared."""
SITES = ("S1", "S2")
EVERYBODY = bool(os.environ.get("EQUIPOISE_TEST_EVERYBODY"))
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_COOKIE = session_cookie_name(secure=False)


class RouteNotCovered(AssertionError):
    """A route of the application that the script cannot call."""


@dataclass(frozen=True)
class Reader:
    """One blinded person, or with no role a stranger."""

    role: str | None
    site: str | None = None

    def __str__(self) -> str:
        return "@".join(filter(None, (self.role or "stranger", self.site)))


def blinded_readers(world: World) -> list[Reader]:
    """A stranger and every blinded role; the site roles take turns with the sites, the first is at both."""
    held = [Reader(role, site) for role, site in world.house.people if role not in UNBLINDED_ROLES]
    at_sites = list(dict.fromkeys(reader.role for reader in held if reader.site))
    kept = {(role, SITES[number % len(SITES)]) for number, role in enumerate(at_sites)} | {(at_sites[0], SITES[1])}
    return [Reader(None), *(reader for reader in held if reader.site is None or (reader.role, reader.site) in kept)]


class Visit:
    """The application of a world, over ASGI, with people signed in."""

    def __init__(self, world: World, routers: Iterable[APIRouter] = ()) -> None:
        self.world = world
        services = AppServices(Settings(anchor_file=world.anchor_file), world.house.database)
        self.app: FastAPI = create_app(services, extra_routers=tuple(routers))
        self._loop = asyncio.Runner()

    def close(self) -> None:
        self._loop.close()

    def client(self, reader: Reader) -> tuple[httpx.AsyncClient, str]:
        """A browser of the reader's, and its forgery token."""
        transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 5000))
        made = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        if reader.role is None:
            made.cookies.set("equipoise_visitor", "a-visitor")
            return made, token_for("a-visitor")
        token = self._session_token(self.world.house.people[(reader.role, reader.site)])
        made.cookies.set(_COOKIE, token)
        return made, token_for(token)

    def _session_token(self, person: Account) -> str:
        database = self.world.house.database
        token, _ = sign_in(database, person.username, PASSWORD, strength=LIGHT_FOR_SIMULATION)
        with database.session() as session:
            secret = code_secret(session, get_account(session, person.id))
        return give_code(database, token, code_at(secret, database.clock.now()))[0]

    def ask(self, client: httpx.AsyncClient, method: str, path: str, csrf: str) -> str:
        fields: dict[str, Any] = {} if method == "GET" else {"data": {"csrf_token": csrf}}
        return written(self._loop.run(client.request(method, path, headers={"X-CSRF-Token": csrf}, **fields)))


def written(answer: httpx.Response) -> str:
    """Status, headers and body; bytes that are no text byte by byte."""
    headers = [f"{name}: {value}" for name, value in sorted(answer.headers.items()) if name not in UNCOMPARED_HEADERS]
    return "\n".join([str(answer.status_code), *headers, "", answer.content.decode("utf-8", "backslashreplace")])


def answers(world: World, routers: Iterable[APIRouter] = (), only: str | tuple[str, ...] = "") -> dict[str, str]:
    """What the readers get from the routes whose path begins with ``only``: GET routes first, then every other one."""
    found: dict[str, str] = {}
    visit = Visit(world, routers)
    with captured_log(world.logged), handlers_in_line(), injected_commitments():
        try:
            for reader, asked in sorted(_asked_of(world, visit.app, only).items(), key=lambda item: str(item[0])):
                client, csrf = visit.client(reader)
                for method, path in sorted(asked, key=lambda one: one[0] != "GET"):
                    found[f"{reader} {method} {path}"] = visit.ask(client, method, path, csrf)
        finally:
            visit.close()
    return found


def _asked_of(world: World, app: FastAPI, only: str | tuple[str, ...]) -> dict[Reader, list[tuple[str, str]]]:
    """Who asks what: of each route some whom it lets in and one whom it does not.

    One of those who are let in asks with every value that may stand in the path, each route another; others ask with one.
    Readers and values take turns, so that each role asks many routes; with ``EVERYBODY`` each asks all.
    """
    readers = blinded_readers(world)
    routes = [route for route in route_table(app) if route.path.startswith(only) and not is_closed(route)]
    values = {reader: values_of(world, reader) for reader in readers}
    check_all_can_be_called(routes, values[readers[0]])
    asked: dict[Reader, list[tuple[str, str]]] = {reader: [] for reader in readers}
    doors = [(route, method) for route in routes for method in sorted(set(route.methods) - {"HEAD"})]
    for turn, (route, method) in enumerate(doors):
        if route.name in NOT_SENT:
            continue
        inside = [reader for reader in readers if may_enter(reader, route)]
        outside = [reader for reader in readers if reader not in inside]
        for place, reader in enumerate(_turned(inside, turn, _how_many(route, method))):
            paths = list(_paths(route, reader, values[reader]))
            # A member of the board who has declared no conflict reads no paper: all of these ask for every one.
            every = method == "GET" and (place == 0 or "{paper_id}" in route.path)
            chosen = _spread(paths) if every else [paths[(turn + place) % len(paths)]]
            asked[reader] += [(method, path) for path in chosen]
        for reader in _turned(outside, turn, 1):
            asked[reader].append((method, next(_paths(route, reader, values[reader]))))
    return asked


def _how_many(route: RouteAccess, method: str) -> int:
    """How many of those who are let in ask: pages have a frame for each role, JSON is the same for all.

    Two where no trial is named: a stranger and somebody who is signed in get different answers there.
    """
    if EVERYBODY and method == "GET":
        return 99
    if method != "GET":
        return 1
    if "{trial}" not in route.path:
        return 2
    return 2 if route.path.startswith("/api/") else 5


def _turned(readers: list[Reader], turn: int, most: int) -> list[Reader]:
    start = turn % max(1, len(readers))
    return [*readers[start:], *readers[:start]][:most]


def _spread(paths: list[str]) -> list[str]:
    """At most six of the addresses, from the first to the last."""
    most = len(paths) if EVERYBODY else min(6, len(paths))
    return [paths[number * (len(paths) - 1) // max(1, most - 1)] for number in range(most)]


def check_all_can_be_called(routes: Iterable[RouteAccess], values: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ``RouteNotCovered``, which names each route that the script cannot call, and what it lacks."""
    lacking = [
        f"{', '.join(route.methods)} {route.path} ({route.name}) needs a value for {', '.join(unknown)}"
        for route in routes
        if (unknown := [name for name in _PARAMETER.findall(route.path) if name not in values])
    ]
    if lacking:
        raise RouteNotCovered("Add to values_of in tests/support/transcript.py:\n" + "\n".join(lacking))


def is_closed(route: RouteAccess) -> bool:
    return route.name in CLOSED_PAGES or bool(CLOSED & set(route.permissions))


def _paths(route: RouteAccess, reader: Reader, values: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The route's path with the values filled in; for who is at no site also with each site chosen."""
    names = _PARAMETER.findall(route.path)
    for chosen in itertools.product(*(values[name] for name in names)):
        path = route.path
        for name, value in zip(names, chosen, strict=True):
            path = re.sub(rf"{{{name}(?::\w+)?}}", value, path)
        yield path
        if reader.role is not None and reader.site is None and names == ["trial"] and route.methods == ("GET",):
            yield from (f"{path}?site={site}" for site in SITES)


def path_pattern(route: RouteAccess) -> re.Pattern[str]:
    """Every address of the route."""
    parts = _PARAMETER.split(route.path)
    wild = {"path"}
    return re.compile(
        "".join(
            (".+" if part in wild else "[^/]+") if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
    )


def may_enter(reader: Reader, route: RouteAccess) -> bool:
    if route.kind != "permission":
        return reader.role is not None or route.kind == "public"
    return any(reader.role in permissions()[name].holders for name in route.permissions)


def values_of(world: World, reader: Reader) -> dict[str, tuple[str, ...]]:
    """The real values for each name that may stand in a path. Participants: treated, randomized, refused, waiting."""
    ids = world.ids
    return {
        "trial": (world.house.trial.code,),
        "code": world.chosen_codes(reader.site),
        "site": (reader.site,) if reader.site else SITES,
        "visit": ("BL", "INF1", "M3"),
        "form": ("baseline",),
        "stage": ("PRIMARY",),
        "path": DATASET_FILES,
        "site_id": (str(world.house.site_id("S2")),),
        "version_id": (str(world.house.version.id),),
        "account_id": (str(world.house.people[("coordinator", "S1")].id),),
        **{
            name: ids(table)
            for name, table in {
                "session_id": "access.login_session",
                "token_id": "access.api_token",
                "alert_id": "access.alert",
                "grant_id": "access.role_grant",
                "reset_id": "access.credential_reset",
                "dataset_id": "trial.locked_dataset",
                "meeting_id": "trial.meeting",
                "paper_id": "trial.paper",
                "lock_id": "trial.data_lock",
                "recommendation_id": "trial.recommendation",
                "query_id": "trial.query",
                "freeze_id": "trial.freeze",
                "member_id": "trial.board_member",
                "domain_grant_id": "access.infusion_domain_grant",
                "event_id": "trial.adverse_event",
                "attachment_id": "trial.event_attachment",
                "shipment_id": "trial.shipment",
                "return_id": "trial.depot_return",
                "excursion_id": "trial.storage_excursion",
                "pause_id": "trial.harm_pause",
                "destruction_id": "trial.destruction",
                "order_id": "trial.infusion_order",
                "preparation_id": "trial.preparation",
                "unblinding_id": "trial.unblinding",
                "list_id": "trial.allocation_list",
                "participant_id": "trial.participant",
                "cutoff_id": "trial.cutoff",
                "letter_id": "trial.safety_letter",
                "listing_id": "trial.safety_listing",
                "difference_id": "trial.listing_difference",
            }.items()
        },
        "dose": ("1",),
        "part": ("infusion",),
        "envelope": ("E-S1-1-001",),
        "receipt": ("R0001",),
        "infusion": ("1",),
        "guesser": ("infusion_nurse", "participant"),
        "record_id": tuple(record for table in RECORDS for record in ids(table)[:1]),
        "number": ("1",),
        "version": ("1",),
        "kit": world.set_aside[:1] or ("1234566",),
        "kind": ("wrong_stratum", "in_error", "wrong_kit", "duplicate"),
        "instrument": ("PROMIS-29", "C-SSRS", "CADSS"),
        "occasion": ("INF1",),
    }


def database_of(world: World) -> dict[str, str]:
    """Every row of every table that the blinded role may read, and of sealed rows whose they are and how long."""
    found: dict[str, str] = {}
    for (name,) in world.rows(_TABLES):
        for (row,) in world.rows(f"SELECT to_jsonb(one) FROM {name} AS one"):
            found |= _row(name, row)
    jobs = world.rows("SELECT id, task_name, args FROM queue.procrastinate_jobs")
    return found | {f"queue.procrastinate_jobs {number}": f"{task} {args}" for number, task, args in jobs}


_TABLES = """
SELECT schemaname || '.' || tablename AS name FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'queue') ORDER BY 1
"""


def _row(table: str, row: dict[str, Any]) -> dict[str, str]:
    left_out = UNCOMPARED_COLUMNS.get(table, frozenset())
    is_sealed = table.startswith("sealed.")
    told = {
        column: _length(value) if is_sealed and isinstance(value, str) and value.startswith("\\x") else value
        for column, value in row.items()
        if column not in left_out
    }
    key = row.get("id") or row.get("position") or row.get("version_num")
    return {f"{table} {key}": json.dumps(told, sort_keys=True)}


def _length(value: str) -> str:
    return f"{len(value) // 2 - 1} bytes"


def mails_of(world: World) -> list[str]:
    """Every alert as it would be sent to whoever holds its role."""
    from sqlmodel import select

    with world.house.database.session() as session:
        alerts = session.exec(select(Alert).order_by(Alert.recorded_at, Alert.id)).all()
    return [message_for(alert, f"{alert.role}@example.org", "equipoise@localhost").as_string() for alert in alerts]


def differences(one: Mapping[str, str] | Iterable[str], other: Mapping[str, str] | Iterable[str]) -> list[str]:
    """Where two records differ: the key, and the first place at which the texts part."""
    first, second = (_keyed(record) for record in (one, other))
    return [
        f"{key}: {_first_difference(first.get(key, '(nothing)'), second.get(key, '(nothing)'))}"
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
    ]


def _keyed(record: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    return dict(record) if isinstance(record, Mapping) else {f"line {n}": line for n, line in enumerate(record, 1)}


def _first_difference(one: str, other: str) -> str:
    place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, place - 60)
    return f"…{one[start : place + 60]!r} / …{other[start : place + 60]!r}"
