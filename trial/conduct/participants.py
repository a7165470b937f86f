"""Participants: a code, a site, and where each one stands in the trial.

Invariants
1. A code comes from a counter of the trial, in order of registration; it tells nothing of the person, who stands in
   ``identities``.
2. A status changes only by a step of ``STEPS``. A participant who has left takes no further step.
3. A participant is randomized once. Number, instant and stratum are fixed from then on, by a trigger of the database.

What it does not do: choose an arm (the strongroom does, and then calls ``mark_randomized``), or say whom a reader may see
(``participant_readers``).
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, bindparam, text
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.clock import local_date
from trial.conduct.sites import check_site_active, get_site
from trial.conduct.trials import Lever, Trial, check_lever_open, get_trial
from trial.database.columns import choice, instant
from trial.database.records import Record, TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.protocol.versions import version_in_force
from trial.reference import submission_values

_NEXT_NUMBER = text(
    "INSERT INTO trial.participant_counter AS counter (id, recorded_at, trial_id, last_number)"
    " VALUES (:id, :recorded_at, :trial_id, 1)"
    " ON CONFLICT (trial_id) DO UPDATE SET last_number = counter.last_number + 1 RETURNING last_number"
)
_RANDOMIZE: Final = (
    "WITH fixed AS (UPDATE trial.factor_value SET used_at = %(randomized_at)s WHERE participant_id = %(id)s)"
    " UPDATE trial.participant SET status = %(status)s, randomization_number = %(randomization_number)s,"
    " randomized_at = %(randomized_at)s, stratum = %(stratum)s WHERE id = %(id)s"
)
_TERMS: Final = {"sex": "C66731", "race": "C74457", "ethnicity": "C66790"}


class ParticipantStatus(StrEnum):
    SCREENING = "screening"
    ELIGIBLE = "eligible"
    RANDOMIZED = "randomized"
    ON_TREATMENT = "on_treatment"
    FOLLOW_UP = "follow_up"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    LOST = "lost"
    DIED = "died"
    NOT_ELIGIBLE = "not_eligible"
    DECLINED = "declined"
    NOT_ENROLLED = "not_enrolled"


class Step(StrEnum):
    """What moves a participant from one status to another."""

    FIND_ELIGIBLE = "find_eligible"
    FIND_NOT_ELIGIBLE = "find_not_eligible"
    DECLINE = "decline"
    NOT_ENROL = "not_enrol"
    RANDOMIZE = "randomize"
    START_TREATMENT = "start_treatment"
    END_TREATMENT = "end_treatment"
    COMPLETE = "complete"
    WITHDRAW = "withdraw"
    LOSE = "lose"
    DIE = "die"


_S, _T = ParticipantStatus, Step
_LEAVING: Final = {_T.WITHDRAW: _S.WITHDRAWN, _T.LOSE: _S.LOST, _T.DIE: _S.DIED}
_NOT_ENROLLING: Final = {
    _T.FIND_NOT_ELIGIBLE: _S.NOT_ELIGIBLE,
    _T.DECLINE: _S.DECLINED,
    _T.NOT_ENROL: _S.NOT_ENROLLED,
    _T.DIE: _S.DIED,
}
STEPS: Final[dict[ParticipantStatus, dict[Step, ParticipantStatus]]] = {
    _S.SCREENING: {_T.FIND_ELIGIBLE: _S.ELIGIBLE, **_NOT_ENROLLING},
    # Signed again after a correction: the participant stays eligible.
    _S.ELIGIBLE: {_T.FIND_ELIGIBLE: _S.ELIGIBLE, _T.RANDOMIZE: _S.RANDOMIZED, **_NOT_ENROLLING},
    _S.RANDOMIZED: {_T.START_TREATMENT: _S.ON_TREATMENT, _T.END_TREATMENT: _S.FOLLOW_UP, **_LEAVING},
    _S.ON_TREATMENT: {_T.END_TREATMENT: _S.FOLLOW_UP, **_LEAVING},
    _S.FOLLOW_UP: {_T.COMPLETE: _S.COMPLETED, **_LEAVING},
    _S.COMPLETED: {},
    _S.WITHDRAWN: {},
    _S.LOST: {},
    _S.DIED: {},
    _S.NOT_ELIGIBLE: {},
    _S.DECLINED: {},
    _S.NOT_ENROLLED: {},
}
BEFORE_RANDOMIZATION: Final = frozenset({_S.SCREENING, _S.ELIGIBLE})
IN_THE_TRIAL: Final = frozenset({_S.RANDOMIZED, _S.ON_TREATMENT, _S.FOLLOW_UP})
ACTIVE: Final = BEFORE_RANDOMIZATION | IN_THE_TRIAL


class TrialLocked(Conflict):
    code = "trial.locked"


class TrialNotStarted(Conflict):
    code = "trial.not_started"


class ParticipantNotFound(NotFound):
    code = "participant.not_found"


class StepNotPossible(Conflict):
    code = "participant.step_not_possible"


class AlreadyRandomized(Conflict):
    code = "participant.already_randomized"


class NotRandomized(Conflict):
    code = "participant.not_randomized"


class ParticipantHasLeft(Conflict):
    code = "participant.has_left"


class DateInFuture(InvalidInput):
    code = "input.date_in_future"


class RegisterParticipant(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    site_id: UUID
    sex: str
    birth_year: int = Bounded(ge=1900, le=2100)
    race: str = "NOT REPORTED"
    ethnicity: str = "NOT REPORTED"

    @field_validator("sex", "race", "ethnicity")
    @classmethod
    def _is_controlled_term(cls, value: str, info: object) -> str:
        offered = submission_values(_TERMS[str(getattr(info, "field_name", ""))])
        if value not in offered:
            raise ValueError(f"choose one of: {', '.join(offered)}")
        return value


class ParticipantCounter(Record, table=True):
    __tablename__ = "participant_counter"
    __table_args__ = in_schema("trial", unaudited="the participants that it numbers are audited")

    trial_id: UUID = Field(foreign_key="trial.trial.id", unique=True)
    last_number: int


class Participant(TrialRecord, table=True):
    """``protocol_version_id`` is the version in force at registration. Consent columns follow ``consents``."""

    __tablename__ = "participant"
    __table_args__ = in_schema(
        "trial", UniqueConstraint("trial_id", "code"), UniqueConstraint("trial_id", "randomization_number")
    )

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    code: str = Field(max_length=16)
    sex: str = Field(max_length=16)
    birth_year: int
    race: str = Field(max_length=64)
    ethnicity: str = Field(max_length=64)
    status: ParticipantStatus = choice(ParticipantStatus, default=ParticipantStatus.SCREENING)
    assessed_on: date
    consented_on: date | None = None
    consent_version_id: UUID | None = Field(default=None, foreign_key="trial.protocol_version.id")
    eligibility_signed_at: datetime | None = instant(default=None)
    randomized_at: datetime | None = instant(default=None)
    randomization_number: str | None = Field(default=None, max_length=16)
    stratum: str | None = Field(default=None, max_length=300)
    first_dose_at: datetime | None = instant(default=None)
    last_dose_at: datetime | None = instant(default=None)
    left_on: date | None = None


_BY_CODE = select(Participant).where(
    col(Participant.trial_id) == bindparam("trial_id"), col(Participant.code) == bindparam("code")
)


class ParticipantRecord(TrialRecord):
    """What every record about a participant has besides."""

    participant_id: UUID = Field(foreign_key="trial.participant.id", index=True)
    site_id: UUID = Field(foreign_key="trial.site.id")


def can_take(participant: Participant, step: Step) -> bool:
    """Whether the participant's status allows the step."""
    return step in STEPS[participant.status]


