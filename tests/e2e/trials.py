"""The demo's trial, smaller: conducted once a run by the demo's own stories, and copied for each test that needs it.

Two moments are kept, each as a database of its own:

- ``LOOK``: in the middle of the trial, when both papers of the first look lie before the board and nobody has declared.
- ``LOCK``: at the end, locked, with every dataset built.

A copy is served by the real server with its worker beside it. Its clock stands where the moment was; tests move it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from sqlmodel import func, select

from api.app import create_app
from api.cli.demo.calendar import Calendar
from api.cli.demo.closing import closing
from api.cli.demo.measuring import Measure
from api.cli.demo.opening import open_stage
from api.cli.demo.roster import PASSWORD, roster, site_codes
from api.cli.demo.scenarios import scenario_called
from api.cli.demo.stage import DemoEntropy, Stage
from api.cli.demo.stories import CLOSING, begin_stories
from api.cli.working import beside_the_server
from api.installation import Installation, open_installation
from api.services import AppServices
from tests.support.databases import copy_database, drop_database
from tests.support.house import House
from tests.support.serving import serving
from trial.access.accounts import Account, code_secret, find_account
from trial.access.actors import Actor
from trial.access.codes import code_at
from trial.access.grants import actor_for
from trial.access.passwords import LIGHT_FOR_SIMULATION
from trial.access.sign_in import give_code, sign_in
from trial.access.signatures import Reauthenticated
from trial.clock import SetClock
from trial.conduct.sites import sites_of
from trial.conduct.trials import Trial, find_trial
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.database.session import Database, TrialSession
from trial.ids import SystemEntropy
from trial.keys import create_key_file
from trial.oversight.papers import Paper
from trial.protocol.versions import ProtocolVersion
from trial.settings import Settings

CODE = "DEMO-1"
LOOK, LOCK = "look", "lock"
SITES = 3
SEED = 2026
TODAY = date(2026, 11, 22)
PARTICIPANTS = int(os.environ.get("EQUIPOISE_PICTURES_PARTICIPANTS", "12"))
ROOM = 4
_HALF_MINUTE = 30


@dataclass(frozen=True)
class Conducted:
    """Where the two moments are kept: a database's name and the clock's time for each."""

    folder: Path
    databases: dict[str, str]
    times: dict[str, datetime]


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Held by one process of the run; the others wait."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def conducted_once(server: Connection, template: str, folder: Path) -> Conducted:
    """The trial's two moments; whoever of the run's workers comes first conducts it."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = folder / "conducted.json"
    with _one_at_a_time(folder / "conducting"):
        if not facts.exists():
            # In a thread of its own, for its queue runs an event loop, and a browser may have one in this thread.
            with ThreadPoolExecutor(1) as apart:
                facts.write_text(json.dumps(apart.submit(_conduct, server, template, folder).result()))
    told = json.loads(facts.read_text())
    databases = {name: moment["database"] for name, moment in told.items()}
    return Conducted(folder, databases, {name: datetime.fromisoformat(one["at"]) for name, one in told.items()})


def _conduct(server: Connection, template: str, folder: Path) -> dict[str, dict[str, str]]:
    name = f"conducted_{uuid4().hex[:8]}"
    copy_database(server, name, template=template)
    settings = _settings(server, name, folder / "installation")
    for source in (settings.sealing_key_source, settings.credentials_key_source):
        create_key_file(Path(source.partition(":")[2]), SystemEntropy(), settings.data)
    calendar = Calendar.ending_before(TODAY)
    clock = SetClock(datetime.combine(calendar.first_day, time(7), tzinfo=UTC))
    moments = {}
    with open_installation(settings, clock=clock, entropy=DemoEntropy(SEED, CODE)) as installation:
        stage = _staged(installation, clock, calendar, folder)
        for moment in (LOOK, LOCK):
            _go_on(stage, folder, until=moment)
            installation.database.close()
            copy_database(server, f"{name}_{moment}", template=name)
            shutil.copytree(settings.anchor_path.parent, folder / f"anchors-{moment}")
            moments[moment] = {"database": f"{name}_{moment}", "at": clock.now().isoformat()}
    return moments


def _settings(server: Connection, database: str, folder: Path) -> Settings:
    """An installation of its own on the run's server, as ``DATABASE_URL`` would make one."""
    given = {"data": folder / "data", "database_url": SecretStr(server.url(database, role=APP))}
    return Settings().model_copy(update=given)


