"""Signing in: password, then code; lockout.

Invariants
1. Every failure gives one and the same answer, after the same work: nobody learns whether a user name exists.
2. Five failures in a row lock the account for fifteen minutes, and the lockout raises an alert; a locked account answers
   as a wrong password does.
3. Until the code is accepted, a session's token serves for nothing but to give the code; then it is replaced.

The password is verified before the transaction opens (``passwords``); these services take the outcome.
"""

from datetime import datetime, timedelta

from trial.access.accounts import Account, code_secret, find_account, get_account
from trial.access.actions import Action
from trial.access.actors import person, system_actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.codes import accepted_step
from trial.access.grants import grants_of
from trial.access.login_sessions import LoginSession, find_login, new_token, token_digest
from trial.access.passwords import STRONG, PasswordStrength, password_matches
from trial.access.policies import authorize
from trial.database.session import Database, TrialSession
from trial.errors import NotAuthenticated

ATTEMPTS_BEFORE_LOCK = 5
LOCKED_FOR = timedelta(minutes=15)


class SignInRefused(NotAuthenticated):
    code = "access.sign_in_refused"


def _refusal() -> SignInRefused:
    return SignInRefused(
        "These details do not let you in. Check the user name, password and code; after five failures wait fifteen minutes."
    )


def _is_open(account: Account | None, now: datetime) -> bool:
    return (
        account is not None
        and account.closed_at is None
        and (account.locked_until is None or account.locked_until <= now)
    )


def sign_in(
    database: Database, username: str, password: str, *, strength: PasswordStrength = STRONG
) -> tuple[str, LoginSession]:
    """First step: the password. Returns the session's token, which only lets its holder give the code.

    Opens its own transactions, so that a failure is recorded although the sign-in is refused. Raises ``SignInRefused``.
    """
    with database.reading() as session:
        found = find_account(session, username)
    matches = password_matches(password, None if found is None else found.password_hash, strength)
    with database.transaction() as session:
        account = find_account(session, username)
        if account is not None and matches and _is_open(account, session.now()):
            return _start_session(session, account)
        record_failure(session, account)
    raise _refusal()


def _start_session(session: TrialSession, account: Account) -> tuple[str, LoginSession]:
    authorize(session, person(account.id, account.display_name), Action.SESSION_STARTED)
    token = new_token(session, "login-session")
    started = LoginSession(
        **session.stamp(), account_id=account.id, token_hash=token_digest(token), last_seen_at=session.now()
    )
    session.add(started)
    session.flush()
    return token, started


def record_failure(session: TrialSession, account: Account | None) -> None:
    """Count the failure; lock at the limit. An unknown name leaves no trace: there is nobody to protect."""
    if account is None or account.closed_at is not None:
        return
    session.refresh(account, with_for_update=True)
    locks = account.failed_attempts + 1 >= ATTEMPTS_BEFORE_LOCK
    authorize(session, system_actor("doorkeeper"), Action.ACCOUNT_LOCKED if locks else Action.SIGN_IN_FAILED)
    account.failed_attempts += 1
    if locks:
        account.failed_attempts, account.locked_until = 0, session.now() + LOCKED_FOR
        _alert_administrators(session, account)
    session.add(account)


def _alert_administrators(session: TrialSession, account: Account) -> None:
    trials = {grant.trial_id for grant in grants_of(session, account.id, session.now())}
    for trial_id in sorted(trials):
        raise_alert(
            session,
            AlertKind.ACCOUNT_LOCKED,
            "administrator",
            f"The account {account.username} was locked after {ATTEMPTS_BEFORE_LOCK} failures. Ask its owner about it.",
            trial_id=trial_id,
        )


def give_code(database: Database, token: str, code: str) -> tuple[str, LoginSession]:
    """Second step: the one-time code. Returns a fresh token for the now complete session. Raises ``SignInRefused``."""
    with database.transaction() as session:
        half = find_login(session, token)
        account = get_account(session, half.account_id) if half is not None else None
        if half is not None and account is not None and accept_code(session, account, code):
            authorize(session, person(account.id, account.display_name), Action.SESSION_STARTED)
            fresh = new_token(session, "login-session")
            half.token_hash, half.code_accepted_at, half.last_seen_at = (
                token_digest(fresh),
                session.now(),
                session.now(),
            )
            account.failed_attempts = 0
            session.add(half)
            session.add(account)
            session.flush()
            return fresh, half
        record_failure(session, account)
    raise _refusal()


def accept_code(session: TrialSession, account: Account, code: str) -> bool:
    """Whether ``code`` is right for an open account; uses it up."""
    session.refresh(account, with_for_update=True)
    if not _is_open(account, session.now()):
        return False
    step = accepted_step(code_secret(session, account), code, session.now(), account.last_code_step)
    if step is None:
        return False
    account.last_code_step = step
    session.add(account)
    return True
