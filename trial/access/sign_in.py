"""Signing in: password, then code; lockout; sessions that end when idle.

Invariants
1. Every failure gives one and the same answer, after the same work: nobody learns whether a user name exists.
2. Five failures in a row lock the account for fifteen minutes, and the lockout raises an alert; a locked account answers
   as a wrong password does.
3. A session is known by a random token of which only the SHA-256 is stored; the token changes when the code is accepted.
4. A session that is idle past the limit, or older than twelve hours, is over.

The password is verified before the transaction opens (``passwords``); these services take the outcome.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, bindparam
from sqlmodel import Field, col, select

from trial.access.accounts import Account, code_secret, find_account
from trial.access.actions import Action
from trial.access.actors import Actor, person, system_actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.codes import accepted_step
from trial.access.grants import HELD_AT, RoleGrant, actor_with, grants_of
from trial.access.passwords import STRONG, PasswordStrength, password_matches
from trial.access.policies import authorize
from trial.database.columns import instant
from trial.database.records import Record, in_schema
from trial.database.session import Database, TrialSession
from trial.errors import NotAuthenticated

ATTEMPTS_BEFORE_LOCK = 5
LOCKED_FOR = timedelta(minutes=15)
LONGEST_SESSION = timedelta(hours=12)
# How stale the stored time of last use may get before it is written again: a write a minute, not one a request.
_TOUCH_EVERY = timedelta(minutes=1)


class SignInRefused(NotAuthenticated):
    code = "access.sign_in_refused"


class SessionOver(NotAuthenticated):
    code = "access.session_over"


class LoginSession(Record, table=True):
    __tablename__ = "login_session"
    __table_args__ = in_schema("access", secret=("token_hash",), unrecorded=("last_seen_at",))

    account_id: UUID = Field(foreign_key="access.account.id", index=True)
    token_hash: str = Field(max_length=64, unique=True, repr=False)
    code_accepted_at: datetime | None = instant(default=None)
    last_seen_at: datetime = instant()
    ended_at: datetime | None = instant(default=None)


# Every request begins with this: the session, whose it is, and a row for each role that is held.
_BY_TOKEN = (
    select(LoginSession, Account, RoleGrant)
    .join(Account, col(Account.id) == col(LoginSession.account_id))
    .outerjoin(RoleGrant, and_(col(RoleGrant.account_id) == col(Account.id), HELD_AT))
    .where(col(LoginSession.token_hash) == bindparam("token_hash"))
    .order_by(col(RoleGrant.role), col(RoleGrant.id))
)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(session: TrialSession, purpose: str) -> str:
    """256 random bits in hexadecimal."""
    return session.entropy.take(32, purpose).hex()


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
        half, account, _ = _live_session(session, token) or (None, None, ())
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


@dataclass(frozen=True, slots=True)
class Resumed:
    """Who is behind a session's token: the person as they may act now, their session and their account."""

    actor: Actor
    login: LoginSession
    account: Account


def _live_session(session: TrialSession, token: str) -> tuple[LoginSession, Account, list[RoleGrant]] | None:
    """The session that the token opens, whose it is, and the roles that they hold."""
    now = session.now()
    rows = session.execute(_BY_TOKEN, {"token_hash": token_digest(token), "at": now}).all()
    if not rows or rows[0][0].ended_at is not None or now - rows[0][0].recorded_at > LONGEST_SESSION:
        return None
    return rows[0][0], rows[0][1], [grant for _, _, grant in rows if grant is not None]


def resume_session(session: TrialSession, token: str, idle_limit: timedelta) -> Resumed:
    """Who holds ``token``, with the roles held now. Raises ``SessionOver``."""
    found, account, grants = _live_session(session, token) or (None, None, [])
    now = session.now()
    if found is None or account is None or found.code_accepted_at is None or now - found.last_seen_at > idle_limit:
        raise SessionOver("Your session is over. Sign in again; what you had saved is kept.")
    if account.closed_at is not None:
        raise SessionOver("This account is closed. Ask the trial's administrator.")
    if now - found.last_seen_at > _TOUCH_EVERY:
        found.last_seen_at = now
        session.add(found)
    return Resumed(actor_with(session, account, grants), found, account)


def end_session(session: TrialSession, actor: Actor, session_id: UUID) -> None:
    """Sign out: the token lets nobody in any more."""
    authorize(session, actor, Action.SESSION_ENDED)
    found = session.get(LoginSession, session_id)
    if found is not None and found.account_id == actor.account_id:
        found.ended_at = session.now()
        session.add(found)


def open_sessions_of(session: TrialSession, account_id: UUID) -> list[LoginSession]:
    """The sessions of an account that nobody has ended and that are not too old, the latest used first."""
    since = session.now() - LONGEST_SESSION
    return list(
        session.exec(
            select(LoginSession)
            .where(LoginSession.account_id == account_id, col(LoginSession.ended_at).is_(None))
            .where(col(LoginSession.code_accepted_at).is_not(None), col(LoginSession.recorded_at) > since)
            .order_by(col(LoginSession.last_seen_at).desc(), col(LoginSession.id))
        )
    )
