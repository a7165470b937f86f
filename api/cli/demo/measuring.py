"""Seconds and peak memory of each step, over this process, its children and PostgreSQL.

Invariants
1. Memory is counted once where processes share it (proportional set size), where the system tells it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil
from sqlalchemy import text

from trial.database.session import Database

EVERY_SECONDS: Final = 4.0
"""Rarely: to ask for the memory of every server process walks through all of it, and the demo waits meanwhile."""
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    seconds: float
    peak_mib: float


class Measure:
    """A record of steps; sampling goes on in a thread while it is entered. Steps may lie within each other."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._samples: list[tuple[float, float]] = []
        self._postmaster: psutil.Process | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)
        self.started = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def watch(self, database: Database) -> None:
        """Count the server of this database too; it is not our child, so it is found by way of a session of ours."""
        with database.reading() as session:
            backend = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with contextlib.suppress(psutil.Error):
                self._postmaster = psutil.Process(backend).parent()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self._take()
        try:
            yield
        finally:
            self._take()
            ended = time.monotonic()
            peak = max((used for when, used in list(self._samples) if began <= when <= ended), default=0.0)
            self.steps.append(Step(name, round(ended - began, 3), round(peak, 1)))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def peak_mib(self) -> float:
        return max((used for _, used in list(self._samples)), default=0.0)

    def seconds_of(self, name: str) -> float:
        return sum(step.seconds for step in self.steps if step.name == name)

    def write(self, path: Path, **facts: object) -> None:
        """Every step, the whole and the facts, as JSON."""
        whole = {**facts, "seconds": round(self.seconds, 1), "peak_mib": round(self.peak_mib, 1)}
        path.write_text(json.dumps({**whole, "steps": [asdict(step) for step in self.steps]}, indent=2) + "\n")

    def _sample(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self._take()

    def _take(self) -> None:
        used = sum(_memory(process) for process in self._processes())
        self._samples.append((time.monotonic(), used / _MIB))

    def _processes(self) -> list[psutil.Process]:
        found = [psutil.Process()]
        found += found[0].children(recursive=True)
        if self._postmaster is not None:
            with contextlib.suppress(psutil.Error):
                found += [self._postmaster, *self._postmaster.children(recursive=True)]
        return list({process.pid: process for process in found}.values())


def _memory(process: psutil.Process) -> int:
    """The proportional set size where the system tells it, else the resident one; 0 for a process that is gone."""
    with contextlib.suppress(psutil.Error, AttributeError):
        return int(process.memory_full_info().pss)
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
