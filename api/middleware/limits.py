"""Limits on what a stranger may cost us: known hosts, bodies of bounded size, bounded attempts to sign in."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from time import monotonic
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trial.errors import InvalidInput, TooManyAttempts

MAX_BODY_BYTES = 1_048_576


class UnknownHost(InvalidInput):
    code = "request.unknown_host"


class TooManySignIns(TooManyAttempts):
    code = "access.too_many_sign_ins"

    retry_after_seconds: int = 60


class KnownHosts:
    """Refuses a request for a host name that is not ours: links that we send are built from it."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self.app = app
        self.allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "*" not in self.allowed:
            self._check(Headers(scope=scope).get("host", ""))
        await self.app(scope, receive, send)

    def _check(self, host: str) -> None:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.lower() not in self.allowed:
            raise UnknownHost("This address is not one of this installation's. Use the address you were given.")


class BodyLimit:
    """Refuses a body that is too long, by its announced length or while it arrives.

    ``larger`` names, by a pattern of the path, where a signed-in caller may send more, and how much.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, larger: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = [(re.compile(pattern), most) for pattern, most in larger.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced, most = Headers(scope=scope).get("content-length", "0"), self._most(scope)
        self._check(int(announced) if announced.isdigit() else 0, most)
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            self._check(received, most)
            return message

        await self.app(scope, counted, send)

    def _most(self, scope: Scope) -> int:
        """A stranger, who brings no credential at all, never gets more than the usual limit."""
        headers = Headers(scope=scope)
        if scope["method"] != "POST" or not ({"cookie", "authorization"} & set(headers.keys())):
            return self.max_bytes
        return next((most for pattern, most in self.larger if pattern.fullmatch(scope["path"])), self.max_bytes)

    @staticmethod
    def _check(size: int, most: int) -> None:
        if size > most:
            raise HTTPException(413)


class SignInLimit:
    """A sliding window of attempts for each client address on the paths where secrets are guessed.

    It stands before the password hash, which costs us more than it costs the one who asks. Lockout of an
    account is kept in the database (``trial.access``) for all processes; this one holds for its own process.
    """

    MAX_CLIENTS = 10_000

    def __init__(
        self,
        app: ASGIApp,
        paths: Collection[str],
        attempts: int,
        window_seconds: int = 60,
        ask_time: Callable[[], float] = monotonic,
    ) -> None:
        self.app = app
        self.paths = frozenset(paths)
        self.attempts = attempts
        self.window_seconds = window_seconds
        self.ask_time = ask_time
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].rstrip("/") in self.paths:
            self._count(scope["client"][0] if scope.get("client") else "unknown")
        await self.app(scope, receive, send)

    def _count(self, client: str) -> None:
        now = self.ask_time()
        seen = self._seen.setdefault(client, deque())
        self._seen.move_to_end(client)
        while seen and seen[0] <= now - self.window_seconds:
            seen.popleft()
        if len(seen) >= self.attempts:
            raise TooManySignIns("Too many attempts to sign in from here. Wait one minute, then try again.")
        seen.append(now)
        if len(self._seen) > self.MAX_CLIENTS:
            self._seen.popitem(last=False)
