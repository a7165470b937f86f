"""Static files under addresses that hold the hash of their content, so that a browser may keep them for ever.

Invariants
1. ``asset_url("equipoise.css")`` changes when, and only when, a byte of the file changes.
2. An address with a wrong or missing hash is answered 404: no page can show yesterday's stylesheet.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

STATIC_PREFIX = "/static/"
IMMUTABLE = "public, max-age=31536000, immutable"
_SERVED = (".css", ".js", ".svg")


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    etag: str


@cache
def _assets() -> MappingProxyType[str, Asset]:
    """Every served file by its hashed name, such as ``equipoise.3f9a….css``."""
    found: dict[str, Asset] = {}
    for entry in files("api").joinpath("static").iterdir():
        if entry.name.endswith(_SERVED):
            content = entry.read_bytes()
            media_type = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
            asset = Asset(content, media_type, sha256(content).hexdigest())
            found[_hashed_name(entry.name, content)] = asset
    return MappingProxyType(found)


def _hashed_name(name: str, content: bytes) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{sha256(content).hexdigest()[:16]}{dot}{suffix}"


@cache
def asset_url(name: str) -> str:
    """The address of a file of ``api/static`` with the hash of its content in it."""
    content = files("api").joinpath("static", name).read_bytes()
    return STATIC_PREFIX + _hashed_name(name, content)


async def serve_asset(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application that is mounted at ``/static``."""
    request = Request(scope, receive)
    asset = _assets().get(scope["path"].removeprefix(STATIC_PREFIX))
    if asset is None:
        raise HTTPException(404)
    if request.method not in {"GET", "HEAD"}:
        raise HTTPException(405, headers={"Allow": "GET, HEAD"})
    response = Response(
        b"" if request.method == "HEAD" else asset.content,
        media_type=asset.media_type,
        headers={"Cache-Control": IMMUTABLE, "ETag": f'"{asset.etag}"'},
    )
    await response(scope, receive, send)
