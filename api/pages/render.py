"""Templates to pages: one environment, one frame around every page, words for dates, times and quantities.

    return page(request, "participants/list.html", participants=rows)

Every template sees: ``frame`` (who is signed in, where, what they may do), ``csrf_token``, ``new_key()`` (an
idempotency key), ``ui`` (the components), ``asset_url``, ``path``, ``version`` and ``unblinded``.

Invariants
1. Everything is escaped; a name that a template does not know is an error, never an empty place.
2. The frame comes from ``request.state.frame``; a request without one is shown as signed out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from api.assets import asset_url
from api.services import services_of

Mode = Literal["real", "practice", "simulated"]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COMPONENTS = ("layout", "forms", "data", "panels", "messages")
_THIN_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class NavItem:
    """One way to go. ``count`` is what waits there; ``more`` ways stand behind “More”."""

    label: str
    url: str
    current: bool = False
    count: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page: the person, the place, and the ways that are open to this person."""

    person: str = ""
    role: str = ""
    trial: str = ""
    site: str = ""
    protocol_version: str = ""
    mode: Mode = "real"
    nav: tuple[NavItem, ...] = ()
    home_url: str = "/"
    choose_url: str = "/choose"
    account_url: str = "/account"
    sign_out_url: str = "/sign-out"
    find_url: str = ""
    help_url: str = ""
    keep_alive_url: str = "/session/extend"
    idle_seconds: int = 0

    @property
    def signed_in(self) -> bool:
        return bool(self.person)


SIGNED_OUT = Frame()


class Components:
    """The macros of ``templates/components``, all under one name: ``ui.tag("Randomized")``."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._macros: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if not self._macros:
            self._macros = self._load()
        try:
            return self._macros[name]
        except KeyError:
            raise AttributeError(f"There is no component {name}.") from None

    def _load(self) -> dict[str, Any]:
        modules = [self._environment.get_template(f"components/{name}.html").module for name in _COMPONENTS]
        return {name: macro for module in modules for name, macro in vars(module).items() if callable(macro)}


def page(
    request: Request, template: str, *, status: int = 200, unblinded: bool = False, **context: Any
) -> HTMLResponse:
    """A whole page. ``unblinded`` marks it, on screen and paper, as one that shows or implies treatments."""
    frame: Frame = getattr(request.state, "frame", SIGNED_OUT)
    return HTMLResponse(_render(request, template, {"frame": frame, "unblinded": unblinded, **context}), status)


def fragment(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A part of a page, for htmx."""
    return HTMLResponse(_render(request, template, {"unblinded": False, **context}), status)


def _render(request: Request, template: str, context: dict[str, Any]) -> str:
    services = services_of(request)
    common = {
        "csrf_token": getattr(request.state, "csrf_token", ""),
        "new_key": lambda: str(services.new_id("idempotency")),
        "product_version": request.app.version,
        "path": request.url.path,
    }
    return environment().get_template(template).render({**common, **context})


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(asset_url=asset_url, ui=Components(made))
    made.filters.update(day=day_words, instant=instant_words, quantity=quantity, zone_time=zone_time)
    return made


def day_words(value: date | datetime | str | None) -> str:
    """``22 Nov 2026``; a partial ISO date loses what is not known (``Nov 2026``); nothing is a dash."""
    if value is None or value == "":
        return "–"
    if isinstance(value, str):
        parts = [int(part) for part in value.split("-")]
        words = [
            str(parts[0]),
            *(_MONTHS[month - 1] for month in parts[1:2]),
            *(str(day) for day in parts[2:3]),
        ]
        return " ".join(reversed(words))
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def instant_words(value: datetime | None, zone: str = "UTC") -> str:
    """``22 Nov 2026, 14:05 CET``: the time where the site is, with the name of its zone."""
    if value is None:
        return "–"
    local = value.astimezone(ZoneInfo(zone))
    return f"{day_words(local)}, {local:%H:%M} {local.tzname()}"


def zone_time(value: datetime | None, zone: str = "UTC") -> Markup:
    """A ``time`` element: words for people, the UTC instant for machines."""
    if value is None:
        return Markup("–")
    utc = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}">{}</time>').format(utc, instant_words(value, zone))


def quantity(value: float | None, unit: str = "", digits: int | None = None) -> str:
    """A number with its unit, joined by a space that does not break."""
    if value is None:
        return "–"
    number = f"{value:.{digits}f}" if digits is not None else f"{value}"
    number = number.replace("-", "−")
    return f"{number}{_THIN_SPACE}{unit}" if unit else number
