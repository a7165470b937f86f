"""Electronic signatures: who, when, with what meaning, on exactly which bytes.

Invariants
1. Each signature needs the password again; the code too when none was accepted in the last fifteen minutes.
2. A signature holds the printed name, the instant and the meaning, and the SHA-256 of the record as it was signed
   (21 CFR 11.50, 11.70).
3. A signature counts only while the record's bytes are the ones that were signed: any change voids it, whoever made it
   and by whatever way.
4. Proof of re-authentication is made here alone, is good for one minute, and names the one person it stands for.

What it does not do: decide who may sign. The service that asks for a signature authorizes.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import bindparam
from sqlmodel import Field, SQLModel, col, select

from trial.access.accounts import get_account
from trial.access.actors import Actor
from trial.access.passwords import STRONG, PasswordStrength, password_matches
from trial.access.sign_in import SignInRefused, accept_code, record_failure
from trial.database.columns import instant, prose
from trial.database.records import Record, in_schema
from trial.database.session import Database, TrialSession
from trial.errors import Conflict, NotAuthenticated

CODE_GOOD_FOR = timedelta(minutes=15)
PROOF_GOOD_FOR = timedelta(minutes=1)


class SignatureVoid(Conflict):
    code = "signature.void"


class NotSigned(Conflict):
    code = "signature.missing"


class ReauthenticationNeeded(NotAuthenticated):
    code = "signature.reauthentication_needed"


class CodeNeeded(NotAuthenticated):
    code = "signature.code_needed"


@dataclass(frozen=True, slots=True)
class Reauthenticated:
    """Proof that a person gave the password (and the code, when due) just now. Made by ``reauthenticate`` only."""

    account_id: UUID
    at: datetime


class Signature(Record, table=True):
    __tablename__ = "signature"
    __table_args__ = in_schema("access")

    trial_id: UUID | None = Field(default=None, foreign_key="trial.trial.id", index=True)
    account_id: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)
    meaning: str = prose()
    record_table: str = Field(max_length=80)
    record_id: UUID = Field(index=True)
    record_hash: str = Field(max_length=64)
    signed_at: datetime = instant()


_OPEN_WITH = (
    "SELECT id FROM access.account WHERE id = %(account)s AND password_hash = %(stored)s AND closed_at IS NULL"
    " AND (locked_until IS NULL OR locked_until <= %(now)s)"
)
_ON_RECORD = (
    select(Signature)
    .where(col(Signature.record_id) == bindparam("record_id"), col(Signature.record_table) == bindparam("record_table"))
    .order_by(col(Signature.signed_at), col(Signature.id))
)


def reauthenticate(
    database: Database,
    actor: Actor,
    password: str,
    code: str | None,
    code_accepted_at: datetime | None,
    *,
    stored: str | None = None,
    strength: PasswordStrength = STRONG,
) -> Reauthenticated:
    """Check the password, and the code when the last accepted one is older than fifteen minutes.

    Runs before the transaction of what is to be signed. ``stored`` is the account's password hash where the caller has
    just read it; it must still be the account's when the answer is given. A failure counts towards the lockout.
    Raises ``CodeNeeded``, ``SignInRefused``.
    """
    now = database.clock.now()
    due = code_accepted_at is None or now - code_accepted_at > CODE_GOOD_FOR
    if due and not code:
        raise CodeNeeded(
            "Give the code from your authenticator as well: the last one was more than fifteen minutes ago."
        )
    if stored is None:
        with database.reading() as session:
            stored = get_account(session, actor.account_id).password_hash
    matches = password_matches(password, stored, strength)
    # Asked whether the password matches or not: a locked account must take as long for a right one as for a wrong one.
    may_open = bool(database.ask(_OPEN_WITH, account=actor.account_id, stored=stored, now=now))
    opens = matches and may_open
    if opens and not code:
        return Reauthenticated(actor.account_id, now)
    with database.transaction() as session:
        account = get_account(session, actor.account_id)
        if opens and code and accept_code(session, account, code):
            return Reauthenticated(actor.account_id, now)
        record_failure(session, account)
    raise SignInRefused("The password or the code is not right, so nothing was signed. Try again.")


def record_hash(record: SQLModel) -> str:
    """SHA-256 over the record's fields in canonical JSON: sorted keys, no spaces, ISO instants."""
    return _hash_of(record.model_dump(mode="json"))


def content_hash(content: Mapping[str, Any]) -> str:
    """``record_hash`` of a record whose fields were read as they are stored."""
    return _hash_of(to_jsonable_python(content))


def _hash_of(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def sign(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    record: Record,
    meaning: str,
    trial_id: UUID | None = None,
    *,
    as_made: bool = False,
) -> Signature:
    """Bind ``actor``'s signature to ``record`` as it stands now. Raises ``ReauthenticationNeeded``.

    Called by a service that has authorized the act; the record must be complete and is flushed first. It is read again as
    the database keeps it. One that is new and is made of ids, texts, whole numbers and instants alone comes back as it went
    in: with ``as_made`` it is stored here, as it was made, and the session holds neither it nor the signature.
    """
    check_proof(session, actor, proof)
    if not as_made:
        session.flush()
        session.refresh(record)
    signature = Signature(
        **session.stamp(),
        trial_id=trial_id,
        account_id=actor.account_id,
        printed_name=actor.display_name,
        meaning=meaning,
        record_table=table_name(record),
        record_id=record.id,
        record_hash=record_hash(record),
        signed_at=session.now(),
    )
    if as_made:
        session.insert_plain(record, signature)
    else:
        session.add(signature)
        session.flush()
    return signature


def check_proof(session: TrialSession, actor: Actor, proof: Reauthenticated) -> None:
    """Raise ``ReauthenticationNeeded`` unless the proof is the actor's own and of the last minute."""
    age = session.now() - proof.at
    if proof.account_id != actor.account_id or not timedelta(0) <= age <= PROOF_GOOD_FOR:
        raise ReauthenticationNeeded("Give your password again: a signature needs it within the last minute.")


def table_name(record: Record | type[Record]) -> str:
    """``schema.table`` of a record, as the audit writes it."""
    table: Any = (record if isinstance(record, type) else type(record)).__table__  # type: ignore[attr-defined]  # SQLModel adds it
    return str(table.key)


def signatures_on(session: TrialSession, record: Record) -> list[Signature]:
    """Every signature ever given on the record, oldest first."""
    named = {"record_id": record.id, "record_table": table_name(record)}
    return list(session.execute(_ON_RECORD, named).scalars())


def holds(signature: Signature, record: Record) -> bool:
    """Whether the record still is what was signed."""
    return signature.record_id == record.id and signature.record_hash == record_hash(record)


def check_signed(session: TrialSession, record: Record) -> Signature:
    """The latest signature that still holds. Raises ``NotSigned`` or ``SignatureVoid``."""
    given = signatures_on(session, record)
    check_hash_signed(record_hash(record), [signature.record_hash for signature in given])
    return next(signature for signature in reversed(given) if holds(signature, record))


def check_hash_signed(own: str, signed: Collection[str]) -> None:
    """Raise ``NotSigned`` where no hash was signed, ``SignatureVoid`` where the record's own is not among those signed."""
    if not signed:
        raise NotSigned("This record is not signed yet. Ask the person whose signature it needs.")
    if own not in signed:
        raise SignatureVoid(
            "The record was changed after it was signed, which voids the signature. Have it signed again."
        )
