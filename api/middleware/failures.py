"""The last net: whatever a route or a middleware below raises becomes an answer of ``api.errors``.

It stands inside the request record and the headers, so that a failure, too, has an id, a log line and every
header.
Starlette's own outermost net would send a bare 500 without them and print the exception's text.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer_error


class Failures:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001 - the last net; it logs and answers every failure
            response = answer_error(Request(scope, receive), error)
            if not begun:
                await response(scope, receive, send)
