"""Preparations: what an order asks for, made by the unblinded pharmacist, checked by a second person.

Invariants
1. The order and the day's weight come first; the worksheet follows from them, from the arm and from the protocol. An arm that
   an amendment dropped is prepared as the version says that had it last.
2. The arm on the slot and the arm in the kit must agree, or nothing is prepared. Where an allocation names no kit, the
   slot alone tells the arm, and the pharmacist records lot and expiry of what was drawn, under seal, before the check.
3. Who prepared does not check. What was drawn is sealed; that it was prepared and checked everybody may see.
4. An order that changed is prepared anew; the last preparation counts. What counts is the computed dose, after rounding and cap:
   another weight that leaves it as it was leaves the bag valid. It must be so in every arm, whatever the participant's own:
   that a bag is outdated tells no arm.
5. Whoever sees a worksheet leaves a record of it.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlmodel import Field, col, select

from randomization.kits.contents import contents_of
from randomization.kits.kits import Kit, KitStatus
from randomization.kits.promises import current_kit_id
from randomization.ledger.allocations import Allocation, allocation_of_dose
from randomization.ledger.seats import arm_given, arm_meant, arms_beside
from randomization.pharmacy.prepared_contents import open_prepared, seal_prepared
from randomization.pharmacy.worksheets import (
    Source,
    Worksheet,
    arm_dose,
    drawing_for,
    plan_and_preparation,
    worksheet_of,
)
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, may
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.infusion_courses import InfusionOrder
from trial.conduct.participants import ParticipantRecord, check_trial_open
from trial.conduct.trials import Lever, Trial, check_lever_open
from trial.database.columns import choice, instant
from trial.database.records import in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, NotFound, NotPermitted


class PreparationStatus(StrEnum):
    PREPARED = "prepared"
    VERIFIED = "verified"


class OrderNotFound(NotFound):
    code = "preparation.order_not_found"


class PreparationNotFound(NotFound):
    code = "preparation.not_found"


class OrderNotOfToday(Conflict):
    code = "preparation.order_not_of_today"


class AlreadyPrepared(Conflict):
    code = "preparation.already_made"


class AlreadyVerified(Conflict):
    code = "preparation.already_verified"


class OrderChanged(Conflict):
    code = "preparation.order_changed"


class KitDiffers(Conflict):
    code = "preparation.kit_differs"


class LotNotRecorded(Conflict):
    code = "preparation.lot_not_recorded"


class SecondPersonNeeded(NotPermitted):
    code = "preparation.second_person_needed"


class PrepareDose(BaseModel):
    model_config = ConfigDict(frozen=True)

    order_id: UUID
    idempotency_key: str


class VerifyPreparation(BaseModel):
    model_config = ConfigDict(frozen=True)

    preparation_id: UUID
    idempotency_key: str


class Preparation(ParticipantRecord, table=True):
    """``ordered_mg`` is the nominal dose of the order as it was then, ``dose_weight_kg`` the weight that it rested on (``None``:
    made before that was kept).

    Without a kit, ``lot_recorded`` says that the pharmacist wrote down what was drawn from; never what.
    """

    __tablename__ = "preparation"
    __table_args__ = in_schema("trial")

    order_id: UUID = Field(foreign_key="trial.infusion_order.id", index=True)
    infusion: int
    kit_id: UUID | None = Field(default=None, foreign_key="trial.kit.id")
    ordered_mg: float
    dose_weight_kg: float | None = None
    status: PreparationStatus = choice(PreparationStatus)
    lot_recorded: bool = False
    prepared_at: datetime = instant()
    prepared_by: UUID = Field(foreign_key="access.account.id")
    verified_at: datetime | None = instant(default=None)
    verified_by: UUID | None = Field(default=None, foreign_key="access.account.id")


class WorksheetReading(ParticipantRecord, table=True):
    """That somebody saw a worksheet."""

    __tablename__ = "worksheet_reading"
    __table_args__ = in_schema("trial")

    preparation_id: UUID = Field(foreign_key="trial.preparation.id", index=True)
    read_by: UUID = Field(foreign_key="access.account.id")


def prepare_dose(session: TrialSession, actor: Actor, command: PrepareDose) -> Worksheet:
    """The pharmacist prepares today's dose and gets its worksheet.

    Raises ``OrderNotFound``, ``OrderNotOfToday``, ``AlreadyPrepared``, ``LeverClosed``, ``NotRandomized``,
    ``KitDiffers``, ``NothingToPrepare``, ``NotPermitted``.
    """
    order = session.get(InfusionOrder, command.order_id)
    if order is None:
        raise OrderNotFound("There is no such order. Choose one from today's list.")
    casebook = open_casebook(session, order.participant_id, to_write=True)
    authorize(session, actor, Action.PREPARATION_RECORDED, trial_id=casebook.trial.id, site_id=casebook.site.id)
    made = exactly_once(
        session,
        actor,
        Action.PREPARATION_RECORDED,
        command.idempotency_key,
        command,
        lambda: _prepare(session, actor, casebook, order),
    )
    return _worksheet(session, casebook, get_preparation(session, made))


def _prepare(session: TrialSession, actor: Actor, casebook: Casebook, order: InfusionOrder) -> UUID:
    session.refresh(order)
    check_trial_open(casebook.trial)
    check_lever_open(casebook.trial, Lever.DOSING)
    if order.for_day != casebook.today:
        raise OrderNotOfToday("This order is of another day. Ask the investigator for today's, with today's weight.")
    made = preparation_for(session, order.id)
    if made is not None and still_fits(session, casebook, made, order):
        raise AlreadyPrepared("This order is prepared already. Open its worksheet instead.")
    allocation = allocation_of_dose(session, casebook, order.infusion)
    kit_id = None if allocation.kit_id is None else _usable_kit(session, allocation.kit_id)
    preparation = Preparation(
        **casebook.stamp(session),
        order_id=order.id,
        infusion=order.infusion,
        kit_id=kit_id,
        ordered_mg=order.dose_mg,
        dose_weight_kg=order.dose_weight_kg,
        status=PreparationStatus.PREPARED,
        prepared_at=session.now(),
        prepared_by=actor.account_id,
    )
    session.add(preparation)
    with strongroom(session):
        _seal_drawing(session, casebook, preparation, order, allocation)
    return preparation.id


def still_fits(session: TrialSession, casebook: Casebook, made: Preparation, order: InfusionOrder) -> bool:
    """Whether what was prepared is what the order asks for now, in each arm among which the participant was allocated."""
    then, now = made.dose_weight_kg, order.dose_weight_kg
    if made.ordered_mg != order.dose_mg or then is None or then == now:
        return made.ordered_mg == order.dose_mg
    allocation = allocation_of_dose(session, casebook, order.infusion)
    arms = (arm_meant(session, casebook.protocol, allocation, code) for code in arms_beside(session, allocation))
    meant = [arm.preparation for arm in arms if arm.preparation is not None]
    return all(arm_dose(one, then) == arm_dose(one, now) for one in meant)


def _usable_kit(session: TrialSession, assigned: UUID) -> UUID:
    kit = session.get(Kit, current_kit_id(session, assigned))
    if kit is None or kit.status not in {KitStatus.ASSIGNED, KitStatus.DISPENSED}:
        raise KitDiffers(
            "The kit of this participant may not be used now. Look at its status in the accountability log."
        )
    return kit.id


def _seal_drawing(
    session: TrialSession, casebook: Casebook, preparation: Preparation, order: InfusionOrder, allocation: Allocation
) -> None:
    source = _source(session, preparation, arm_given(session, allocation))
    meant = arm_meant(session, casebook.protocol, allocation, source.arm)
    drawing = drawing_for(*plan_and_preparation(casebook, meant), order)
    session.exec(select(Trial.id).where(Trial.id == casebook.trial.id).with_for_update(key_share=True)).one()
    seal_prepared(session, casebook.trial.id, preparation.id, source, drawing)


def _source(session: TrialSession, preparation: Preparation, arm: str) -> Source:
    """What the dose is drawn from: the kit, which must hold the slot's arm, or stock of the pharmacy."""
    if preparation.kit_id is None:
        return Source(arm, None, None)
    content = contents_of(session, preparation.trial_id, [preparation.kit_id])[preparation.kit_id]
    if content.arm != arm:
        raise KitDiffers("Slot and kit do not agree, so nothing is prepared. Quarantine the kit and call the sponsor.")
    return Source(arm, content.lot, content.expires_on)


