"""Refuses a change that another site makes a signed-in browser send.

Invariants
1. An unsafe request that, as the browser says (``Sec-Fetch-Site``, else ``Origin``), comes from elsewhere is
   refused.
2. With a session cookie, or on a page, an unsafe request carries a token bound to the browser's cookie: a
   keyed hash of the session's secret, which no other site and no script can read. A new session makes every
   older token void.
3. No path is exempt. Only a request to the JSON API without a session cookie needs no token, as it has no
   authority to borrow: it is authenticated by its own ``Authorization`` header or not at all.

The token goes in the field ``csrf_token`` of a form or in the header ``X-CSRF-Token``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from http.cookies import SimpleCookie
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.cookies import session_cookie_name, visitor_cookie_name
from trial.errors import NotPermitted

TOKEN_FIELD = "csrf_token"  # noqa: S105 - the name of a form field
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 - the name of a header
API_PREFIX = "/api/"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class ForgedRequest(NotPermitted):
    code = "request.forged"


def token_for(secret: str) -> str:
    """The token bound to a cookie's secret; knowing it tells nothing of the secret."""
    return hmac.new(secret.encode(), b"equipoise:csrf:1", sha256).hexdigest()


class ForgeryCheck:
    """Puts ``request.state.csrf_token`` on every request and checks it on unsafe ones."""

    def __init__(self, app: ASGIApp, secure: bool, new_visitor: Callable[[], UUID]) -> None:
        self.app = app
        self.secure = secure
        self.new_visitor = new_visitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
        session = cookies.get(session_cookie_name(self.secure))
        visitor = cookies.get(visitor_cookie_name(self.secure))
        fresh = None if session or visitor else str(self.new_visitor())
        expected = token_for(session or visitor or fresh or "")
        scope["state"][TOKEN_FIELD] = expected
        if scope["method"] not in _SAFE_METHODS:
            check_origin(scope)
            if session or not scope["path"].startswith(API_PREFIX):
                receive = await self._check_token(scope, receive, expected)
        await self.app(scope, receive, self._giving_cookie(send, fresh) if fresh else send)

    async def _check_token(self, scope: Scope, receive: Receive, expected: str) -> Receive:
        given = Headers(scope=scope).get(TOKEN_HEADER)
        if given is None and Headers(scope=scope).get("content-type", "").startswith(_FORM_TYPES):
            body = await _whole_body(receive)
            form = await Request(scope, _replay(body, receive)).form()
            field = form.get(TOKEN_FIELD)
            given = field if isinstance(field, str) else None
            await form.close()
            receive = _replay(body, receive)
        if not hmac.compare_digest((given or "").encode(), expected.encode()):
            raise ForgedRequest("This page is out of date. Go back, reload it and try again; nothing was recorded.")
        return receive

    def _giving_cookie(self, send: Send, visitor: str) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("Set-Cookie", self._cookie(visitor))
            await send(message)

        return answer

    def _cookie(self, visitor: str) -> str:
        cookie = SimpleCookie()
        name = visitor_cookie_name(self.secure)
        cookie[name] = visitor
        morsel = cookie[name]
        morsel["path"], morsel["httponly"], morsel["samesite"] = "/", True, "Strict"
        morsel["secure"] = self.secure
        return morsel.OutputString()


def check_origin(scope: Scope) -> None:
    """Refuse what the browser itself says comes from another site.

    Our pages send no referrer, so that a same-origin form has the origin ``null``; ``Sec-Fetch-Site`` tells it
    from a sandboxed frame. Where neither header says anything (an old browser) the token alone decides.
    """
    headers = Headers(scope=scope)
    fetch_site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if fetch_site is not None:
        foreign = fetch_site not in {"same-origin", "none"}
    else:
        foreign = origin not in {None, "null", f"{scope['scheme']}://{headers.get('host', '')}"}
    if foreign:
        raise ForgedRequest("This request came from another site and was refused; nothing was recorded.")


async def _whole_body(receive: Receive) -> bytes:
    """The body, which ``BodyLimit`` above has bounded."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
