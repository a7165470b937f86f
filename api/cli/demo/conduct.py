"""One demo trial from its first Monday to its lock, with progress shown and each step measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from api.cli.demo.calendar import WEEKS, Calendar
from api.cli.demo.closing import closing, verify
from api.cli.demo.directory import Begun, DemoDirectory
from api.cli.demo.measuring import Measure
from api.cli.demo.opening import open_stage
from api.cli.demo.partners import Partners
from api.cli.demo.scenarios import scenario_called
from api.cli.demo.shares import begin_participants
from api.cli.demo.stage import DemoEntropy, Stage
from api.cli.demo.stories import CLOSING, begin_study
from api.cli.demo.turnstile import Turnstile
from api.cli.people import write_credentials
from api.installation import Installation
from api.sparing import fewer_collections
from trial.audit.verification import AuditVerification
from trial.clock import SetClock
from trial.database.session import Database

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
    others: Partners,
    measure: Measure,
    console: Console,
    *,
    today: date,
) -> Conducted:
    """Make the trial, let everything happen in it, and verify it. ``others`` conduct it together with this process."""
    calendar = Calendar.ending_before(today)
    clock = SetClock(datetime.combine(calendar.first_day, time(7), tzinfo=UTC))
    ours = with_its_own_time(installation, clock, DemoEntropy(begun.seed, begun.code))
    with _progress(console) as progress:
        with measure.step("Trial, sites and people"), _waiting(progress, "Making the trial, its sites and people"):
            stage = _open(ours, clock, calendar, begun, directory)
            others.begin(ours, begun, today)
        with measure.step("Conduct"), fewer_collections():
            _conduct(stage, others, measure, progress, directory.folder / "board")
        with measure.step("Closing"), _waiting(progress, "Locking, building and opening"):
            stage.timeline.add(CLOSING, closing(stage, measure, directory.folder / "datasets"))
            for _ in stage.timeline.run():
                pass
        with measure.step("Verification"), _waiting(progress, "Verifying the audit"):
            audit = verify(stage)
    return Conducted(stage, audit)


def _open(
    installation: Installation, clock: SetClock, calendar: Calendar, begun: Begun, directory: DemoDirectory
) -> Stage:
    stage, credentials = open_stage(
        installation,
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
    return stage


def with_its_own_time(installation: Installation, clock: SetClock, entropy: DemoEntropy) -> Installation:
    """The same installation, in which it is when the demo's clock says, and chance comes from its seed."""
    database = Database(installation.database.engine, installation.database.keyring, clock=clock, entropy=entropy)
    return replace(installation, database=database)


def _conduct(stage: Stage, others: Partners, measure: Measure, progress: Progress, folder: Path) -> None:
    """Together with other processes: the trial is the same as if one had conducted it."""
    begin_study(stage, measure, folder)
    begin_participants(stage, process=0)
    stage.timeline.turnstile = others.turnstile
    bars = _Bars(progress, stage, others)
    for number, instant in enumerate(stage.timeline.run()):
        if number % _EVENTS_BETWEEN_LOOKS_AT_THE_BAR == 0:
            bars.show(instant)
    stage.clock.set(max(stage.clock.now(), others.part()))
    stage.timeline.turnstile = Turnstile()
    bars.show(stage.clock.now(), over=True)


class _Bars:
    """How far the trial is: weeks of its calendar, participants randomized, participants whose study has ended."""

    def __init__(self, progress: Progress, stage: Stage, others: Partners) -> None:
        self._progress, self._stage, self._others = progress, stage, others
        self._weeks = progress.add_task("Weeks of the trial", total=WEEKS)
        self._randomized = progress.add_task("Participants randomized", total=stage.planned)
        self._finished = progress.add_task("Participants followed to their end", total=stage.planned)

    def show(self, instant: datetime, *, over: bool = False) -> None:
        stage = self._stage
        week = WEEKS if over else (instant.date() - stage.calendar.first_day).days // 7
        self._progress.update(self._weeks, completed=week)
        self._progress.update(self._randomized, completed=stage.randomized + self._others.randomized)
        self._progress.update(self._finished, completed=stage.finished + self._others.finished)


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