def read_worksheet(session: TrialSession, actor: Actor, preparation_id: UUID) -> Worksheet:
    """The worksheet for who prepares or checks, at that site; the reading is recorded. Raises ``NotPermitted``."""
    preparation = get_preparation(session, preparation_id)
    prepares = may(actor, Permission.PHARMACY_PREPARE, preparation.trial_id, preparation.site_id)
    action = Action.PREPARATION_RECORDED if prepares else Action.PREPARATION_VERIFIED
    authorize(session, actor, action, trial_id=preparation.trial_id, site_id=preparation.site_id)
    casebook = open_casebook(session, preparation.participant_id)
    session.add(WorksheetReading(**casebook.stamp(session), preparation_id=preparation.id, read_by=actor.account_id))
    return _worksheet(session, casebook, preparation)


def _worksheet(session: TrialSession, casebook: Casebook, preparation: Preparation) -> Worksheet:
    order = session.get_one(InfusionOrder, preparation.order_id)
    kit = session.get_one(Kit, preparation.kit_id) if preparation.kit_id else None
    allocation = allocation_of_dose(session, casebook, order.infusion)
    with strongroom(session):
        source, drawing = open_prepared(session, preparation.trial_id, preparation.id)
    return worksheet_of(
        casebook,
        order,
        source,
        arm_meant(session, casebook.protocol, allocation, source.arm),
        drawing,
        preparation_id=preparation.id,
        number=allocation.number,
        kit_number=kit.number if kit else None,
        prepared_at=preparation.prepared_at,
    )


