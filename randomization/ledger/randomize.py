"""Randomizing: one participant, one slot, one kit, one answer.

The order is fixed and the same for everybody: the participant's row; every precondition; the tallies that hold the
caps; the counter of the stratum; the shelf. Only then is a slot looked at, and a kit taken.

Invariants
1. A slot is taken in its order: who comes second waits for the first, and nobody skips a locked slot.
2. A usable kit of every arm is on the shelf before the slot is opened; the refusal says nothing of the slot. Where the
   protocol numbers no kits, the slot is opened only to see that its seal holds, and the pharmacist of the site is told.
3. The kit is drawn uniformly among those that match. The receipt holds two numbers and no arm.
4. Everything happens in one transaction; a repeated key gives the first receipt.
5. Whose receipt came back after a restore gets the seat of that receipt, and takes no other.
"""

from uuid import UUID

from psycopg.errors import UniqueViolation
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy.exc import IntegrityError

from randomization.holders import data_key_of, find_data_keys
from randomization.kits.contents import kit_holder
from randomization.kits.shelves import ShelvedKit, no_usable_kit, open_shelf, take_kit
from randomization.kits.stock import alert_when_low
from randomization.ledger.allocation_lists import (
    AllocationList,
    StopsList,
    StratumCounter,
    get_list,
    lock_next_counter,
    protocol_of_list,
    take_position,
)
from randomization.ledger.allocations import Allocation, RandomizationReceipt, allocation_in, receipt_from, receipt_of
from randomization.ledger.designs import SITE
from randomization.ledger.low_strata import alert_when_stratum_low
from randomization.ledger.pharmacy_notices import tell_pharmacist
from randomization.ledger.receipts import ReceiptWords
from randomization.ledger.reseated_seats import MEANING as MEANING_AGAIN
from randomization.ledger.reseated_seats import ReseatedSeat, seat_waiting_for
from randomization.ledger.seats import take_seat
from randomization.ledger.tallies import take_number
from randomization.lists import UNSTRATIFIED, stratum_key, stratum_levels
from randomization.sealing import DataKey, SealBroken
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.eligibility import RandomizationCandidate, check_eligible
from trial.conduct.factors import stratum_label
from trial.conduct.further_stages import check_due
from trial.conduct.participants import AlreadyRandomized, Participant, mark_randomized
from trial.database.session import TrialSession, strongroom
from trial.protocol.schema.allocation import MAIN_STAGE

MEANING = "I randomize this participant."
_ONE_A_POSITION = "uq_allocation_counter_id_position"


class ListRolledBack(StopsList):
    code = "list.rolled_back"


class ListAltered(StopsList, SealBroken):
    code = "list.altered"


