"""Whose a receipt is that was taken back: known by its code, or said by the site for somebody who had to be registered again.

Invariants
1. A receipt is linked to somebody of its own site who was registered since and is not randomized: nobody else can be the
   person whom it was given to.
2. A link by mistake can be put right until the allocation is on record again; what was said first stays in the audit.
3. Nothing here tells a place in a list, a kit or an arm.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import col, select

from randomization.ledger.allocations import allocation_in
from randomization.ledger.reseated_seats import ReseatedSeat, seats_waiting
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may_somewhere, may
from trial.conduct.participants import ACTIVE, BEFORE_RANDOMIZATION, Participant, get_participant
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.protocol.schema.allocation import MAIN_STAGE


class ReceiptNotFound(NotFound):
    code = "receipt.not_found"


class ReceiptNotTheirs(Conflict):
    code = "receipt.not_of_this_participant"


class LinkReceipt(BaseModel):
    """``number`` is the randomization number on the receipt; the participant is the person whom it was given to.

    With an ``idempotency_key`` the same request sent again gives the first answer.
    """

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    number: str = Bounded(max_length=48)
    participant_id: UUID
    reason: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str | None = None


def link_receipt(session: TrialSession, actor: Actor, command: LinkReceipt) -> ReseatedSeat:
    """Say whose a waiting receipt is: somebody who had to be registered again.

    Raises ``ReceiptNotFound``, ``ParticipantNotFound``, ``ReceiptNotTheirs``, ``NotPermitted``.
    """
    seat = _locked(session, command)
    act, key = Action.RECEIPT_LINKED, command.idempotency_key
    authorize(session, actor, act, trial_id=seat.trial_id, site_id=seat.site_id, reason=command.reason)
    if key is None:
        return _link(session, seat, command)
    exactly_once(session, actor, act, key, command, lambda: _link(session, seat, command).id)
    return seat


def _locked(session: TrialSession, command: LinkReceipt) -> ReseatedSeat:
    wanted = select(ReseatedSeat).where(
        ReseatedSeat.trial_id == command.trial_id, ReseatedSeat.number == command.number
    )
    seat = session.exec(wanted.with_for_update(key_share=True).execution_options(populate_existing=True)).first()
    if seat is None:
        raise ReceiptNotFound("No receipt of this number was taken back. Give the randomization number that it prints.")
    return seat


def _link(session: TrialSession, seat: ReseatedSeat, command: LinkReceipt) -> ReseatedSeat:
    participant = get_participant(session, command.participant_id)
    if not can_link(session, seat) or seat.participant_id == participant.id:
        raise ReceiptNotTheirs(f"It is known already whose receipt {seat.number} is. Nothing was changed.")
    if participant.id not in {one.id for one in could_be(session, seat)}:
        raise ReceiptNotTheirs(
            f"{participant.code} is of another site, was registered before, or is randomized or no longer screened, so receipt"
            f" {seat.number} is not theirs. Check both."
        )
    seat.participant_id = participant.id
    session.add(seat)
    session.flush()
    return seat


def can_link(session: TrialSession, seat: ReseatedSeat) -> bool:
    """Whether the site says whose the receipt is: not where its code tells it, nor once the person is randomized again."""
    if seat.allocation_id is not None:
        return False
    return seat.participant_id is None or get_participant(session, seat.participant_id).code != seat.participant_code


def could_be(session: TrialSession, seat: ReseatedSeat) -> list[Participant]:
    """Everybody of the receipt's site who was registered since it was given, and has neither another receipt of its stage nor
    an allocation in it; by code. For the first randomization they are being screened."""
    standing = BEFORE_RANDOMIZATION if seat.stage == MAIN_STAGE else ACTIVE
    taken = {one.participant_id for one in seats_waiting(session, seat.trial_id, seat.stage) if one.id != seat.id}
    since = select(Participant).where(
        Participant.site_id == seat.site_id,
        Participant.recorded_at > seat.randomized_at,
        col(Participant.status).in_(standing),
    )
    return [
        one
        for one in session.exec(since.order_by(Participant.code))
        if one.id not in taken and allocation_in(session, one, seat.stage) is None
    ]


def receipts_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[ReseatedSeat]:
    """The receipts that wait, by number: all of them for who makes lists, those of their site for who randomizes.

    Raises ``NotPermitted``.
    """
    makers = (Permission.LIST_DESIGN, Permission.LIST_CONFIRM)
    if any(may(actor, permission, trial_id) for permission in makers):
        return seats_waiting(session, trial_id)
    check_may_somewhere(actor, Permission.PARTICIPANT_RANDOMIZE, trial_id)
    return [
        seat
        for seat in seats_waiting(session, trial_id)
        if may(actor, Permission.PARTICIPANT_RANDOMIZE, trial_id, seat.site_id)
    ]


def receipt_for_linking(session: TrialSession, actor: Actor, trial_id: UUID, number: str) -> ReseatedSeat:
    """One that waits, for its own site. Raises ``ReceiptNotFound`` for any other too, ``NotPermitted``."""
    for seat in receipts_for(session, actor, trial_id):
        if seat.number == number and may(actor, Permission.PARTICIPANT_RANDOMIZE, trial_id, seat.site_id):
            return seat
    raise ReceiptNotFound("No receipt of this number waits at your site. Choose one from the list.")