def check_can_take(participant: Participant, step: Step) -> None:
    """Raise ``AlreadyRandomized``, ``NotRandomized``, ``ParticipantHasLeft`` or ``StepNotPossible``."""
    if can_take(participant, step):
        return
    if step is Step.RANDOMIZE and participant.randomized_at is not None:
        raise AlreadyRandomized(
            f"{participant.code} is already randomized. Open the participant's page for the number that was given."
        )
    check_active(participant)
    if step in (Step.START_TREATMENT, Step.END_TREATMENT, Step.COMPLETE):
        check_randomized(participant)
    raise StepNotPossible(
        f"{participant.code} is at “{_words(participant.status)}”, which does not allow to {_words(step)}. "
        "Look at the participant's page for what comes next."
    )


def take_step(session: TrialSession, participant: Participant, step: Step) -> None:
    """Move the participant to the status that the step leads to. Raises as ``check_can_take``."""
    check_can_take(participant, step)
    participant.status = STEPS[participant.status][step]
    session.add(participant)


def check_active(participant: Participant) -> None:
    """Raise ``ParticipantHasLeft`` for one who is no longer in screening, treatment or follow-up."""
    if participant.status not in ACTIVE:
        raise ParticipantHasLeft(
            f"{participant.code} has left the trial ({_words(participant.status)}), so nothing more is recorded here."
        )


