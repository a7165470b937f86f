"""The one gate in front of every route: what the route declares is what is enforced, before anything else.

Invariants
1. Nothing of the object that was asked for is looked up before its reader is known and permitted: a refusal is 401 or
   403 whether or not the object exists.
2. The gate reads the same declaration (``api.permissions``) that the access test walks; there is no second list.
3. A page wants a person's session; a token opens the JSON API alone.
4. A person's session and roles are read in one statement: no change of rights falls in between.

What it does not do: decide for one record. Services authorize each act at its own site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request

from api.dependencies import Caller, accept_token, identify
from api.pages.frame import show_frame
from api.permissions import KEY, access_of_declaration
from api.places import SITE_PARAMETER, TRIAL_PARAMETER, Place, locate, trials_of
from api.services import services_of
from trial.access.policies import holds_anywhere
from trial.database.session import TrialSession
from trial.errors import NotPermitted

if TYPE_CHECKING:
    from uuid import UUID


class PageNeedsPerson(NotPermitted):
    code = "access.page_needs_person"


class RouteNotPermitted(NotPermitted):
    code = "access.route_not_permitted"


def pass_gate(request: Request) -> None:
    """Let the request through, or raise ``NotSignedIn``, ``SessionOver``, ``TokenRefused``, ``NotPermitted``."""
    kind, permissions = access_of_declaration((getattr(request.scope["route"], "openapi_extra", None) or {}).get(KEY))
    if kind in {"public", "participant"}:
        return
    accept_token(request)
    with services_of(request).database.looking() as session:
        caller = identify(request, session)
        place = _place(session, request, caller)
        if not _is_program(request):
            show_frame(request, caller, place or _only_place(session, caller))
    if kind == "permission":
        _check(caller, permissions, place)


def _place(session: TrialSession, request: Request, caller: Caller) -> Place | None:
    if not _is_program(request) and caller.session_id is None:
        raise PageNeedsPerson("A token opens the API only. Sign in with your password and code to see pages.")
    trial_code = request.path_params.get(TRIAL_PARAMETER)
    if trial_code is None:
        return None
    site_code = request.query_params.get(SITE_PARAMETER)
    place = locate(session, caller, trial_code, site_code, with_version=not _is_program(request))
    request.state.place = place
    return place


def _is_program(request: Request) -> bool:
    """Whether the JSON API is asked, and no page."""
    path: str = request.scope["path"]
    return path.startswith("/api/")


def _only_place(session: TrialSession, caller: Caller) -> Place | None:
    """The trial of a person who has but one: its frame stands around their account, too."""
    found = trials_of(session, caller.actor)
    return locate(session, caller, found[0].code) if len(found) == 1 else None


def _check(caller: Caller, permissions: tuple[str, ...], place: Place | None) -> None:
    """A route that names no trial is open to whoever holds the permission in any."""
    trials: set[UUID] = {place.trial.id} if place else {held.trial_id for held in caller.actor.roles}
    if not any(holds_anywhere(caller.actor, permission, trial) for permission in permissions for trial in trials):
        wanted = " or ".join(f"“{permission}”" for permission in permissions)
        raise RouteNotPermitted(
            f"Your roles do not include {wanted} here. Ask the trial's administrator if you should have it."
        )