def verify_preparation(session: TrialSession, actor: Actor, command: VerifyPreparation) -> Preparation:
    """The second person's check.

    Raises ``SecondPersonNeeded``, ``AlreadyVerified``, ``LotNotRecorded``, ``OrderChanged``, ``NotPermitted``.
    """
    preparation = get_preparation(session, command.preparation_id)
    authorize(
        session,
        actor,
        Action.PREPARATION_VERIFIED,
        trial_id=preparation.trial_id,
        site_id=preparation.site_id,
    )
    exactly_once(
        session,
        actor,
        Action.PREPARATION_VERIFIED,
        command.idempotency_key,
        command,
        lambda: _verify(session, actor, preparation),
    )
    return preparation


def _verify(session: TrialSession, actor: Actor, preparation: Preparation) -> UUID:
    session.refresh(preparation, with_for_update={"key_share": True})
    if preparation.prepared_by == actor.account_id:
        raise SecondPersonNeeded("Who prepared does not check. Ask the second pharmacist or the unblinded monitor.")
    if preparation.status is not PreparationStatus.PREPARED:
        raise AlreadyVerified("This preparation is checked already.")
    if preparation.kit_id is None and not preparation.lot_recorded:
        raise LotNotRecorded("Lot and expiry of what was drawn are not recorded yet. Ask who prepared it.")
    order = session.get_one(InfusionOrder, preparation.order_id, populate_existing=True)
    if not still_fits(session, open_casebook(session, preparation.participant_id), preparation, order):
        raise OrderChanged("The order was changed after this was prepared. Discard it and prepare again.")
    preparation.status = PreparationStatus.VERIFIED
    preparation.verified_at, preparation.verified_by = session.now(), actor.account_id
    session.add(preparation)
    return preparation.id


def get_preparation(session: TrialSession, preparation_id: UUID) -> Preparation:
    """Raises ``PreparationNotFound``."""
    found = session.get(Preparation, preparation_id)
    if found is None:
        raise PreparationNotFound("There is no such preparation. Choose one from today's list.")
    return found


def preparation_for(session: TrialSession, order_id: UUID) -> Preparation | None:
    """The last preparation of an order, if there is one: that it is made and checked, everybody at the site may see."""
    return session.exec(
        select(Preparation)
        .where(Preparation.order_id == order_id)
        .order_by(col(Preparation.prepared_at).desc(), col(Preparation.recorded_at).desc())
    ).first()
