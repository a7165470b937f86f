"""Adverse events: what happened, in the reporter's words and in the dictionary's, and whether it was serious.

Invariants
1. Seriousness is computed by the database from six criteria; nobody types it, and severity has no part in it.
2. Term and grade are the pinned dictionary's (``coding``); outcome and action are CDISC controlled terms.
3. An event that is recovered or resolved has a date of its end, as far as known.
4. Events are numbered for each participant in the order of reporting; none is ever removed.
5. A change needs a reason. That an event became serious, or fatal or life-threatening, keeps the instant at which the
   sponsor heard of it: the expedited clocks count from there.
6. Everybody who meets a participant may report; neither the blind nor a lever of the sponsor stands in the way.

What it does not do: judge causality (``causality``), expectedness (``susars``) or what falls due (``clocks``).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from pydantic import Field as Bounded
from sqlalchemy import Computed, UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.exactly_once import exactly_once
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import choice, instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput, NotFound
from trial.partial_dates import PartialDateText
from trial.reference import submission_values
from trial.safety.coding import Coding, code

OUTCOMES: Final = submission_values("C66768")
ACTIONS_TAKEN: Final = submission_values("C66767")
FATAL: Final = "FATAL"
RECOVERED: Final = frozenset({"RECOVERED/RESOLVED", "RECOVERED/RESOLVED WITH SEQUELAE"})
CRITERIA: Final = (
    "death",
    "life_threatening",
    "hospitalization",
    "disability",
    "congenital_anomaly",
    "medically_important",
)


class Ascertainment(StrEnum):
    """Which question caught the event: the checklist, or an open question."""

    SYSTEMATIC = "systematic"
    NON_SYSTEMATIC = "non_systematic"


class EventNotFound(NotFound):
    code = "adverse_event.not_found"


class EventDatesImpossible(InvalidInput):
    code = "adverse_event.dates_impossible"


class EventInconsistent(InvalidInput):
    code = "adverse_event.inconsistent"


class EventEndMissing(InvalidInput):
    code = "adverse_event.end_missing"


class InfusionUnknown(InvalidInput):
    code = "adverse_event.infusion_unknown"


class EventFacts(BaseModel):
    """What is recorded of an event. ``onset`` and ``ended`` are local to the site, as far as known."""

    model_config = ConfigDict(frozen=True)

    verbatim: str = Bounded(min_length=2, max_length=2000)
    term: str = Bounded(min_length=2, max_length=200)
    grade: int = Bounded(ge=1, le=5)
    aesi: str | None = None
    death: bool = False
    life_threatening: bool = False
    hospitalization: bool = False
    disability: bool = False
    congenital_anomaly: bool = False
    medically_important: bool = False
    onset: PartialDateText
    ended: PartialDateText | None = None
    ascertainment: Ascertainment
    infusion: int | None = Bounded(default=None, ge=1)
    onset_minute: int | None = Bounded(default=None, ge=0, le=2880)
    outcome: str
    action_taken: str
    led_to_withdrawal: bool = False

    @field_validator("outcome", "action_taken")
    @classmethod
    def _is_controlled_term(cls, value: str, info: object) -> str:
        offered = OUTCOMES if getattr(info, "field_name", "") == "outcome" else ACTIONS_TAKEN
        if value not in offered:
            raise ValueError(f"choose one of: {', '.join(offered)}")
        return value

    @model_validator(mode="after")
    def _minute_belongs_to_an_infusion(self) -> Self:
        if self.onset_minute is not None and self.infusion is None:
            raise ValueError("a minute counts from the start of an infusion: name the infusion")
        return self

    @property
    def is_serious(self) -> bool:
        """The logical or of the six criteria, as the database computes it too."""
        return any(getattr(self, name) for name in CRITERIA)

    @property
    def is_fatal_or_life_threatening(self) -> bool:
        return self.death or self.life_threatening


class ReportAdverseEvent(BaseModel):
    """``aware_at`` is when the site heard of it; ``sponsor_received_at`` when the sponsor did, if before this report."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    participant_id: UUID
    facts: EventFacts
    aware_at: datetime
    sponsor_received_at: datetime | None = None


class UpdateAdverseEvent(BaseModel):
    """The facts as they now are, all of them, and why they changed."""

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    facts: EventFacts
    reason: str = Bounded(min_length=3, max_length=2000)


class CodeEvent(BaseModel):
    """Another term, grade or special interest for the same words."""

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    term: str = Bounded(min_length=2, max_length=200)
    grade: int = Bounded(ge=1, le=5)
    aesi: str | None = None
    reason: str = Bounded(min_length=3, max_length=2000)


