"""Special situations as a reader sees them, and those whose follow-up is due.

Invariants
1. Who may read events at a site sees each of them there. Who may only report sees that their own reports are there.
2. Words and facts of an overdose or an error are shown to who may also read the infusion domain: they tell what happened
   in an infusion. Words of who knows treatments are under seal and shown by nobody here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may_somewhere, holds_anywhere, may
from trial.conduct.participants import Participant
from trial.database.session import TrialSession
from trial.errors import NotPermitted
from trial.safety.adverse_events import AdverseEvent
from trial.safety.situation_facts import SituationFacts, SituationKind
from trial.safety.special_situations import (
    SituationNotFound,
    SpecialSituation,
    knows_treatments,
    versions_of_situation,
)


class SituationWithheld(NotPermitted):
    code = "special_situation.withheld"


@dataclass(frozen=True, slots=True)
class SituationReport:
    """One submission. ``words`` are empty where they are under seal."""

    id: UUID
    number: int
    words: str
    under_seal: bool
    received_at: datetime
    printed_name: str


@dataclass(frozen=True, slots=True)
class SituationView:
    """One special situation for one reader; facts, event and reports are missing where ``withheld``.

    ``own``: the reader reported it.
    """

    id: UUID
    participant_id: UUID
    participant: str
    site_id: UUID
    number: int
    kind: SituationKind
    happened: str
    reported_at: datetime
    next_due_on: date | None
    closed: bool
    own: bool
    facts: SituationFacts | None
    event: int | None
    reports: tuple[SituationReport, ...] = ()
    withheld: bool = False

    def check_shown(self) -> None:
        """Raise ``SituationWithheld`` for a reader who may not see its detail."""
        if self.withheld:
            raise SituationWithheld(
                "The detail of this report can reveal the treatment, so it is withheld from your role."
            )


def situations_for(
    session: TrialSession, actor: Actor, trial_id: UUID, *, participant_id: UUID | None = None
) -> list[SituationView]:
    """The trial's special situations, or one participant's, as ``actor`` may see them. Raises ``NotPermitted``."""
    if not holds_anywhere(actor, Permission.ADVERSE_EVENT_READ, trial_id):
        check_may_somewhere(actor, Permission.ADVERSE_EVENT_REPORT, trial_id)
    wanted = (
        select(SpecialSituation, Participant.code, AdverseEvent.number)
        .join(Participant, col(Participant.id) == col(SpecialSituation.participant_id))
        .outerjoin(AdverseEvent, col(AdverseEvent.id) == col(SpecialSituation.event_id))
        .where(SpecialSituation.trial_id == trial_id)
        .order_by(Participant.code, col(SpecialSituation.number))
    )
    if participant_id is not None:
        wanted = wanted.where(SpecialSituation.participant_id == participant_id)
    found = session.exec(wanted).all()
    return [
        _view(session, actor, situation, code, event) for situation, code, event in found if _sees(actor, situation)
    ]


def situation_for(
    session: TrialSession, actor: Actor, trial_id: UUID, participant_id: UUID, number: int
) -> SituationView:
    """One of them. Raises ``SituationNotFound``, ``NotPermitted``."""
    for view in situations_for(session, actor, trial_id, participant_id=participant_id):
        if view.number == number:
            return view
    raise SituationNotFound(f"There is no special situation {number} of this participant that you may see.")


def due_situations(views: list[SituationView], today: date) -> list[SituationView]:
    """Those whose follow-up is due by ``today``, the longest overdue first."""
    due = [view for view in views if view.next_due_on is not None and view.next_due_on <= today]
    return sorted(due, key=lambda view: (view.next_due_on or today, view.participant, view.number))


def may_follow_up(actor: Actor, view: SituationView, trial_id: UUID) -> bool:
    """Whether the reader sees enough of it to continue it."""
    return not view.withheld and may(actor, Permission.ADVERSE_EVENT_REPORT, trial_id, view.site_id)


def _sees(actor: Actor, situation: SpecialSituation) -> bool:
    reads = may(actor, Permission.ADVERSE_EVENT_READ, situation.trial_id, situation.site_id)
    return reads or situation.reported_by == actor.name


def _sees_detail(actor: Actor, situation: SpecialSituation) -> bool:
    place = (situation.trial_id, situation.site_id)
    if knows_treatments(actor, *place):
        return situation.reported_by == actor.name
    if not may(actor, Permission.ADVERSE_EVENT_READ, *place):
        return False
    return situation.kind is SituationKind.PREGNANCY or may(actor, Permission.INFUSION_READ, *place)


def _view(
    session: TrialSession, actor: Actor, situation: SpecialSituation, code: str, event: int | None
) -> SituationView:
    bare = SituationView(
        id=situation.id,
        participant_id=situation.participant_id,
        participant=code,
        site_id=situation.site_id,
        number=situation.number,
        kind=situation.kind,
        happened=situation.happened[:10],
        reported_at=situation.recorded_at,
        next_due_on=situation.next_due_on,
        closed=situation.closed_at is not None,
        own=situation.reported_by == actor.name,
        facts=None,
        event=None,
        withheld=True,
    )
    if not _sees_detail(actor, situation):
        return bare
    reports = tuple(
        SituationReport(one.id, one.number, one.words, one.under_seal, one.received_at, one.printed_name)
        for one in versions_of_situation(session, situation.id)
    )
    return replace(
        bare, happened=situation.happened, facts=situation.known, event=event, reports=reports, withheld=False
    )
