"""One virtual participant's way through the trial: the facts that its stories share, and the order of its parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np

from api.cli.demo.calendar import ADOPTED_IN_WEEKS, at
from api.cli.demo.gatherings import gathering
from api.cli.demo.opening import AMENDMENT, PROTOCOL
from api.cli.demo.stage import Place, Stage
from api.cli.demo.timeline import StoryId, Whose
from trial.conduct.consents import RecordConsent, record_consent
from trial.database.session import TrialSession
from trial.protocol.loader import load_shipped
from trial.statistics.virtual_participants import VirtualAdverseEvent, VirtualCourse, VirtualParticipant

OWN, MONITOR, SERIOUS, BROKEN = range(4)
"""The stories of one participant."""


@dataclass
class Life:
    """``share`` of all arrivals, from 0 to 1, have come when this one has; ``first_day`` is the Monday of infusion 1;
    ``told`` counts the events between visits that were reported."""

    stage: Stage
    place: Place
    number: int
    share: float
    arrives: date
    first_day: date
    rng: np.random.Generator
    person: VirtualParticipant
    id: UUID | None = None
    code: str = ""
    consented_under: str = ""
    kit: str | None = None
    course: VirtualCourse | None = None
    told: int = 0
    sessions_recorded: int = 0
    code_broken: bool = False
    unresolved: list[tuple[UUID, VirtualAdverseEvent, datetime]] = field(default_factory=list)

    @property
    def participant_id(self) -> UUID:
        assert self.id is not None, "registered before anything else"
        return self.id

    def story_id(self, part: int) -> StoryId:
        return StoryId(Whose.PARTICIPANT, self.number, part)

    @property
    def followed(self) -> VirtualCourse:
        assert self.course is not None, "simulated when treatment begins"
        return self.course

    def when(self, day: date, hour: int, minute: int | None = None) -> datetime:
        """A wall clock time at the site; the minute is drawn where none is given."""
        return at(day, hour, int(self.rng.integers(60)) if minute is None else minute, self.place.zone)

    def study_day(self, day: int) -> date:
        """The date of a study day: infusion 1 is on day 1."""
        return self.first_day + timedelta(days=day - 1)

    def consent(self, session: TrialSession, day: date) -> None:
        """Consent under the version in force at the site today."""
        label = label_in_force(self.stage, self.place)
        command = RecordConsent(
            participant_id=self.participant_id, given_on=day, document_version=f"Information sheet {label}"
        )
        record_consent(session, self.stage.at("investigator", self.place), command)
        self.consented_under = label

    def consent_again(self, session: TrialSession, day: date) -> None:
        """At the next contact after the site has adopted an amendment."""
        if self.consented_under != label_in_force(self.stage, self.place):
            self.consent(session, day)


def label_in_force(stage: Stage, place: Place) -> str:
    """Of the protocol's version at the site now. By the calendar: another process may have recorded the adoption."""
    adopting = dict(zip(stage.places, ADOPTED_IN_WEEKS, strict=False))
    week = adopting.get(place.code)
    adopted = week is not None and stage.clock.now() >= gathering(stage, stage.calendar.day(week)).instant
    return load_shipped(AMENDMENT if adopted else PROTOCOL).protocol.identity.version
