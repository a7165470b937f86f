"""The end of the trial: after the lock, two people open the lists, and everybody can check them.

Invariants
1. Before the trial is locked nothing is opened, whoever asks.
2. Two different people sign: the unblinded statistician and the sponsor.
3. An opened list is checked against its commitment before it is handed out.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

import polars as pl
from pydantic import BaseModel, ConfigDict
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from randomization.ledger.allocation_lists import AllocationList, ListStatus, StratumCounter, get_list
from randomization.ledger.allocations import Allocation
from randomization.ledger.generation import published_commitment
from randomization.ledger.sealed_matter import open_matter, open_slots
from randomization.ledger.seats import arms_given
from randomization.lists import stratum_levels
from randomization.sealing import ListCommitment
from randomization.unblinding.coding import arms_frame, further_frame
from randomization.unblinding.register import UnblindingKind, enter
from randomization.verification import (
    OpenedDraw,
    OpenedList,
    OpenedSlot,
    as_file,
    opened_document,
    verify_draws,
    verify_opened_list,
)
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.trials import Trial, get_trial
from trial.database.columns import choice
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, NotPermitted
from trial.protocol.versions import newest_active_version

MEANING = "The data are locked. I open the allocation of this trial."


class OpeningSide(StrEnum):
    STATISTICIAN = "statistician"
    SPONSOR = "sponsor"


_ROLE_OF: Final = {
    OpeningSide.STATISTICIAN: "statistician_unblinded",
    OpeningSide.SPONSOR: "sponsor",
}


class TrialNotLocked(Conflict):
    code = "list.trial_not_locked"


class ListsNotOpened(Conflict):
    code = "list.not_opened"


class OpeningNeedsAnother(NotPermitted):
    code = "list.opening_needs_another_person"


class OpenLists(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    idempotency_key: str


class ListOpening(TrialRecord, table=True):
    """One side's signature on the opening of the trial's lists."""

    __tablename__ = "list_opening"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "side"))

    side: OpeningSide = choice(OpeningSide)
    signed_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class OpenedAllocation:
    """An opened list with its commitment. ``draws`` stand for the slots where the scheme has no list."""

    published: ListCommitment
    opened: OpenedList = field(repr=False)
    draws: tuple[OpenedDraw, ...] = field(repr=False)

    @property
    def file(self) -> bytes:
        """What is published, for the stand-alone verifier."""
        return as_file(opened_document(self.published, self.opened, None if self.published.slots else self.draws))


def open_list(session: TrialSession, actor: Actor, proof: Reauthenticated, command: OpenLists) -> ListOpening:
    """One side's signature; with the second the lists are open.

    Raises ``NotPermitted``, ``TrialNotLocked``, ``OpeningNeedsAnother``, ``ReauthenticationNeeded``.
    """
    authorize(session, actor, Action.LIST_OPENED, trial_id=command.trial_id)
    made = exactly_once(
        session,
        actor,
        Action.LIST_OPENED,
        command.idempotency_key,
        command,
        lambda: _sign_opening(session, actor, proof, command.trial_id),
    )
    found = session.get(ListOpening, made)
    assert found is not None, "openings are never removed"
    return found


def _sign_opening(session: TrialSession, actor: Actor, proof: Reauthenticated, trial_id: UUID) -> UUID:
    trial = get_trial(session, trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    check_locked(trial)
    free = _free_sides(session, actor, trial_id)
    if not free:
        raise OpeningNeedsAnother("Your side has signed already. The other side signs: a different person, please.")
    opening = ListOpening(
        **session.stamp(),
        trial_id=trial_id,
        protocol_version_id=newest_active_version(session, trial_id).id,
        side=free[0],
        signed_by=actor.account_id,
    )
    session.add(opening)
    sign(session, actor, proof, opening, MEANING, trial_id)
    return opening.id


def can_sign_opening(session: TrialSession, actor: Actor, trial: Trial) -> bool:
    """Whether a signature on the opening is the actor's to give now."""
    return trial.locked_at is not None and bool(_free_sides(session, actor, trial.id))


def _free_sides(session: TrialSession, actor: Actor, trial_id: UUID) -> list[OpeningSide]:
    """The sides for which the actor can still sign: one person signs once."""
    signed = openings_of(session, trial_id)
    if actor.account_id in {one.signed_by for one in signed}:
        return []
    return [side for side in _sides_of(actor, trial_id) if side not in {one.side for one in signed}]


def _sides_of(actor: Actor, trial_id: UUID) -> list[OpeningSide]:
    held = {one.role for one in actor.roles if one.trial_id == trial_id}
    return [side for side, role in _ROLE_OF.items() if role in held]


