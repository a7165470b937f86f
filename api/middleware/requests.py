"""One id and one log line for each request.

Invariants
1. The id is made here; one that a client sends is ignored, so that nobody can write into another's trail.
2. The line names the route's template, never the path that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any
from uuid import UUID

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import log

REQUEST_ID_HEADER = "X-Request-ID"
UNMATCHED = "(no route)"


class RequestRecord:
    """Gives the request its id (``request.state.request_id``) and writes its line once it is answered."""

    def __init__(
        self, app: ASGIApp, new_request_id: Callable[[], UUID], templates: Callable[[], Mapping[int, str]]
    ) -> None:
        self.app = app
        self.new_request_id = new_request_id
        self.templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = str(self.new_request_id())
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            self._write_line(scope, request_id, status, perf_counter() - started)

    def _write_line(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        state: dict[str, Any] = scope["state"]
        log.info(
            "request",
            request_id=request_id,
            method=scope["method"],
            route=self._template(scope),
            status=status,
            ms=round(seconds * 1000, 1),
            actor_id=str(state["actor_id"]) if state.get("actor_id") else None,
        )

    def _template(self, scope: Scope) -> str:
        known = self.templates()
        return known.get(id(scope.get("route"))) or known.get(id(scope.get("endpoint"))) or UNMATCHED
