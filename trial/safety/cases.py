"""A serious case, whole: what forms, files and letters about it say, gathered once.

Invariants
1. A case holds a code, never a name; a year of birth, never a date; and no treatment. The regulator's copy adds the one
   treatment to it on paper, in the strongroom's own hands.
2. It is for those who see the detail of events beside the infusion domain, and for the unblinded safety officer.
3. It is dated by the last thing that was recorded in it, so that the same case always makes the same paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may, may
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.concomitant import ConcomitantTreatment
from trial.conduct.infusion_courses import course_of
from trial.conduct.participants import Participant
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol
from trial.safety.adverse_events import CRITERIA, AdverseEvent, EventNotFound, get_event
from trial.safety.causality import SponsorAssessment, sponsor_assessment_of
from trial.safety.expedited_reports import ExpeditedReport, reports_of
from trial.safety.narratives import CaseNarrative, narratives_of
from trial.safety.susars import SusarAssessment, susar_assessments_of


@dataclass(frozen=True, slots=True)
class Dose:
    """One infusion that was given. Volume and rate are the same in every arm, so nothing of them is here."""

    number: int
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class OtherTreatment:
    """``started`` and ``ended`` as far as known, ISO 8601."""

    name: str
    amount: str
    started: str
    ended: str


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that is told of a serious event, blinded. Dates that are partial are ISO 8601, cut where knowledge ends."""

    trial: str
    title: str
    kind: str
    protocol_version: str
    indication: str
    arms: tuple[str, ...]
    route: str
    participant: str
    site: str
    country: str
    zone: str
    sex: str
    birth_year: int
    age_years: int | None
    event: int
    verbatim: str
    term: str
    soc: str
    code: str
    dictionary: str
    grade: int
    criteria: tuple[str, ...]
    onset: str
    ended: str
    outcome: str
    action_taken: str
    special_interest: str
    infusion: int | None
    onset_minute: int | None
    causality_investigator: str
    causality_sponsor: str
    expected: bool | None
    reference_document: str
    susar: bool | None
    judged_at: datetime | None
    aware_at: datetime
    sponsor_received_at: datetime | None
    doses: tuple[Dose, ...]
    other_treatments: tuple[OtherTreatment, ...]
    narrative: str
    narrative_version: int
    reports: int
    as_of: datetime

    @property
    def number(self) -> str:
        """The sponsor's number of the case, the same in every paper and file."""
        return f"{self.trial}-{self.participant}-{self.event}"


def case_of(session: TrialSession, actor: Actor, event_id: UUID) -> Case:
    """The case for one reader. Raises ``EventNotFound``, ``NotPermitted``."""
    event = get_event(session, event_id)
    check_may_read_case(actor, event)
    return gather(session, event)


def check_may_read_case(actor: Actor, event: AdverseEvent) -> None:
    """Raise ``NotPermitted`` unless the actor sees the whole of a serious event."""
    check_may(actor, Permission.ADVERSE_EVENT_READ, event.trial_id, event.site_id)
    if not may(actor, Permission.SUSAR_UNBLIND, event.trial_id):
        check_may(actor, Permission.INFUSION_READ, event.trial_id, event.site_id)


def may_read_case(actor: Actor, event: AdverseEvent) -> bool:
    """Whether the actor sees the whole of a serious event."""
    return may(actor, Permission.ADVERSE_EVENT_READ, event.trial_id, event.site_id) and (
        may(actor, Permission.SUSAR_UNBLIND, event.trial_id)
        or may(actor, Permission.INFUSION_READ, event.trial_id, event.site_id)
    )


def find_case_event(session: TrialSession, trial_id: UUID, participant: str, number: int) -> AdverseEvent:
    """By the participant's code and the event's number. Raises ``EventNotFound``."""
    found = session.exec(
        select(AdverseEvent)
        .join(Participant, col(Participant.id) == col(AdverseEvent.participant_id))
        .where(AdverseEvent.trial_id == trial_id, Participant.code == participant, AdverseEvent.number == number)
    ).first()
    if found is None:
        raise EventNotFound(f"{participant} has no event {number} in this trial. Choose one from the list.")
    return found


