"""The reconciliation of the allocation lists: every position that was taken, by whom, with what, and what went wrong with it.

Invariants
1. Every position from the first to the last taken has its line; a position without an allocation is a finding, never left
   out. An envelope that was recorded as opened for nobody explains its position; a receipt taken back says whose it is.
2. The stratum as used stands beside the corrected one, the kit as assigned beside those that were given.
3. Nothing here tells an arm: no slot is opened, no kit's content read.
4. What a list still holds when an amendment has superseded it, or another list has retired it, is told with the reason. Of a
   retirement that is which list took its place: what was wrong with the list stays with its two makers.
5. An envelope of a retired list that was opened later is a finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from randomization.kits.dispensing import Dispensing
from randomization.kits.kits import Kit
from randomization.kits.promises import KitReplacement
from randomization.ledger.allocation_lists import AllocationList, StratumCounter
from randomization.ledger.allocations import Allocation
from randomization.ledger.envelopes import Envelope, EnvelopeOpening
from randomization.ledger.lists_in_use import sealed_counters, versions_in_use
from randomization.ledger.reseated_seats import seats_waiting
from randomization.ledger.retirements import retired_by
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.participants import Participant
from trial.conduct.randomization_errors import RandomizationErrorKind, RandomizationErrorMark
from trial.conduct.replacements import stand_ins
from trial.conduct.sites import Site
from trial.database.session import TrialSession


@dataclass(frozen=True, slots=True)
class ListLine:
    """One position. ``corrected`` tells factor and level where the stratum was marked as wrong; ``kits_assigned`` holds the
    kit of the allocation and then what replaced it, and nothing where the trial has no kits. ``stands_in_for`` names whom the
    participant replaces, if anybody."""

    stage: str
    ordinal: int
    stratum: str
    position: int
    number: str
    participant: str
    site: str
    randomized_at: datetime
    corrected: tuple[str, ...]
    kits_assigned: tuple[str, ...]
    kits_given: tuple[str, ...]
    errors: tuple[RandomizationErrorKind, ...]
    stands_in_for: str = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """``findings`` are sentences on what does not agree; an error that was marked is no finding. ``left_over`` are sentences on
    slots from which nobody is taken any more, by an amendment or a retirement."""

    lines: tuple[ListLine, ...]
    findings: tuple[str, ...]
    left_over: tuple[str, ...]

    @property
    def with_errors(self) -> int:
        return sum(bool(line.errors) for line in self.lines)

    @property
    def replacements(self) -> int:
        return sum(bool(line.stands_in_for) for line in self.lines)


def reconcile_lists(session: TrialSession, actor: Actor, trial_id: UUID) -> Reconciliation:
    """Every position of the trial, for somebody who sees all of it without arms. Raises ``NotPermitted``."""
    check_may(actor, Permission.DATASET_NAIVE_PULL, trial_id)
    return Reconciliation(
        _lines(session, trial_id), tuple(_findings(session, trial_id)), tuple(_left_over(session, trial_id))
    )


def _lines(session: TrialSession, trial_id: UUID) -> tuple[ListLine, ...]:
    rows = session.execute(
        select(Allocation, AllocationList, StratumCounter.stratum, Participant.code, Site.code, Kit.number)  # type: ignore[call-overload]  # SQLModel's overloads end at four
        .join(AllocationList, col(AllocationList.id) == col(Allocation.list_id))
        .join(StratumCounter, col(StratumCounter.id) == col(Allocation.counter_id))
        .join(Participant, col(Participant.id) == col(Allocation.participant_id))
        .join(Site, col(Site.id) == col(Allocation.site_id))
        .outerjoin(Kit, col(Kit.id) == col(Allocation.kit_id))
        .where(Allocation.trial_id == trial_id)
        .order_by(AllocationList.stage, AllocationList.ordinal, StratumCounter.stratum, Allocation.position)
    ).all()
    replaced = {one.participant_id: one.replaced for one in stand_ins(session, trial_id)}
    marks, given, instead = _marks(session, trial_id), _given(session, trial_id), _replacements(session, trial_id)
    return tuple(
        ListLine(
            stage=source.stage,
            ordinal=source.ordinal,
            stratum=stratum or made.stratum,
            position=made.position,
            number=made.number,
            participant=code,
            site=site,
            randomized_at=made.randomized_at,
            corrected=tuple(f"{one.factor}={one.corrected}" for one in marks[made.participant_id] if one.factor),
            kits_assigned=(*((kit,) if kit else ()), *instead[made.id]),
            kits_given=(*given[made.id], *(one.kit_given for one in marks[made.participant_id] if one.kit_given)),
            errors=tuple(one.kind for one in marks[made.participant_id]),
            stands_in_for=replaced.get(made.participant_id, ""),
        )
        for made, source, stratum, code, site, kit in rows
    )


def _marks(session: TrialSession, trial_id: UUID) -> defaultdict[UUID, list[RandomizationErrorMark]]:
    found: defaultdict[UUID, list[RandomizationErrorMark]] = defaultdict(list)
    wanted = select(RandomizationErrorMark).where(RandomizationErrorMark.trial_id == trial_id)
    for mark in session.exec(wanted.order_by(col(RandomizationErrorMark.number))):
        found[mark.participant_id].append(mark)
    return found


def _given(session: TrialSession, trial_id: UUID) -> defaultdict[UUID, list[str]]:
    found: defaultdict[UUID, list[str]] = defaultdict(list)
    rows = session.exec(
        select(Dispensing.allocation_id, Kit.number)
        .join(Kit, col(Kit.id) == col(Dispensing.kit_id))
        .where(Dispensing.trial_id == trial_id)
        .order_by(col(Dispensing.dispensed_at), Kit.number)
    )
    for allocation_id, number in rows:
        found[allocation_id].append(number)
    return found


def _replacements(session: TrialSession, trial_id: UUID) -> defaultdict[UUID, list[str]]:
    found: defaultdict[UUID, list[str]] = defaultdict(list)
    rows = session.exec(
        select(KitReplacement.allocation_id, Kit.number)
        .join(Kit, col(Kit.id) == col(KitReplacement.kit_id))
        .where(KitReplacement.trial_id == trial_id)
        .order_by(col(KitReplacement.replaced_at), Kit.number)
    )
    for allocation_id, number in rows:
        found[allocation_id].append(number)
    return found


def _findings(session: TrialSession, trial_id: UUID) -> Iterable[str]:
    """Positions without an allocation, and participants who count as randomized without a position."""
    explained = _explained(session, trial_id)
    waiting = {(seat.counter_id, seat.position): seat for seat in seats_waiting(session, trial_id)}
    counters = session.execute(
        select(AllocationList.ordinal, AllocationList.stage, StratumCounter)
        .join(StratumCounter, col(StratumCounter.list_id) == col(AllocationList.id))
        .where(AllocationList.trial_id == trial_id)
        .order_by(AllocationList.stage, col(AllocationList.ordinal), col(StratumCounter.stratum))
    )
    for ordinal, stage, counter in counters:
        for missing in sorted(set(range(1, counter.next_position)) - explained[counter.id]):
            where = f"stratum “{counter.stratum or 'all'}” (list {ordinal}, {stage})"
            seat = waiting.get((counter.id, missing))
            if seat is None:
                yield f"Position {missing} of {where} was passed and holds nobody."
            else:
                yield (
                    f"Position {missing} of {where} is that of receipt {seat.number} (then {seat.participant_code}), whose"
                    " participant is to be randomized again on record."
                )
    yield from _opened_after_retirement(session, trial_id)
    unlisted = (
        select(Participant.code)
        .where(Participant.trial_id == trial_id, col(Participant.randomized_at).is_not(None))
        .where(col(Participant.id).not_in(select(Allocation.participant_id).where(Allocation.trial_id == trial_id)))
        .order_by(Participant.code)
    )
    for code in session.exec(unlisted):
        yield f"{code} counts as randomized and stands in no list."


def _opened_after_retirement(session: TrialSession, trial_id: UUID) -> Iterable[str]:
    opened = session.exec(
        select(Envelope.number)
        .join(EnvelopeOpening, col(EnvelopeOpening.envelope_id) == col(Envelope.id))
        .join(StratumCounter, col(StratumCounter.id) == col(Envelope.counter_id))
        .where(Envelope.trial_id == trial_id, col(EnvelopeOpening.participant_id).is_not(None))
        .where(col(EnvelopeOpening.opened_at) > col(StratumCounter.retired_at))
        .order_by(Envelope.number)
    )
    for number in opened:
        yield f"Envelope {number} was opened for a participant after its list was retired."


def _left_over(session: TrialSession, trial_id: UUID) -> Iterable[str]:
    """Of each stratum of a sealed list that no site takes from any more: what is left in it, and why."""
    known, retired = versions_in_use(session, trial_id), retired_by(session, trial_id)
    for made, counter in sealed_counters(session, trial_id):
        later = known.superseded_by(made, counter.stratum)
        if counter.is_exhausted or not (later or made.id in retired):
            continue
        where = f"stratum “{counter.stratum or 'all'}” (list {made.ordinal}, {made.stage})"
        designed = known.designed[made.protocol_version_id].version
        if made.id in retired:
            yield f"{_rest(counter, where)} left over: list {retired[made.id].ordinal} retired the list and took its place."
        else:
            yield (
                f"{_rest(counter, where)} left over: the list was made for version {designed} of the protocol, and version"
                f" {' and '.join(later)}, in force there now, allocates otherwise."
            )


def _rest(counter: StratumCounter, where: str) -> str:
    first, last = counter.next_position, counter.slots
    if last is None:
        return f"Every position from {first} on of {where} is"
    return f"Position {last} of {where} is" if first == last else f"Positions {first} to {last} of {where} are"


def _explained(session: TrialSession, trial_id: UUID) -> defaultdict[UUID, set[int]]:
    """By stratum counter the positions that hold an allocation, and those whose envelope was opened for nobody."""
    found: defaultdict[UUID, set[int]] = defaultdict(set)
    allocated = select(Allocation.counter_id, Allocation.position).where(Allocation.trial_id == trial_id)
    spoiled = (
        select(Envelope.counter_id, Envelope.position)
        .join(EnvelopeOpening, col(EnvelopeOpening.envelope_id) == col(Envelope.id))
        .where(Envelope.trial_id == trial_id)
    )
    for counter_id, position in (*session.exec(allocated), *session.exec(spoiled)):
        found[counter_id].add(position)
    return found
