"""Data keys as they are stored: one for each holder, wrapped by the installation's master key.

Invariants
1. A holder (a list, a trial's kits, a trial's documents …) has one data key for good; rotation wraps it again.
2. Everything here runs inside ``strongroom``: the blinded role cannot read the table.
"""

from uuid import UUID

from sqlalchemy import LargeBinary
from sqlmodel import Field, select

from randomization.sealing import DataKey, WrappedKey, new_data_key, unwrap, wrap
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict


class DataKeyMissing(Conflict):
    code = "seal.data_key_missing"


class StoredDataKey(Record, table=True):
    __tablename__ = "data_key"
    __table_args__ = in_schema("sealed", digest=("token",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    holder: str = Field(max_length=80, unique=True)
    key_id: str = Field(max_length=16)
    token: bytes = Field(sa_type=LargeBinary, repr=False)


def make_data_key(session: TrialSession, trial_id: UUID, holder: str) -> DataKey:
    """A new key for ``holder``, stored wrapped."""
    key = new_data_key(holder, session.entropy)
    wrapped = wrap(key, session.keyring.sealing, session.entropy)
    session.add(
        StoredDataKey(**session.stamp(), trial_id=trial_id, holder=holder, key_id=wrapped.key_id, token=wrapped.token)
    )
    session.flush()
    return key


def find_data_key(session: TrialSession, holder: str) -> DataKey | None:
    """The key of ``holder``, or ``None`` where nothing was sealed yet. Raises ``WrongKey``, ``WrappedKeyBroken``."""
    stored = session.exec(
        select(StoredDataKey.key_id, StoredDataKey.token).where(StoredDataKey.holder == holder)
    ).first()
    if stored is None:
        return None
    return unwrap(WrappedKey(stored[0], bytes(stored[1])), holder, session.keyring.sealing)


def data_key_of(session: TrialSession, holder: str) -> DataKey:
    """The key of ``holder``. Raises ``DataKeyMissing`` besides."""
    key = find_data_key(session, holder)
    if key is None:
        raise DataKeyMissing(f"The key of {holder} is not in this database. Restore it from a backup.")
    return key