def _staged(installation: Installation, clock: SetClock, calendar: Calendar, folder: Path) -> Stage:
    stage, _ = open_stage(
        installation,
        clock,
        calendar,
        code=CODE,
        planned=PARTICIPANTS + ROOM,
        sites=SITES,
        seed=SEED,
        scenario=scenario_called("study"),
    )
    # The demo fills its trial; here some places stay free for those whom the tests randomize.
    stage.planned = PARTICIPANTS
    begin_stories(stage, Measure(), folder / "board")
    return stage


def _go_on(stage: Stage, folder: Path, *, until: str) -> None:
    """Let the trial happen up to a moment."""
    for _ in stage.timeline.run():
        if until == LOOK and stage.look_begun and _papers(stage) == 2:
            return
    stage.timeline.add(CLOSING, closing(stage, Measure(), folder / "datasets"))
    for _ in stage.timeline.run():
        pass


def _papers(stage: Stage) -> int:
    with stage.installation.database.session() as session:
        return session.exec(select(func.count()).select_from(Paper)).one()


@dataclass(frozen=True)
class Served:
    """One copy of a moment behind a real server, and the people who come to it."""

    installation: Installation
    clock: SetClock
    trial: Trial
    address: str

    @property
    def database(self) -> Database:
        return self.installation.database

    def url(self, *parts: object) -> str:
        """Below the trial's own address."""
        return "/".join([self.address, "t", CODE, *(str(part) for part in parts)])

    def code(self, username: str) -> str:
        """The next code that is good for this person; moves the standing clock when this half-minute's is used up."""
        with self.database.session() as session:
            account = _account(session, username)
            if account.last_code_step >= int(self.clock.now().timestamp()) // _HALF_MINUTE:
                self.clock.advance(timedelta(seconds=2 * _HALF_MINUTE))
            return code_at(code_secret(session, account), self.clock.now())

    def session_token(self, username: str) -> str:
        """A session made by the services behind the two pages; for tests that are not about signing in."""
        half, _ = sign_in(self.database, username, PASSWORD, strength=LIGHT_FOR_SIMULATION)
        token, _ = give_code(self.database, half, self.code(username))
        return token

    def actor(self, session: TrialSession, username: str) -> Actor:
        return actor_for(session, _account(session, username))

    def house(self) -> House:
        """The copy as the rest of the tests knows a trial, so that their functions for history work on it."""
        people: dict[tuple[str, str | None], Account] = {}
        with self.database.session() as session:
            for person in roster(site_codes(SITES)):
                people.setdefault((person.role, person.site or None), _account(session, person.username))
            sites = {site.code: site for site in sites_of(session, self.trial.id)}
            version = session.exec(select(ProtocolVersion).order_by(ProtocolVersion.label)).first()
        assert version is not None
        return House(self.database, self.clock, self.trial, sites, version, people)

    def proof(self, actor: Actor) -> Reauthenticated:
        """That a person gave their password: for services that make history, never for the pages."""
        return Reauthenticated(actor.account_id, self.clock.now())


def _account(session: TrialSession, username: str) -> Account:
    found = find_account(session, username)
    assert found is not None, f"nobody is called {username}"
    return found


@contextmanager
def served(server: Connection, conducted: Conducted, moment: str, database: str, folder: Path) -> Iterator[Served]:
    """A copy of a moment, with the real server and its worker, until the block ends."""
    copy_database(server, database, template=conducted.databases[moment])
    settings = _settings(server, database, folder)
    shutil.copytree(
        _settings(server, database, conducted.folder / "installation").key_directory, settings.key_directory
    )
    shutil.copytree(conducted.folder / f"anchors-{moment}", settings.anchor_path.parent)
    clock = SetClock(conducted.times[moment])
    with open_installation(settings, clock=clock) as installation, _doors(installation) as address:
        with installation.database.session() as session:
            trial = find_trial(session, CODE)
        yield Served(installation, clock, trial, address)
    drop_database(server, database)


@contextmanager
def _doors(installation: Installation) -> Iterator[str]:
    app: Any = create_app(
        AppServices(installation.settings, installation.database), lifespan=beside_the_server(installation)
    )
    with serving(app, lifespan=True) as address:
        yield address
