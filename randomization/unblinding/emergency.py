"""One participant's arm to one person: an investigator in an emergency, the safety officer for a SUSAR.

Invariants
1. Nobody's approval is asked, no lever and no lock stands in the way: a password is all.
2. The arm is handed to the one who asks and kept nowhere. The same request again, by the same person within a quarter of
   an hour, shows it again (the answer may have been lost); later it needs a new request with a new entry.
3. Where the protocol sends the arm to a treating physician, who asks is not shown it (``physicians``).
4. The entry is signed; the medical monitor is told without the arm; the participant stays in follow-up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from randomization.ledger.allocations import Allocation, every_allocation, find_allocation
from randomization.ledger.seats import arm_meant, arms_given
from randomization.unblinding.register import Unblinding, UnblindingKind, UnblindingReason, enter
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.casebooks import Casebook, open_casebook
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict
from trial.protocol.schema.arms import Arm

SHOWN_AGAIN_FOR: Final = timedelta(minutes=15)
MEANING = "I break the code of this participant."


class AlreadyShown(Conflict):
    code = "unblinding.already_shown"


class CodeGoesToPhysician(Conflict):
    code = "unblinding.goes_to_physician"


class BreakCode(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    reason: UnblindingReason
    note: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str


class RevealForSusar(BaseModel):
    """``case`` names the SUSAR case for the regulator."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    case: str = Bounded(min_length=2, max_length=80)
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class UnsealedArm:
    """An arm on its way to the one person who asked. Never logged, never stored."""

    participant: str
    arm: str = field(repr=False)
    name: str = field(repr=False)
    treatment: str = field(repr=False)
    unblinding_id: UUID


def break_code(session: TrialSession, actor: Actor, proof: Reauthenticated, command: BreakCode) -> UnsealedArm:
    """An investigator learns one participant's arm, at once.

    Raises ``ParticipantNotFound``, ``NotPermitted``, ``NotRandomized``, ``CodeGoesToPhysician``,
    ``ReauthenticationNeeded``, ``AlreadyShown``.
    """
    return _reveal(session, actor, proof, Action.CODE_BROKEN, command)


def reveal_for_susar(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: RevealForSusar
) -> UnsealedArm:
    """The safety officer learns the arm of one SUSAR case, for the regulator's copy alone. Raises as ``break_code``."""
    return _reveal(session, actor, proof, Action.SUSAR_UNBLINDED, command)


def _reveal(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    action: Action,
    command: BreakCode | RevealForSusar,
) -> UnsealedArm:
    casebook = open_casebook(session, command.participant_id)
    authorize(session, actor, action, trial_id=casebook.trial.id, site_id=casebook.site.id)
    find_allocation(session, casebook.participant)
    if isinstance(command, BreakCode) and casebook.protocol.blinding.emergency_code_to != "who_asks":
        raise CodeGoesToPhysician(
            "By the protocol the treatment is shown to the treating physician alone. Name them and send it to their screen."
        )
    made = exactly_once(
        session,
        actor,
        action,
        command.idempotency_key,
        command,
        lambda: _enter(session, actor, proof, casebook, command),
    )
    _check_fresh(session, made)
    return unsealed_arm(session, casebook, made)


def unsealed_arm(session: TrialSession, casebook: Casebook, unblinding_id: UUID) -> UnsealedArm:
    """For the ways in this package, once they have entered: one participant's arm, on its way."""
    made = every_allocation(session, casebook.participant)
    with strongroom(session):
        arms = arms_given(session, made)
    given = [arm_meant(session, casebook.protocol, one, arms[one.id]) for one in made]
    last, told = given[-1], _treatment(casebook, made, given)
    return UnsealedArm(casebook.participant.code, last.code, last.name, told, unblinding_id)


def _treatment(casebook: Casebook, made: Sequence[Allocation], given: Sequence[Arm]) -> str:
    """What was given; after a further randomization what was given before it too, for it may still act."""
    if len(made) == 1:
        return given[0].treatment
    labels = {stage.code: stage.label for stage in casebook.protocol.randomization.further}
    later = (
        f"since “{labels.get(one.stage, one.stage)}”: {arm.treatment}"
        for one, arm in zip(made[1:], given[1:], strict=True)
    )
    return "; ".join([f"First: {given[0].treatment}", *later])


def _enter(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    casebook: Casebook,
    command: BreakCode | RevealForSusar,
) -> UUID:
    reason: UnblindingReason | None
    match command:
        case BreakCode():
            kind, note, reason = UnblindingKind.EMERGENCY, command.note, command.reason
        case RevealForSusar():
            kind, note, reason = UnblindingKind.SUSAR, f"For the regulator's copy of case {command.case}.", None
    entry = enter(
        session,
        actor,
        kind,
        casebook.trial.id,
        note,
        participant=casebook.participant,
        reason=reason,
        version_id=casebook.version_id,
    )
    sign(session, actor, proof, entry, MEANING, casebook.trial.id)
    return entry.id


def _check_fresh(session: TrialSession, unblinding_id: UUID) -> None:
    entry = session.get(Unblinding, unblinding_id)
    assert entry is not None, "entries are never removed"
    if session.now() - entry.opened_at > SHOWN_AGAIN_FOR:
        raise AlreadyShown("This code was broken earlier and shown then. Break it again, which makes a new entry.")