def gather(session: TrialSession, event: AdverseEvent) -> Case:
    """The case, for services and readers that have authorized."""
    book = open_casebook(session, event.participant_id)
    sponsor, susars = sponsor_assessment_of(session, event.id), susar_assessments_of(session, event.id)
    narratives, reports = narratives_of(session, event.id), reports_of(session, event.id)
    doses, others = _doses(session, event), _others(session, event)
    latest = susars[-1] if susars else None
    person, protocol = book.participant, book.protocol
    return Case(
        trial=book.trial.code,
        title=book.trial.title,
        kind=book.trial.kind.value,
        protocol_version=book.version_label,
        indication=protocol.identity.indication,
        arms=tuple(arm.name for arm in protocol.arms),
        route=protocol.infusions.delivery.route if protocol.infusions else "",
        participant=person.code,
        site=book.site.code,
        country=book.site.country,
        zone=book.site.zone,
        sex=person.sex,
        birth_year=person.birth_year,
        age_years=int(event.onset[:4]) - person.birth_year,
        event=event.number,
        verbatim=event.verbatim,
        term=event.term,
        soc=event.soc,
        code=event.llt_code,
        dictionary=event.dictionary,
        grade=event.grade,
        criteria=tuple(name for name in CRITERIA if getattr(event, name)),
        onset=event.onset,
        ended=event.ended or "",
        outcome=event.outcome,
        action_taken=event.action_taken,
        special_interest=event.aesi or "",
        infusion=event.infusion,
        onset_minute=event.onset_minute,
        causality_investigator=_causality_words(protocol, event.causality),
        causality_sponsor=_causality_words(protocol, sponsor.causality if sponsor else None),
        expected=sponsor.expected if sponsor else None,
        reference_document=_reference(protocol, sponsor),
        susar=latest.is_susar if latest else None,
        judged_at=latest.recorded_at if latest else None,
        aware_at=event.aware_at,
        sponsor_received_at=event.sponsor_received_at,
        doses=doses,
        other_treatments=others,
        narrative=narratives[-1].text if narratives else "",
        narrative_version=len(narratives),
        reports=len(reports),
        as_of=_as_of(book, event, sponsor, susars, narratives, reports, doses),
    )


def _causality_words(protocol: Protocol, code: str | None) -> str:
    labels = {one.code: one.label for one in protocol.adverse_events.causality.categories}
    return labels.get(code or "", code or "")


def _reference(protocol: Protocol, sponsor: SponsorAssessment | None) -> str:
    """The document against which the sponsor judged; the one in force while nobody has."""
    now = protocol.adverse_events.reference_safety_information
    return sponsor.reference_document if sponsor else f"{now.document}, version {now.version}"


def _doses(session: TrialSession, event: AdverseEvent) -> tuple[Dose, ...]:
    given = course_of(session, event.participant_id).infusions
    return tuple(Dose(one.infusion, one.started_at, one.ended_at) for one in given if one.given_on is not None)


def _others(session: TrialSession, event: AdverseEvent) -> tuple[OtherTreatment, ...]:
    """Each treatment as it was last recorded."""
    recorded = session.exec(
        select(ConcomitantTreatment)
        .where(ConcomitantTreatment.participant_id == event.participant_id)
        .order_by(col(ConcomitantTreatment.recorded_at), col(ConcomitantTreatment.name))
    )
    latest = {one.name: one for one in recorded}
    return tuple(
        OtherTreatment(name, _amount(one), one.started or "", one.ended or "") for name, one in sorted(latest.items())
    )


def _amount(one: ConcomitantTreatment) -> str:
    return "" if one.value is None else f"{one.value:g} {one.unit or ''}".strip()


def _as_of(
    book: Casebook,
    event: AdverseEvent,
    sponsor: SponsorAssessment | None,
    susars: list[SusarAssessment],
    narratives: list[CaseNarrative],
    reports: list[ExpeditedReport],
    doses: tuple[Dose, ...],
) -> datetime:
    """When the last of it was recorded."""
    moments = [
        event.recorded_at,
        event.causality_at,
        event.sponsor_received_at,
        event.follow_up_received_at,
        event.became_fatal_or_life_threatening_at,
        sponsor.recorded_at if sponsor else None,
        *(one.recorded_at for one in (*susars, *narratives, *reports)),
        *(one.ended_at for one in doses),
    ]
    return max(moment for moment in moments if moment is not None and moment <= book.now)


def therapy_days(case: Case) -> tuple[date | None, date | None]:
    """The first and the last day on which a dose was given, where the site is; nothing where none was."""
    days = sorted(one.started_at.astimezone(ZoneInfo(case.zone)).date() for one in case.doses if one.started_at)
    return (days[0], days[-1]) if days else (None, None)
