"""Retiring a list that was found wrong in what is sealed alone: a new list takes its place, and its past is kept.

No amendment of the protocol can do that, because the protocol is right: block sizes were chosen wrongly, an uploaded list holds a
mistake, somebody saw the seed.

Invariants
1. Who designs the new list names what it retires, and why; who confirms it seals and retires in one transaction.
2. From that instant nobody is taken from a retired list. Its counters are locked and marked: whoever holds one has taken the old
   slot before, whoever waits for one looks again and finds the new list.
3. Nothing of the past changes: not a slot, a commitment, an allocation or a receipt.
4. A retirement leaves no stratum without a list: the new list holds each from which somebody may still be taken.
5. That a list is retired, by which one and when, everybody may know who sees lists. The reason may tell of block sizes: it is for
   the two makers.

What it does not do: stop a list before another one is ready. To see that nobody is randomized meanwhile, hold it
(``equipoise recover hold --list``) or close recruitment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from randomization.ledger.allocation_lists import (
    AllocationList,
    ListNotFound,
    ListRetirement,
    ListStatus,
    StratumCounter,
)
from randomization.ledger.lists_in_use import sealed_counters, versions_in_use
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.versions import ProtocolVersion


class ListRetired(Conflict):
    code = "list.retired"


class RetiresAnotherRule(InvalidInput):
    code = "list.retires_another_rule"


class RetirementReasonNeeded(InvalidInput):
    code = "list.retirement_reason_needed"


class StrataLeftWithout(InvalidInput):
    code = "list.leaves_strata_without"


@dataclass(frozen=True, slots=True)
class Retirement:
    """``retired`` is what ``by`` retires, or will once it is sealed."""

    retired: AllocationList
    by: AllocationList
    reason: str

    @property
    def at(self) -> datetime | None:
        """From when on; ``None`` while the new list waits for its second person."""
        return self.by.sealed_at


def retirements_of(session: TrialSession, trial_id: UUID) -> list[Retirement]:
    """Every retirement of the trial's lists, those that wait for their second person among them, in the order of the lists."""
    # What this session has loaded before may have been sealed by somebody else since.
    wanted = select(AllocationList).where(AllocationList.trial_id == trial_id)
    lists = {one.id: one for one in session.exec(wanted.execution_options(populate_existing=True))}
    found = session.exec(select(ListRetirement).where(ListRetirement.trial_id == trial_id)).all()
    made = [Retirement(lists[one.retired_id], lists[one.list_id], one.reason) for one in found]
    return sorted(made, key=lambda one: (one.by.stage, one.by.ordinal, one.retired.ordinal))


def retired_by(session: TrialSession, trial_id: UUID) -> dict[UUID, AllocationList]:
    """The lists that are retired, by their ids, with the sealed list in the place of each."""
    return in_place_of(retirements_of(session, trial_id))


def in_place_of(retirements: Iterable[Retirement]) -> dict[UUID, AllocationList]:
    """``retired_by``, for who has read the retirements."""
    return {one.retired.id: one.by for one in retirements if one.at is not None}


def retired_ids(session: TrialSession, list_id: UUID) -> tuple[str, ...]:
    """What the list names, as its commitment does."""
    named = select(ListRetirement.retired_id).where(ListRetirement.list_id == list_id)
    return tuple(str(one) for one in session.exec(named.order_by(col(ListRetirement.retired_id))))


def cannot_be_confirmed(made: AllocationList, retirements: Collection[Retirement]) -> bool:
    """Whether a list waits for its second person in vain: it was retired, or what it would retire is retired already."""
    named = {one.retired.id for one in retirements if one.by.id == made.id}
    return made.status is ListStatus.DESIGNED and not in_place_of(retirements).keys().isdisjoint({made.id, *named})


