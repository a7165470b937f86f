"""The headers of every answer: what a browser may do with our pages, and what it may keep.

Invariants
1. No inline script, no inline style, no eval, nothing from another origin, no frame around us.
2. Nothing but hashed static files is ever stored by a browser or a proxy: pages hold participants' data.
3. No route can loosen any of these headers; only the static files keep their own ``Cache-Control``.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
_REFUSED_FEATURES = (
    "accelerometer", "autoplay", "camera", "clipboard-read", "display-capture", "encrypted-media",
    "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment", "serial", "usb",
)  # fmt: skip
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _REFUSED_FEATURES),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
STRICT_TRANSPORT = "max-age=63072000; includeSubDomains"
NOT_STORED = "no-store"


class SecurityHeaders:
    """Adds the headers; HSTS where the installation is reached over TLS: browsers ignore it elsewhere."""

    def __init__(self, app: ASGIApp, static_prefix: str, secure: bool) -> None:
        self.app = app
        self.static_prefix = static_prefix
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_static = scope["path"].startswith(self.static_prefix)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(MutableHeaders(scope=message), is_static, self.secure or scope["scheme"] == "https")
            await send(message)

        await self.app(scope, receive, answer)

    @staticmethod
    def _complete(headers: MutableHeaders, is_static: bool, over_tls: bool) -> None:
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        if over_tls:
            headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        if not is_static:
            headers["Cache-Control"] = NOT_STORED
            headers["Vary"] = "Cookie, HX-Request"