def check_was_active(participant: Participant, day: date) -> None:
    """Raise ``ParticipantHasLeft`` for a day after the participant left. What happened before may be entered late."""
    if participant.left_on is None or day > participant.left_on:
        check_active(participant)


def check_randomized(participant: Participant) -> None:
    """Raise ``NotRandomized``."""
    if participant.randomized_at is None:
        raise NotRandomized(f"{participant.code} is not randomized yet. Randomize the participant first.")


def check_before_randomization(participant: Participant) -> None:
    """Raise ``ParticipantHasLeft`` or ``AlreadyRandomized``."""
    check_active(participant)
    if participant.status not in BEFORE_RANDOMIZATION:
        raise AlreadyRandomized(
            f"{participant.code} is already randomized, so screening is closed. Correct baseline facts with a reason."
        )


def can_write(trial: Trial) -> bool:
    """Whether the trial has started and is not locked."""
    return trial.started_at is not None and trial.locked_at is None


def check_trial_open(trial: Trial) -> None:
    """Raise ``TrialNotStarted`` or ``TrialLocked``. The one place where every writing service asks."""
    if can_write(trial):
        return
    if trial.locked_at is not None:
        raise TrialLocked("The trial's data are locked. A correction needs a signed unlock first.")
    raise TrialNotStarted("The trial has not started. The sponsor starts it when sites are ready.")


def check_not_future(day: date, today: date, field: str) -> None:
    """Raise ``DateInFuture``: records tell what has happened."""
    if day > today:
        raise DateInFuture(
            f"The date {day.isoformat()} is in the future at this site. Give the day on which it happened.",
            fields={field: "This day is in the future."},
        )


def register_participant(session: TrialSession, actor: Actor, command: RegisterParticipant) -> Participant:
    """Somebody who is assessed for eligibility, with the next code of the trial.

    Raises ``SiteNotFound``, ``SiteNotActive``, ``TrialLocked``, ``LeverClosed``, ``NoVersionAdopted``.
    """
    authorize(session, actor, Action.PARTICIPANT_REGISTERED, trial_id=command.trial_id, site_id=command.site_id)
    trial, site = get_trial(session, command.trial_id), get_site(session, command.site_id)
    check_trial_open(trial)
    check_lever_open(trial, Lever.RANDOMIZING)
    check_site_active(site)
    today = local_date(session.now(), site.zone)
    version = version_in_force(session, site.id, today)
    stamp = session.stamp()
    number = session.execute(_NEXT_NUMBER, {**session.stamp(), "trial_id": trial.id}).scalar_one()
    participant = Participant(
        **stamp,
        **command.model_dump(),
        protocol_version_id=version.id,
        code=f"P-{number:04d}",
        assessed_on=today,
    )
    session.add(participant)
    session.flush()
    return participant


def get_participant(session: TrialSession, participant_id: UUID) -> Participant:
    """Raises ``ParticipantNotFound``."""
    found = session.get(Participant, participant_id)
    if found is None:
        raise ParticipantNotFound("There is no such participant. Choose one from the list of participants.")
    return found


def find_participant(session: TrialSession, trial_id: UUID, code: str) -> Participant:
    """By the trial's code. Raises ``ParticipantNotFound``."""
    found: Participant | None = session.execute(_BY_CODE, {"trial_id": trial_id, "code": code}).scalar()
    if found is None:
        raise no_such_code(code)
    return found


def no_such_code(code: str) -> ParticipantNotFound:
    return ParticipantNotFound(
        f"There is no participant {code} in this trial. Choose one from the list of participants."
    )


def mark_randomized(
    session: TrialSession,
    participant: Participant,
    number: str,
    at: datetime,
    *,
    stratum: str | None = None,
) -> Participant:
    """Record that the strongroom has allocated: number, instant, stratum as used; fixes the factor values.

    Called within an act that the strongroom has authorized. Raises ``AlreadyRandomized``, ``StepNotPossible``.
    """
    check_can_take(participant, Step.RANDOMIZE)
    now: dict[str, Any] = {
        "status": STEPS[participant.status][Step.RANDOMIZE],
        "randomization_number": number,
        "randomized_at": at,
        "stratum": stratum,
    }
    session.run_sql(_RANDOMIZE, id=participant.id, **now)
    session.take_as_stored(participant, **now)
    return participant


def _words(value: StrEnum) -> str:
    return value.value.replace("_", " ")
