"""Dispensing: the kit that randomization assigned, and, where the protocol gives several, the next ones.

Invariants
1. A person at the site never chooses by content: they ask for a visit's kit and are told a number.
2. A later kit follows the rule of the first: a usable one of every arm on the shelf, then a uniform draw.
3. One kit a visit and participant; a repeated key gives the first answer.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, select

from randomization.kits.contents import kit_key
from randomization.kits.kits import Kit, KitStatus, check_has_kits, find_kit, move_kit
from randomization.kits.promises import current_kit_id, kit_of
from randomization.kits.shelves import open_shelf, take_kit
from randomization.kits.stock import alert_when_low
from randomization.ledger.allocations import Allocation, allocation_at, latest_allocation
from randomization.ledger.seats import arm_given, arms_beside
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.participants import ParticipantRecord, check_active, check_randomized, check_trial_open
from trial.conduct.trials import Lever, check_lever_open
from trial.database.columns import instant
from trial.database.records import in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, InvalidInput


class NoKitAtVisit(InvalidInput):
    code = "kit.none_at_visit"


class AlreadyDispensed(Conflict):
    code = "kit.already_dispensed"


class AnotherKit(Conflict):
    code = "kit.another_expected"


class DispenseKit(BaseModel):
    """``visit`` is one at which the protocol gives a kit. ``number``, as read from the label, is checked when given."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    visit: str
    number: str | None = Bounded(default=None, max_length=16)
    idempotency_key: str


class SetAsideKit(BaseModel):
    """A kit that is lost, or that nobody may use until its storage is cleared."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    number: str = Bounded(max_length=16)
    lost: bool = False
    reason: str = Bounded(min_length=3, max_length=500)


class Dispensing(ParticipantRecord, table=True):
    __tablename__ = "dispensing"
    __table_args__ = in_schema("trial", UniqueConstraint("allocation_id", "visit"))

    allocation_id: UUID = Field(foreign_key="trial.allocation.id")
    kit_id: UUID = Field(foreign_key="trial.kit.id", unique=True)
    visit: str = Field(max_length=48)
    dispensed_at: datetime = instant()
    dispensed_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class DispensingReceipt:
    participant: str
    visit: str
    kit_number: str
    dispensed_at: datetime


def dispense_kit(session: TrialSession, actor: Actor, command: DispenseKit) -> DispensingReceipt:
    """Hand out the kit of a visit.

    Raises ``NotRandomized``, ``ParticipantHasLeft``, ``LeverClosed``, ``NoKitsInTrial``, ``NoKitAtVisit``,
    ``AlreadyDispensed``, ``AnotherKit``, ``NoUsableKit``, ``KitStepNotPossible``.
    """
    casebook = open_casebook(session, command.participant_id, to_write=True)
    authorize(session, actor, Action.KIT_DISPENSED, trial_id=casebook.trial.id, site_id=casebook.site.id)
    made = exactly_once(
        session,
        actor,
        Action.KIT_DISPENSED,
        command.idempotency_key,
        command,
        lambda: _dispense(session, actor, casebook, command),
    )
    dispensing, number = session.exec(select(Dispensing, Kit.number).join(Kit).where(Dispensing.id == made)).one()
    return DispensingReceipt(casebook.participant.code, dispensing.visit, number, dispensing.dispensed_at)


def _dispense(session: TrialSession, actor: Actor, casebook: Casebook, command: DispenseKit) -> UUID:
    _check_open(casebook, command.visit)
    allocation = allocation_at(session, casebook, command.visit)
    earlier = dispensings_of(session, allocation.id)
    if command.visit in {one.visit for one in earlier}:
        raise AlreadyDispensed("The kit of this visit was handed out already. Look at the participant's page.")
    kit = _next_kit(session, casebook, allocation) if earlier else _first_kit(session, allocation)
    if command.number is not None and command.number != kit.number:
        raise AnotherKit("The number on this carton is not the one for this participant and visit. Do not give it.")
    move_kit(session, kit, KitStatus.DISPENSED)
    dispensing = Dispensing(
        **casebook.stamp(session),
        allocation_id=allocation.id,
        kit_id=kit.id,
        visit=command.visit,
        dispensed_at=session.now(),
        dispensed_by=actor.account_id,
    )
    session.add(dispensing)
    return dispensing.id


def _check_open(casebook: Casebook, visit: str) -> None:
    check_trial_open(casebook.trial)
    check_lever_open(casebook.trial, Lever.DOSING)
    check_randomized(casebook.participant)
    check_active(casebook.participant)
    check_has_kits(casebook.protocol)
    if visit not in casebook.protocol.supply.dispensed_at:
        named = ", ".join(casebook.protocol.supply.dispensed_at)
        raise NoKitAtVisit(f"The protocol gives no kit at {visit}; it gives one at {named}.")


def dispensings_of(session: TrialSession, allocation_id: UUID) -> list[Dispensing]:
    """What was handed out under an allocation, oldest first."""
    found = select(Dispensing).where(Dispensing.allocation_id == allocation_id)
    return sorted(session.exec(found), key=lambda one: one.dispensed_at)


def _first_kit(session: TrialSession, allocation: Allocation) -> Kit:
    """The kit that randomization assigned, or the one that stands in for it."""
    return _locked_kit(session, current_kit_id(session, kit_of(allocation)))


def _locked_kit(session: TrialSession, kit_id: UUID) -> Kit:
    kit = session.get(Kit, kit_id, with_for_update={"key_share": True}, populate_existing=True)
    assert kit is not None, "kits are never removed"
    return kit


def _next_kit(session: TrialSession, casebook: Casebook, allocation: Allocation) -> Kit:
    with strongroom(session):
        key = kit_key(session, casebook.trial.id)
        shelf = open_shelf(session, key, casebook.site, casebook.protocol, arms_beside(session, allocation))
        taken = take_kit(session, shelf, arm_given(session, allocation))
    alert_when_low(session, casebook.site, casebook.protocol, left=shelf.total - 1)
    return _locked_kit(session, taken.id)


def expected_kit(session: TrialSession, participant_id: UUID) -> str:
    """The number of the kit that was assigned last, a replacement's if there was one.

    Raises ``NoKitsInTrial``, ``NotRandomized``.
    """
    casebook = open_casebook(session, participant_id)
    check_has_kits(casebook.protocol)
    allocation = latest_allocation(session, casebook.participant)
    return session.exec(select(Kit.number).where(Kit.id == current_kit_id(session, kit_of(allocation)))).one()


def set_aside_kit(session: TrialSession, actor: Actor, command: SetAsideKit) -> Kit:
    """Mark a kit as lost or quarantined. Raises ``KitNotFound``, ``NotPermitted``, ``KitStepNotPossible``."""
    kit = find_kit(session, command.trial_id, command.number, to_write=True)
    authorize(session, actor, Action.KIT_SET_ASIDE, trial_id=kit.trial_id, site_id=kit.site_id, reason=command.reason)
    move_kit(session, kit, KitStatus.LOST if command.lost else KitStatus.QUARANTINED)
    session.flush()
    return kit
