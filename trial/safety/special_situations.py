"""Special situations: overdose, medication error, pregnancy. Each has a report and follow-ups of its own.

Invariants
1. Everybody who meets a participant may report one; neither the blind nor a lever of the sponsor stands in the way.
2. A report and each follow-up is a version, whole, that is never changed; the row holds the latest.
3. One stays open until what it waits for is known: a pregnancy until its outcome, an overdose until its symptoms, a
   medication error until whether harm came of it. While it is open, the next follow-up is due on a date of the protocol's.
4. It stands alone or names the adverse event that came of it.
5. Who knows treatments writes no free words here: they could tell an arm. Such words go under seal
   (``randomization.pharmacy.accounts``), and the report says that there are some.

What it does not do: report the event that came of it. That is an adverse event with its own report.
"""

from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import choice, document, instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput, NotFound
from trial.partial_dates import PartialDateText
from trial.safety.adverse_events import AdverseEvent, EventNotFound
from trial.safety.situation_facts import SituationFacts, SituationKind

_KNOWS_TREATMENTS: Final = (
    Permission.PHARMACY_PREPARE,
    Permission.PHARMACY_AUDIT,
    Permission.ALLOCATION_READ,
    Permission.SUSAR_UNBLIND,
    Permission.KIT_MANAGE,
)


class SituationNotFound(NotFound):
    code = "special_situation.not_found"


class SituationDatesImpossible(InvalidInput):
    code = "special_situation.dates_impossible"


class SituationWordsCouldTell(InvalidInput):
    code = "special_situation.words_could_tell"


class SituationWordsMissing(InvalidInput):
    code = "special_situation.words_missing"


class ReportSituation(BaseModel):
    """``event`` is the number of the adverse event that came of it; ``under_seal`` says that words go under seal."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    participant_id: UUID
    happened: PartialDateText
    facts: SituationFacts
    words: str = Bounded(default="", max_length=4000)
    under_seal: bool = False
    event: int | None = Bounded(default=None, ge=1)
    aware_at: datetime


class FollowUpSituation(BaseModel):
    """The facts as they now are, all of them, and what was heard."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    situation_id: UUID
    facts: SituationFacts
    words: str = Bounded(default="", max_length=4000)
    under_seal: bool = False
    event: int | None = Bounded(default=None, ge=1)
    received_at: datetime


class SpecialSituation(ParticipantRecord, table=True):
    """``happened`` is local to the site, as far as known; ``next_due_on`` is ``None`` once it is closed."""

    __tablename__ = "special_situation"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "number"))

    number: int
    kind: SituationKind = choice(SituationKind)
    happened: str = Field(max_length=16)
    facts: dict[str, Any] = document()
    event_id: UUID | None = Field(default=None, foreign_key="trial.adverse_event.id", index=True)
    reported_by: str = Field(max_length=80)
    aware_at: datetime = instant()
    next_due_on: date | None = None
    closed_at: datetime | None = instant(default=None)

    @property
    def known(self) -> SituationFacts:
        return SituationFacts.model_validate(self.facts)


class SituationVersion(ParticipantRecord, table=True):
    """One report or follow-up; ``under_seal`` where its words are not here."""

    __tablename__ = "special_situation_version"
    __table_args__ = in_schema("trial", UniqueConstraint("situation_id", "number"))

    situation_id: UUID = Field(foreign_key="trial.special_situation.id", index=True)
    number: int
    facts: dict[str, Any] = document()
    words: str = prose()
    under_seal: bool
    received_at: datetime = instant()
    submitted_by: str = Field(max_length=80)
    printed_name: str = Field(max_length=120)


def knows_treatments(actor: Actor, trial_id: UUID, site_id: UUID) -> bool:
    """Whether the actor's work shows treatments, so that free words of theirs could tell one."""
    return any(may(actor, permission, trial_id, site_id) for permission in _KNOWS_TREATMENTS)


def report_situation(session: TrialSession, actor: Actor, command: ReportSituation) -> SpecialSituation:
    """Raises ``SituationDatesImpossible``, ``SituationWordsCouldTell``, ``SituationWordsMissing``, ``EventNotFound``."""
    casebook = open_for(session, actor, Action.SITUATION_REPORTED, command.participant_id)
    made = exactly_once(
        session,
        actor,
        Action.SITUATION_REPORTED,
        command.idempotency_key,
        command,
        lambda: _report(session, actor, casebook, command).id,
    )
    return get_situation(session, made)


def _report(session: TrialSession, actor: Actor, casebook: Casebook, command: ReportSituation) -> SpecialSituation:
    if command.happened.surely_after(casebook.now, casebook.site.zone):
        raise SituationDatesImpossible(
            f"{command.happened} is in the future at this site. Give when it happened, as far as it is known.",
            fields={"happened": "This is in the future."},
        )
    _check_heard(casebook, command.aware_at, "aware_at")
    _check_words(actor, casebook, command)
    situation = SpecialSituation(
        **casebook.stamp(session),
        number=_next_number(session, command.participant_id),
        kind=command.facts.kind,
        happened=str(command.happened),
        facts=command.facts.model_dump(mode="json"),
        event_id=_event_id(session, actor, casebook, command.event),
        reported_by=actor.name,
        aware_at=command.aware_at,
    )
    _set_due(casebook, situation, command.facts)
    session.add(situation)
    session.flush()
    _add_version(session, actor, casebook, situation, command, command.aware_at)
    return situation


