"""Amendment 1.1: the sponsor activates it; two sites adopt it on different days, and their participants consent again."""

from __future__ import annotations

from datetime import timedelta

from api.cli.demo.calendar import AMENDMENT_WEEK, at
from api.cli.demo.opening import AMENDMENT, adopt
from api.cli.demo.stage import Stage
from api.cli.demo.timeline import Story
from trial.protocol.loader import load_shipped
from trial.protocol.versions import activate_version, add_version

DAYS_UNTIL_ADOPTED = (10, 31)


def amendment(stage: Stage) -> Story:
    """Only the first two sites adopt; the others go on under version 1.0."""
    places = list(stage.places.values())[: len(DAYS_UNTIL_ADOPTED)]
    monday = stage.calendar.day(AMENDMENT_WEEK)
    sponsor = stage.person("sponsor")
    session = yield at(monday, 9, 5, places[0].zone)
    version = add_version(session, sponsor, stage.trial.id, load_shipped(AMENDMENT))
    version = activate_version(session, sponsor, version.id)
    stage.versions[version.label] = version
    for place, days in zip(places, DAYS_UNTIL_ADOPTED, strict=False):
        # Before the first visit of the day: whoever is seen that day is seen under the amendment.
        session = yield at(monday + timedelta(days=days), 7, 30, place.zone)
        adopt(stage, session, place, version)
