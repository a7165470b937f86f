"""Trials: real, for practice, or simulated.

Invariants
1. What kind a trial is, is said once, when it is made; a trigger of the database refuses any change of it.
2. Only a simulated trial may give its arms to the simulator.
3. The sponsor holds three levers: randomizing, dosing and follow-up. Each is open or not, and each change has a reason.
4. The planned number is moved by the sponsor's signed decisions alone (``randomization.ledger.planned_numbers``).
5. A bound on harm may pause randomizing beside the lever: to release it moves no lever that the sponsor has closed.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.database.columns import choice, instant, prose
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound


class TrialKind(StrEnum):
    REAL = "real"
    PRACTICE = "practice"
    SIMULATED = "simulated"


class Lever(StrEnum):
    """What the sponsor can stop, each by itself: somebody may be on day three of five."""

    RANDOMIZING = "randomizing"
    DOSING = "dosing"
    FOLLOW_UP = "follow_up"


class TrialNotFound(NotFound):
    code = "trial.not_found"


class TrialCodeTaken(Conflict):
    code = "trial.code_taken"


class LeverClosed(Conflict):
    code = "trial.lever_closed"


class CreateTrial(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: str = Bounded(min_length=2, max_length=32, pattern=r"^[A-Z0-9][A-Z0-9-]*$")
    title: str = Bounded(min_length=3)
    kind: TrialKind
    planned_participants: int = Bounded(ge=2, le=100_000)


class Trial(Record, table=True):
    __tablename__ = "trial"
    __table_args__ = in_schema("trial")

    code: str = Field(max_length=32, unique=True)
    title: str = prose()
    kind: TrialKind = choice(TrialKind)
    planned_participants: int
    started_at: datetime | None = instant(default=None)
    randomizing_open: bool = False
    harm_paused: bool = False
    dosing_open: bool = False
    follow_up_open: bool = False
    locked_at: datetime | None = instant(default=None)


def create_trial(session: TrialSession, actor: Actor, command: CreateTrial) -> Trial:
    """A trial, not yet started. Raises ``TrialCodeTaken``."""
    authorize(session, actor, Action.TRIAL_CREATED)
    if session.exec(select(Trial).where(Trial.code == command.code)).first() is not None:
        raise TrialCodeTaken(f"There is a trial {command.code} already. Choose another code.")
    trial = Trial(**session.stamp(), **command.model_dump())
    session.add(trial)
    session.flush()
    return trial


def get_trial(session: TrialSession, trial_id: UUID) -> Trial:
    """Raises ``TrialNotFound``."""
    found = session.get(Trial, trial_id)
    if found is None:
        raise TrialNotFound("There is no such trial. Choose one from your home page.")
    return found


def find_trial(session: TrialSession, code: str) -> Trial:
    """Raises ``TrialNotFound``."""
    found = session.exec(select(Trial).where(Trial.code == code)).first()
    if found is None:
        raise no_such_trial(code)
    return found


def no_such_trial(code: str) -> TrialNotFound:
    return TrialNotFound(f"There is no trial {code}. Choose one from your home page.")


def start_trial(session: TrialSession, actor: Actor, trial_id: UUID) -> Trial:
    """Recruitment opens: the three levers stand at open."""
    authorize(session, actor, Action.TRIAL_STARTED, trial_id=trial_id)
    trial = get_trial(session, trial_id)
    trial.started_at = trial.started_at or session.now()
    trial.randomizing_open = trial.dosing_open = trial.follow_up_open = True
    session.add(trial)
    return trial


def lever_is_open(trial: Trial, lever: Lever) -> bool:
    match lever:
        case Lever.RANDOMIZING:
            return trial.randomizing_open and not trial.harm_paused
        case Lever.DOSING:
            return trial.dosing_open
        case Lever.FOLLOW_UP:
            return trial.follow_up_open


def check_lever_open(trial: Trial, lever: Lever) -> None:
    """Raise ``LeverClosed``."""
    if lever is Lever.RANDOMIZING and trial.harm_paused:
        raise LeverClosed(
            "Randomizing is paused by a bound on harm until the sponsor has decided. Nothing was recorded; treatment goes on."
        )
    if not lever_is_open(trial, lever):
        word = lever.value.replace("_", "-")
        raise LeverClosed(f"The sponsor has closed {word} in this trial. Nothing was recorded; ask the sponsor.")
