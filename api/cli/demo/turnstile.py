"""Where processes that conduct one trial wait for each other, in the trial's own time.

Each tells the others which moment it has reached: all that it conducts before that moment has happened and is committed.
Who must come in turn waits until the others have reached the same moment. The one that is furthest behind never waits,
so that somebody always goes on.

Invariants
1. What two processes do in turn happens in the order of their moments, however fast each of them is.
2. When another process ends before its work is done, whoever waits for it stops too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Final

from trial.errors import Unavailable

Reached = tuple[datetime, tuple[int, ...]]
"""An instant, and the place among the stories of that instant."""
_BEFORE_ALL: Final[Reached] = (datetime.min.replace(tzinfo=UTC), ())
_AFTER_ALL: Final[Reached] = (datetime.max.replace(tzinfo=UTC), ())


class OtherProcessEnded(Unavailable):
    code = "demo.other_process_ended"


class Turnstile:
    def __init__(self, others: Iterable[Connection] = ()) -> None:
        """``others``: a connection to each of the other processes; none for one that conducts everything."""
        self._others: dict[Connection, Reached] = dict.fromkeys(others, _BEFORE_ALL)
        self._own = _BEFORE_ALL
        self.latest = _BEFORE_ALL[0]
        """The last instant at which another process is known to have done something."""

    def reach(self, moment: Reached) -> None:
        """Tell the others that everything of ours before ``moment`` has happened."""
        self._own = moment
        for other in self._still_there():
            # What has come is taken first, so that no two processes ever wait for each other to read.
            while self._others[other] < _AFTER_ALL and other.poll():
                self._hear(other)
        self._tell(moment)

    def wait_for_others(self) -> None:
        """Until all that the others conduct before our moment has happened. Raises ``OtherProcessEnded``."""
        for other in self._others:
            while self._others[other] < self._own:
                self._hear(other)

    def leave(self) -> None:
        """Nothing of ours comes any more."""
        self._tell(_AFTER_ALL)

    def wait_until_others_left(self) -> None:
        """Raises ``OtherProcessEnded`` where one ended without leaving."""
        for other in self._others:
            while self._others[other] < _AFTER_ALL:
                self._hear(other)

    def _hear(self, other: Connection) -> None:
        try:
            reached: Reached = other.recv()
        except (EOFError, OSError) as ended:
            raise _ended() from ended
        self._others[other] = reached
        if reached < _AFTER_ALL:
            self.latest = max(self.latest, reached[0])

    def _tell(self, moment: Reached) -> None:
        for other in self._still_there():
            try:
                other.send(moment)
            except OSError as ended:
                raise _ended() from ended

    def _still_there(self) -> list[Connection]:
        return [other for other, reached in self._others.items() if reached < _AFTER_ALL]


def _ended() -> OtherProcessEnded:
    return OtherProcessEnded(
        "Another process that conducts this trial has ended early, so this one stopped. Start again."
    )
