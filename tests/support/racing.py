"""One worker of a race, in a thread or in a process of its own: randomizes participants and says what it was told."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from randomization.ledger.randomize import RandomizeParticipant, randomize_participant
from tests.support.processes import database_at
from trial.access.actors import Actor
from trial.access.signatures import Reauthenticated
from trial.database.session import Database
from trial.errors import DomainError

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
opened: dict[str, Database] = {}
"""By address: in a process of its own a worker opens one for itself, threads share their test's."""


def press(url: str, actor: Actor, shares: list[UUID]) -> list[tuple[UUID, str]]:
    """The number that each participant got, or the code of the refusal."""
    if url not in opened:
        opened[url] = database_at(url, AT, pool_size=1)
    return [(one, _randomized(opened[url], actor, one)) for one in shares]


def _randomized(database: Database, actor: Actor, participant_id: UUID) -> str:
    command = RandomizeParticipant(participant_id=participant_id, idempotency_key=str(uuid4()))
    proof = Reauthenticated(actor.account_id, AT)
    try:
        with database.transaction() as session:
            return randomize_participant(session, actor, proof, command).randomization_number
    except DomainError as refused:
        return refused.code