class RandomizeParticipant(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    stage: str = Bounded(default=MAIN_STAGE, min_length=1, max_length=32, pattern=r"^[a-z0-9_]+$")
    idempotency_key: str


def randomize_participant(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: RandomizeParticipant
) -> RandomizationReceipt:
    """Allocate the next slot of the participant's stratum, and a kit for it.

    Raises ``ParticipantNotFound``, ``NoVersionAdopted``, ``NotPermitted``, what ``check_eligible`` raises, ``SiteNotActive``,
    ``SiteCapReached``, ``TrialFull``, ``ListNotSealed``, ``NoListOfVersion``, ``StratumExhausted``, ``ListHeld``,
    ``ReceiptWaits``, ``NoUsableKit``, ``ListAltered``, ``ListRolledBack``, ``ReauthenticationNeeded``.
    """
    casebook = open_casebook(session, command.participant_id, to_write=True)
    act = Action.PARTICIPANT_RANDOMIZED
    authorize(session, actor, act, trial_id=casebook.trial.id, site_id=casebook.site.id)
    fresh: list[RandomizationReceipt] = []
    allocation_id = session.new_id()

    def do() -> UUID:
        fresh.append(_allocate(session, actor, proof, casebook, command.stage, allocation_id))
        return fresh[0].allocation_id

    made = exactly_once(session, actor, act, command.idempotency_key, command, do, makes=allocation_id)
    return fresh[0] if fresh else receipt_of(session, made)


def _allocate(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    casebook: Casebook,
    stage: str,
    allocation_id: UUID,
) -> RandomizationReceipt:
    waiting = seat_waiting_for(session, casebook.participant, stage)
    candidate = _candidate(session, casebook, stage, recruiting=waiting is None)
    if waiting is not None:
        return receipt_of(session, _sit_again(session, actor, proof, candidate, waiting, allocation_id))
    levels = _levels(candidate)
    number = take_number(session, candidate, stage)
    stratum = _counter_key(candidate, levels)
    allocation_list, counter = lock_next_counter(session, candidate.trial.id, stage, stratum, candidate.protocol)
    position = take_position(session, counter)
    kit = _take_kit(session, candidate, allocation_list, counter, position, levels)
    alert_when_stratum_low(session, candidate.protocol, allocation_list, counter)
    if kit is None:
        tell_pharmacist(session, candidate.participant, number)
    allocation = Allocation(
        id=allocation_id,
        recorded_at=session.now(),
        trial_id=candidate.trial.id,
        protocol_version_id=candidate.protocol_version_id,
        participant_id=candidate.participant.id,
        site_id=candidate.site.id,
        stage=stage,
        number=number,
        list_id=allocation_list.id,
        counter_id=counter.id,
        position=position,
        stratum=stratum_key(levels),
        kit_id=kit.id if kit else None,
        randomized_at=session.now(),
        randomized_by=actor.account_id,
    )
    if stage == MAIN_STAGE:
        mark_randomized(session, candidate.participant, number, allocation.randomized_at, stratum=candidate.stratum)
    _store(session, actor, proof, allocation)
    return receipt_from(session, allocation, _words(candidate, allocation, kit))


def _candidate(session: TrialSession, casebook: Casebook, stage: str, *, recruiting: bool) -> RandomizationCandidate:
    if stage == MAIN_STAGE:
        return check_eligible(session, casebook, recruiting=recruiting)
    candidate = check_due(session, casebook, stage, recruiting=recruiting)
    check_not_in_stage(session, candidate.participant, stage)
    return candidate


def check_not_in_stage(session: TrialSession, participant: Participant, stage: str) -> None:
    """Raise ``AlreadyRandomized`` where the participant has an allocation in the stage."""
    if allocation_in(session, participant, stage) is not None:
        raise AlreadyRandomized(
            f"{participant.code} is already randomized in “{stage}”. Open the participant's page for the number that was"
            " given."
        )


def _words(candidate: RandomizationCandidate, made: Allocation, kit: ShelvedKit | None) -> ReceiptWords:
    return ReceiptWords(
        candidate.trial.code,
        made.stage,
        candidate.site.code,
        candidate.participant.code,
        made.number,
        kit.number if kit else None,
        made.randomized_at,
    )


def _store(session: TrialSession, actor: Actor, proof: Reauthenticated, allocation: Allocation) -> None:
    """The allocation with its signature. Raises ``ListRolledBack`` where the position holds somebody already."""
    try:
        sign(session, actor, proof, allocation, MEANING, allocation.trial_id, as_made=True)
    except IntegrityError as refused:
        if isinstance(refused.orig, UniqueViolation) and refused.orig.diag.constraint_name == _ONE_A_POSITION:
            raise ListRolledBack.of(
                allocation.list_id,
                "This list stands behind the allocations that were made from it, so it was put back to an older state and"
                " nobody was randomized. Call the administrator: “equipoise verify” says what is missing.",
            ) from refused
        raise


def _sit_again(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    candidate: RandomizationCandidate,
    seat: ReseatedSeat,
    allocation_id: UUID,
) -> UUID:
    """The allocation that the receipt proves, on record again and signed again, dated when it was made."""
    allocation = Allocation(
        id=allocation_id,
        recorded_at=session.now(),
        trial_id=candidate.trial.id,
        protocol_version_id=candidate.protocol_version_id,
        participant_id=candidate.participant.id,
        site_id=candidate.site.id,
        randomized_by=actor.account_id,
        **seat.model_dump(
            include={"stage", "number", "list_id", "counter_id", "position", "stratum", "kit_id", "randomized_at"}
        ),
    )
    session.add(allocation)
    if allocation.kit_id is None:
        tell_pharmacist(session, candidate.participant, seat.number)
    seat.allocation_id = allocation.id
    session.add(seat)
    if seat.stage == MAIN_STAGE:
        # The list's own version names the factors of its strata: an amendment may have changed them since.
        then = protocol_of_list(session, get_list(session, seat.list_id))
        used = stratum_label(then, candidate.site.code, stratum_levels(seat.stratum))
        mark_randomized(session, candidate.participant, seat.number, seat.randomized_at, stratum=used)
    sign(session, actor, proof, allocation, MEANING_AGAIN, candidate.trial.id)
    return allocation.id


def _levels(candidate: RandomizationCandidate) -> dict[str, str]:
    """The levels that the stratum is made of, from what is recorded."""
    own = {factor.name: candidate.factors[factor.name] for factor in candidate.protocol.factors}
    return {SITE: candidate.site.code, **own} if candidate.protocol.randomization.site_is_factor else own


def _counter_key(candidate: RandomizationCandidate, levels: dict[str, str]) -> str:
    return stratum_key(levels) if candidate.protocol.randomization.has_list else UNSTRATIFIED


def _take_kit(
    session: TrialSession,
    candidate: RandomizationCandidate,
    allocation_list: AllocationList,
    counter: StratumCounter,
    position: int,
    levels: dict[str, str],
) -> ShelvedKit | None:
    """A kit that matches the slot at ``position``, or none where the protocol numbers none; the seat is taken either way.

    Raises ``NoUsableKit`` before the slot is looked at.
    """
    if not candidate.protocol.supply.numbered_kits:
        with strongroom(session):
            key = data_key_of(session, str(allocation_list.id))
            _take_seat(session, key, allocation_list, counter, position, levels)
        return None
    list_holder, kits = str(allocation_list.id), kit_holder(candidate.trial.id)
    with strongroom(session):
        keys = find_data_keys(session, [list_holder, kits])
        if kits not in keys:
            raise no_usable_kit()
        shelf = open_shelf(session, keys[kits], candidate.site, candidate.protocol)
        arm = _take_seat(session, keys[list_holder], allocation_list, counter, position, levels)
        kit = take_kit(session, shelf, arm)
    alert_when_low(session, candidate.site, candidate.protocol, left=shelf.total - 1)
    return kit


def _take_seat(
    session: TrialSession,
    key: DataKey,
    allocation_list: AllocationList,
    counter: StratumCounter,
    position: int,
    levels: dict[str, str],
) -> str:
    """Raise ``ListAltered`` where the seal of the seat does not hold."""
    try:
        return take_seat(session, key, allocation_list, counter, position, levels)
    except SealBroken:
        raise ListAltered.of(
            allocation_list.id,
            "What is stored of this allocation list was altered, moved or removed in the database, so nobody was randomized and"
            " the list is held. The statisticians are told; call the administrator.",
        ) from None
