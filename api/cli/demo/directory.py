"""The directories of a demo: marked as such from the first moment, so that nothing else is ever taken for one.

Invariants
1. Nothing is written to, and nothing removed from, a directory that holds something and does not carry our mark.
2. What was begun and what was finished stands in the mark; a trial counts as finished only when its last step was done.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from trial.database.embedded.ownership import running_as_root
from trial.database.embedded.server import EmbeddedPostgres
from trial.errors import Conflict
from trial.settings import Settings

MARK: Final = ".equipoise-demo.json"
_PREFIX: Final = "DEMO"


class NotADemo(Conflict):
    code = "demo.not_a_demo_directory"


class DemoIsRunning(Conflict):
    code = "demo.is_running"


@dataclass(frozen=True, slots=True)
class Begun:
    """One trial of the demo as the mark tells it."""

    code: str
    participants: int
    sites: int
    seed: int
    scenario: str
    finished: bool


@dataclass(frozen=True, slots=True)
class DemoDirectory:
    settings: Settings

    @classmethod
    def at(cls, data: Path, **given: object) -> DemoDirectory:
        """Always the embedded database and key files of its own: a demo never reaches a configured server."""
        own: dict[str, object] = {
            "database_url": None,
            "owner_url": None,
            "keys": None,
            "sealing_key": None,
            "credentials_key": None,
        }
        own |= {"anchor_file": None, "second_anchor_file": None}
        # What the demo says at its end stays in sight: the server below it tells of trouble alone.
        own |= {"log_level": "WARNING"}
        settings = Settings().model_copy(update={"data": data.resolve(), **own, **given})
        return cls(settings)

    @property
    def folder(self) -> Path:
        """Where copies for the one who runs the demo lie: papers, datasets, credentials, timings."""
        return self.settings.data / "demo"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.csv"

    @property
    def _all(self) -> tuple[Path, ...]:
        return (self.settings.data, self.settings.key_directory, self.settings.anchor_path.parent)

    def claim(self) -> None:
        """Make the directories with their mark. Raises ``NotADemo`` for one that is somebody else's, ``DemoIsRunning``."""
        for directory in self._all:
            check_marked_or_empty(directory)
        if not (self.settings.data / MARK).exists():
            for directory in self._all:
                directory.mkdir(parents=True, exist_ok=True, mode=self._mode(directory))
                self._write(directory, {"trials": []})
        self.check_alone()
        self.folder.mkdir(exist_ok=True, mode=0o700)
        self._note({**self._read(), "process": _this_process()})

    def _mode(self, directory: Path) -> int:
        """Root's PostgreSQL runs as another user, who must pass through the data directory and through no other."""
        return 0o711 if directory == self.settings.data and running_as_root() else 0o700

    def check_alone(self) -> None:
        """Raise ``DemoIsRunning`` where another process conducts or serves this demo."""
        other = self._read().get("process")
        if other is not None and other != _this_process() and _is_alive(other):
            raise DemoIsRunning(
                f"A demo with this data is running already, as process {other['pid']}. Stop it with Ctrl-C there, or choose"
                " another directory with --data."
            )

    def trials(self) -> list[Begun]:
        """Every trial that was begun here, oldest first."""
        return [Begun(**trial) for trial in self._read().get("trials", [])]

    def next_code(self) -> str:
        return f"{_PREFIX}-{len(self.trials()) + 1}"

    def begin(self, begun: Begun) -> None:
        self._set_trials([*self.trials(), begun])

    def finish(self, code: str) -> None:
        self._set_trials(
            [_finished(trial) if trial.code == code else trial for trial in self.trials()],
        )

    def remove(self) -> None:
        """Remove an earlier demo, database and keys and all. Raises ``NotADemo`` where a mark is missing."""
        for directory in self._all:
            check_marked_or_empty(directory)
        if (self.settings.data / MARK).exists():
            self.check_alone()
            EmbeddedPostgres(self.settings.data / "postgres").destroy()
        for directory in reversed(self._all):
            if directory.exists():
                shutil.rmtree(directory)

    def _set_trials(self, trials: list[Begun]) -> None:
        fields = ("code", "participants", "sites", "seed", "scenario", "finished")
        self._note({**self._read(), "trials": [{name: getattr(one, name) for name in fields} for one in trials]})

    def _read(self) -> dict[str, Any]:
        mark = self.settings.data / MARK
        found: dict[str, Any] = json.loads(mark.read_text()) if mark.exists() else {}
        return found

    def _note(self, facts: dict[str, Any]) -> None:
        self._write(self.settings.data, facts)

    @staticmethod
    def _write(directory: Path, facts: dict[str, Any]) -> None:
        aside = directory / f"{MARK}.new"
        aside.write_text(json.dumps(facts, indent=2) + "\n")
        aside.replace(directory / MARK)


def check_marked_or_empty(directory: Path) -> None:
    """Raise ``NotADemo``."""
    if directory.exists() and any(directory.iterdir()) and not (directory / MARK).exists():
        raise NotADemo(
            f"{directory} holds something that no demo made, so nothing there was touched. Choose another directory with"
            " --data."
        )


def _finished(trial: Begun) -> Begun:
    return Begun(trial.code, trial.participants, trial.sites, trial.seed, trial.scenario, finished=True)


def _this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "started": psutil.Process().create_time()}


def _is_alive(process: dict[str, Any]) -> bool:
    """The same process and not another that was given its number since."""
    try:
        return bool(psutil.Process(int(process["pid"])).create_time() == process["started"])
    except psutil.Error:
        return False
