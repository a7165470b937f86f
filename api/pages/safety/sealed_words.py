"""The one way from a door to the words of who knows treatments: with the report that says that there are some."""

from __future__ import annotations

from uuid import UUID

from randomization.pharmacy.accounts import SealAccount, seal_account
from trial.access.actors import Actor
from trial.database.session import TrialSession


def words_under_seal(session: TrialSession, actor: Actor, situation_id: UUID, words: str, number: int = 1) -> None:
    """Seal ``words`` with the version ``number`` of the report; nothing where there are none."""
    if words:
        seal_account(session, actor, SealAccount(situation_id=situation_id, number=number, words=words))
