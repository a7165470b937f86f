"""Exactly once: a command sent again after a lost answer returns its first answer.

Invariants
1. A key belongs to one actor and one command: the same key with another body is refused.
2. What is kept is a reference to the record that was made, never its content and never an arm.
3. Two requests with one key at the same time: the second waits for the first to commit, then returns its answer.
"""

import hashlib
from collections.abc import Callable
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput

_CLAIM = (
    "INSERT INTO trial.idempotency_key (id, recorded_at, actor, key, action, command_hash, result_id)"
    " VALUES (%(id)s, %(recorded_at)s, %(actor)s, %(key)s, %(action)s, %(command_hash)s, %(result)s)"
    " ON CONFLICT (actor, key) DO NOTHING RETURNING id"
)
_CLAIMED = "SELECT action, command_hash, result_id FROM trial.idempotency_key WHERE actor = %(actor)s AND key = %(key)s"
_ANSWER = "UPDATE trial.idempotency_key SET result_id = %(result)s WHERE actor = %(actor)s AND key = %(key)s"


class KeyUsedForAnother(Conflict):
    code = "request.key_used_for_another"


class KeyMalformed(InvalidInput):
    code = "request.key_malformed"


class IdempotencyKey(Record, table=True):
    __tablename__ = "idempotency_key"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("actor", "key"),
        unaudited="the record that it points to is audited; a key alone changes nothing",
    )

    actor: str = Field(max_length=80)
    key: str = Field(max_length=80)
    action: str = Field(max_length=64)
    command_hash: str = Field(max_length=64)
    result_id: UUID | None = None


def exactly_once(
    session: TrialSession,
    actor: Actor,
    action: Action,
    key: str,
    command: BaseModel,
    do: Callable[[], UUID],
    *,
    makes: UUID | None = None,
) -> UUID:
    """Run ``do`` unless this actor's ``key`` has been answered; return the id of the record that it made.

    ``makes`` is that id where it is known before: then key and answer are one statement.

    Raises ``KeyUsedForAnother`` when the key came with another act or body, ``KeyMalformed`` for an unusable key.
    """
    if not 8 <= len(key) <= 80:
        raise KeyMalformed("The idempotency key must hold 8 to 80 characters: a random UUID serves.")
    claim = {"actor": actor.name, "key": key}
    body = hashlib.sha256(command.model_dump_json().encode()).hexdigest()
    claimed = session.run_sql(_CLAIM, **claim, **session.stamp(), action=action.value, command_hash=body, result=makes)
    if not claimed:
        return _first_answer(session, claim, action, body)
    result = do()
    if makes is None:
        session.run_sql(_ANSWER, **claim, result=result)
    assert makes in (None, result), "what was promised is what was made"
    return result


def _first_answer(session: TrialSession, claim: dict[str, str], action: Action, body: str) -> UUID:
    (known,) = session.run_sql(_CLAIMED, **claim)
    if (known.action, known.command_hash) != (action.value, body):
        raise KeyUsedForAnother(
            "This idempotency key was used for another request. Send each new request with a new key."
        )
    assert known.result_id is not None, "a claim is committed together with its answer"
    return UUID(str(known.result_id))
