"""Baseline facts: recorded before randomization, corrected afterwards without touching what was used.

Invariants
1. The allocation used the values of that moment; a correction stands beside them, with its reason.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import open_casebook, open_for
from trial.conduct.factors import FactorMissing, FactorValue, factors_of
from trial.conduct.forms import FormRecord
from trial.conduct.participants import check_randomized
from trial.conduct.screening import RecordScreening, write_before_randomization
from trial.database.session import TrialSession
from trial.errors import InvalidInput


class NoSuchLevel(InvalidInput):
    code = "baseline.no_such_level"


class RecordBaseline(RecordScreening):
    pass


class CorrectFactor(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    factor: str
    value: str
    reason: str = Bounded(min_length=3, max_length=500)


def record_baseline(session: TrialSession, actor: Actor, command: RecordBaseline) -> list[FormRecord]:
    """Forms of the baseline visit, with the stratification factors that they hold. Raises as ``record_screening``."""
    return write_before_randomization(session, actor, Action.BASELINE_RECORDED, command)


def correct_factor(session: TrialSession, actor: Actor, command: CorrectFactor) -> FactorValue:
    """What a factor turned out to be after randomization. The stratum stays as it was used.

    Raises ``NotRandomized``, ``NoSuchLevel``, ``NotInProtocol``, ``FactorMissing``.
    """
    casebook = open_for(session, actor, Action.BASELINE_CORRECTED, command.participant_id, reason=command.reason)
    check_randomized(casebook.participant)
    factor = casebook.protocol.factor(command.factor)
    if command.value not in factor.level_codes:
        raise NoSuchLevel(
            f"{factor.label} is one of: {', '.join(factor.level_codes)}.",
            fields={"value": "Choose one of the levels of the protocol."},
        )
    stored = session.exec(
        select(FactorValue).where(
            FactorValue.participant_id == command.participant_id, FactorValue.factor == factor.name
        )
    ).first()
    if stored is None:
        raise FactorMissing(f"{factor.label} was not recorded before randomization, so there is nothing to correct.")
    stored.corrected, stored.correction_reason = command.value, command.reason
    session.add(stored)
    session.flush()
    return stored


def factors_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[FactorValue]:
    """The factors as used and as corrected. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.SCREENING_READ, casebook.trial.id, casebook.site.id)
    return factors_of(session, participant_id)