class AdverseEvent(ParticipantRecord, table=True):
    """``causality`` is the investigator's; the sponsor's stands in a table of its own."""

    __tablename__ = "adverse_event"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "number"))

    number: int
    verbatim: str = prose()
    term: str = Field(max_length=200)
    soc: str = Field(max_length=120)
    llt_code: str = Field(max_length=16)
    dictionary: str = Field(max_length=16)
    grade: int
    aesi: str | None = Field(default=None, max_length=120)
    death: bool
    life_threatening: bool
    hospitalization: bool
    disability: bool
    congenital_anomaly: bool
    medically_important: bool
    serious: bool | None = Field(
        default=None, sa_column_args=[Computed(" OR ".join(CRITERIA), persisted=True)], nullable=False
    )
    onset: str = Field(max_length=16)
    onset_at: datetime | None = instant(default=None)
    ended: str | None = Field(default=None, max_length=16)
    ascertainment: Ascertainment = choice(Ascertainment)
    infusion: int | None = None
    onset_minute: int | None = None
    outcome: str = Field(max_length=48)
    action_taken: str = Field(max_length=48)
    led_to_withdrawal: bool
    reported_by: str = Field(max_length=80)
    aware_at: datetime = instant()
    sponsor_received_at: datetime | None = instant(default=None)
    became_fatal_or_life_threatening_at: datetime | None = instant(default=None)
    follow_up_received_at: datetime | None = instant(default=None)
    causality: str | None = Field(default=None, max_length=48)
    causality_by: UUID | None = Field(default=None, foreign_key="access.account.id")
    causality_at: datetime | None = instant(default=None)

    @property
    def fatal_or_life_threatening(self) -> bool:
        return self.death or self.life_threatening


def report_adverse_event(session: TrialSession, actor: Actor, command: ReportAdverseEvent) -> AdverseEvent:
    """Record an event; a serious one alerts the medical monitor. Raises what ``check_facts`` raises."""
    casebook = open_for(session, actor, Action.EVENT_REPORTED, command.participant_id)
    made = exactly_once(
        session,
        actor,
        Action.EVENT_REPORTED,
        command.idempotency_key,
        command,
        lambda: _report(session, actor, casebook, command).id,
    )
    return get_event(session, made)


def _report(session: TrialSession, actor: Actor, casebook: Casebook, command: ReportAdverseEvent) -> AdverseEvent:
    coding = check_facts(casebook, command.facts)
    _check_heard_of(casebook, command)
    event = AdverseEvent(
        **casebook.stamp(session),
        **_columns(casebook, command.facts, coding),
        number=_next_number(session, command.participant_id),
        reported_by=actor.name,
        aware_at=command.aware_at,
    )
    if command.facts.is_serious:
        event.sponsor_received_at = command.sponsor_received_at or casebook.now
    session.add(event)
    session.flush()
    if command.facts.is_serious:
        _alert(session, casebook, event, "was reported")
    return event


def update_adverse_event(session: TrialSession, actor: Actor, command: UpdateAdverseEvent) -> AdverseEvent:
    """Correct or follow up an event; one that becomes serious alerts the medical monitor. Raises as reporting does."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.EVENT_UPDATED, event.participant_id, reason=command.reason)
    session.refresh(event)
    coding = check_facts(casebook, command.facts)
    was_serious, was_grave = bool(event.serious), event.fatal_or_life_threatening
    for name, value in _columns(casebook, command.facts, coding).items():
        setattr(event, name, value)
    _keep_instants(casebook, event, command.facts, was_serious=was_serious, was_grave=was_grave)
    session.add(event)
    session.flush()
    if command.facts.is_serious and not was_serious:
        _alert(session, casebook, event, "became serious")
    session.refresh(event)
    return event


def _keep_instants(
    casebook: Casebook, event: AdverseEvent, facts: EventFacts, *, was_serious: bool, was_grave: bool
) -> None:
    """When the sponsor heard of what changed."""
    if facts.is_serious and not was_serious:
        event.sponsor_received_at = casebook.now
    elif facts.is_serious:
        event.follow_up_received_at = casebook.now
    if was_serious and facts.is_fatal_or_life_threatening and not was_grave:
        event.became_fatal_or_life_threatening_at = casebook.now


def code_event(session: TrialSession, actor: Actor, command: CodeEvent) -> AdverseEvent:
    """Give the event another term, grade or special interest; its words stay. Raises as ``coding.code`` does."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.EVENT_CODED, event.participant_id, reason=command.reason)
    session.refresh(event)
    coding = code(casebook.protocol.adverse_events, command.term, command.grade, command.aesi)
    check_death_agrees(death=event.death, outcome=event.outcome, grade=coding.grade)
    for name, value in _coding_columns(coding).items():
        setattr(event, name, value)
    session.add(event)
    session.flush()
    return event


