"""The other processes of a demo: each tells the stories of some participants, beside the first, in the trial's own time.

Each opens the same installation by way of its address and reads the trial from there. It ends with its last event, or as
soon as another process of the trial is gone.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import combinations
from multiprocessing.connection import Connection
from typing import Any, Final

from pydantic import SecretStr

from api.cli.demo.calendar import Calendar
from api.cli.demo.directory import Begun
from api.cli.demo.opening import enter_stage
from api.cli.demo.scenarios import scenario_called
from api.cli.demo.shares import SHARES, begin_participants
from api.cli.demo.stage import DemoEntropy, Stage
from api.cli.demo.turnstile import OtherProcessEnded, Turnstile
from api.installation import Installation, open_installation
from api.sparing import fewer_collections
from trial.clock import SetClock
from trial.settings import Settings

_SECONDS_TO_END: Final = 20
_RANDOMIZED, _FINISHED = range(2)


@dataclass(frozen=True, slots=True)
class _Task:
    """What another process needs to know; ``process`` counts from 0, the first."""

    settings: Settings
    begun: Begun
    today: date
    process: int


@dataclass(frozen=True, slots=True)
class Partners:
    """The other processes, seen from the first; the counts are those of their participants."""

    turnstile: Turnstile
    connections: Sequence[Connection]
    processes: Sequence[Any]
    counts: Sequence[Any]

    def begin(self, installation: Installation, begun: Begun, today: date) -> None:
        """The trial is there: let them tell their stories. Until then they load what they need."""
        address = {"database_url": SecretStr(installation.urls.app), "owner_url": None}
        settings = installation.settings.model_copy(update=address)
        for number, connection in enumerate(self.connections, 1):
            connection.send(_Task(settings, begun, today, number))

    def part(self) -> datetime:
        """Wait until all have told their stories to the end; the last instant of them. Raises ``OtherProcessEnded``."""
        self.turnstile.leave()
        self.turnstile.wait_until_others_left()
        for process in self.processes:
            process.join()
        return self.turnstile.latest

    @property
    def randomized(self) -> int:
        return sum(int(one[_RANDOMIZED]) for one in self.counts)

    @property
    def finished(self) -> int:
        return sum(int(one[_FINISHED]) for one in self.counts)


@contextmanager
def partners() -> Iterator[Partners]:
    """The other processes, for as long as the block runs and they have something to tell; who leaves it early stops them."""
    # Begun afresh, not forked: threads and connections of this process are no business of the others.
    spawning = multiprocessing.get_context("spawn")
    ends: list[list[Connection]] = [[] for _ in SHARES]
    for one, other in combinations(range(len(SHARES)), 2):
        for place, end in zip((one, other), spawning.Pipe(), strict=True):
            ends[place].append(end)
    counts = [spawning.RawArray("i", 2) for _ in SHARES[1:]]
    processes = [
        spawning.Process(target=_tell, args=(own, count), daemon=True)
        for own, count in zip(ends[1:], counts, strict=True)
    ]
    with ExitStack() as at_end:
        for process, own in zip(processes, ends[1:], strict=True):
            process.start()
            at_end.callback(_end, process)
            for end in own:
                end.close()
        for end in ends[0]:
            at_end.callback(end.close)
        yield Partners(Turnstile(ends[0]), ends[0], processes, counts)


def _end(process: Any) -> None:
    """It ends by itself, with its work or because our end of the connection is closed."""
    process.join(_SECONDS_TO_END)
    process.kill()


def _tell(others: Sequence[Connection], counts: Any) -> None:
    # Ctrl-C is for the first process; when that one goes, the connection to it closes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    first = others[0]
    try:
        task: _Task = first.recv()
    except EOFError:
        return
    calendar = Calendar.ending_before(task.today)
    clock = SetClock(datetime.combine(calendar.first_day, time(7), tzinfo=UTC))
    # Ids outside of a story come from a stream of the process's own.
    entropy = DemoEntropy(task.begun.seed, task.begun.code, f"process {task.process}")
    with open_installation(task.settings, clock=clock, entropy=entropy) as installation, fewer_collections():
        stage = enter_stage(
            installation,
            clock,
            calendar,
            code=task.begun.code,
            planned=task.begun.participants,
            seed=task.begun.seed,
            scenario=scenario_called(task.begun.scenario),
        )
        begin_participants(stage, task.process)
        _go_on(stage, Turnstile(others), counts)


def _go_on(stage: Stage, turnstile: Turnstile, counts: Any) -> None:
    stage.timeline.turnstile = turnstile
    try:
        for _ in stage.timeline.run():
            counts[_RANDOMIZED], counts[_FINISHED] = stage.randomized, stage.finished
        turnstile.leave()
        turnstile.wait_until_others_left()
    except OtherProcessEnded:
        # The first process says what happened.
        return