def follow_up_situation(session: TrialSession, actor: Actor, command: FollowUpSituation) -> SpecialSituation:
    """Add what was heard; what is known by then closes it. Raises as reporting does, and ``SituationKindFixed``."""
    situation = get_situation(session, command.situation_id)
    casebook = open_for(session, actor, Action.SITUATION_FOLLOWED_UP, situation.participant_id)
    made = exactly_once(
        session,
        actor,
        Action.SITUATION_FOLLOWED_UP,
        command.idempotency_key,
        command,
        lambda: _follow_up(session, actor, casebook, situation, command).id,
    )
    return get_situation(session, made)


def _follow_up(
    session: TrialSession, actor: Actor, casebook: Casebook, situation: SpecialSituation, command: FollowUpSituation
) -> SpecialSituation:
    session.refresh(situation)
    command.facts.check_follows(situation.known)
    _check_heard(casebook, command.received_at, "received_at")
    _check_words(actor, casebook, command)
    situation.facts = command.facts.model_dump(mode="json")
    situation.event_id = _event_id(session, actor, casebook, command.event) or situation.event_id
    _set_due(casebook, situation, command.facts)
    session.add(situation)
    session.flush()
    _add_version(session, actor, casebook, situation, command, command.received_at)
    return situation


def _check_heard(casebook: Casebook, when: datetime, field: str) -> None:
    if when.tzinfo is None or when > casebook.now:
        raise SituationDatesImpossible(
            "It was heard of in the future, or without a time zone. Give the instant with its zone.",
            fields={field: "Give a past instant with its zone."},
        )


def _check_words(actor: Actor, casebook: Casebook, command: ReportSituation | FollowUpSituation) -> None:
    if command.words.strip() and knows_treatments(actor, casebook.trial.id, casebook.site.id):
        raise SituationWordsCouldTell(
            "Your work shows you treatments, so words of yours are kept under seal and not here. Give them as sealed words.",
            fields={"words": "Give these as sealed words."},
        )
    if not command.words.strip() and not command.under_seal:
        raise SituationWordsMissing("Say in words what happened.", fields={"words": "Say what happened."})


def _event_id(session: TrialSession, actor: Actor, casebook: Casebook, number: int | None) -> UUID | None:
    """Only who reads events can name one: nobody else learns which numbers there are."""
    if number is None:
        return None
    found = None
    if may(actor, Permission.ADVERSE_EVENT_READ, casebook.trial.id, casebook.site.id):
        wanted = select(AdverseEvent.id).where(
            AdverseEvent.participant_id == casebook.participant.id, AdverseEvent.number == number
        )
        found = session.exec(wanted).first()
    if found is None:
        raise EventNotFound(
            f"There is no event {number} of this participant that you may see. Choose one from the list.",
            fields={"event": "Choose one from the list."},
        )
    return found


def _set_due(casebook: Casebook, situation: SpecialSituation, facts: SituationFacts) -> None:
    """The next follow-up, counted from today at the site; none once nothing is awaited."""
    if facts.is_complete:
        situation.next_due_on, situation.closed_at = None, situation.closed_at or casebook.now
        return
    days = getattr(casebook.protocol.adverse_events.follow_up_days, facts.kind.value)
    situation.next_due_on, situation.closed_at = casebook.today + timedelta(days=days), None


def _add_version(
    session: TrialSession,
    actor: Actor,
    casebook: Casebook,
    situation: SpecialSituation,
    command: ReportSituation | FollowUpSituation,
    received_at: datetime,
) -> None:
    number = len(versions_of_situation(session, situation.id)) + 1
    version = SituationVersion(
        **casebook.stamp(session),
        situation_id=situation.id,
        number=number,
        facts=situation.facts,
        words=command.words.strip(),
        under_seal=command.under_seal,
        received_at=received_at,
        submitted_by=actor.name,
        printed_name=actor.display_name,
    )
    session.add(version)
    session.flush()


def _next_number(session: TrialSession, participant_id: UUID) -> int:
    wanted = select(func.max(SpecialSituation.number)).where(SpecialSituation.participant_id == participant_id)
    return (session.exec(wanted).one() or 0) + 1


def get_situation(session: TrialSession, situation_id: UUID) -> SpecialSituation:
    """Raises ``SituationNotFound``."""
    found = session.get(SpecialSituation, situation_id)
    if found is None:
        raise SituationNotFound("There is no such report. Choose one from the list of special situations.")
    return found


def versions_of_situation(session: TrialSession, situation_id: UUID) -> list[SituationVersion]:
    """The report first, for services that have authorized; readers use ``situation_reading``."""
    found = select(SituationVersion).where(SituationVersion.situation_id == situation_id)
    return list(session.exec(found.order_by(col(SituationVersion.number))))
