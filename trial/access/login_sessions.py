"""Login sessions: who is behind a session's token, and until when.

Invariants
1. A session is known by a random token of which only the SHA-256 is stored; the token changes when the code is accepted.
2. A session that is idle past the limit, older than twelve hours, ended or half (no code yet) opens nothing; nor does one
   whose account is closed.

What it does not do: begin one (``sign_in``).
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor, HeldRole
from trial.access.grants import actor_with
from trial.access.policies import authorize
from trial.database.columns import instant
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import NotAuthenticated

LONGEST_SESSION = timedelta(hours=12)
# How stale the stored time of last use may get before it is written again: a write a minute, not one a request.
_TOUCH_EVERY = timedelta(minutes=1)


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
_WHO_HOLDS_IT = (
    "SELECT login.id, login.recorded_at, login.code_accepted_at, login.last_seen_at, login.ended_at,"
    " account.id AS account_id, account.display_name, account.password_hash, account.closed_at,"
    " held.role, held.trial_id, held.site_id"
    " FROM access.login_session AS login JOIN access.account ON account.id = login.account_id"
    " LEFT JOIN access.role_grant AS held ON held.account_id = account.id AND held.starts_at <= %(at)s"
    " AND (held.ends_at IS NULL OR held.ends_at > %(at)s)"
    " WHERE login.token_hash = %(token_hash)s ORDER BY held.role, held.id"
)
_TOUCH = "UPDATE access.login_session SET last_seen_at = %(at)s WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class Resumed:
    """Who is behind a session's token: the person as they may act now, with what a signature is compared with."""

    actor: Actor
    session_id: UUID
    code_accepted_at: datetime
    password_hash: str = field(repr=False)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(session: TrialSession, purpose: str) -> str:
    """256 random bits in hexadecimal."""
    return session.entropy.take(32, purpose).hex()


def find_login(session: TrialSession, token: str) -> LoginSession | None:
    """The session that the token names, half or whole, unless it has ended or is too old."""
    found = session.exec(select(LoginSession).where(LoginSession.token_hash == token_digest(token))).first()
    return found if found is not None and _may_go_on(found, session.now()) else None


def resume_session(session: TrialSession, token: str, idle_limit: timedelta) -> Resumed:
    """Who holds ``token``, with the roles held now. Raises ``SessionOver``."""
    now = session.now()
    rows = session.run_sql(_WHO_HOLDS_IT, token_hash=token_digest(token), at=now)
    login = rows[0] if rows else None
    if (
        login is None
        or not _may_go_on(login, now)
        or login.code_accepted_at is None
        or now - login.last_seen_at > idle_limit
    ):
        raise SessionOver("Your session is over. Sign in again; what you had saved is kept.")
    if login.closed_at is not None:
        raise SessionOver("This account is closed. Ask the trial's administrator.")
    if now - login.last_seen_at > _TOUCH_EVERY:
        session.run_sql(_TOUCH, at=now, id=login.id)
    roles = tuple([HeldRole(row.role, row.trial_id, row.site_id) for row in rows if row.role is not None])
    actor = actor_with(session, login.account_id, login.display_name, roles)
    return Resumed(actor, login.id, login.code_accepted_at, login.password_hash)


def _may_go_on(login: Any, now: datetime) -> bool:
    return login.ended_at is None and now - login.recorded_at <= LONGEST_SESSION


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
