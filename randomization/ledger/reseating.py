"""Receipts given back after a restored backup: each reseats its allocation where it was, with its number and its kit.

A receipt proves the place that it does not name: its code fits one position of one stratum. Receipts of a stratum therefore go
back in their order and without a gap, and a line that was made up fits nowhere.

Invariants
1. All receipts that are given together are taken, or none is.
2. A seat that is taken back holds its slot, its kit and its number for its participant alone, from that moment on.
3. The allocation itself is written and signed when the participant stands in the database again, eligible: whoever randomizes
   them then gets the seat of the receipt and no other.
4. Somebody registered since the restore is not taken for the person on a receipt because a code is the same: a person says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import text
from sqlmodel import col, select

from randomization.holders import data_keys_of
from randomization.kits.contents import contents_of
from randomization.kits.kits import Kit, KitNotFound, KitStatus, find_kit, move_kit
from randomization.ledger.allocation_lists import (
    AllocationList,
    ListStatus,
    StratumCounter,
    protocol_of_list,
    take_position,
)
from randomization.ledger.allocations import Allocation
from randomization.ledger.designs import factors_of
from randomization.ledger.envelopes import Envelope
from randomization.ledger.holds import hold_lists, open_hold
from randomization.ledger.receipts import Receipt, Seat, read_receipt
from randomization.ledger.reseated_seats import ReseatedSeat
from randomization.ledger.seats import take_seat
from randomization.ledger.tallies import caps_for, count_again
from randomization.lists import stratum_levels
from randomization.lists.designs import strata_of
from randomization.sealing import SealBroken
from trial.access.actions import Action
from trial.access.actors import Actor, system_actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.conduct.participants import Participant
from trial.conduct.sites import Site, find_site
from trial.conduct.trials import Trial, find_trial, get_trial
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, InvalidInput
from trial.protocol.versions import newest_active_version, protocol_of

REASON: Final = "taken back from its receipt after a restored backup"
_LOOK_AHEAD: Final = 500
_RESTORER: Final = system_actor("restorer")
_RESERVE_CODES: Final = text(
    "UPDATE trial.participant_counter SET last_number = greatest(last_number, :number) WHERE trial_id = :trial"
)


class ReceiptForged(InvalidInput):
    code = "receipt.not_of_this_installation"


class ReceiptTakenAlready(Conflict):
    code = "receipt.taken_already"


class ReceiptBeforeMissing(Conflict):
    code = "receipt.one_before_is_missing"


class ReceiptSlotTaken(Conflict):
    code = "receipt.slot_given_since"


class ReceiptKitGone(Conflict):
    code = "receipt.kit_not_on_shelf"


class ReceiptOfAnotherTrial(InvalidInput):
    code = "receipt.of_another_trial"


class TakeReceipts(BaseModel):
    """Lines of receipts of one trial. The same request sent again gives the first answer."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    lines: tuple[Annotated[str, Bounded(max_length=500)], ...] = Bounded(min_length=1, max_length=1000)
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A place that a receipt may be of. ``counter`` is locked; an envelope's place is its own."""

    allocation_list: AllocationList
    counter: StratumCounter
    stratum: str
    envelope: Envelope | None = None

    def seat(self, position: int) -> Seat:
        return Seat(self.allocation_list.id, self.counter.id, position, self.stratum)


def hand_in_receipts(session: TrialSession, actor: Actor, command: TakeReceipts) -> list[ReseatedSeat]:
    """``take_receipts`` for a person, who gives those of one trial; their seats, in the order of their numbers.

    Raises what ``take_receipts`` raises, ``NotPermitted``, ``ReceiptOfAnotherTrial``, ``KeyUsedForAnother``.
    """
    authorize(session, actor, Action.RECEIPT_TAKEN, trial_id=command.trial_id, reason=REASON)
    receipts = [read_receipt(line) for line in command.lines]
    code = get_trial(session, command.trial_id).code
    for one in receipts:
        if one.words.trial != code:
            raise ReceiptOfAnotherTrial(f"Receipt {one.words.number} is of trial {one.words.trial}. Give it there.")

    def take() -> UUID:
        return take_receipts(session, actor, command.lines)[0].id

    exactly_once(session, actor, Action.RECEIPT_TAKEN, command.idempotency_key, command, take)
    named = col(ReseatedSeat.number).in_([one.words.number for one in receipts])
    found = session.exec(select(ReseatedSeat).where(ReseatedSeat.trial_id == command.trial_id, named))
    return sorted(found, key=lambda seat: read_receipt(seat.line).words.order)


