"""Small demo trials on databases of their own, for tests of what the demo conducts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from pydantic import SecretStr
from rich.console import Console
from sqlmodel import SQLModel, select

from api.cli.demo.calendar import Calendar
from api.cli.demo.conduct import Conducted, conduct, with_its_own_time
from api.cli.demo.directory import Begun, DemoDirectory
from api.cli.demo.measuring import Measure
from api.cli.demo.opening import open_stage
from api.cli.demo.partners import partners
from api.cli.demo.scenarios import scenario_called
from api.cli.demo.stage import DemoEntropy, Stage
from api.cli.demo.stories import begin_stories
from api.installation import Installation, open_installation
from tests.support.databases import copy_database, drop_database
from trial.clock import SetClock
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.database.session import TrialSession
from trial.ids import SystemEntropy
from trial.keys import create_key_file

Row = TypeVar("Row", bound=SQLModel)
TODAY = date(2026, 11, 18)
PARTICIPANTS = 12


def small(code: str = "DEMO-1", seed: int = 2026) -> Begun:
    return Begun(code, PARTICIPANTS, 4, seed, "study", finished=False)


@contextmanager
def installed(server: Connection, template: str, folder: Path) -> Iterator[tuple[Installation, DemoDirectory]]:
    """An installation on a fresh database of the run's server, with a demo's directories and new keys."""
    name = f"demo_{uuid4().hex[:12]}"
    copy_database(server, name, template=template)
    marked = DemoDirectory.at(folder / "data")
    marked.claim()
    urls = {"database_url": SecretStr(server.url(name, role=APP)), "owner_url": SecretStr(server.url(name))}
    directory = DemoDirectory(marked.settings.model_copy(update=urls))
    for source in (directory.settings.sealing_key_source, directory.settings.credentials_key_source):
        create_key_file(Path(source.partition(":")[2]), SystemEntropy(), directory.settings.data)
    try:
        with open_installation(directory.settings) as installation:
            yield installation, directory
    finally:
        drop_database(server, name)


def conduct_small(installation: Installation, directory: DemoDirectory, begun: Begun) -> Conducted:
    with Path(os.devnull).open("w") as nowhere, partners() as others, Measure() as measure:
        directory.begin(begun)
        conducted = conduct(installation, directory, begun, others, measure, Console(file=nowhere), today=TODAY)
        directory.finish(begun.code)
    return conducted


def conduct_until(installation: Installation, directory: DemoDirectory, begun: Begun, randomized: int) -> Stage:
    """The beginning of a trial, up to the event that randomizes so many."""
    stage = _staged(installation, directory, begun)
    for _ in stage.timeline.run():
        if stage.randomized >= randomized:
            break
    return stage


def conduct_alone(installation: Installation, directory: DemoDirectory, begun: Begun) -> Stage:
    """A whole trial up to its closing, in one process."""
    stage = _staged(installation, directory, begun)
    for _ in stage.timeline.run():
        pass
    return stage


def _staged(installation: Installation, directory: DemoDirectory, begun: Begun) -> Stage:
    calendar = Calendar.ending_before(TODAY)
    clock = SetClock(datetime.combine(calendar.first_day, time(7), tzinfo=UTC))
    stage, _ = open_stage(
        with_its_own_time(installation, clock, DemoEntropy(begun.seed, begun.code)),
        clock,
        calendar,
        code=begun.code,
        planned=begun.participants,
        sites=begun.sites,
        seed=begun.seed,
        scenario=scenario_called(begun.scenario),
    )
    begin_stories(stage, Measure(), directory.folder / "board")
    return stage


def every(session: TrialSession, table: type[Row]) -> list[Row]:
    """Every row of a table."""
    return list(session.exec(select(table)).all())
