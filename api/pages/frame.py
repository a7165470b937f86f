"""What stands around every signed-in page, and the two lists to which each page package adds its own lines.

    register_way(Way("Meetings", "meetings", (Permission.BOARD_VOTE,), order=20))

    @home_worklist(Permission.SCREENING_READ)
    def screened(session: TrialSession, place: Place) -> Iterable[WorkRow]: ...

A page handler of a trial takes ``here: Here`` (from this module), which is found by the gate.

Invariants
1. A way is shown to whoever holds one of its permissions, and to nobody else; order never depends on data.
2. Worklists are asked only for people who hold their permission; they read, they never write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlencode

from fastapi import Request

from api.dependencies import Caller
from api.pages.render import Frame, NavItem
from api.places import Here, Place
from api.services import services_of
from trial.access.actors import HeldRole
from trial.access.permissions import Permission
from trial.conduct.sites import Site
from trial.database.session import TrialSession

__all__ = ["Here", "Place", "Way", "WorkRow", "home_worklist", "register_way", "role_words", "ways_of", "work_of"]

ROLE_WORDS = {
    "coordinator": "Coordinator",
    "investigator": "Investigator",
    "efficacy_assessor": "Efficacy assessor",
    "infusion_nurse": "Infusion nurse",
    "pharmacist_unblinded": "Pharmacist (unblinded)",
    "monitor": "Monitor",
    "monitor_unblinded": "Monitor (unblinded)",
    "data_manager": "Data manager",
    "medical_monitor": "Medical monitor",
    "safety_officer_unblinded": "Safety officer (unblinded)",
    "dsmb_member": "Board member",
    "dsmb_chair": "Chair of the board",
    "statistician_unblinded": "Statistician (unblinded)",
    "statistician_randomization": "Randomization statistician",
    "statistician_blinded": "Statistician (blinded)",
    "sponsor": "Sponsor",
    "supply_manager_unblinded": "Supply manager (unblinded)",
    "administrator": "Administrator",
    "inspector": "Inspector",
}
When: TypeAlias = Literal["today", "late", "waiting"]
# How many letters of ways stand beside “Today” in one line 1,280 px wide.
_ONE_LINE = 128
_ONE_LINE_WITH_MORE = 116
FIND_NEEDS = (Permission.SCREENING_READ, Permission.VISIT_READ)


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One line of a home page: so many of these wait, there. ``kind`` is a colour of ``ui.tag``; ``when`` its heading."""

    count: int
    label: str
    url: str
    note: str = ""
    kind: str = "active"
    when: When = "today"

    @property
    def cells(self) -> tuple[int, str, str, str, str]:
        """As ``ui.worklist`` takes it."""
        return self.count, self.label, self.url, self.note, self.kind


@dataclass(frozen=True, slots=True)
class Way:
    """A line of the main navigation. ``path`` is below the trial's own address; any one permission shows it.

    ``aside`` lines are the first to go behind “More” where a role has more ways than stand in one line.
    """

    label: str
    path: str
    permissions: tuple[Permission, ...]
    order: int = 50
    aside: bool = False


Worklist: TypeAlias = Callable[[TrialSession, Place], Iterable[WorkRow]]

_WAYS: list[Way] = []
_WORKLISTS: list[tuple[tuple[Permission, ...], Worklist]] = []


def register_way(way: Way) -> None:
    """Add a line to the navigation; called once, where a page package is imported."""
    if way not in _WAYS:
        _WAYS.append(way)


def home_worklist(*permissions: Permission) -> Callable[[Worklist], Worklist]:
    """Register a function that says what waits for people who hold any of ``permissions``."""

    def register(worklist: Worklist) -> Worklist:
        _WORKLISTS.append((permissions, worklist))
        return worklist

    return register


def ways_of(place: Place) -> list[Way]:
    """The ways that are open to the caller here, in their order."""
    open_ones = [way for way in _WAYS if any(place.may(permission) for permission in way.permissions)]
    return sorted(open_ones, key=lambda way: (way.order, way.label))


def work_of(session: TrialSession, place: Place) -> list[WorkRow]:
    """What waits for the caller here; lines that count nothing are left out."""
    return [
        row
        for permissions, worklist in _WORKLISTS
        if any(place.may(permission) for permission in permissions)
        for row in worklist(session, place)
        if row.count
    ]


def role_words(role: str) -> str:
    """The role as people say it."""
    return ROLE_WORDS.get(role, role.replace("_", " ").capitalize())


def site_words(site: Site) -> str:
    """``Basel (S1)``."""
    return f"{site.name} ({site.code})"


def show_frame(request: Request, caller: Caller, place: Place | None) -> None:
    """Put the frame of the caller's place on the request, so that refusals stand in it as well."""
    idle = services_of(request).settings.idle_minutes * 60
    if place is None:
        request.state.frame = Frame(person=caller.actor.display_name, idle_seconds=idle)
        return
    request.state.frame = Frame(
        person=caller.actor.display_name,
        role=_roles(caller.actor.roles, place),
        trial=place.trial.code,
        site=site_words(place.site) if place.site else "",
        protocol_version=place.version.label if place.version else "",
        mode=place.trial.kind.value,
        nav=_nav(place, request.url.path),
        home_url=with_site(place.url(), place),
        find_url=place.url("find") if any(place.may(permission) for permission in FIND_NEEDS) else "",
        idle_seconds=idle,
    )


def with_site(url: str, place: Place) -> str:
    """``url`` that keeps a site which was chosen among several."""
    if place.site is None or len(place.sites) == 1:
        return url
    return f"{url}?{urlencode({'site': place.site.code})}"


def _roles(held: tuple[HeldRole, ...], place: Place) -> str:
    here = {
        role.role
        for role in held
        if role.trial_id == place.trial.id
        and (place.site is None or role.site_id is None or role.site_id == place.site.id)
    }
    return ", ".join(sorted(role_words(role) for role in here))


def _nav(place: Place, path: str) -> tuple[NavItem, ...]:
    home = NavItem("Today", with_site(place.url(), place), current=path == place.url())
    ways = ways_of(place)
    behind = _behind_more(ways)
    return (home, *(_item(way, place, path, more=way in behind) for way in ways))


def _behind_more(ways: list[Way]) -> list[Way]:
    """The ways that do not stand in one line at a desk: those aside first, then the last."""
    length = sum(_width(way) for way in ways)
    if length <= _ONE_LINE:
        return []
    behind: list[Way] = []
    for way in sorted(ways, key=lambda way: (not way.aside, -way.order)):
        if length <= _ONE_LINE_WITH_MORE:
            break
        behind.append(way)
        length -= _width(way)
    return behind


def _width(way: Way) -> int:
    """In letters, the space between two ways among them."""
    return len(way.label) + 3


def _item(way: Way, place: Place, path: str, *, more: bool) -> NavItem:
    url = place.url(*way.path.split("/"))
    return NavItem(way.label, with_site(url, place), current=path == url or path.startswith(f"{url}/"), more=more)
