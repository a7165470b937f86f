"""The row of an event: the latest facts, in the order of reporting."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Computed, UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.conduct.participants import ParticipantRecord
from trial.database.columns import choice, document, instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import NotFound
from trial.safety.adverse_events.facts import EventFacts
from trial.safety.adverse_events.terms import CRITERIA, Ascertainment
from trial.safety.coding import Coding

_AS_WRITTEN: Final = frozenset(
    {*CRITERIA, "verbatim", "severity", "ascertainment", "infusion", "onset_minute", "recurrence_of", "treatment_words",
     "outcome", "action_taken", "led_to_withdrawal"}
)  # fmt: skip
_AS_JSON: Final = frozenset({"course", "treatments"})
_AS_TEXT: Final = frozenset({"onset", "ended"})


class EventNotFound(NotFound):
    code = "adverse_event.not_found"


class AdverseEvent(ParticipantRecord, table=True):
    """``causality`` and ``relations`` are the investigator's; the sponsor's stand in a table of their own.

    ``grade`` is the worst of ``course``; an empty course means that the grade never changed. ``relations`` holds the
    category by component, beside the study treatment, whose category is ``causality``.
    """

    __tablename__ = "adverse_event"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "number"))

    number: int
    verbatim: str = prose()
    term: str = Field(max_length=200)
    soc: str = Field(max_length=120)
    llt_code: str = Field(max_length=16)
    dictionary: str = Field(max_length=16)
    grade: int
    course: list[dict[str, Any]] = document(default_factory=list)
    severity: str | None = Field(default=None, max_length=16)
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
    recurrence_of: int | None = None
    treatments: list[str] = document(default_factory=list)
    treatment_words: str | None = prose(default=None)
    outcome: str = Field(max_length=48)
    action_taken: str = Field(max_length=48)
    led_to_withdrawal: bool
    reported_by: str = Field(max_length=80)
    aware_at: datetime = instant()
    sponsor_received_at: datetime | None = instant(default=None)
    became_fatal_or_life_threatening_at: datetime | None = instant(default=None)
    follow_up_received_at: datetime | None = instant(default=None)
    causality: str | None = Field(default=None, max_length=48)
    relations: dict[str, str] = document(default_factory=dict)
    causality_by: UUID | None = Field(default=None, foreign_key="access.account.id")
    causality_at: datetime | None = instant(default=None)

    @property
    def fatal_or_life_threatening(self) -> bool:
        return self.death or self.life_threatening


def columns_of(facts: EventFacts, coding: Coding, zone: str) -> dict[str, Any]:
    """The facts as the row holds them."""
    return (
        facts.model_dump(include=set(_AS_WRITTEN))
        | facts.model_dump(mode="json", include=set(_AS_JSON | _AS_TEXT))
        | {"onset_at": facts.onset.instant(zone)}
        | coding_columns(coding)
    )


def coding_columns(coding: Coding) -> dict[str, Any]:
    return {name: getattr(coding, name) for name in Coding.__dataclass_fields__}


def facts_of(event: AdverseEvent) -> EventFacts:
    """The latest facts, as they were submitted."""
    return EventFacts.model_validate({name: getattr(event, name) for name in EventFacts.model_fields})


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


def next_number(session: TrialSession, participant_id: UUID) -> int:
    """The participant's row is locked by the casebook, so numbers have no gap and no double."""
    last = session.exec(
        select(func.max(AdverseEvent.number)).where(AdverseEvent.participant_id == participant_id)
    ).one()
    return (last or 0) + 1
