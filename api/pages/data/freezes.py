"""Freezes: what of the trial takes no changes now, a new freeze by site, visit or form, and its release.

Invariants
1. A freeze that a lock made is shown and not offered for release: it ends with the lock, by two people.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, site_words
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import list_url
from api.permissions import permission
from trial.access.accounts import names_of_actors
from trial.access.permissions import Permission
from trial.conduct.sites import sites_of
from trial.database.session import TrialSession
from trial.locks.freezes import (
    Freeze,
    FreezeData,
    FreezeNotFound,
    LiftFreeze,
    freeze_data,
    freezes_in_force,
    lift_freeze,
)

router = APIRouter()

_PATH = "/t/{trial}/locks/freezes"
_MAY = permission(Permission.DATA_FREEZE)
_DONE = {
    "frozen": "The data are frozen. Nobody can change them until the freeze is released.",
    "lifted": "The freeze is released. The data take changes again.",
}


@router.get(_PATH, openapi_extra=_MAY)
def list_freezes(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _page(request, session, here, FormState(), done=done)


@router.post(_PATH, openapi_extra=_MAY)
def add_one(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(FreezeData, trial_id=here.trial.id, **picked(posted, "site_id", "visit", "form", "reason"))
        freeze_data(session, here.actor, command)
    return see(list_url(here, "locks", "freezes"), done="frozen")


@router.get(f"{_PATH}/{{freeze_id}}", openapi_extra=_MAY)
def show_release(request: Request, here: Here, session: Write, freeze_id: UUID) -> Response:
    return _release_page(request, session, here, freeze_id, FormState())


@router.post(f"{_PATH}/{{freeze_id}}", openapi_extra=_MAY)
def release(request: Request, here: Here, session: Write, posted: Posted, freeze_id: UUID) -> Response:
    _freeze(session, here, freeze_id)
    with reshown(
        session, posted, lambda state, status: _release_page(request, session, here, freeze_id, state, status)
    ):
        lift_freeze(session, here.actor, command_of(LiftFreeze, freeze_id=freeze_id, reason=posted.get("reason")))
    return see(list_url(here, "locks", "freezes"), done="lifted")


def _page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    found = freezes_in_force(session, here.trial.id)
    protocol = here.protocol
    return page(
        request, "data/freezes.html", status=status, here=here, state=state, freezes=found,
        covers={one.id: _covers(session, here, one) for one in found},
        names=names_of_actors(session, (one.frozen_by for one in found)), url=list_url(here, "locks", "freezes"),
        sites=[(str(site.id), site_words(site)) for site in sites_of(session, here.trial.id)],
        visits=[(one.code, one.name) for one in protocol.visits] if protocol else [],
        forms=[(one.code, one.name) for one in protocol.forms] if protocol else [],
        done=_DONE.get(done, ""), locks_url=list_url(here, "locks"),
    )  # fmt: skip


def _release_page(
    request: Request, session: TrialSession, here: Place, freeze_id: UUID, state: FormState, status: int = 200
) -> Response:
    freeze = _freeze(session, here, freeze_id)
    back = list_url(here, "locks", "freezes")
    return page(
        request, "data/release.html", status=status, here=here, state=state, freeze=freeze,
        covers=_covers(session, here, freeze), names=names_of_actors(session, [freeze.frozen_by]), back=back,
        url=list_url(here, "locks", "freezes", freeze_id), locks_url=list_url(here, "locks"),
    )  # fmt: skip


def _freeze(session: TrialSession, here: Place, freeze_id: UUID) -> Freeze:
    for found in freezes_in_force(session, here.trial.id):
        if found.id == freeze_id:
            return found
    raise FreezeNotFound("There is no such freeze in force. Choose one from the list.")


def _covers(session: TrialSession, here: Place, freeze: Freeze) -> str:
    """``Month 3, Vital signs, at Basel (S1)``; what is not named is covered whole."""
    sites = {site.id: site_words(site) for site in sites_of(session, here.trial.id)}
    visits = {one.code: one.name for one in here.protocol.visits} if here.protocol else {}
    forms = {one.code: one.name for one in here.protocol.forms} if here.protocol else {}
    named = [
        visits.get(freeze.visit, freeze.visit) if freeze.visit else "",
        forms.get(freeze.form, freeze.form) if freeze.form else "",
        f"{sites[freeze.site_id]}" if freeze.site_id else "",
    ]
    return ", ".join(word for word in named if word)
