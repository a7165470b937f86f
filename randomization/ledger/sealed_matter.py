"""What is stored of a list under seal: its seed and design, the contributions, its slots, its draws.

Invariants
1. Everything here runs inside ``strongroom``: the blinded role cannot read one of these tables.
2. A slot is written once, when its list is sealed, and never marked: how far a stratum has come stands in its counter.
3. A draw (the seat that a scheme without a list gave) is sealed like a slot.
"""

import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import LargeBinary, UniqueConstraint, tuple_
from sqlmodel import Field, col, select

from randomization.holders import data_key_of
from randomization.ledger.allocation_lists import AllocationList, StratumCounter
from randomization.lists import AdaptiveDesign, ListDesign
from randomization.sealing import (
    DataKey,
    Place,
    SealBroken,
    SealedList,
    SealedSlot,
    SealedValue,
    UnsealedSlot,
    open_adaptive_design,
    open_list_design,
    open_seed,
    open_slot,
    open_value,
    seal_value,
)
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Unavailable

_CONTRIBUTION: Final = "contribution"
_CONTRIBUTION_SIZE: Final = 1100
_ID_SIZE: Final = 16
_COPY: Final = (
    "COPY sealed.slot (id, recorded_at, counter_id, position, content, commitment) FROM STDIN (FORMAT BINARY)"
)
_FIXED: Final = struct.Struct(">hi16siqi16siii")
_POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SLOT: Final = "SELECT content, commitment FROM sealed.slot WHERE counter_id = %(counter)s AND position = %(position)s"


class ListNotStored(Unavailable):
    code = "list.not_stored"


class ListMatter(Record, table=True):
    """A list's seed and design. The seed is there from the moment at which the list is sealed."""

    __tablename__ = "list_matter"
    __table_args__ = in_schema("sealed", digest=("design", "seed"))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    list_id: UUID = Field(foreign_key="trial.allocation_list.id", unique=True)
    design: bytes = Field(sa_type=LargeBinary, repr=False)
    seed: bytes | None = Field(default=None, sa_type=LargeBinary, repr=False)


