"""The order in which a request passes the middlewares: outermost first.

    record → headers → failures → known hosts → body limit → sign-in limit → forgery check → routes

Record and headers stand outside the net for failures, so that every answer has an id and every header.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.middleware import Middleware

from api.assets import STATIC_PREFIX
from api.middleware.csrf import ForgeryCheck
from api.middleware.failures import Failures
from api.middleware.headers import SecurityHeaders
from api.middleware.limits import BodyLimit, KnownHosts, SignInLimit
from api.middleware.requests import RequestRecord
from api.services import AppServices
from trial.safety.attachments import MAX_BYTES

SIGN_IN_PATHS = frozenset({"/sign-in", "/sign-in/code", "/api/v1/sessions"})
SIGN_INS_PER_MINUTE = 20
_FILES_OF_EVENTS = r"/(t|api/v1/trials)/[^/]+/(participants/[^/]+/)?adverse-events/.+/files"
_FORM_AROUND_A_FILE = 65_536
_PAGE_THAT_TAKES_RECEIPTS = r"/t/[^/]+/receipts/take"
MAX_RECEIPTS_BYTES = 8_388_608


def middleware_stack(services: AppServices, templates: Callable[[], Mapping[int, str]]) -> list[Middleware]:
    """Every middleware, outermost first. ``templates`` gives the path template of a route by its identity."""
    settings = services.settings
    return [
        Middleware(RequestRecord, new_request_id=lambda: services.new_id("request"), templates=templates),
        Middleware(SecurityHeaders, static_prefix=STATIC_PREFIX, secure=settings.secure_cookies),
        Middleware(Failures),
        Middleware(KnownHosts, allowed=settings.allowed_hosts),
        Middleware(
            BodyLimit,
            larger={
                _FILES_OF_EVENTS: MAX_BYTES + _FORM_AROUND_A_FILE,
                _PAGE_THAT_TAKES_RECEIPTS: MAX_RECEIPTS_BYTES,
            },
        ),
        Middleware(SignInLimit, paths=SIGN_IN_PATHS, attempts=SIGN_INS_PER_MINUTE),
        Middleware(ForgeryCheck, secure=settings.secure_cookies, new_visitor=lambda: services.new_id("visitor")),
    ]
