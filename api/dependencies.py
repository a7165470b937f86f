"""How a route gets its transaction and its actor: the only way there is.

Invariants
1. ``Write`` is the one alias for a session. Its transaction commits after the handler returned and before a byte of the
   answer is sent (``scope="function"``); a commit that fails is an error page, never a 200.
2. The actor is found in a transaction of its own that is over before the handler runs, so that a password can be hashed
   while no transaction is open.
3. A request with a bearer token is its owner narrowed by the token; a cookie beside it is not looked at.
4. Signing needs a person behind a session: a token never signs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from api.cookies import session_cookie_name
from api.services import AppServices, services_of
from trial.access.actors import Actor
from trial.access.passwords import STRONG
from trial.access.sign_in import SessionOver, resume_session
from trial.access.signatures import CODE_GOOD_FOR, Reauthenticated, reauthenticate
from trial.access.tokens import TOKEN_PREFIX, TokenRefused, resume_token
from trial.database.session import TrialSession
from trial.errors import NotAuthenticated, NotPermitted


class NotSignedIn(NotAuthenticated):
    code = "access.not_signed_in"


class SigningNeedsPerson(NotPermitted):
    code = "signature.needs_person"


@dataclass(frozen=True)
class Caller:
    """Who called. ``session_id`` and ``code_accepted_at`` are a browser session's; a token has neither."""

    services: AppServices
    actor: Actor
    session_id: UUID | None = None
    code_accepted_at: datetime | None = None

    @property
    def needs_code(self) -> bool:
        """Whether a signature now needs the code as well as the password."""
        now = self.services.database.clock.now()
        return self.code_accepted_at is None or now - self.code_accepted_at > CODE_GOOD_FOR

    def prove(self, password: str, code: str | None = None) -> Reauthenticated:
        """Re-authenticate for a signature, before the handler's transaction begins.

        Raises ``SigningNeedsPerson``, ``CodeNeeded``, ``SignInRefused``.
        """
        if self.session_id is None:
            raise SigningNeedsPerson("A token cannot sign. Sign in with your password and code.")
        return reauthenticate(
            self.services.database, self.actor, password, code or None, self.code_accepted_at, strength=STRONG
        )


def _transaction(request: Request) -> Iterator[TrialSession]:
    with services_of(request).database.transaction() as session:
        yield session


def caller_of(request: Request) -> Caller:
    """Who calls, found once a request. Raises ``NotSignedIn``, ``SessionOver``, ``TokenRefused``, ``TokenExpired``."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    services = services_of(request)
    authorization = request.headers.get("authorization", "")
    found = _by_token(services, authorization) if authorization else _by_cookie(services, request)
    request.state.actor_id = found.actor.name
    request.state.caller = found
    return found


def _by_token(services: AppServices, authorization: str) -> Caller:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer" or not text.startswith(TOKEN_PREFIX):
        raise TokenRefused("Send a token as “Authorization: Bearer eqp_…”. Make one on your account page.")
    with services.database.transaction() as session:
        return Caller(services, resume_token(session, text))


def _by_cookie(services: AppServices, request: Request) -> Caller:
    token = request.cookies.get(session_cookie_name(services.settings.secure_cookies))
    if not token:
        raise NotSignedIn("Sign in first.")
    with services.database.transaction() as session:
        actor, login = resume_session(session, token, timedelta(minutes=services.settings.idle_minutes))
        return Caller(services, actor, login.id, login.code_accepted_at)


def _caller_if_any(request: Request) -> Caller | None:
    try:
        return caller_of(request)
    except (NotSignedIn, SessionOver):
        return None


Services = Annotated[AppServices, Depends(services_of)]
Write = Annotated[TrialSession, Depends(_transaction, scope="function")]
Called = Annotated[Caller, Depends(caller_of)]
MaybeCalled = Annotated[Caller | None, Depends(_caller_if_any)]
