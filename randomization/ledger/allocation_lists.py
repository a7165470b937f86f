"""Allocation lists as everybody may see them: scheme, strata, commitments; never a slot.

Invariants
1. A list has two makers, and is of use only when it is sealed; a sealed list never changes.
2. Each stratum of a list has one counter row. Who allocates locks it; its position rises by one and skips nothing.
3. Several lists may hold one stratum (an extension): the earlier one is used up first.
4. A list serves those alone whose version of the protocol allocates as the version does under which it was designed
   (``Protocol.allocates_like``). Past an amendment of the allocation, sites that adopted it take nothing more from the list.
5. A list that was retired (``retirements``) gives nothing from the instant at which the list that retires it is sealed.

What a position tells, anybody can count who sees strata and times. Block sizes and arms stand in ``sealed_matter``.
"""

from collections import defaultdict
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, UniqueConstraint, bindparam, literal_column, or_
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Field, col, select

from randomization.sealing import ListCommitment
from trial.conduct.trials import Trial
from trial.database.columns import choice, instant, prose
from trial.database.records import Record, TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, DomainError, NotFound
from trial.protocol.schema import Protocol
from trial.protocol.versions import ProtocolVersion, get_version, protocol_with

ENVELOPE_STAGES = "envelopes_"
"""What the stage of a site's envelope list begins with."""


class ListStatus(StrEnum):
    DESIGNED = "designed"
    SEALED = "sealed"


class ListNotFound(NotFound):
    code = "list.not_found"


class ListNotSealed(Conflict):
    code = "list.not_sealed"


class ListAlreadySealed(Conflict):
    code = "list.already_sealed"


class NoListOfVersion(Conflict):
    code = "list.none_of_version"


class StratumExhausted(Conflict):
    code = "stratum.exhausted"


class ListHeld(Conflict):
    code = "list.held"


class StopsList(Conflict):
    """A refusal after which nobody is to be randomized from the list any more: who catches it last holds the list."""

    code = "list.stopped"
    list_id: UUID | None = None

    @classmethod
    def of(cls, list_id: UUID, sentence: str) -> Self:
        refusal = cls(sentence)
        refusal.list_id = list_id
        return refusal


class AllocationList(TrialRecord, table=True):
    """``slots_per_stratum`` is 0 for a scheme that decides for each participant anew."""

    __tablename__ = "allocation_list"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "stage", "ordinal"))

    stage: str = Field(max_length=32)
    ordinal: int
    scheme: str = Field(max_length=48)
    status: ListStatus = choice(ListStatus)
    slots_per_stratum: int
    designed_by: UUID = Field(foreign_key="access.account.id")
    contribution_commitment: str = Field(max_length=64)
    confirmed_by: UUID | None = Field(default=None, foreign_key="access.account.id")
    sealed_at: datetime | None = instant(default=None)
    design_commitment: str | None = Field(default=None, max_length=64)
    root: str | None = Field(default=None, max_length=64)

    @property
    def has_slots(self) -> bool:
        return self.slots_per_stratum > 0


class StratumCounter(Record, table=True):
    """``ordinal`` is the stratum's place in the design; ``slots`` is ``None`` where the scheme has no list, so no end.
    From ``retired_at`` on nobody is taken from it: who waits for it sees that when the lock is theirs."""

    __tablename__ = "stratum_counter"
    __table_args__ = in_schema("trial", UniqueConstraint("list_id", "stratum"))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    list_id: UUID = Field(foreign_key="trial.allocation_list.id")
    ordinal: int
    stratum: str = prose()
    slots: int | None = None
    next_position: int = 1
    retired_at: datetime | None = instant(default=None)

    @property
    def is_exhausted(self) -> bool:
        return self.slots is not None and self.next_position > self.slots


class ListRetirement(TrialRecord, table=True):
    """A list that another one names as found wrong. It holds from the instant at which that other list is sealed."""

    __tablename__ = "list_retirement"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("list_id", "retired_id"),
        CheckConstraint("list_id <> retired_id", name="another_list"),
    )

    list_id: UUID = Field(foreign_key="trial.allocation_list.id")
    retired_id: UUID = Field(foreign_key="trial.allocation_list.id", index=True)
    reason: str = prose()


# A row lock on an object that is loaded already would keep the object's stale values: hence populate_existing.
_IS_HELD = literal_column(
    "EXISTS (SELECT 1 FROM trial.list_hold WHERE list_id = trial.allocation_list.id AND released_at IS NULL)", Boolean
)
_COUNTERS_TO_TAKE_FROM = (
    select(AllocationList, StratumCounter, _IS_HELD, ProtocolVersion.sha256)
    .join(StratumCounter, col(StratumCounter.list_id) == col(AllocationList.id))
    .join(ProtocolVersion, col(ProtocolVersion.id) == col(AllocationList.protocol_version_id))
    .where(
        AllocationList.trial_id == bindparam("trial_id"),
        AllocationList.stage == bindparam("stage"),
        AllocationList.status == ListStatus.SEALED,
        StratumCounter.stratum == bindparam("stratum"),
        # A hold outlasts a retirement: whoever has a receipt of the list must not get a second slot from another.
        or_(col(StratumCounter.retired_at).is_(None), _IS_HELD),
    )
    .order_by(col(AllocationList.ordinal))
    .with_for_update(of=StratumCounter, key_share=True)
    .execution_options(populate_existing=True)
)
_STEP: Final = (
    "UPDATE trial.stratum_counter SET next_position = next_position + 1 WHERE id = %(counter)s RETURNING next_position"
)


def get_list(session: TrialSession, list_id: UUID) -> AllocationList:
    """Raises ``ListNotFound``."""
    found = session.get(AllocationList, list_id)
    if found is None:
        raise ListNotFound("There is no such allocation list. Choose one from the trial's lists.")
    return found


