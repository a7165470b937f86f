"""The reference safety information: its versions, where each is in force, and what is expected."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here
from api.pages.render import page
from api.permissions import permission
from trial.access.permissions import Permission
from trial.clock import local_date
from trial.safety.reference_information import reference_versions

router = APIRouter()


@router.get("/t/{trial}/reference-safety-information", openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def show_reference_information(request: Request, here: Here, session: Write) -> Response:
    found = reference_versions(session, here.actor, here.trial.id, local_date(session.now(), here.zone))
    return page(
        request, "safety/reference_information.html", here=here, found=found,
        trail=[("Adverse events", here.url("adverse-events")), ("Reference safety information", "")],
    )  # fmt: skip
