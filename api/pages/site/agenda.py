"""What each participant waits for next: the earliest visit that is neither done nor missed, and how it stands today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from api.pages.site.words import Kind, visit_tag, window_words
from api.places import Place
from trial.clock import local_date
from trial.conduct.participants import Participant, ParticipantStatus
from trial.conduct.visits import VisitState, due_visits
from trial.database.session import TrialSession

# Further ahead than any window of a participant's schedule that is dated already.
_HORIZON: Final = timedelta(days=800)


@dataclass(frozen=True, slots=True)
class Next:
    """``word`` is Due, Late, Planned …; ``window`` says when."""

    what: str
    window: str = ""
    word: str = ""
    kind: Kind = "plain"

    @property
    def is_due(self) -> bool:
        return self.word in ("Due", "Late", "To do")


@dataclass(frozen=True)
class Agenda:
    """Open visits by participant, the earliest deadline first; ``today`` by site."""

    open_visits: dict[UUID, list[VisitState]]
    today: dict[UUID, date]

    def next_of(self, participant: Participant) -> Next:
        """What this participant waits for."""
        if participant.status is ParticipantStatus.SCREENING:
            return Next("Screening" if participant.consented_on else "Consent", "", "To do", "active")
        if participant.status is ParticipantStatus.ELIGIBLE:
            return Next("Randomize", "", "To do", "active")
        states = self.open_visits.get(participant.id)
        if not states:
            return Next("–")
        state = states[0]
        if state.planned.dates is None:
            return Next(state.planned.visit.name, "", "To do", "active")
        word, kind = visit_tag(state, self.today[participant.site_id])
        return Next(state.planned.visit.name, window_words(state), word, kind)

    def due(self, word: str, *, doses: bool) -> list[VisitState]:
        """Visits after randomization that stand at ``word`` today, with or without those at which a dose is given."""
        return [
            state
            for states in self.open_visits.values()
            for state in states
            if state.planned.visit.period != "screening"
            and (doses or state.planned.visit.dose is None)
            and visit_tag(state, self.today[state.participant.site_id])[0] == word
        ]


def agenda_of(session: TrialSession, here: Place) -> Agenda:
    """Raises ``NotPermitted``."""
    today = {site.id: local_date(session.now(), site.zone) for site in here.sites}
    horizon = max(today.values(), default=session.now().date()) + _HORIZON
    site_id = here.site.id if here.site else None
    found: dict[UUID, list[VisitState]] = {}
    for state in due_visits(session, here.actor, here.trial.id, site_id=site_id, on=horizon):
        found.setdefault(state.participant.id, []).append(state)
    return Agenda(found, today)
