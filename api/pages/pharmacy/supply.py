"""The supply manager's page: stock by arm, the weekly review, sets to send, labels and packing lists. Unblinded.

Every page here is marked as unblinded. What blinded people see of it is a shipment on its way, on their own stock page.
"""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see, several
from api.pages.forms import FormState, date_text
from api.pages.frame import Here, Way, register_way, site_words
from api.pages.render import page
from api.pages.site.commands import command_of, number, whole_number
from api.pages.site.subjects import list_url
from api.permissions import permission
from api.places import Place
from randomization.kits.resupply import (
    ArmLot,
    NoSupplyPlan,
    PlanSupply,
    ReviewSupply,
    ShipSets,
    SupplyPlan,
    packing_list,
    plan_of,
    plan_supply,
    review_supply,
    reviews_of,
    sealed_stock,
    set_of,
    ship_sets,
)
from randomization.kits.returns import ReceiveAtDepot, depot_returns_of, receive_at_depot
from randomization.kits.shipments import ShipmentNotFound, get_shipment, shipments_of
from trial.access.permissions import Permission
from trial.conduct.sites import find_site
from trial.database.session import TrialSession

router = APIRouter()
register_way(Way("Supply", "supply", (Permission.KIT_MANAGE,), order=12))

_MANAGES = permission(Permission.KIT_MANAGE)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DONE = {
    "planned": "The plan holds from now on.",
    "reviewed": "Today's review is made.",
    "sent": "The shipment is recorded. Print its labels and its packing list.",
    "received": "The return is recorded as received.",
}


@router.get("/t/{trial}/supply", openapi_extra=_MANAGES)
def show_supply(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/supply/plan", openapi_extra=_MANAGES)
def plan(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(
            PlanSupply,
            trial_id=here.trial.id,
            confidence=_share(posted.get("confidence")),
            **{name: whole_number(posted.get(name)) for name in ("times", "weekday", "lead_days")},
            **picked(posted, "idempotency_key"),
        )
        plan_supply(session, here.actor, command)
    return see(list_url(here, "supply"), done="planned")


@router.post("/t/{trial}/supply/review", openapi_extra=_MANAGES)
def review(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(ReviewSupply, trial_id=here.trial.id, **picked(posted, "idempotency_key"))
        review_supply(session, here.actor, command)
    return see(list_url(here, "supply"), done="reviewed")


@router.post("/t/{trial}/supply/shipments", openapi_extra=_MANAGES)
def send(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        lots = tuple(
            command_of(
                ArmLot, arm=arm, lot=posted.get(f"lot_{arm}"), expires_on=date_text(posted, f"expires_{arm}") or None
            )
            for arm in _arms(here)
        )
        command = command_of(
            ShipSets,
            trial_id=here.trial.id,
            site_id=find_site(session, here.trial.id, str(posted.get("to_site", ""))).id,
            sets=whole_number(posted.get("sets")),
            lots=lots,
            **picked(posted, "idempotency_key"),
        )
        ship_sets(session, here.actor, command)
    return see(list_url(here, "supply"), done="sent")


@router.post("/t/{trial}/supply/returns", openapi_extra=_MANAGES)
def receive(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(
            ReceiveAtDepot, lost=tuple(several(posted, "lost")), **picked(posted, "return_id", "idempotency_key")
        )
        receive_at_depot(session, here.actor, command)
    return see(list_url(here, "supply"), done="received")


@router.get("/t/{trial}/supply/shipments/{shipment_id}", openapi_extra=_MANAGES)
def show_packing_list(request: Request, here: Here, session: Write, shipment_id: UUID) -> Response:
    shipment = get_shipment(session, shipment_id)
    if shipment.trial_id != here.trial.id:
        raise ShipmentNotFound("There is no such shipment in this trial. Choose one from the list.")
    return page(
        request, "pharmacy/packing.html", unblinded=True, here=here, shipment=shipment,
        rows=packing_list(session, here.actor, shipment), trail=[("Supply", list_url(here, "supply"))],
        labels_url=list_url(here, "stock", "shipments", shipment_id, "labels.pdf"),
    )  # fmt: skip


def _share(text: object) -> object:
    found = number(text)
    return found / 100 if isinstance(found, float) else found


def _arms(here: Place) -> tuple[str, ...]:
    return tuple(here.protocol.arm_codes) if here.protocol else ()


def _plan(session: TrialSession, here: Place) -> SupplyPlan | None:
    try:
        return plan_of(session, here.trial.id)
    except NoSupplyPlan:
        return None


def _page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    made, sites = _plan(session, here), {site.id: site for site in here.sites}
    reviews = reviews_of(session, here.trial.id)
    latest = [one for one in reviews if one.reviewed_on == reviews[0].reviewed_on] if reviews else []
    return page(
        request, "pharmacy/supply.html", status=status, unblinded=True, here=here, state=state, plan=made, days=DAYS,
        done=_DONE.get(done, ""), arms=_arms(here), one_set=set_of(here.protocol, made) if made and here.protocol else {},
        stock=[sealed_stock(session, here.actor, site.id) for site in here.sites] if made else [],
        reviews=[(sites[one.site_id], one) for one in latest if one.site_id in sites],
        shipments=[(sites[one.site_id], one) for one in shipments_of(session, here.actor, here.trial.id)],
        returns=[
            (site, one) for site in here.sites for one in depot_returns_of(session, here.actor, site.id)
            if one.received_at is None
        ],
        site_options=[(site.code, site_words(site)) for site in here.sites], url=lambda *part: list_url(here, "supply", *part),
        today=session.now().date(), weekdays=[(str(index), day) for index, day in enumerate(DAYS)],
    )  # fmt: skip