def check_locked(trial: Trial) -> None:
    """Raise ``TrialNotLocked``."""
    if trial.locked_at is None:
        raise TrialNotLocked("The trial is not locked. Arms are opened after the lock, never before.")


def openings_of(session: TrialSession, trial_id: UUID) -> list[ListOpening]:
    """Which sides have signed."""
    return list(session.exec(select(ListOpening).where(ListOpening.trial_id == trial_id)))


def is_opened(session: TrialSession, trial_id: UUID) -> bool:
    return {one.side for one in openings_of(session, trial_id)} == set(OpeningSide)


def check_opened(session: TrialSession, trial_id: UUID) -> None:
    """Raise ``TrialNotLocked`` or ``ListsNotOpened``."""
    check_locked(get_trial(session, trial_id))
    if not is_opened(session, trial_id):
        raise ListsNotOpened("The allocation is not open: the unblinded statistician and the sponsor both sign first.")


def true_frame(session: TrialSession, actor: Actor, trial_id: UUID, purpose: str) -> pl.DataFrame:
    """``participant, arm`` with the protocol's own codes. Raises ``NotPermitted``, ``TrialNotLocked``, ``ListsNotOpened``."""
    authorize(session, actor, Action.DATASET_UNBLINDED, trial_id=trial_id, reason=purpose)
    check_opened(session, trial_id)
    enter(session, actor, UnblindingKind.END_OF_TRIAL, trial_id, purpose)
    return arms_frame(session, trial_id, until=None, coded=False)


def true_further_frame(session: TrialSession, actor: Actor, trial_id: UUID, purpose: str) -> pl.DataFrame:
    """Every randomization after the first, with its arm: see ``further_frame``. Raises as ``true_frame``."""
    authorize(session, actor, Action.DATASET_UNBLINDED, trial_id=trial_id, reason=purpose)
    check_opened(session, trial_id)
    enter(session, actor, UnblindingKind.END_OF_TRIAL, trial_id, purpose)
    return further_frame(session, trial_id)


def opened_list(session: TrialSession, actor: Actor, list_id: UUID) -> OpenedAllocation:
    """One list laid open, checked against its commitment. Raises as ``true_frame``, and what ``verification`` raises."""
    allocation_list = get_list(session, list_id)
    authorize(session, actor, Action.DATASET_UNBLINDED, trial_id=allocation_list.trial_id)
    check_opened(session, allocation_list.trial_id)
    enter(
        session,
        actor,
        UnblindingKind.END_OF_TRIAL,
        allocation_list.trial_id,
        f"List {allocation_list.stage} {allocation_list.ordinal} laid open for verification.",
    )
    published = published_commitment(session, allocation_list)
    with strongroom(session):
        laid_open = _lay_open(session, allocation_list, published)
    _verify(allocation_list, laid_open)
    return laid_open


def _lay_open(session: TrialSession, allocation_list: AllocationList, published: ListCommitment) -> OpenedAllocation:
    matter = open_matter(session, allocation_list)
    slots = tuple(
        OpenedSlot(sealed.stratum, sealed.position, slot.arm, slot.salt)
        for _, sealed, slot in open_slots(session, matter.key, allocation_list.id)
    )
    opened = OpenedList(str(allocation_list.id), matter.seed, matter.design.parameters(), slots)
    return OpenedAllocation(published, opened, () if allocation_list.has_slots else _draws(session, allocation_list))


def _draws(session: TrialSession, allocation_list: AllocationList) -> tuple[OpenedDraw, ...]:
    made = session.exec(
        select(Allocation).where(Allocation.list_id == allocation_list.id).order_by(col(Allocation.position))
    ).all()
    arms = arms_given(session, made)
    return tuple(OpenedDraw(stratum_levels(one.stratum), arms[one.id]) for one in made)


def _verify(allocation_list: AllocationList, laid_open: OpenedAllocation) -> None:
    opened, published = laid_open.opened, laid_open.published
    if allocation_list.has_slots:
        verify_opened_list(opened, published)
    else:
        verify_draws(opened.list_id, opened.seed, opened.parameters, laid_open.draws, published)


def sealed_lists(session: TrialSession, trial_id: UUID) -> list[AllocationList]:
    """The lists that there are to open."""
    return list(
        session.exec(
            select(AllocationList)
            .where(AllocationList.trial_id == trial_id, AllocationList.status == ListStatus.SEALED)
            .order_by(AllocationList.stage, col(AllocationList.ordinal))
        )
    )


def slots_used(session: TrialSession, list_id: UUID) -> int:
    """How many slots or draws of the list are used, from its counters."""
    used = session.exec(select(StratumCounter.next_position).where(StratumCounter.list_id == list_id))
    return sum(position - 1 for position in used)
