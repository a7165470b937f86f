"""An application asked in the test's own thread: no socket, no server, no threads. For tests that ask thousands of times.

What a socket, a server and threads do is asked elsewhere; here the application answers as it stands, from its outermost
middleware to its innermost handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import anyio.to_thread
import httpx
import pytest
from fastapi import FastAPI


@contextmanager
def handlers_in_line() -> Iterator[None]:
    """Run each handler where it is awaited: one request at a time needs no threads, and is twice as fast without."""

    async def run(function, *given, **_limits):
        return function(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anyio.to_thread, "run_sync", run)
        yield


class Inline:
    """One browser's cookies over an application in this thread; its requests come one after the other."""

    def __init__(self, app: FastAPI, csrf: str = "") -> None:
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 5000))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        self._loop = asyncio.Runner()
        self.cookies = self._client.cookies
        self.csrf = csrf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._loop.run(self._client.aclose())
        self._loop.close()

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self._loop.run(self._client.request(method, path, **given))

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)
