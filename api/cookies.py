"""The names of the two cookies: a signed-in person's session, and a visitor's secret for the sign-in form."""

from __future__ import annotations

SESSION_COOKIE = "equipoise_session"
VISITOR_COOKIE = "equipoise_visitor"


def session_cookie_name(secure: bool) -> str:
    """With TLS the prefix makes browsers refuse a cookie planted by a sibling domain or over HTTP."""
    return f"__Host-{SESSION_COOKIE}" if secure else SESSION_COOKIE


def visitor_cookie_name(secure: bool) -> str:
    return f"__Host-{VISITOR_COOKIE}" if secure else VISITOR_COOKIE
