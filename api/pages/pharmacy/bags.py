"""Bags for the infusion team: what the pharmacy has ready, and that somebody takes it. Masked: the label and no more."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import list_url
from api.permissions import permission
from api.places import Place
from randomization.pharmacy.handovers import Bag, ReceiveBag, bag_of, bags_today, receive_bag
from randomization.pharmacy.preparations import PreparationNotFound, get_preparation
from trial.access.permissions import Permission
from trial.access.policies import check_may, may
from trial.conduct.sites import Site, get_site
from trial.database.session import TrialSession

router = APIRouter()

_TAKES = permission(Permission.INFUSION_WRITE)


@router.get("/t/{trial}/bags", openapi_extra=_TAKES)
def list_bags(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return page(
        request, "pharmacy/bags.html", here=here, found=_bags(session, here), url=list_url(here, "bags"),
        done="The bag is yours. Give it before its beyond-use time." if done == "taken" else "",
    )  # fmt: skip


@router.get("/t/{trial}/bags/{preparation_id}", openapi_extra=_TAKES)
def show_bag(request: Request, here: Here, session: Write, preparation_id: UUID) -> Response:
    return _bag_page(request, session, here, preparation_id, FormState())


@router.post("/t/{trial}/bags/{preparation_id}", openapi_extra=_TAKES)
def take_bag(request: Request, here: Here, session: Write, posted: Posted, preparation_id: UUID) -> Response:
    with reshown(
        session, posted, lambda state, status: _bag_page(request, session, here, preparation_id, state, status)
    ):
        _bag(session, here, preparation_id)
        command = command_of(
            ReceiveBag, preparation_id=preparation_id, **picked(posted, "participant", "idempotency_key")
        )
        receive_bag(session, here.actor, command)
    return see(list_url(here, "bags"), done="taken")


def _bags(session: TrialSession, here: Place) -> list[tuple[Site, Bag]]:
    sites = [site for site in here.sites if may(here.actor, Permission.INFUSION_WRITE, here.trial.id, site.id)]
    return [(site, bag) for site in sites for bag in bags_today(session, here.actor, site.id)]


def _bag(session: TrialSession, here: Place, preparation_id: UUID) -> tuple[Site, Bag]:
    """Only one at a site of the caller's. Raises ``PreparationNotFound``, ``NotPermitted``."""
    made = get_preparation(session, preparation_id)
    if made.trial_id != here.trial.id:
        raise PreparationNotFound("There is no such bag. Choose one from the list.")
    check_may(here.actor, Permission.INFUSION_WRITE, here.trial.id, made.site_id)
    return get_site(session, made.site_id), bag_of(session, made)


def _bag_page(
    request: Request, session: TrialSession, here: Place, preparation_id: UUID, state: FormState, status: int = 200
) -> Response:
    site, bag = _bag(session, here, preparation_id)
    return page(
        request, "pharmacy/bag.html", status=status, here=here, state=state, bag=bag, zone=site.zone,
        trail=[("Bags", list_url(here, "bags"))], back=list_url(here, "bags"), url=list_url(here, "bags", preparation_id),
    )  # fmt: skip
