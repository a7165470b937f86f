"""Sites: added and activated by the sponsor."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, register_way
from api.pages.render import page
from api.permissions import permission
from trial.access.permissions import Permission
from trial.conduct.sites import AddSite, SiteNotFound, activate_site, add_site, get_site, sites_of
from trial.database.session import TrialSession
from trial.protocol.versions import adoptions_of

router = APIRouter()
register_way(Way("Sites", "sites", (Permission.SITE_ACTIVATE,), order=15))

SAID = {
    "added": "The site is added. It screens nobody before it is active.",
    "activated": "The site is active from today on.",
}


@router.get("/t/{trial}/sites", openapi_extra=permission("site:activate"))
def list_sites(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _sites_page(request, here, session, FormState(), said=SAID.get(done, ""))


def _sites_page(
    request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200, said: str = ""
) -> Response:
    context: dict[str, Any] = {
        "here": here,
        "state": state,
        "said": said,
        "sites": sites_of(session, here.trial.id),
        "approved": {one.site_id for one in adoptions_of(session, here.trial.id)},
    }
    return page(request, "sponsor/sites.html", status=status, **context)


@router.post("/t/{trial}/sites", openapi_extra=permission("site:activate"))
def add(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _sites_page(request, here, session, state, status)):
        given = picked(posted, "code", "name", "country", "zone")
        add_site(session, here.actor, AddSite(trial_id=here.trial.id, **given))
    return see(here.url("sites"), done="added")


@router.post("/t/{trial}/sites/{site_id}/activate", openapi_extra=permission("site:activate"))
def activate(here: Here, session: Write, site_id: UUID) -> Response:
    if get_site(session, site_id).trial_id != here.trial.id:
        raise SiteNotFound("There is no such site. Choose one from the trial's list of sites.")
    activate_site(session, here.actor, site_id)
    return see(here.url("sites"), done="activated")
