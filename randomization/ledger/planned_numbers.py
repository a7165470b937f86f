"""The planned number of participants: what the sponsor raises or lowers during the trial, each time by a signed decision.

Invariants
1. The number is never below those who are randomized, replacements not counted. Whoever changes it takes the trial's row
   and then the tally, so that nobody is randomized meanwhile.
2. Decisions are signed, have a reason, and are never changed: what was planned at any instant is known later.
3. The lever moves how many are recruited, and with it the site's cap, which is a share. It does not move the design: looks and
   information go on from the number with which the trial was made (``planned_by_design``).

What it does not do: add slots. A stratum that runs low is continued by its two makers as before.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from randomization.ledger.tallies import hold_count, numbers_given, replacements_among
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.participants import TrialLocked
from trial.conduct.trials import Trial, get_trial
from trial.database.columns import prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema.allocation import MAIN_STAGE
from trial.protocol.versions import versions_of

MEANING: Final = "I decide that the trial recruits the number of participants that is written here."


class PlannedNumberUnchanged(InvalidInput):
    code = "planned_number.unchanged"


class PlannedBelowRandomized(Conflict):
    code = "planned_number.below_randomized"


class ChangePlannedNumber(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    planned_participants: int = Bounded(ge=2, le=100_000)
    reason: str = Bounded(min_length=3, max_length=4000)
    idempotency_key: str


class PlannedNumberChange(TrialRecord, table=True):
    """``number`` counts the trial's changes; ``was`` and ``planned`` are participants."""

    __tablename__ = "planned_number_change"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    number: int
    was: int
    planned: int
    reason: str = prose()
    decided_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Participants: ``planned`` as it stands, ``designed`` when the trial was made; ``replacements`` are among ``randomized``."""

    planned: int
    designed: int
    randomized: int
    replacements: int


def change_planned_number(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: ChangePlannedNumber
) -> PlannedNumberChange:
    """Raise or lower the number. Raises ``TrialLocked``, ``PlannedNumberUnchanged``, ``PlannedBelowRandomized``."""
    act = Action.PLANNED_NUMBER_CHANGED
    authorize(session, actor, act, trial_id=command.trial_id, reason=command.reason)

    def do() -> UUID:
        trial = get_trial(session, command.trial_id)
        session.refresh(trial, with_for_update={"key_share": True})
        _check(session, trial, command.planned_participants)
        made = PlannedNumberChange(
            **session.stamp(),
            trial_id=trial.id,
            protocol_version_id=versions_of(session, trial.id)[-1].id,
            number=len(changes_of(session, trial.id)) + 1,
            was=trial.planned_participants,
            planned=command.planned_participants,
            reason=command.reason,
            decided_by=actor.account_id,
        )
        trial.planned_participants = command.planned_participants
        session.add_all([trial, made])
        sign(session, actor, proof, made, MEANING, trial.id)
        return made.id

    return session.get_one(PlannedNumberChange, exactly_once(session, actor, act, command.idempotency_key, command, do))


def _check(session: TrialSession, trial: Trial, planned: int) -> None:
    if trial.locked_at is not None:
        raise TrialLocked("The trial's data are locked, so nobody more is recruited. Nothing was changed.")
    if planned == trial.planned_participants:
        raise PlannedNumberUnchanged(
            f"{planned} participants are planned already. Give another number.",
            fields={"planned_participants": "As it is now."},
        )
    randomized = hold_count(session, trial.id, MAIN_STAGE)
    least = randomized - replacements_among(session, trial.id)
    if planned < least:
        raise PlannedBelowRandomized(
            f"{least} participants are randomized already, replacements not counted, so fewer cannot be planned. Give"
            f" {least} or more; to stop randomizing, close that lever."
        )


def changes_of(session: TrialSession, trial_id: UUID) -> list[PlannedNumberChange]:
    """Every change, in its order."""
    found = select(PlannedNumberChange).where(PlannedNumberChange.trial_id == trial_id)
    return list(session.exec(found.order_by(col(PlannedNumberChange.number))))


def numbers_of(session: TrialSession, trial: Trial) -> Numbers:
    """How recruitment stands, in counts."""
    return Numbers(
        planned=trial.planned_participants,
        designed=planned_by_design(session, trial),
        randomized=numbers_given(session, trial.id, MAIN_STAGE),
        replacements=replacements_among(session, trial.id),
    )


def planned_by_design(session: TrialSession, trial: Trial) -> int:
    """The number with which the trial was made: what looks and information rest on, whatever was decided since."""
    changes = changes_of(session, trial.id)
    return changes[0].was if changes else trial.planned_participants


def planned_at(session: TrialSession, trial: Trial, instant: datetime) -> int:
    """The number that held at ``instant``."""
    held = [one.planned for one in changes_of(session, trial.id) if one.recorded_at <= instant]
    return held[-1] if held else planned_by_design(session, trial)
