"""Which of several processes tells the story of which participant.

The first process has the study's stories, the sites' and the board's reports besides, so it takes fewer participants.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import Final

from api.cli.demo.gatherings import gather
from api.cli.demo.life import OWN
from api.cli.demo.recruitment import lives, story
from api.cli.demo.stage import Stage
from api.cli.demo.timeline import StoryId, Whose

SHARES: Final = (0.43, 0.57)
"""One a process. Two, for two cores; each needs 150 MiB of memory, its connection to the database included."""
_GATHERING = StoryId(Whose.EVERYBODY, 0, 0)
_GOLDEN: Final = 0.6180339887498949


def begin_participants(stage: Stage, process: int | None = None) -> None:
    """The stories of those who are this process's, or of everybody."""
    stage.timeline.add(_GATHERING, gather(stage))
    for life in lives(stage):
        if process in (None, teller_of(life.number)):
            stage.timeline.add(life.story_id(OWN), story(life))


def teller_of(number: int) -> int:
    """The process of a participant: multiples of the golden ratio spread each share evenly over the arrivals."""
    return bisect(list(accumulate(SHARES)), number * _GOLDEN % 1)
