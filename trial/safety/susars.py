"""SUSAR: serious, suspected and unexpected, judged without the arm by the medical monitor.

Invariants
1. The verdict is computed from the event and both sides' assessments; nobody types it.
2. The judgement is blinded. Unblinding one case for a regulator is the strongroom's, and its result never comes here.
3. Until the sponsor has said whether a serious event was expected, its clocks run as if it were not: they are provisional.
4. A change of mind is a further assessment, with what changed it. A case that was called a SUSAR stays one, whatever the
   facts have become, until the medical monitor judges that it is none; and then its clocks stand there as stood down.

What it does not do: say what falls due (``watch``).
"""

from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.protocol.schema import AdverseEventRules
from trial.safety.adverse_events import AdverseEvent, get_event
from trial.safety.causality import Causality, causality_of
from trial.safety.serious import check_serious


class SponsorHasNotAssessed(Conflict):
    code = "susar.sponsor_has_not_assessed"


class AssessSusar(BaseModel):
    model_config = ConfigDict(frozen=True)

    event_id: UUID
    narrative: str = Bounded(min_length=3, max_length=8000)


class SusarAssessment(ParticipantRecord, table=True):
    __tablename__ = "susar_assessment"
    __table_args__ = in_schema("trial")

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    suspected: bool
    unexpected: bool
    is_susar: bool
    narrative: str = prose()
    assessed_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``unexpected`` is ``None`` until the sponsor has said."""

    serious: bool
    suspected: bool
    unexpected: bool | None

    @property
    def is_susar(self) -> bool:
        """As long as nothing says otherwise: unknown expectedness counts as unexpected."""
        return self.serious and self.suspected and self.unexpected is not False

    @property
    def is_provisional(self) -> bool:
        return self.is_susar and self.unexpected is None


def judge(event: AdverseEvent, causality: Causality, rules: AdverseEventRules) -> Verdict:
    """Serious, suspected, unexpected: from what is recorded, and never from the arm."""
    unexpected = None if causality.expected is None else not causality.expected
    return Verdict(bool(event.serious), causality.suspected(rules), unexpected)


def assess_susar(session: TrialSession, actor: Actor, command: AssessSusar) -> SusarAssessment:
    """Record the verdict; a SUSAR, and one that is none any more, alerts the safety officer.

    Raises ``EventNotSerious``, ``SponsorHasNotAssessed``.
    """
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.SUSAR_ASSESSED, event.participant_id)
    session.refresh(event)
    before = latest_susar_assessment(session, event.id)
    if before is None:
        check_serious(event)
    verdict = judge(event, causality_of(session, event), casebook.protocol.adverse_events)
    if verdict.unexpected is None:
        raise SponsorHasNotAssessed("Assess causality and expectedness for the sponsor first.")
    assessment = SusarAssessment(
        **casebook.stamp(session),
        event_id=event.id,
        suspected=verdict.suspected,
        unexpected=verdict.unexpected,
        is_susar=verdict.is_susar,
        narrative=command.narrative,
        assessed_by=actor.account_id,
    )
    session.add(assessment)
    if verdict.is_susar:
        _alert(session, casebook, event, "was assessed as a SUSAR. Expedited reports fall due.")
    elif before is not None and before.is_susar:
        _alert(session, casebook, event, "is judged to be no SUSAR any more. Its open reports are stood down.")
    session.flush()
    return assessment


def _alert(session: TrialSession, casebook: Casebook, event: AdverseEvent, what: str) -> None:
    raise_alert(
        session,
        AlertKind.SERIOUS_EVENT,
        "safety_officer_unblinded",
        f"Participant {casebook.participant.code}, event {event.number} {what}",
        trial_id=event.trial_id,
    )


def susar_assessments_of(session: TrialSession, event_id: UUID) -> list[SusarAssessment]:
    """Every assessment of the event, oldest first."""
    found = select(SusarAssessment).where(SusarAssessment.event_id == event_id)
    return list(session.exec(found.order_by(col(SusarAssessment.recorded_at), col(SusarAssessment.id))))


def latest_susar_assessment(session: TrialSession, event_id: UUID) -> SusarAssessment | None:
    return session.exec(
        select(SusarAssessment)
        .where(SusarAssessment.event_id == event_id)
        .order_by(col(SusarAssessment.recorded_at).desc(), col(SusarAssessment.id).desc())
    ).first()
