"""One demo trial from its first Monday to its lock, with progress shown and each step measured."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from api.cli.demo.amendment import amendment
from api.cli.demo.board import interim_look, is_due
from api.cli.demo.calendar import WEEKS, Calendar
from api.cli.demo.closing import closing, verify
from api.cli.demo.directory import Begun, DemoDirectory
from api.cli.demo.incidents import query_desk
from api.cli.demo.measuring import Measure
from api.cli.demo.opening import beginning, open_stage
from api.cli.demo.recruitment import lives, story
from api.cli.demo.stage import DemoEntropy, Stage
from api.cli.demo.supply import shelf_watch
from api.cli.people import write_credentials
from api.installation import Installation
from trial.audit.verification import AuditVerification
from trial.clock import SetClock
from trial.database.session import Database
from trial.statistics.virtual_participants import SCENARIOS, Scenario

_EVENTS_BETWEEN_LOOKS_AT_THE_BAR = 10


@dataclass(frozen=True, slots=True)
class Conducted:
    """What a finished demo trial leaves behind."""

    stage: Stage
    audit: AuditVerification


def conduct(
    installation: Installation,
    directory: DemoDirectory,
    begun: Begun,
    measure: Measure,
    console: Console,
    *,
    today: date,
) -> Conducted:
    """Make the trial, let everything happen in it, and verify it."""
    calendar = Calendar.ending_before(today)
    clock = SetClock(datetime.combine(calendar.first_day, time(7), tzinfo=UTC))
    ours = with_its_own_time(installation, clock, DemoEntropy(begun.seed, begun.code))
    with _progress(console) as progress:
        with measure.step("Trial, sites and people"), _waiting(progress, "Making the trial, its sites and people"):
            stage, credentials = open_stage(
                ours,
                clock,
                calendar,
                code=begun.code,
                planned=begun.participants,
                sites=begun.sites,
                seed=begun.seed,
                scenario=scenario_called(begun.scenario),
            )
            directory.credentials.unlink(missing_ok=True)
            write_credentials(directory.credentials, credentials)
        with measure.step("Conduct"), _fewer_collections():
            _conduct(stage, measure, progress, directory)
        with measure.step("Closing"), _waiting(progress, "Locking, building and opening"):
            stage.timeline.add(closing(stage, measure, directory.folder / "datasets"))
            for _ in stage.timeline.run():
                pass
        with measure.step("Verification"), _waiting(progress, "Verifying the audit"):
            audit = verify(stage)
    return Conducted(stage, audit)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Most of what a transaction makes dies with it; to look for cycles all the time costs more than it frees."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def scenario_called(name: str) -> Scenario:
    """The assumptions of this name; the one serious event is a story of its own, so the simulator draws none."""
    return replace(SCENARIOS[name], serious_risk=0.0)


def with_its_own_time(installation: Installation, clock: SetClock, entropy: DemoEntropy) -> Installation:
    """The same installation, in which it is when the demo's clock says, and chance comes from its seed."""
    database = Database(installation.database.engine, installation.database.keyring, clock=clock, entropy=entropy)
    return replace(installation, database=database)


def begin_stories(stage: Stage) -> None:
    """Put every story of the trial on its timeline: the sponsor's, the participants', the sites'."""
    stage.timeline.add(beginning(stage))
    stage.timeline.add(amendment(stage))
    for life in lives(stage):
        stage.timeline.add(story(life))
    for place in stage.places.values():
        stage.timeline.add(shelf_watch(stage, place))
        stage.timeline.add(query_desk(stage, place))


def _conduct(stage: Stage, measure: Measure, progress: Progress, directory: DemoDirectory) -> None:
    begin_stories(stage)
    bars = _Bars(progress, stage)
    for number, instant in enumerate(stage.timeline.run()):
        if is_due(stage):
            stage.timeline.add(interim_look(stage, measure, directory.folder / "board"))
        if number % _EVENTS_BETWEEN_LOOKS_AT_THE_BAR == 0:
            bars.show(instant)
    if not stage.tally.look_begun:
        # So few answered that half of the information never came: the board looks at what there is.
        stage.timeline.add(interim_look(stage, measure, directory.folder / "board"))
        for _ in stage.timeline.run():
            pass
    bars.show(stage.clock.now(), over=True)


class _Bars:
    """How far the trial is: weeks of its calendar, participants randomized, participants whose study has ended."""

    def __init__(self, progress: Progress, stage: Stage) -> None:
        self._progress, self._stage = progress, stage
        self._weeks = progress.add_task("Weeks of the trial", total=WEEKS)
        self._randomized = progress.add_task("Participants randomized", total=stage.planned)
        self._finished = progress.add_task("Participants followed to their end", total=stage.planned)

    def show(self, instant: datetime, *, over: bool = False) -> None:
        stage = self._stage
        week = WEEKS if over else (instant.date() - stage.calendar.first_day).days // 7
        self._progress.update(self._weeks, completed=week)
        self._progress.update(self._randomized, completed=stage.tally.randomized)
        self._progress.update(self._finished, completed=stage.tally.finished)


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


@contextmanager
def _waiting(progress: Progress, sentence: str) -> Iterator[TaskID]:
    """A bar for work whose length is not known before."""
    task = progress.add_task(sentence, total=None)
    yield task
    progress.update(task, total=1, completed=1)