class SealedContribution(Record, table=True):
    """One maker's random bytes, kept so that the seed can be shown to come from both."""

    __tablename__ = "contribution"
    __table_args__ = in_schema("sealed", UniqueConstraint("list_id", "account_id"), digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    list_id: UUID = Field(foreign_key="trial.allocation_list.id")
    account_id: UUID = Field(foreign_key="access.account.id")
    content: bytes = Field(sa_type=LargeBinary, repr=False)


class SlotRecord(Record, table=True):
    __tablename__ = "slot"
    __table_args__ = in_schema(
        "sealed",
        UniqueConstraint("counter_id", "position"),
        unaudited="its seal, its commitment and the list's audited root bind it; triggers refuse any change",
    )

    counter_id: UUID = Field(foreign_key="trial.stratum_counter.id")
    position: int
    content: bytes = Field(sa_type=LargeBinary, repr=False)
    commitment: bytes = Field(sa_type=LargeBinary)


class Draw(Record, table=True):
    """The seat that a scheme without a list gave at a position."""

    __tablename__ = "draw"
    __table_args__ = in_schema("sealed", UniqueConstraint("counter_id", "position"), digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    counter_id: UUID = Field(foreign_key="trial.stratum_counter.id")
    position: int
    content: bytes = Field(sa_type=LargeBinary, repr=False)


@dataclass(frozen=True, slots=True)
class OpenMatter:
    """A list's key, with which its matter opens."""

    allocation_list: AllocationList
    key: DataKey
    stored: ListMatter

    @property
    def seed(self) -> bytes:
        if self.stored.seed is None:
            raise SealBroken("A sealed list has lost its seed. Stop using it and restore it from a backup.")
        return open_seed(self.key, SealedValue(bytes(self.stored.seed)))

    @property
    def list_design(self) -> ListDesign:
        return open_list_design(self.key, SealedValue(bytes(self.stored.design)))

    @property
    def adaptive_design(self) -> AdaptiveDesign:
        return open_adaptive_design(self.key, SealedValue(bytes(self.stored.design)))

    @property
    def design(self) -> ListDesign | AdaptiveDesign:
        return self.list_design if self.allocation_list.has_slots else self.adaptive_design


def open_matter(session: TrialSession, allocation_list: AllocationList, key: DataKey | None = None) -> OpenMatter:
    """The matter, with the list's key where the caller has it. Raises ``WrongKey`` and what else a seal raises."""
    stored = session.exec(select(ListMatter).where(ListMatter.list_id == allocation_list.id)).one()
    return OpenMatter(allocation_list, key or data_key_of(session, str(allocation_list.id)), stored)


def store_contribution(
    session: TrialSession, key: DataKey, allocation_list: AllocationList, account_id: UUID, secret: bytes
) -> None:
    place = Place(_CONTRIBUTION, part=str(account_id))
    session.add(
        SealedContribution(
            **session.stamp(),
            trial_id=allocation_list.trial_id,
            list_id=allocation_list.id,
            account_id=account_id,
            content=seal_value(key, place, secret, session.entropy, _CONTRIBUTION_SIZE).token,
        )
    )


def stored_contribution(session: TrialSession, key: DataKey, list_id: UUID, account_id: UUID) -> bytes:
    """The bytes that a maker gave."""
    content = session.exec(
        select(SealedContribution.content).where(
            SealedContribution.list_id == list_id, SealedContribution.account_id == account_id
        )
    ).one()
    return open_value(key, Place(_CONTRIBUTION, part=str(account_id)), SealedValue(bytes(content)))


def store_sealed_list(session: TrialSession, matter: ListMatter, sealed: SealedList, counters: dict[str, UUID]) -> None:
    """Seed, design and every slot; ``counters`` maps a stratum's key to its counter."""
    matter.design, matter.seed = sealed.design.token, sealed.seed.token
    session.add(matter)
    session.flush()
    _copy_slots(session, sealed.slots, counters)


def _copy_slots(session: TrialSession, slots: Sequence[SealedSlot], counters: dict[str, UUID]) -> None:
    """Ten thousand rows at once: COPY knows the role and the transaction, and slots are exempt from the row audit.

    The rows are laid out here, in PostgreSQL's binary format, because all have one shape: half the time of writing them singly.
    """
    connection: Any = session.connection().connection.driver_connection
    now, ids = session.now(), session.entropy.take(_ID_SIZE * len(slots), "slot ids")
    try:
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(b"".join(_binary_rows(slots, counters, now, ids)))
    except psycopg.Error:
        # PostgreSQL's own words would quote rows.
        raise ListNotStored("The list could not be stored, and nothing of it was. Confirm it again.") from None


def _binary_rows(slots: Sequence[SealedSlot], counters: dict[str, UUID], now: datetime, ids: bytes) -> Iterator[bytes]:
    """The header, the rows and the trailer of COPY's binary format; a field is its length and its bytes."""
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    at = (now - _POSTGRES_EPOCH) // timedelta(microseconds=1)
    counter_of = {stratum: counter.bytes for stratum, counter in counters.items()}
    for index, slot in enumerate(slots):
        own = UUID(bytes=ids[_ID_SIZE * index : _ID_SIZE * (index + 1)], version=4).bytes
        content, commitment = slot.sealed.token, slot.commitment
        yield _FIXED.pack(6, 16, own, 8, at, 16, counter_of[slot.stratum], 4, slot.position, len(content))
        yield content
        yield len(commitment).to_bytes(4, "big")
        yield commitment
    yield b"\xff\xff"


def open_one_slot(session: TrialSession, key: DataKey, counter: StratumCounter, position: int) -> UnsealedSlot:
    """The slot at ``position`` of a stratum. Raises ``SealBroken`` for one that is missing or was altered."""
    rows = session.run_sql(_SLOT, counter=counter.id, position=position)
    if not rows:
        raise SealBroken(
            f"Slot {position} of {counter.stratum} is missing from its list. Stop using the list and restore it."
        )
    sealed = SealedValue(rows[0].content)
    return open_slot(key, SealedSlot(counter.stratum, position, sealed, rows[0].commitment))


def open_slots(
    session: TrialSession, key: DataKey, list_id: UUID, *, only: Collection[tuple[UUID, int]] | None = None
) -> Iterator[tuple[UUID, SealedSlot, UnsealedSlot]]:
    """The list's slots with their counter's id, in the design's order; all, or ``only`` these (counter, position)."""
    found = (
        select(
            StratumCounter.id, StratumCounter.stratum, SlotRecord.position, SlotRecord.content, SlotRecord.commitment
        )  # type: ignore[call-overload]  # SQLModel's overloads end at four
        .join(SlotRecord, col(SlotRecord.counter_id) == col(StratumCounter.id))
        .where(StratumCounter.list_id == list_id)
        .order_by(col(StratumCounter.ordinal), col(SlotRecord.position))
    )
    if only is not None:
        found = found.where(tuple_(col(SlotRecord.counter_id), col(SlotRecord.position)).in_(list(only)))
    for counter_id, stratum, position, content, commitment in session.exec(found):
        slot = SealedSlot(stratum, position, SealedValue(bytes(content)), bytes(commitment))
        yield counter_id, slot, open_slot(key, slot)


def store_draw(session: TrialSession, key: DataKey, counter: StratumCounter, position: int, seat: int) -> None:
    session.add(
        Draw(
            **session.stamp(),
            trial_id=counter.trial_id,
            counter_id=counter.id,
            position=position,
            content=seal_value(key, _draw_place(position), str(seat).encode(), session.entropy).token,
        )
    )


def open_draws(session: TrialSession, key: DataKey, counter_ids: Sequence[UUID]) -> dict[tuple[UUID, int], int]:
    """The seat of each draw, by counter and position."""
    rows = session.exec(
        select(Draw.counter_id, Draw.position, Draw.content).where(col(Draw.counter_id).in_(counter_ids))
    )
    return {
        (counter_id, position): int(open_value(key, _draw_place(position), SealedValue(bytes(content))))
        for counter_id, position, content in rows
    }


def _draw_place(position: int) -> Place:
    return Place("draw", position)
