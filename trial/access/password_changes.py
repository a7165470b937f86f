"""A new password of one's own: the present one is proved first, and every other session ends.

Invariants
1. Only the account's owner changes it, with proof of the present password given within the last minute.
2. The new one keeps the house's rules and is not the present one; its hash is made before the transaction.
3. Whoever else is signed in to the account is signed out; the session that asked goes on.

What it does not do: help somebody who lost the password (``resets``).
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from trial.access.accounts import Account, get_account
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.login_sessions import open_sessions_of
from trial.access.passwords import PasswordTooWeak, check_password_acceptable
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, check_proof
from trial.database.session import TrialSession
from trial.errors import InvalidInput


class PasswordsDiffer(InvalidInput):
    code = "access.passwords_differ"


class ChangePassword(BaseModel):
    """``new_password_hash`` comes from ``passwords.hash_password``, made before the transaction."""

    model_config = ConfigDict(frozen=True)

    new_password_hash: str = Bounded(repr=False)
    keep_session: UUID | None = None


def check_new_password(username: str, present: str, new: str, again: str) -> None:
    """What can be said of a new password before it is hashed. Raises ``PasswordTooWeak``, ``PasswordsDiffer``."""
    try:
        check_password_acceptable(new, username)
    except PasswordTooWeak as weak:
        raise PasswordTooWeak(weak.sentence, fields={"new_password": weak.sentence}) from weak
    if new == present:
        sentence = "This is your present password. Choose another."
        raise PasswordTooWeak(sentence, fields={"new_password": sentence})
    if new != again:
        sentence = "The two are not the same. Type the new password twice."
        raise PasswordsDiffer(sentence, fields={"new_password_again": sentence})


def change_password(session: TrialSession, actor: Actor, proof: Reauthenticated, command: ChangePassword) -> Account:
    """The new password holds from now on, and other sessions are over. Raises ``ReauthenticationNeeded``."""
    authorize(session, actor, Action.PASSWORD_CHANGED)
    check_proof(session, actor, proof)
    account = get_account(session, actor.account_id)
    account.password_hash = command.new_password_hash
    session.add(account)
    for login in open_sessions_of(session, account.id):
        if login.id != command.keep_session:
            login.ended_at = session.now()
            session.add(login)
    session.flush()
    return account
