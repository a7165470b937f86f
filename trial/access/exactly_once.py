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
from sqlalchemy import UniqueConstraint, text
from sqlmodel import Field

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput

_CLAIM = text(
    "INSERT INTO trial.idempotency_key (id, recorded_at, actor, key, action, command_hash)"
    " VALUES (:id, :recorded_at, :actor, :key, :action, :command_hash)"
    " ON CONFLICT (actor, key) DO NOTHING RETURNING id"
)
_CLAIMED = text("SELECT action, command_hash, result_id FROM trial.idempotency_key WHERE actor = :actor AND key = :key")
_ANSWER = text("UPDATE trial.idempotency_key SET result_id = :result WHERE actor = :actor AND key = :key")


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
    session: TrialSession, actor: Actor, action: Action, key: str, command: BaseModel, do: Callable[[], UUID]
) -> UUID:
    """Run ``do`` unless this actor's ``key`` has been answered; return the id of the record that it made.

    Raises ``KeyUsedForAnother`` when the key came with another act or body, ``KeyMalformed`` for an unusable key.
    """
    if not 8 <= len(key) <= 80:
        raise KeyMalformed("The idempotency key must hold 8 to 80 characters: a random UUID serves.")
    claim = {"actor": actor.name, "key": key}
    body = hashlib.sha256(command.model_dump_json().encode()).hexdigest()
    made = session.execute(
        _CLAIM,
        {
            **claim,
            "id": session.new_id(),
            "recorded_at": session.now(),
            "action": action.value,
            "command_hash": body,
        },
    ).first()
    if made is None:
        return _first_answer(session, claim, action, body)
    result = do()
    session.flush()
    session.execute(_ANSWER, {**claim, "result": result})
    return result


def _first_answer(session: TrialSession, claim: dict[str, str], action: Action, body: str) -> UUID:
    known = session.execute(_CLAIMED, claim).one()
    if (known.action, known.command_hash) != (action.value, body):
        raise KeyUsedForAnother(
            "This idempotency key was used for another request. Send each new request with a new key."
        )
    assert known.result_id is not None, "a claim is committed together with its answer"
    return UUID(str(known.result_id))
