"""Amendment 1.1: the sponsor activates it; two sites adopt it on different days, and their participants consent again."""

from __future__ import annotations

from api.cli.demo.calendar import ADOPTED_IN_WEEKS, AMENDMENT_WEEK
from api.cli.demo.gatherings import gathering
from api.cli.demo.opening import AMENDMENT, adopt
from api.cli.demo.stage import Stage
from api.cli.demo.timeline import Story
from trial.protocol.loader import load_shipped
from trial.protocol.versions import activate_version, add_version


def amendment(stage: Stage) -> Story:
    """Only the first sites adopt; the others go on under version 1.0."""
    sponsor, calendar, loaded = stage.person("sponsor"), stage.calendar, load_shipped(AMENDMENT)
    session = yield gathering(stage, calendar.day(AMENDMENT_WEEK))
    version = add_version(session, sponsor, stage.trial.id, loaded)
    activate_version(session, sponsor, version.id)
    for place, week in zip(stage.places.values(), ADOPTED_IN_WEEKS, strict=False):
        session = yield gathering(stage, calendar.day(week))
        adopt(stage, session, place, version.label)
