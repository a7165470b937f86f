"""Every story of a demo trial: the study's, its sites' and its participants'."""

from __future__ import annotations

from pathlib import Path

from api.cli.demo.amendment import amendment
from api.cli.demo.board import interim_look
from api.cli.demo.incidents import query_desk
from api.cli.demo.measuring import Measure
from api.cli.demo.opening import beginning, site_opens
from api.cli.demo.shares import begin_participants
from api.cli.demo.stage import Place, Stage
from api.cli.demo.supply import shelf_watch
from api.cli.demo.timeline import StoryId, Whose

BEGINNING, AMENDMENT, LOOK, CLOSING = (StoryId(Whose.STUDY, 0, part) for part in range(4))
_OPENS, _SHELF, _DESK = range(3)


def begin_stories(stage: Stage, measure: Measure, folder: Path) -> None:
    """All of them, for one process that conducts everything. ``folder`` is for copies of the board's papers."""
    begin_study(stage, measure, folder)
    begin_participants(stage)


def begin_study(stage: Stage, measure: Measure, folder: Path) -> None:
    """The sponsor's stories, the board's and the sites'."""
    stage.timeline.add(BEGINNING, beginning(stage))
    stage.timeline.add(AMENDMENT, amendment(stage))
    stage.timeline.add(LOOK, interim_look(stage, measure, folder))
    for place in stage.places.values():
        _begin_site(stage, place)


def _begin_site(stage: Stage, place: Place) -> None:
    told = {_OPENS: site_opens, _SHELF: shelf_watch, _DESK: query_desk}
    for part, site_story in told.items():
        stage.timeline.add(StoryId(Whose.SITE, place.number, part), site_story(stage, place))
