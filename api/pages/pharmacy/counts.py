"""Counts of the site's kits: who counts does not see what is expected before the count is sent."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, site_words
from api.pages.pharmacy.shelves import chosen_site, handles, name_of, numbers_in, stock_sites, stock_trail
from api.pages.render import page
from api.pages.site.commands import command_of, whole_number
from api.pages.site.subjects import list_url
from api.permissions import permission
from api.places import Place
from randomization.kits.counts import CountStock, count_stock, counts_of
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()


@router.get("/t/{trial}/stock/counts", openapi_extra=permission(Permission.KIT_ACCOUNT))
def list_counts(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/stock/counts", openapi_extra=permission(Permission.KIT_RECEIVE))
def count(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(
            CountStock,
            site_id=chosen_site(here).id,
            counted=whole_number(posted.get("counted")),
            missing=numbers_in(posted.get("missing")),
            **picked(posted, "reason", "idempotency_key"),
        )
        count_stock(session, here.actor, command)
    return see(list_url(here, "stock", "counts"), done="counted")


def _page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    found = [
        (
            site_words(site),
            site.zone,
            [(one, name_of(session, one.counted_by)) for one in counts_of(session, here.actor, site.id)],
        )
        for site in stock_sites(here)
    ]
    return page(
        request, "pharmacy/counts.html", status=status, here=here, state=state, found=found, handles=handles(here),
        done="The count is recorded." if done == "counted" else "", trail=stock_trail(here),
        url=list_url(here, "stock", "counts"),
    )  # fmt: skip