def lists_to_retire(
    session: TrialSession, version: ProtocolVersion, stage: str, named: Iterable[UUID], reason: str | None
) -> list[AllocationList]:
    """What a new list of ``version`` is to retire, looked at before it is designed.

    Raises ``RetirementReasonNeeded``, ``ListNotFound``, ``RetiresAnotherRule``, ``ListRetired``.
    """
    wanted = list(dict.fromkeys(named))
    if bool(wanted) != bool(reason):
        sentence = "Say why the list is retired." if wanted else "Name the lists that are retired for this reason."
        field = "retirement_reason" if wanted else "retires"
        raise RetirementReasonNeeded(f"{sentence} Lists and reason go together.", fields={field: sentence})
    if not wanted:
        return []
    found = [_named(session, version.trial_id, one) for one in wanted]
    known = versions_in_use(session, version.trial_id)
    for one in found:
        ruled = known.designed[version.id].allocates_like(known.designed[one.protocol_version_id], one.stage)
        if one.stage != stage or not ruled:
            raise RetiresAnotherRule(
                f"List {one.ordinal} of stage {one.stage} was made for another stage, or for a version of the protocol that"
                " allocates otherwise, so this list cannot take its place. Choose its stage and its version.",
                fields={"retires": "Of another stage or allocation."},
            )
    _check_not_retired(session, version.trial_id, found)
    return found


def _named(session: TrialSession, trial_id: UUID, list_id: UUID) -> AllocationList:
    found = session.get(AllocationList, list_id)
    if found is None or found.trial_id != trial_id:
        raise ListNotFound("There is no such allocation list. Choose one from the trial's lists.")
    return found


def _check_not_retired(session: TrialSession, trial_id: UUID, lists: Iterable[AllocationList]) -> None:
    gone = retired_by(session, trial_id)
    for one in lists:
        if one.id in gone:
            raise ListRetired(
                f"List {one.ordinal} of stage {one.stage} is retired already: list {gone[one.id].ordinal} took its place. Go on"
                " with that one, or design another."
            )


def note_retirements(session: TrialSession, made: AllocationList, named: Iterable[AllocationList], reason: str) -> None:
    """Keep with a list that waits for its second person what it is to retire."""
    session.add_all(
        ListRetirement(
            **session.stamp(),
            trial_id=made.trial_id,
            protocol_version_id=made.protocol_version_id,
            list_id=made.id,
            retired_id=one.id,
            reason=reason,
        )
        for one in named
    )
    session.flush()


def lock_to_retire(session: TrialSession, made: AllocationList) -> list[AllocationList]:
    """The lists that the locked list ``made`` retires, locked as well. Raises ``ListRetired`` for one, or for ``made`` itself."""
    # The later list first, as its own row was: whoever seals two lists that name each other's never waits in a circle.
    locked = session.exec(
        select(AllocationList)
        .join(ListRetirement, col(ListRetirement.retired_id) == col(AllocationList.id))
        .where(ListRetirement.list_id == made.id)
        .order_by(col(AllocationList.ordinal).desc())
        .with_for_update(of=AllocationList, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    _check_not_retired(session, made.trial_id, [made, *locked])
    return list(locked)


def retire(session: TrialSession, made: AllocationList, lists: Iterable[AllocationList], at: datetime) -> None:
    """From ``at`` on nobody is taken from these lists. Raises ``StrataLeftWithout``."""
    named = [one.id for one in lists]
    if not named:
        return
    # In the order in which a randomization locks the counters of its stratum.
    counters = session.exec(
        select(StratumCounter)
        .join(AllocationList, col(AllocationList.id) == col(StratumCounter.list_id))
        .where(col(StratumCounter.list_id).in_(named))
        .order_by(col(AllocationList.ordinal), col(StratumCounter.ordinal))
        .with_for_update(of=StratumCounter, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for counter in counters:
        counter.retired_at = at
    session.add_all(counters)
    session.flush()
    _check_nobody_left_without(session, made, set(named))


def _check_nobody_left_without(session: TrialSession, made: AllocationList, retired: set[UUID]) -> None:
    known = versions_in_use(session, made.trial_id)
    counters = sealed_counters(session, made.trial_id, made.stage)
    own = set(session.exec(select(StratumCounter.stratum).where(StratumCounter.list_id == made.id)))
    left = [
        counter.stratum
        for of, counter in counters
        if of.id in retired and counter.stratum not in own
        if known.version_for(of, counter.stratum) and any(site.is_open for site in known.users(of, counter.stratum))
    ]
    if left:
        told = "; ".join(sorted(dict.fromkeys(left))[:3])
        raise StrataLeftWithout(
            f"The new list does not hold {len(set(left))} of the strata that it would retire ({told}), so nobody could be"
            " randomized there. Design it for all of these sites."
        )
