"""The reconciliation of the allocation lists, for those who see the whole trial without arms: on the page and as a file.

Invariants
1. People of one site do not see it: how far a stratum that sites share has come would help them to guess.
"""

import csv
import io

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here, Way, register_way
from api.pages.render import page
from api.pages.site.words import ERROR_WORDS
from api.permissions import permission
from randomization.ledger.reconciliation import ListLine, reconcile_lists
from trial.access.permissions import Permission

router = APIRouter()
register_way(Way("Lists", "lists", (Permission.DATASET_NAIVE_PULL,), order=34))

_MAY = permission(Permission.DATASET_NAIVE_PULL)
_HEADINGS = (
    "stage", "list", "stratum", "position", "randomization number", "participant", "site", "randomized at (UTC)",
    "corrected", "kits assigned", "kits given", "errors", "stands in for",
)  # fmt: skip


@router.get("/t/{trial}/lists", openapi_extra=_MAY)
def show_reconciliation(request: Request, here: Here, session: Write) -> Response:
    return page(
        request,
        "data/reconciliation.html",
        here=here,
        found=reconcile_lists(session, here.actor, here.trial.id),
        words=ERROR_WORDS,
        csv_url=here.url("lists.csv"),
    )


@router.get("/t/{trial}/lists.csv", openapi_extra=_MAY)
def export_reconciliation(here: Here, session: Write) -> Response:
    written = io.StringIO()
    sheet = csv.writer(written)
    sheet.writerow(_HEADINGS)
    sheet.writerows(_cells(line) for line in reconcile_lists(session, here.actor, here.trial.id).lines)
    headers = {"Content-Disposition": f'attachment; filename="{here.trial.code}-lists.csv"'}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cells(line: ListLine) -> list[object]:
    return [
        line.stage, line.ordinal, line.stratum, line.position, line.number, line.participant, line.site,
        line.randomized_at.isoformat(), "; ".join(line.corrected), "; ".join(line.kits_assigned),
        "; ".join(line.kits_given), "; ".join(error.value for error in line.errors), line.stands_in_for,
    ]  # fmt: skip
