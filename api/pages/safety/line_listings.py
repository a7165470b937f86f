"""The line listing of serious events at each data cut-off: PDF and CSV, blinded."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here
from api.pages.pharmacy.stock_papers import pdf_answer
from api.pages.render import page
from api.permissions import permission
from api.places import Place
from reports.documents.sae_listing import ListingFacts, listed, sae_listing, sae_listing_csv
from trial.access.permissions import Permission
from trial.access.policies import check_may, may
from trial.database.session import TrialSession
from trial.locks.cutoffs import Cutoff, CutoffNotFound, cutoffs_of, get_cutoff
from trial.locks.snapshots import get_snapshot, load_snapshot
from trial.protocol.versions import get_version

router = APIRouter()

_PAGE = "/t/{trial}/safety/line-listing"
_READERS = permission(Permission.REPORT_OPEN_READ)


@router.get(_PAGE, openapi_extra=_READERS)
def list_line_listings(request: Request, here: Here, session: Write) -> Response:
    return page(
        request, "safety/cases/line_listings.html", here=here, url=here.url("safety", "line-listing"),
        cutoffs=cutoffs_of(session, here.trial.id)[::-1], whole=_sees_whole(here),
    )  # fmt: skip


@router.get(f"{_PAGE}/{{cutoff_id}}.pdf", openapi_extra=_READERS)
def download_line_listing(here: Here, session: Write, cutoff_id: UUID) -> Response:
    """The same bytes whenever it is asked for."""
    cutoff, lines = _listed(session, here, cutoff_id)
    facts = ListingFacts(
        trial=here.trial.code,
        title=here.trial.title,
        kind=here.trial.kind.value,
        cutoff=cutoff.number,
        cut_off_at=cutoff.cut_off_at,
        snapshot=get_snapshot(session, cutoff.snapshot_id).sha256,
        protocol_version=get_version(session, cutoff.protocol_version_id).label,
        whole=_sees_whole(here),
    )
    return pdf_answer(sae_listing(lines, facts), f"{here.trial.code}-serious-events-{cutoff.number}.pdf")


@router.get(f"{_PAGE}/{{cutoff_id}}.csv", openapi_extra=_READERS)
def download_line_listing_csv(here: Here, session: Write, cutoff_id: UUID) -> Response:
    cutoff, lines = _listed(session, here, cutoff_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{here.trial.code}-serious-events-{cutoff.number}.csv"',
    }
    return Response(sae_listing_csv(lines), media_type="text/csv; charset=utf-8", headers=headers)


def _listed(session: TrialSession, here: Place, cutoff_id: UUID) -> tuple[Cutoff, list[dict[str, str]]]:
    """Raises ``CutoffNotFound``, ``NotPermitted``."""
    check_may(here.actor, Permission.REPORT_OPEN_READ, here.trial.id)
    cutoff = get_cutoff(session, cutoff_id)
    if cutoff.trial_id != here.trial.id:
        raise CutoffNotFound("There is no such cut-off in this trial. Choose one from the list.")
    return cutoff, listed(load_snapshot(session, cutoff.snapshot_id), whole=_sees_whole(here))


def _sees_whole(here: Place) -> bool:
    return may(here.actor, Permission.INFUSION_READ, here.trial.id)
