"""Everything that happens in a demo trial, in the order of its instants.

A story is a generator: it yields the instant of its next event and is sent the session of that event's transaction. What
it does until its next ``yield`` is one transaction at one instant.

Invariants
1. Events happen in the order of their instants, whoever's they are: records, randomizations and cut-offs are in true
   calendar order. The clock never goes back.
2. One event is one transaction. What must come after its commit (a queued job, an anchor) is left with ``afterwards``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator
from datetime import datetime

from trial.clock import SetClock
from trial.database.session import Database, TrialSession

Story = Generator[datetime, TrialSession, None]


class Timeline:
    """The stories that go on, and the clock that they share."""

    def __init__(self, database: Database, clock: SetClock) -> None:
        self._database, self._clock = database, clock
        self._waiting: list[tuple[datetime, int, Story]] = []
        self._afterwards: list[Callable[[], None]] = []
        self._added = 0

    def add(self, story: Story) -> None:
        """Take a story up; it may be added by another one's event."""
        first = next(story, None)
        if first is not None:
            self._wait(first, story)

    def afterwards(self, do: Callable[[], None]) -> None:
        """Do this when the present event's transaction has been committed."""
        self._afterwards.append(do)

    def run(self) -> Iterator[datetime]:
        """Let everything happen; gives the instant of each event after its commit."""
        while self._waiting:
            instant, _, story = heapq.heappop(self._waiting)
            self._clock.set(instant)
            following = self._happen(story)
            if following is not None:
                self._wait(following, story)
            for do in self._take_afterwards():
                do()
            yield instant

    def _happen(self, story: Story) -> datetime | None:
        with self._database.transaction() as session:
            try:
                return story.send(session)
            except StopIteration:
                return None

    def _wait(self, instant: datetime, story: Story) -> None:
        self._added += 1
        heapq.heappush(self._waiting, (max(instant, self._clock.now()), self._added, story))

    def _take_afterwards(self) -> list[Callable[[], None]]:
        taken, self._afterwards = self._afterwards, []
        return taken