def lists_of(session: TrialSession, trial_id: UUID) -> list[AllocationList]:
    """Every list of the trial, in the order in which they were designed."""
    return list(
        session.exec(
            select(AllocationList)
            .where(AllocationList.trial_id == trial_id)
            .order_by(AllocationList.stage, col(AllocationList.ordinal))
        )
    )


def lock_next_counter(
    session: TrialSession, trial_id: UUID, stage: str, stratum: str, protocol: Protocol
) -> tuple[AllocationList, StratumCounter]:
    """The counter to take the next position from, for somebody under ``protocol``; locked until the transaction ends.

    Raises ``NoListOfVersion`` where every sealed list is of versions that allocate otherwise, ``ListNotSealed`` where no sealed
    list holds the stratum, ``StratumExhausted`` where all are used up, ``ListHeld`` where the list is held after a restored
    backup.
    """
    try:
        return _lock_next(session, trial_id, stage, stratum, protocol)
    except (NoListOfVersion, ListNotSealed, StratumExhausted):
        # The list may have been retired while its counter was waited for. The list in its place was sealed in the same
        # transaction, so a second look sees it.
        return _lock_next(session, trial_id, stage, stratum, protocol)


def _lock_next(
    session: TrialSession, trial_id: UUID, stage: str, stratum: str, protocol: Protocol
) -> tuple[AllocationList, StratumCounter]:
    named = {"trial_id": trial_id, "stage": stage, "stratum": stratum}
    # All of them are locked, in one order for everybody; which of them count is known without a further statement.
    found = [
        (allocation_list, counter, is_held)
        for allocation_list, counter, is_held, sha256 in session.execute(_COUNTERS_TO_TAKE_FROM, named)
        if protocol_of_list(session, allocation_list, sha256).allocates_like(protocol, stage)
    ]
    if not found:
        raise _no_list(session, trial_id, stage, protocol)
    for allocation_list, counter, is_held in found:
        if is_held:
            raise ListHeld(
                "This list is held: the database was restored from a backup that lacks its last allocations, or what is stored"
                " of the list was altered, so nobody was randomized. Ask the randomization statistician, and keep your"
                " receipts ready: they may have to be entered again before the list is released."
            )
        if not counter.is_exhausted:
            return allocation_list, counter
    raise StratumExhausted(
        "The allocation list of this stratum is used up, so nobody was randomized. Ask the randomization statistician"
        " to extend it."
    )


def protocol_of_list(session: TrialSession, made: AllocationList, sha256: str | None = None) -> Protocol:
    """The protocol under which the list was designed; ``sha256`` is its hash, where the caller has read it."""
    known = sha256 or get_version(session, made.protocol_version_id).sha256
    return protocol_with(known, lambda: get_version(session, made.protocol_version_id))


def _no_list(session: TrialSession, trial_id: UUID, stage: str, protocol: Protocol) -> DomainError:
    sealed = [one for one in lists_of(session, trial_id) if one.stage == stage and one.status is ListStatus.SEALED]
    if sealed and not any(protocol_of_list(session, one).allocates_like(protocol, stage) for one in sealed):
        return NoListOfVersion(
            f"Version {protocol.version} of the protocol allocates otherwise than every list that is sealed, so nobody was"
            f" randomized. The randomization statistician designs the list of version {protocol.version}."
        )
    return ListNotSealed(
        "There is no sealed allocation list for this stratum yet, so nobody was randomized. Ask the randomization"
        " statistician."
    )


def take_position(session: TrialSession, counter: StratumCounter) -> int:
    """The next position of a locked counter; the one after it is next."""
    following: int = session.run_sql(_STEP, counter=counter.id)[0].next_position
    set_committed_value(counter, "next_position", following)
    return following - 1


def list_facts(session: TrialSession) -> list[dict[str, Any]]:
    """What an anchor says of every sealed list: its commitments, how far each stratum has come, and what it retires."""
    rows = session.exec(
        select(Trial.code, AllocationList, StratumCounter.stratum, StratumCounter.next_position)
        .join(AllocationList, col(AllocationList.trial_id) == col(Trial.id))
        .join(StratumCounter, col(StratumCounter.list_id) == col(AllocationList.id))
        .where(AllocationList.status == ListStatus.SEALED)
        .order_by(Trial.code, AllocationList.stage, col(AllocationList.ordinal), col(StratumCounter.stratum))
    )
    retired = session.exec(
        select(ListRetirement.list_id, ListRetirement.retired_id).order_by(col(ListRetirement.retired_id))
    )
    named = defaultdict(list)
    for list_id, retired_id in retired:
        named[list_id].append(str(retired_id))
    facts: dict[UUID, dict[str, Any]] = {}
    for code, sealed, stratum, next_position in rows:
        fact = facts.setdefault(
            sealed.id,
            {
                "trial": code,
                "list": str(sealed.id),
                "root": sealed.root,
                "design": sealed.design_commitment,
                "used": {},
                **({"retires": named[sealed.id]} if named[sealed.id] else {}),
            },
        )
        fact["used"][stratum] = next_position - 1
    return list(facts.values())


def commitment_of(sealed: AllocationList, leaves: tuple[bytes, ...], retires: tuple[str, ...] = ()) -> ListCommitment:
    """The list's published commitment with its leaves and the lists that it retires. Raises ``ListNotSealed``."""
    if sealed.root is None or sealed.design_commitment is None:
        raise ListNotSealed("This list is not sealed yet, so nothing of it is published. Have it confirmed.")
    return ListCommitment(
        str(sealed.id), bytes.fromhex(sealed.design_commitment), bytes.fromhex(sealed.root), leaves, retires
    )