def take_receipts(session: TrialSession, actor: Actor, lines: Iterable[str]) -> list[ReseatedSeat]:
    """Reseat the allocation of every line, in the order of their numbers; their lists are held, if they are not yet.

    Raises ``ReceiptUnreadable``, ``ReceiptForged``, ``ReceiptTakenAlready``, ``ReceiptBeforeMissing``, ``ReceiptSlotTaken``,
    ``ReceiptKitGone``, ``TrialNotFound``, ``SiteNotFound``, ``SealBroken``; then none of them is taken.
    """
    receipts = sorted((read_receipt(line) for line in lines), key=lambda one: one.words.order)
    for before, after in pairwise(receipts):
        if before.words == after.words:
            raise ReceiptTakenAlready(f"Receipt {after.words.number} was given twice. Give each receipt once.")
    return [_take(session, actor, receipt) for receipt in receipts]


def _take(session: TrialSession, actor: Actor, receipt: Receipt) -> ReseatedSeat:
    trial = find_trial(session, receipt.words.trial)
    authorize(session, actor, Action.RECEIPT_TAKEN, trial_id=trial.id, reason=REASON)
    site = find_site(session, trial.id, receipt.words.site)
    found = _place_of(session, trial, site, receipt)
    _check_not_on_record(session, trial, receipt)
    hold = open_hold(session, found.allocation_list.id)
    if hold is None and found.envelope is None:
        # To hold is the system's act, whoever gave the receipt.
        hold_lists(session, _RESTORER, (), also=[found.allocation_list.id], reason="a receipt of it came back")
        authorize(session, actor, Action.RECEIPT_TAKEN, trial_id=trial.id, reason=REASON)
    seat = _seat(session, trial, site, receipt, found)
    session.add(seat)
    caps = caps_for(protocol_of(newest_active_version(session, trial.id)), stratum_levels(found.stratum))
    count_again(session, trial.id, seat.stage, site.id, receipt.words.count, caps)
    _reserve_code(session, trial, receipt)
    session.flush()
    return seat


def _seat(session: TrialSession, trial: Trial, site: Site, receipt: Receipt, found: _Candidate) -> ReseatedSeat:
    words = receipt.words
    kit = _kit_for(session, trial, site, receipt, found)
    position = found.envelope.position if found.envelope else take_position(session, found.counter)
    _take_treatment(session, trial, found, position, kit)
    return ReseatedSeat(
        **session.stamp(),
        trial_id=trial.id,
        protocol_version_id=found.allocation_list.protocol_version_id,
        site_id=site.id,
        list_id=found.allocation_list.id,
        counter_id=found.counter.id,
        position=position,
        stage=words.stage,
        stratum=found.stratum,
        number=words.number,
        kit_id=kit.id if kit else None,
        participant_code=words.participant,
        participant_id=_known_by_code(session, trial, site, receipt),
        randomized_at=words.at,
        line=f"{words.text} {receipt.code}",
    )


def _place_of(session: TrialSession, trial: Trial, site: Site, receipt: Receipt) -> _Candidate:
    """The place that the receipt's code fits, next in its stratum; otherwise what is wrong with the receipt."""
    candidates = _candidates(session, trial, site, receipt.words.stage)
    for one in candidates:
        if receipt.fits(session.vault, one.seat(_next(one))):
            return one
    for one in candidates:
        if one.envelope is None:
            _explain(session, receipt, one)
    raise ReceiptForged(
        f"Receipt {receipt.words.number} fits no place of this trial's lists: it was made elsewhere, or changed. Copy its line"
        " again from the original; nothing was taken."
    )


def _next(candidate: _Candidate) -> int:
    return candidate.envelope.position if candidate.envelope else candidate.counter.next_position


def _explain(session: TrialSession, receipt: Receipt, one: _Candidate) -> None:
    """Raise what is wrong with a genuine receipt of this stratum; nothing for one that is not of it."""
    number, following = receipt.words.number, one.counter.next_position
    for position in range(1, following):
        if receipt.fits(session.vault, one.seat(position)):
            _check_given_since(session, receipt, one, position)
            raise ReceiptTakenAlready(
                f"The allocation of receipt {number} is on record already. Leave this receipt out."
            )
    for position in range(following + 1, following + 1 + _LOOK_AHEAD):
        if receipt.fits(session.vault, one.seat(position)):
            raise ReceiptBeforeMissing(
                f"{position - following} of the receipts before {number} in its stratum are missing. Give them together with it."
            )