def check_facts(casebook: Casebook, facts: EventFacts) -> Coding:
    """The coding, when the facts agree with the protocol, with the calendar and with each other.

    Raises ``TermUnknown``, ``GradeNotInDictionary``, ``EventDatesImpossible``, ``EventEndMissing``,
    ``EventInconsistent``, ``InfusionUnknown``.
    """
    coding = code(casebook.protocol.adverse_events, facts.term, facts.grade, facts.aesi)
    check_death_agrees(death=facts.death, outcome=facts.outcome, grade=facts.grade)
    _check_end_known(facts)
    _check_dates(casebook, facts)
    doses = {visit.dose for visit in casebook.protocol.visits if visit.dose is not None}
    if facts.infusion is not None and facts.infusion not in doses:
        known = ", ".join(map(str, sorted(doses))) or "none"
        raise InfusionUnknown(
            f"The protocol has no infusion {facts.infusion}; it has: {known}.",
            fields={"infusion": f"Choose one of: {known}."},
        )
    return coding


def check_death_agrees(*, death: bool, outcome: str, grade: int) -> None:
    """Raise ``EventInconsistent``: a fatal outcome and the criterion death say the same, and grade 5 is death."""
    if death != (outcome == FATAL):
        raise EventInconsistent(
            "The outcome FATAL and the criterion death go together. Set both or neither.",
            fields={"outcome": "FATAL if and only if the criterion death is met."},
        )
    if grade == 5 and not death:
        raise EventInconsistent(
            "Grade 5 is death. Set the criterion death, or choose the grade that the event had.",
            fields={"grade": "Grade 5 is death."},
        )


def _check_end_known(facts: EventFacts) -> None:
    if facts.outcome in RECOVERED and facts.ended is None:
        raise EventEndMissing(
            "A recovered event needs the date of its end, as far as it is known; a year alone is enough.",
            fields={"ended": "Give the date of the end, as far as it is known."},
        )


def _check_dates(casebook: Casebook, facts: EventFacts) -> None:
    for name in ("onset", "ended"):
        when = getattr(facts, name)
        if when is not None and when.surely_after(casebook.now, casebook.site.zone):
            raise EventDatesImpossible(
                f"{when} is in the future at this site. Give what is known, and nothing that is expected.",
                fields={name: "This is in the future."},
            )
    if facts.ended is not None and facts.ended.surely_before(facts.onset):
        raise EventDatesImpossible(
            "The event ended before it began. Correct one of the two dates.",
            fields={"ended": "Before the onset."},
        )


def _check_heard_of(casebook: Casebook, command: ReportAdverseEvent) -> None:
    for name in ("aware_at", "sponsor_received_at"):
        when = getattr(command, name)
        if when is not None and (when.tzinfo is None or when > casebook.now):
            raise EventDatesImpossible(
                "Somebody heard of the event in the future, or without a time zone. Give the instant with its zone.",
                fields={name: "Give a past instant with its zone."},
            )


def _columns(casebook: Casebook, facts: EventFacts, coding: Coding) -> dict[str, Any]:
    written = facts.model_dump(exclude={"term", "grade", "aesi", "onset", "ended"})
    return (
        written
        | _coding_columns(coding)
        | {
            "onset": str(facts.onset),
            "onset_at": facts.onset.instant(casebook.site.zone),
            "ended": None if facts.ended is None else str(facts.ended),
        }
    )


def _coding_columns(coding: Coding) -> dict[str, Any]:
    return {name: getattr(coding, name) for name in Coding.__dataclass_fields__}


def _next_number(session: TrialSession, participant_id: UUID) -> int:
    """The participant's row is locked by the casebook, so numbers have no gap and no double."""
    last = session.exec(
        select(func.max(AdverseEvent.number)).where(AdverseEvent.participant_id == participant_id)
    ).one()
    return (last or 0) + 1


def _alert(session: TrialSession, casebook: Casebook, event: AdverseEvent, what: str) -> None:
    raise_alert(
        session,
        AlertKind.SERIOUS_EVENT,
        "medical_monitor",
        f"A serious adverse event {what}: participant {casebook.participant.code}, event {event.number}."
        " Assess causality and expectedness.",
        trial_id=event.trial_id,
        site_id=event.site_id,
    )


def get_event(session: TrialSession, event_id: UUID) -> AdverseEvent:
    """Raises ``EventNotFound``."""
    found = session.get(AdverseEvent, event_id)
    if found is None:
        raise EventNotFound("There is no such adverse event. Choose one from the participant's page.")
    return found


def events_of(session: TrialSession, participant_id: UUID) -> list[AdverseEvent]:
    """A participant's events in order, for services that have authorized; readers use ``reading.events_for``."""
    found = select(AdverseEvent).where(AdverseEvent.participant_id == participant_id)
    return list(session.exec(found.order_by(col(AdverseEvent.number))))
