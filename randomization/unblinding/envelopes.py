"""Printing emergency envelopes: with a kit's number in each, or, where there are no kits, with the treatment.

Invariants
1. Kits: nothing is opened, and nothing printed tells an arm.
2. No kits: the slots are opened for who may read allocations, and each printing is entered in the register. The envelopes
   are addressed to the unblinded pharmacist.
"""

from dataclasses import dataclass, field
from uuid import UUID

from sqlmodel import col, select

from randomization.holders import data_key_of
from randomization.kits.kits import Kit
from randomization.ledger.allocation_lists import AllocationList, get_list
from randomization.ledger.envelopes import Envelope, check_envelopes_in_use, envelopes_in
from randomization.ledger.sealed_matter import open_slots
from randomization.unblinding.register import UnblindingKind, enter
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.database.session import TrialSession, strongroom
from trial.protocol.versions import ProtocolVersion, protocol_of


@dataclass(frozen=True, slots=True)
class EnvelopeToPrint:
    """An envelope with what lies in it: one of the two."""

    envelope: Envelope
    kit_number: str | None
    treatment: str | None = field(repr=False)


def print_envelopes(session: TrialSession, actor: Actor, list_id: UUID) -> list[EnvelopeToPrint]:
    """Every envelope of a list, by number. Raises ``ListNotFound``, ``NotPermitted``, ``EnvelopesRetired``."""
    found = get_list(session, list_id)
    check_may(actor, Permission.ENVELOPE_PRINT, found.trial_id)
    check_envelopes_in_use(session, found)
    made = envelopes_in(session, found.id)
    if all(one.kit_id is not None for one in made):
        numbers = _kit_numbers(session, found.id)
        return [EnvelopeToPrint(one, numbers[one.id], None) for one in made]
    note = f"Printed for the pharmacist: {len(made)} emergency envelopes of list {found.ordinal}, {found.stage}."
    authorize(session, actor, Action.ENVELOPES_OPENED, trial_id=found.trial_id, reason=note)
    enter(session, actor, UnblindingKind.ENVELOPES, found.trial_id, note)
    treatments = _treatments(session, found)
    return [EnvelopeToPrint(one, None, treatments[one.counter_id, one.position]) for one in made]


def _kit_numbers(session: TrialSession, list_id: UUID) -> dict[UUID, str]:
    rows = select(Envelope.id, Kit.number).join(Kit, col(Kit.id) == col(Envelope.kit_id))
    return dict(session.exec(rows.where(Envelope.list_id == list_id)).all())


def _treatments(session: TrialSession, found: AllocationList) -> dict[tuple[UUID, int], str]:
    protocol = protocol_of(session.get_one(ProtocolVersion, found.protocol_version_id))
    with strongroom(session):
        opened = open_slots(session, data_key_of(session, str(found.id)), found.id)
        return {(counter, sealed.position): protocol.arm(slot.arm).treatment for counter, sealed, slot in opened}