def _check_given_since(session: TrialSession, receipt: Receipt, one: _Candidate, position: int) -> None:
    held = session.exec(
        select(Allocation).where(Allocation.counter_id == one.counter.id, Allocation.position == position)
    ).first()
    if held is not None and held.number != receipt.words.number:
        raise ReceiptSlotTaken(
            f"The slot of receipt {receipt.words.number} was given to {held.number} since the restore. Both keep their kits;"
            " mark the error on both participants' pages and tell the sponsor."
        )


def _candidates(session: TrialSession, trial: Trial, site: Site, stage: str) -> list[_Candidate]:
    rows = session.exec(
        select(AllocationList, StratumCounter)
        .join(StratumCounter, col(StratumCounter.list_id) == col(AllocationList.id))
        .where(AllocationList.trial_id == trial.id, AllocationList.status == ListStatus.SEALED)
        .order_by(col(AllocationList.ordinal), col(StratumCounter.ordinal))
        .with_for_update(of=StratumCounter, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    found: list[_Candidate] = []
    for allocation_list, counter in rows:
        if allocation_list.stage != stage:
            continue
        used = [counter.stratum] if allocation_list.has_slots else _levels_at(session, allocation_list, site)
        found.extend(_Candidate(allocation_list, counter, stratum) for stratum in used)
    by_counter = {counter.id: (allocation_list, counter) for allocation_list, counter in rows}
    envelopes = session.exec(select(Envelope).where(Envelope.site_id == site.id)).all()
    return [*found, *(_Candidate(*by_counter[one.counter_id], one.stratum, one) for one in envelopes)]


def _levels_at(session: TrialSession, allocation_list: AllocationList, site: Site) -> list[str]:
    """Every combination of levels that somebody at the site can have, for a scheme that has no strata of its own."""
    return list(strata_of(factors_of(protocol_of_list(session, allocation_list), (site.code,))))


def _check_not_on_record(session: TrialSession, trial: Trial, receipt: Receipt) -> None:
    number = receipt.words.number
    for table in (Allocation, ReseatedSeat):
        named = select(table.id).where(table.trial_id == trial.id, table.number == number)
        if session.exec(named).first() is not None:
            raise ReceiptTakenAlready(
                f"The number {number} is on record already, for this receipt or for somebody randomized since the restore."
                " Leave this receipt out and look at who holds the number."
            )


def _kit_for(session: TrialSession, trial: Trial, site: Site, receipt: Receipt, found: _Candidate) -> Kit | None:
    number = receipt.words.kit
    if number is None:
        return None
    try:
        kit = find_kit(session, trial.id, number, to_write=True)
    except KitNotFound:
        raise ReceiptKitGone(
            f"Kit {number} of receipt {receipt.words.number} came with a shipment after the backup, so its content is not in this"
            " database. Restore a later backup, if there is one, or pass the receipt over and set the kit aside."
        ) from None
    if found.envelope is not None:
        return kit
    if kit.site_id != site.id or kit.status is not KitStatus.AVAILABLE:
        raise ReceiptKitGone(
            f"Kit {number} of receipt {receipt.words.number} is {kit.status.value.replace('_', ' ')} in this database."
            " Record first that its shipment was received, then take the receipt again."
        )
    move_kit(session, kit, KitStatus.ASSIGNED)
    return kit


def _take_treatment(session: TrialSession, trial: Trial, found: _Candidate, position: int, kit: Kit | None) -> None:
    """Take the seat as it was taken then; slot and kit must hold one treatment. Raises ``SealBroken`` without saying more."""
    holder = str(found.allocation_list.id)
    levels = stratum_levels(found.stratum)
    with strongroom(session):
        key = data_keys_of(session, [holder])[holder]
        arm = take_seat(session, key, found.allocation_list, found.counter, position, levels)
        if kit is not None and contents_of(session, trial.id, [kit.id])[kit.id].arm != arm:
            raise SealBroken(
                "A receipt's kit and its slot do not belong together: a list or a kit was altered. Stop, and keep this database."
            )


def _known_by_code(session: TrialSession, trial: Trial, site: Site, receipt: Receipt) -> UUID | None:
    """Who was registered before they were randomized has the code of the receipt; who came after the restore has not."""
    before = receipt.words.at + timedelta(seconds=1)
    found = select(Participant.id).where(
        Participant.trial_id == trial.id,
        Participant.site_id == site.id,
        Participant.code == receipt.words.participant,
        Participant.recorded_at < before,
    )
    return session.exec(found).first()


def _reserve_code(session: TrialSession, trial: Trial, receipt: Receipt) -> None:
    """Nobody new gets a code that stands on a receipt."""
    digits = receipt.words.participant.removeprefix("P-")
    if digits.isdigit():
        session.execute(_RESERVE_CODES, {"trial": trial.id, "number": int(digits)})
