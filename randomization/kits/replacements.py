"""Replacing a kit that cannot be used (broken, lost, in quarantine) by another one of the same arm.

Invariants
1. The kit is drawn under seal, uniformly among those of the participant's arm; whoever asks learns a number.
2. It is refused as randomizing is: when any arm has no usable kit, in the same words, whatever this arm is.
3. The replaced kit is rejected and never used again. One kit replaces one; the chain stays on record.
4. A kit that was handed out already is replaced in the participant's hands; any later dose follows the replacement.
"""

from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import col, select

from randomization.kits.contents import kit_key
from randomization.kits.dispensing import Dispensing
from randomization.kits.kits import Kit, KitStatus, check_has_kits, find_kit, move_kit
from randomization.kits.promises import KitReplacement, replacement_of
from randomization.kits.shelves import ShelvedKit, open_shelf, take_kit
from randomization.kits.stock import alert_when_low
from randomization.ledger.allocations import Allocation, every_allocation
from randomization.ledger.seats import arm_given, arms_beside
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.participants import check_active, check_randomized, check_trial_open
from trial.conduct.trials import Lever, check_lever_open
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict


class NotThisParticipantsKit(Conflict):
    code = "kit.not_of_participant"


class AlreadyReplaced(Conflict):
    code = "kit.already_replaced"


class ReplacementNotAllowed(Conflict):
    code = "kit.replacement_not_in_protocol"


class ReplaceKit(BaseModel):
    """``number`` is that of the kit that cannot be used."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    number: str = Bounded(max_length=16)
    reason: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class ReplacementReceipt:
    participant: str
    replaced: str
    kit_number: str


def replace_kit(session: TrialSession, actor: Actor, command: ReplaceKit) -> ReplacementReceipt:
    """Assign another kit in place of one that cannot be used.

    Raises ``NotRandomized``, ``ParticipantHasLeft``, ``LeverClosed``, ``NoKitsInTrial``, ``KitNotFound``,
    ``NotThisParticipantsKit``, ``AlreadyReplaced``, ``ReplacementNotAllowed``, ``NoUsableKit``,
    ``KitStepNotPossible``, ``NotPermitted``.
    """
    casebook = open_casebook(session, command.participant_id, to_write=True)
    authorize(
        session,
        actor,
        Action.KIT_REPLACED,
        trial_id=casebook.trial.id,
        site_id=casebook.site.id,
        reason=command.reason,
    )
    made = exactly_once(
        session,
        actor,
        Action.KIT_REPLACED,
        command.idempotency_key,
        command,
        lambda: _replace(session, actor, casebook, command),
    )
    number = session.exec(
        select(Kit.number)
        .join(KitReplacement, col(KitReplacement.kit_id) == col(Kit.id))
        .where(KitReplacement.id == made)
    ).one()
    return ReplacementReceipt(casebook.participant.code, command.number, number)


def _replace(session: TrialSession, actor: Actor, casebook: Casebook, command: ReplaceKit) -> UUID:
    _check_open(casebook)
    kit = find_kit(session, casebook.trial.id, command.number, to_write=True)
    allocation = _allocation_with(session, casebook, kit)
    visit = _visit_of(session, allocation, kit)
    if kit.status is not KitStatus.LOST:
        move_kit(session, kit, KitStatus.REJECTED)
    taken = _take(session, casebook, allocation)
    if visit is not None:
        move_kit(session, find_kit(session, casebook.trial.id, taken.number, to_write=True), KitStatus.DISPENSED)
    made = KitReplacement(
        **casebook.stamp(session),
        allocation_id=allocation.id,
        replaced_kit_id=kit.id,
        kit_id=taken.id,
        visit=visit,
        reason=command.reason,
        replaced_at=session.now(),
        replaced_by=actor.account_id,
    )
    session.add(made)
    return made.id


def _check_open(casebook: Casebook) -> None:
    check_trial_open(casebook.trial)
    check_lever_open(casebook.trial, Lever.DOSING)
    check_randomized(casebook.participant)
    check_active(casebook.participant)
    check_has_kits(casebook.protocol)
    if not casebook.protocol.supply.replacements_allowed:
        raise ReplacementNotAllowed("The protocol replaces no kit. Record what happened as a deviation.")


def _allocation_with(session: TrialSession, casebook: Casebook, kit: Kit) -> Allocation:
    """The stage that the kit belongs to; the latest one for a kit that is of none."""
    handed_out = session.exec(select(Dispensing.allocation_id).where(Dispensing.kit_id == kit.id)).first()
    stood_in = session.exec(select(KitReplacement.allocation_id).where(KitReplacement.kit_id == kit.id)).first()
    made = every_allocation(session, casebook.participant)
    own = (one for one in made if kit.id == one.kit_id or one.id in (handed_out, stood_in))
    return next(own, made[-1])


def _visit_of(session: TrialSession, allocation: Allocation, kit: Kit) -> str | None:
    """The visit for which the kit was handed out, if it was. Raises ``NotThisParticipantsKit``, ``AlreadyReplaced``."""
    if replacement_of(session, kit.id) is not None:
        raise AlreadyReplaced(f"Kit {kit.number} was replaced already. Look at the participant's page for the new one.")
    handed_out = session.exec(select(Dispensing).where(Dispensing.kit_id == kit.id)).first()
    stood_in = session.exec(select(KitReplacement).where(KitReplacement.kit_id == kit.id)).first()
    found = handed_out or stood_in
    if allocation.id != (found.allocation_id if found else None) and kit.id != allocation.kit_id:
        raise NotThisParticipantsKit(
            "This kit is not the participant's. Read the number on the label again.",
            fields={"number": "Not a kit of this participant."},
        )
    return found.visit if found else None


def _take(session: TrialSession, casebook: Casebook, allocation: Allocation) -> ShelvedKit:
    with strongroom(session):
        key = kit_key(session, casebook.trial.id)
        shelf = open_shelf(session, key, casebook.site, casebook.protocol, arms_beside(session, allocation))
        taken = take_kit(session, shelf, arm_given(session, allocation))
    alert_when_low(session, casebook.site, casebook.protocol, left=shelf.total - 1)
    return taken


def replacements_for(session: TrialSession, participant_id: UUID) -> list[KitReplacement]:
    """Every replacement of a participant's, oldest first."""
    found = session.exec(select(KitReplacement).where(KitReplacement.participant_id == participant_id))
    return sorted(found, key=lambda one: one.replaced_at)
