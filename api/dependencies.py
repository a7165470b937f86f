"""How a route gets its transaction and its actor: the only way there is.

Invariants
1. ``Write`` is the one alias for a session. Its transaction commits after the handler returned and before a byte of the
   answer is sent (``scope="function"``); a commit that fails is an error page, never a 200.
2. The actor is found before the handler runs, and no transaction is open after that until the handler's own begins, so that a
   password can be hashed in between.
3. A request with a bearer token is its owner narrowed by the token; a cookie beside it is not looked at.
4. Signing needs a person behind a session: a token never signs.
5. That a token was used is on record, whatever becomes of the request.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.cookies import session_cookie_name
from api.services import AppServices, services_of
from trial.access.actors import Actor
from trial.access.login_sessions import SessionOver, resume_session
from trial.access.passwords import STRONG
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
    """Who called. ``session_id`` and what follows it are a browser session's; a token has none of it."""

    services: AppServices
    actor: Actor
    session_id: UUID | None = None
    code_accepted_at: datetime | None = None
    password_hash: str | None = field(default=None, repr=False)

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
            self.services.database,
            self.actor,
            password,
            code or None,
            self.code_accepted_at,
            stored=self.password_hash,
            strength=STRONG,
        )


async def _transaction(request: Request) -> AsyncIterator[TrialSession]:
    """A session asks the database nothing until it is used: only its end needs a thread."""
    session = services_of(request).database.session()
    try:
        yield session
    except BaseException:
        await run_in_threadpool(session.close)
        raise
    await run_in_threadpool(session.commit_and_close)


def caller_of(request: Request) -> Caller:
    """Who calls, found once a request. Raises ``NotSignedIn``, ``SessionOver``, ``TokenRefused``, ``TokenExpired``."""
    accept_token(request)
    if (known := _known(request)) is not None:
        return known
    with services_of(request).database.looking() as session:
        return identify(request, session)


def accept_token(request: Request) -> None:
    """Know a program by its bearer token, where it sends one: in a transaction of its own, kept whatever comes after."""
    services, authorization = services_of(request), request.headers.get("authorization", "")
    if not authorization or _known(request) is not None:
        return
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer" or not text.startswith(TOKEN_PREFIX):
        raise TokenRefused("Send a token as “Authorization: Bearer eqp_…”. Make one on your account page.")
    with services.database.transaction() as session:
        found = Caller(services, resume_token(session, text))
    _remember(request, found)


def identify(request: Request, session: TrialSession) -> Caller:
    """Who calls, found with a session with which the gate goes on to read; a program is known already."""
    if (known := _known(request)) is not None:
        return known
    return _remember(request, _by_cookie(services_of(request), session, request))


def _known(request: Request) -> Caller | None:
    known: Caller | None = getattr(request.state, "caller", None)
    return known


def _remember(request: Request, found: Caller) -> Caller:
    request.state.actor_id = found.actor.name
    request.state.caller = found
    return found


def _by_cookie(services: AppServices, session: TrialSession, request: Request) -> Caller:
    token = request.cookies.get(session_cookie_name(services.settings.secure_cookies))
    if not token:
        raise NotSignedIn("Sign in first.")
    resumed = resume_session(session, token, timedelta(minutes=services.settings.idle_minutes))
    return Caller(services, resumed.actor, resumed.session_id, resumed.code_accepted_at, resumed.password_hash)


async def _called(request: Request) -> Caller:
    """Whom the gate has found; looked for where no gate asked. What needs no wait needs no thread."""
    known = _known(request)
    return known if known is not None else await run_in_threadpool(caller_of, request)


async def _services(request: Request) -> AppServices:
    return services_of(request)


def _caller_if_any(request: Request) -> Caller | None:
    try:
        return caller_of(request)
    except (NotSignedIn, SessionOver):
        return None


Services = Annotated[AppServices, Depends(_services)]
Write = Annotated[TrialSession, Depends(_transaction, scope="function")]
Called = Annotated[Caller, Depends(_called)]
MaybeCalled = Annotated[Caller | None, Depends(_caller_if_any)]
