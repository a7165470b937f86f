"""What was drawn for each preparation, under seal: arm, lot, expiry, dose and volume.

Invariants
1. Everything here runs inside ``strongroom``.
2. Each content is sealed to one size and bound to its preparation. Nothing is written over: the last lot counts.
"""

import json
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, col, select

from randomization.holders import data_key_of, find_data_key, make_data_key
from randomization.pharmacy.worksheets import Drawing, Source
from randomization.sealing import Place, SealedValue, open_value, seal_value
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession

_SIZE = 256


class PreparedContent(Record, table=True):
    """What was drawn, sealed."""

    __tablename__ = "prepared_content"
    __table_args__ = in_schema("sealed", digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    preparation_id: UUID = Field(foreign_key="trial.preparation.id", unique=True)
    content: bytes = Field(sa_type=LargeBinary, repr=False)


class DrawnLot(Record, table=True):
    """Lot and expiry of what the pharmacist drew from, sealed; a correction is a further row."""

    __tablename__ = "drawn_lot"
    __table_args__ = in_schema("sealed", UniqueConstraint("preparation_id", "ordinal"), digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    preparation_id: UUID = Field(foreign_key="trial.preparation.id")
    ordinal: int
    content: bytes = Field(sa_type=LargeBinary, repr=False)


def seal_prepared(
    session: TrialSession, trial_id: UUID, preparation_id: UUID, source: Source, drawing: Drawing
) -> None:
    """Keep what is drawn for a new preparation."""
    expires_on = source.expires_on.isoformat() if source.expires_on else None
    plain = [source.arm, source.lot, expires_on, drawing.dose_mg, drawing.drawn_ml, drawing.drawn_mg]
    content = _sealed(session, trial_id, _place(preparation_id), plain)
    session.add(PreparedContent(**session.stamp(), trial_id=trial_id, preparation_id=preparation_id, content=content))


def seal_lot(session: TrialSession, trial_id: UUID, preparation_id: UUID, lot: str, expires_on: date) -> None:
    """What was drawn from, as it is known now."""
    before = _last_lot(session, preparation_id)
    ordinal = before.ordinal + 1 if before else 1
    content = _sealed(session, trial_id, _lot_place(preparation_id, ordinal), [lot, expires_on.isoformat()])
    session.add(
        DrawnLot(**session.stamp(), trial_id=trial_id, preparation_id=preparation_id, ordinal=ordinal, content=content)
    )
    session.flush()


def open_prepared(session: TrialSession, trial_id: UUID, preparation_id: UUID) -> tuple[Source, Drawing]:
    """What was drawn, and from what."""
    token = session.exec(select(PreparedContent.content).where(PreparedContent.preparation_id == preparation_id)).one()
    key = data_key_of(session, _holder(trial_id))
    arm, lot, expires_on, *drawn = json.loads(open_value(key, _place(preparation_id), SealedValue(bytes(token))))
    if (later := _last_lot(session, preparation_id)) is not None:
        place = _lot_place(preparation_id, later.ordinal)
        lot, expires_on = json.loads(open_value(key, place, SealedValue(bytes(later.content))))
    return Source(arm, lot, date.fromisoformat(expires_on) if expires_on else None), Drawing(*drawn)


def _last_lot(session: TrialSession, preparation_id: UUID) -> DrawnLot | None:
    found = select(DrawnLot).where(DrawnLot.preparation_id == preparation_id)
    return session.exec(found.order_by(col(DrawnLot.ordinal).desc())).first()


def _sealed(session: TrialSession, trial_id: UUID, place: Place, plain: list[Any]) -> bytes:
    key = find_data_key(session, _holder(trial_id)) or make_data_key(session, trial_id, _holder(trial_id))
    # Letters as they are: as escapes a lot in another script would not fit the one size of all contents.
    return seal_value(key, place, json.dumps(plain, ensure_ascii=False).encode(), session.entropy, _SIZE).token


def _holder(trial_id: UUID) -> str:
    return f"preparations:{trial_id}"


def _place(preparation_id: UUID) -> Place:
    return Place("preparation", part=str(preparation_id))


def _lot_place(preparation_id: UUID, ordinal: int) -> Place:
    return Place("preparation lot", part=f"{preparation_id}:{ordinal}")
