"""Bounds on harm by arm, as the latest check found them: a page for the chair and the unblinded statistician alone."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.render import page
from api.pages.site.words import counted
from api.permissions import permission
from randomization.unblinding.bounds import bounds_for
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()
register_way(Way("Bounds on harm", "bounds", (Permission.BOARD_CONVENE,), order=30))


@router.get("/t/{trial}/bounds", openapi_extra=permission(Permission.BOARD_CONVENE))
def show_bounds(request: Request, here: Here, session: Write) -> Response:
    rules = {rule.id: rule for rule in here.protocol.stopping_rules} if here.protocol else {}
    seen = bounds_for(session, here.actor, here.trial.id)
    return page(request, "board/bounds.html", here=here, seen=seen, rules=rules, unblinded=True)


@home_worklist(Permission.BOARD_CONVENE)
def reached(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Bounds that the latest check found reached."""
    seen = bounds_for(session, here.actor, here.trial.id)
    found = len(seen.reached) if seen else 0
    label = counted(found, "bound on harm is reached", "bounds on harm are reached")
    yield WorkRow(found, label, here.url("bounds"), kind="danger")
