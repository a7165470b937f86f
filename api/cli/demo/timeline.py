"""Everything that happens in a demo trial, in the order of its instants.

A story is a generator: it yields the instant of its next event and is sent the session of that event's transaction. What
it does until its next ``yield`` is one transaction at one instant.

Invariants
1. Events happen in the order of their instants, and at one instant in the order of their stories. The clock never goes back.
2. One event is one transaction. What must come after its commit (a queued job, an anchor) is left with ``afterwards``.
3. Each story draws from a stream of chance of its own: what one draws does not depend on what another did before.
4. Several processes may tell stories of one trial. What takes a number of the whole trial is yielded as ``InTurn``: it
   happens when everything earlier has happened, whichever process tells it. So equal seeds give equal trials.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from api.cli.demo.turnstile import Turnstile
from trial.clock import SetClock
from trial.database.session import Database, TrialSession
from trial.ids import Entropy


@dataclass(frozen=True, slots=True)
class InTurn:
    """An event before which everything earlier has happened, whichever process tells it."""

    instant: datetime


Moment = datetime | InTurn
Story = Generator[Moment, TrialSession, None]


class Whose(IntEnum):
    """Who a story is about. At one instant the study's come first and the participants' last."""

    STUDY = 0
    SITE = 1
    EVERYBODY = 2
    PARTICIPANT = 3


class StoryId(NamedTuple):
    """Orders stories at one instant and names their stream of chance, alike whichever process tells them.

    ``number`` counts sites or participants; ``part`` tells the stories of one of them apart.
    """

    whose: Whose
    number: int
    part: int


@dataclass(frozen=True, slots=True)
class _Told:
    """A story on the timeline."""

    story: Story
    entropy: Entropy


class Timeline:
    """The stories that go on in this process, and the clock that they share."""

    def __init__(self, database: Database, clock: SetClock, chance: Callable[[str], Entropy]) -> None:
        """``chance`` gives the stream of this name, always the same for the same seed."""
        self._database, self._clock, self._chance = database, clock, chance
        self._waiting: list[tuple[datetime, StoryId, bool, _Told]] = []
        self._afterwards: list[Callable[[], None]] = []
        self.turnstile = Turnstile()
        self.entropy: Entropy = database.entropy

    def add(self, story_id: StoryId, story: Story) -> None:
        """Take a story up; it may be added by another one's event. No two have the same id."""
        told = _Told(story, self._chance("/".join(str(int(part)) for part in story_id)))
        first = next(story, None)
        if first is not None:
            self._wait(first, story_id, told)

    def afterwards(self, do: Callable[[], None]) -> None:
        """Do this when the present event's transaction has been committed."""
        self._afterwards.append(do)

    def run(self) -> Iterator[datetime]:
        """Let everything happen; gives the instant of each event after its commit."""
        while self._waiting:
            instant, story_id, in_turn, told = heapq.heappop(self._waiting)
            self.turnstile.reach((instant, story_id))
            if in_turn:
                self.turnstile.wait_for_others()
            self._clock.set(instant)
            following = self._happen(told)
            if following is not None:
                self._wait(following, story_id, told)
            for do in self._take_afterwards():
                do()
            yield instant

    def _happen(self, told: _Told) -> Moment | None:
        self.entropy = told.entropy
        with self._database.transaction() as session:
            session.entropy = told.entropy
            try:
                return told.story.send(session)
            except StopIteration:
                return None

    def _wait(self, moment: Moment, story_id: StoryId, told: _Told) -> None:
        in_turn = isinstance(moment, InTurn)
        instant = moment.instant if isinstance(moment, InTurn) else moment
        heapq.heappush(self._waiting, (max(instant, self._clock.now()), story_id, in_turn, told))

    def _take_afterwards(self) -> list[Callable[[], None]]:
        taken, self._afterwards = self._afterwards, []
        return taken
