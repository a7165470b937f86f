"""Find a participant by code, from any page."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import see
from api.pages.frame import FIND_NEEDS, Here, with_site
from api.pages.render import page
from api.permissions import permission
from trial.conduct.participant_readers import participants_of

router = APIRouter()


@router.get("/t/{trial}/find", openapi_extra=permission(*FIND_NEEDS))
def find(request: Request, here: Here, session: Write, q: str = "") -> Response:
    """The participant's own page when one code fits; otherwise the ones that come near."""
    asked = q.strip().upper()
    visible = participants_of(session, here.actor, here.trial.id) if asked else []
    near = [one for one in visible if asked in (one.code, one.randomization_number)]
    near = near or [one for one in visible if asked.removeprefix("P-").lstrip("0") in one.code.lstrip("P-0")]
    if len(near) == 1:
        return see(with_site(here.url("participants", near[0].code), here))
    return page(request, "everyone/find.html", here=here, asked=q.strip(), found=near[:50], more=max(0, len(near) - 50))
