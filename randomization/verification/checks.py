"""Anyone can check an opened list: it is the list that was committed to, and the one that its seed makes.

The steps, in this order:
    1. the published slot commitments give the published root;
    2. the revealed seed and parameters give the published design commitment;
    3. the opened slots are those of the design, in its order, none missing and none added;
    4. each slot's arm and salt give its published commitment;
    5. the seed and the parameters generate the same arms again.

Invariants
1. A failed check raises and names the first slot that is wrong; nothing here answers true or false.
2. Nothing is trusted but the published root and design commitment; slot commitments must give the root.
3. No database, no key: the published and the opened matter are enough.

Whether participants were given what the list says is asked of the ledger, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

from randomization.lists import AdaptiveDesign, ListDesign, adaptive_stream, generate_stratum
from randomization.sealing.commitments import (
    ListCommitment,
    design_commitment,
    merkle_root,
    slot_commitment,
)
from trial.errors import Conflict, InvalidInput


class CommitmentBroken(Conflict):
    """The published slot commitments do not give the published root."""

    code = "verification.root_differs"


class DesignDiffers(Conflict):
    """The revealed seed or parameters are not those that were committed to."""

    code = "verification.design_differs"


class OpenedListUnreadable(InvalidInput):
    code = "verification.unreadable"


class SlotProblem(Conflict):
    """A slot is wrong; ``stratum`` and ``position`` say which is the first."""

    code = "verification.slot_problem"
    what = "is wrong"

    def __init__(self, stratum: str, position: int) -> None:
        super().__init__(
            f"Slot {position} of {stratum} {self.what}. Do not use this list; compare it with the published file."
        )
        self.stratum = stratum
        self.position = position

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.stratum, self.position))


class SlotOutOfPlace(SlotProblem):
    code = "verification.slot_out_of_place"
    what = "is missing, added or out of its order"


class SlotDiffers(SlotProblem):
    code = "verification.slot_differs"
    what = "does not agree with its published commitment"


class SlotNotFromSeed(SlotProblem):
    code = "verification.slot_not_from_seed"
    what = "is not the one that the seed generates"


class DrawNotFromSeed(SlotProblem):
    code = "verification.draw_not_from_seed"
    what = "is not the arm that the seed and the earlier participants give"


@dataclass(frozen=True)
class OpenedSlot:
    """One slot laid open, with the salt of its commitment."""

    stratum: str
    position: int
    arm: str
    salt: bytes


@dataclass(frozen=True)
class OpenedList:
    """A list laid open after the end of the trial: everything that its sealing hid."""

    list_id: str
    seed: bytes
    parameters: Mapping[str, Any]
    slots: tuple[OpenedSlot, ...] = field(repr=False)


@dataclass(frozen=True)
class OpenedDraw:
    """One allocation of a scheme without a list: the levels as used, and the arm given."""

    levels: Mapping[str, str]
    arm: str


def verify_opened_list(opened: OpenedList, published: ListCommitment) -> None:
    """Returns when everything agrees; raises otherwise."""
    check_root(published)
    check_design(opened.list_id, opened.seed, opened.parameters, published)
    design = _list_design(opened.parameters)
    _check_order(design, opened.slots)
    _check_commitments(opened, published)
    _check_regenerated(design, opened)


def verify_draws(
    list_id: str,
    seed: bytes,
    parameters: Mapping[str, Any],
    draws: Iterable[OpenedDraw],
    published: ListCommitment,
) -> None:
    """The same for a scheme without a list: every draw follows from the seed and the participants before."""
    check_root(published)
    check_design(list_id, seed, parameters, published)
    design = _adaptive_design(parameters)
    taken = list(draws)
    stream = adaptive_stream(list_id, seed)
    seats = design.scheme.replay(stream, (draw.levels for draw in taken))
    for position, (draw, seat) in enumerate(zip(taken, seats, strict=True), start=1):
        if draw.arm != design.arms[design.scheme.arm_of(seat)]:
            raise DrawNotFromSeed(list_id, position)


def check_root(published: ListCommitment) -> None:
    """The slot commitments are those of the published root."""
    if not compare_digest(merkle_root(published.slots), published.root):
        raise CommitmentBroken(
            "The published slot commitments do not give the published root. Fetch the commitment file "
            "again from where it was first published."
        )


def check_design(list_id: str, seed: bytes, parameters: Mapping[str, Any], published: ListCommitment) -> None:
    """The seed and the parameters are those of the published design commitment."""
    found = design_commitment(list_id, seed, dict(parameters))
    if list_id != published.list_id or not compare_digest(found, published.design):
        raise DesignDiffers(
            "The list's id, seed or parameters are not those that were committed to. Do not use this list; "
            "compare it with the published file."
        )


def _list_design(parameters: Mapping[str, Any]) -> ListDesign:
    try:
        return ListDesign.from_parameters(parameters)
    except (KeyError, TypeError, ValueError):
        raise _unreadable() from None


def _adaptive_design(parameters: Mapping[str, Any]) -> AdaptiveDesign:
    try:
        return AdaptiveDesign.from_parameters(parameters)
    except (KeyError, TypeError, ValueError):
        raise _unreadable() from None


def _unreadable() -> OpenedListUnreadable:
    return OpenedListUnreadable("The opened list lacks parameters of its scheme. Export it again.")


def _check_order(design: ListDesign, slots: tuple[OpenedSlot, ...]) -> None:
    found = iter(slots)
    for stratum, position in _places(design):
        slot = next(found, None)
        if slot is None or (slot.stratum, slot.position) != (stratum, position):
            raise SlotOutOfPlace(stratum, position)
    if (extra := next(found, None)) is not None:
        raise SlotOutOfPlace(extra.stratum, extra.position)


def _places(design: ListDesign) -> Iterator[tuple[str, int]]:
    for stratum in design.strata():
        for position in range(1, design.slots_of(stratum) + 1):
            yield stratum, position


def _check_commitments(opened: OpenedList, published: ListCommitment) -> None:
    for index, slot in enumerate(opened.slots):
        found = slot_commitment(opened.list_id, slot.stratum, slot.position, slot.arm, slot.salt)
        if index >= len(published.slots) or not compare_digest(found, published.slots[index]):
            raise SlotDiffers(slot.stratum, slot.position)
    if len(published.slots) > len(opened.slots):
        last = opened.slots[-1]
        raise SlotOutOfPlace(last.stratum, last.position + 1)


def _check_regenerated(design: ListDesign, opened: OpenedList) -> None:
    slots = iter(opened.slots)
    for key in design.strata():
        arms = generate_stratum(design, opened.list_id, opened.seed, key).arms.tolist()
        for arm, slot in zip(arms, slots, strict=False):
            if slot.arm != design.arms[arm]:
                raise SlotNotFromSeed(slot.stratum, slot.position)
