"""The seat that is next, and the arm that an allocation was given: the ledger's own view of what is sealed.

Invariants
1. Everything here runs inside ``strongroom``, and what it returns is handled as what it is: an arm.
2. A scheme without a list draws from the stream of (seed, position) and the seats before, with the levels as used. The
   totals of the seats before are kept under seal: a draw costs the same however many came before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlmodel import col, select

from randomization.ledger.allocation_lists import AllocationList, StratumCounter, get_list, protocol_of_list
from randomization.ledger.allocations import Allocation
from randomization.ledger.running_totals import keep_totals, totals_before
from randomization.ledger.sealed_matter import (
    OpenMatter,
    open_draws,
    open_matter,
    open_one_slot,
    open_slots,
    store_draw,
)
from randomization.lists import adaptive_stream, stratum_levels
from randomization.schemes import MarginalCounts
from randomization.sealing import DataKey
from trial.database.session import TrialSession
from trial.protocol.schema import Arm, Protocol
from trial.protocol.versions import get_version, protocol_of


def take_seat(
    session: TrialSession,
    key: DataKey,
    allocation_list: AllocationList,
    counter: StratumCounter,
    position: int,
    levels: Mapping[str, str],
) -> str:
    """The arm at ``position`` of a locked counter: opened from its slot, or drawn and sealed."""
    if allocation_list.has_slots:
        return open_one_slot(session, key, counter, position).arm
    return _draw(session, open_matter(session, allocation_list, key), counter, position, levels)


def _draw(
    session: TrialSession, matter: OpenMatter, counter: StratumCounter, position: int, levels: Mapping[str, str]
) -> str:
    design = matter.adaptive_design
    state = totals_before(
        session,
        matter.key,
        counter,
        position,
        lambda: MarginalCounts.of(design.scheme.seats, _history(session, matter, counter)),
    )
    stream = adaptive_stream(str(matter.allocation_list.id), matter.seed)
    seat = design.scheme.assign(stream, position, state, levels)
    store_draw(session, matter.key, counter, position, seat)
    keep_totals(session, matter.key, counter, position, state.after(levels, seat))
    return design.arms[design.scheme.arm_of(seat)]


def _history(
    session: TrialSession, matter: OpenMatter, counter: StratumCounter
) -> Iterable[tuple[dict[str, str], int]]:
    seats = open_draws(session, matter.key, [counter.id])
    used = session.exec(select(Allocation.position, Allocation.stratum).where(Allocation.counter_id == counter.id))
    for position, stratum in used:
        yield stratum_levels(stratum), seats[counter.id, position]


def arm_given(session: TrialSession, allocation: Allocation) -> str:
    """The arm of one allocation."""
    return arms_given(session, [allocation])[allocation.id]


def arms_beside(session: TrialSession, allocation: Allocation) -> tuple[str, ...]:
    """The arms among which the participant was allocated, in the protocol's order: of the version of their list, at its stage."""
    made = get_list(session, allocation.list_id)
    return protocol_of_list(session, made).at_stage(allocation.stage).arm_codes


def arm_meant(session: TrialSession, in_force: Protocol, allocation: Allocation, arm: str) -> Arm:
    """What an arm's code means: by the version in force, or, where an amendment dropped the arm, by the one that had it last."""
    if arm in in_force.arm_codes:
        return in_force.arm(arm)
    then = protocol_of(get_version(session, allocation.protocol_version_id))
    return (then if arm in then.arm_codes else protocol_of_list(session, get_list(session, allocation.list_id))).arm(
        arm
    )


def arms_given(session: TrialSession, allocations: Iterable[Allocation]) -> dict[UUID, str]:
    """The arm of each allocation, by the allocation's id; each list's key is unwrapped once."""
    by_list: dict[UUID, list[Allocation]] = defaultdict(list)
    for allocation in allocations:
        by_list[allocation.list_id].append(allocation)
    if not by_list:
        return {}
    lists = session.exec(select(AllocationList).where(col(AllocationList.id).in_(by_list)))
    given: dict[UUID, str] = {}
    for allocation_list in lists.all():
        matter = open_matter(session, allocation_list)
        wanted = by_list[allocation_list.id]
        given |= (
            _from_slots(session, matter, wanted) if allocation_list.has_slots else _from_draws(session, matter, wanted)
        )
    return given


def _from_slots(session: TrialSession, matter: OpenMatter, wanted: list[Allocation]) -> dict[UUID, str]:
    places = {(allocation.counter_id, allocation.position): allocation.id for allocation in wanted}
    opened = open_slots(session, matter.key, matter.allocation_list.id, only=places)
    return {places[counter_id, sealed.position]: slot.arm for counter_id, sealed, slot in opened}


def _from_draws(session: TrialSession, matter: OpenMatter, wanted: list[Allocation]) -> dict[UUID, str]:
    design = matter.adaptive_design
    seats = open_draws(session, matter.key, sorted({allocation.counter_id for allocation in wanted}))
    return {
        allocation.id: design.arms[design.scheme.arm_of(seats[allocation.counter_id, allocation.position])]
        for allocation in wanted
    }
