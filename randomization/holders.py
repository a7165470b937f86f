"""Data keys as they are stored: one for each holder, wrapped by the installation's master key.

Invariants
1. A holder (a list, a trial's kits, a trial's documents …) has one data key for good; rotation wraps it again.
2. Everything here runs inside ``strongroom``: the blinded role cannot read the table.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import LargeBinary, text
from sqlmodel import Field, select

from randomization.sealing import DataKey, WrappedKey, new_data_key, rewrap, unwrap, wrap
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.keys import KeyProvider

_WRAPPED: Final = "SELECT holder, key_id, token FROM sealed.data_key WHERE holder = ANY(%(holders)s)"


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


def find_data_keys(session: TrialSession, holders: Collection[str]) -> dict[str, DataKey]:
    """The keys of those holders that have one, at once. Raises ``WrongKey``, ``WrappedKeyBroken``."""
    stored = session.run_sql(_WRAPPED, holders=list(holders))
    return {
        row.holder: unwrap(WrappedKey(row.key_id, row.token), row.holder, session.keyring.sealing) for row in stored
    }


def find_data_key(session: TrialSession, holder: str) -> DataKey | None:
    """The key of ``holder``, or ``None`` where nothing was sealed yet. Raises as ``find_data_keys``."""
    return find_data_keys(session, [holder]).get(holder)


def data_keys_of(session: TrialSession, holders: Collection[str]) -> dict[str, DataKey]:
    """The key of each holder. Raises ``DataKeyMissing`` besides."""
    found = find_data_keys(session, holders)
    for holder in holders:
        if holder not in found:
            raise DataKeyMissing(f"The key of {holder} is not in this database. Restore it from a backup.")
    return found


def rewrap_data_keys(session: TrialSession, new: KeyProvider) -> int:
    """Wrap every data key again, under ``new``'s master key; how many there were.

    Nothing that a data key sealed is read or written. Whoever seals meanwhile waits, so that no key is left behind.
    Raises ``WrongKey``, ``WrappedKeyBroken``: then not one is changed.
    """
    session.execute(text("LOCK TABLE sealed.data_key IN SHARE ROW EXCLUSIVE MODE"))
    stored = session.exec(select(StoredDataKey).order_by(StoredDataKey.holder)).all()
    for one in stored:
        held = WrappedKey(one.key_id, bytes(one.token))
        wrapped = rewrap(held, one.holder, session.keyring.sealing, new, session.entropy)
        one.key_id, one.token = wrapped.key_id, wrapped.token
        session.add(one)
    session.flush()
    return len(stored)


def open_every_data_key(session: TrialSession) -> dict[str, DataKey]:
    """Every data key by its holder. Raises as ``rewrap_data_keys``."""
    stored = session.exec(select(StoredDataKey).order_by(StoredDataKey.holder)).all()
    return {
        one.holder: unwrap(WrappedKey(one.key_id, bytes(one.token)), one.holder, session.keyring.sealing)
        for one in stored
    }


def data_key_of(session: TrialSession, holder: str) -> DataKey:
    """The key of ``holder``. Raises as ``data_keys_of``."""
    return data_keys_of(session, [holder])[holder]
