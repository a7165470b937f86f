"""Paper of the stock, masked: labels to print, and the accountability log to file."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here, site_words
from api.pages.pharmacy.shelves import chosen_site, name_of, numbers_kits
from api.pages.render import instant_words
from api.pages.site.words import said
from api.permissions import permission
from api.places import Place
from randomization.kits.accountability import KitAccount, accountability_of
from randomization.kits.counts import counts_of
from randomization.kits.destruction import destructions_of, witness_of
from randomization.kits.excursions import excursions_of, verdict_on
from randomization.kits.labels import labels_of
from randomization.kits.shipments import ShipmentNotFound, get_shipment
from randomization.kits.stock import stock_of
from randomization.pharmacy.accountability import preparations_at
from reports.documents.accountability import AccountabilityFacts, KitLine, PreparationLine, accountability_log
from reports.documents.labels import LabelSheet, kit_labels
from trial.access.permissions import Permission
from trial.conduct.sites import Site
from trial.database.session import TrialSession

router = APIRouter()


@router.get(
    "/t/{trial}/stock/shipments/{shipment_id}/labels.pdf",
    openapi_extra=permission(Permission.KIT_MANAGE, Permission.KIT_RECEIVE),
)
def download_labels(here: Here, session: Write, shipment_id: UUID) -> Response:
    """One label for each kit of a shipment; the same bytes whenever they are asked for."""
    if get_shipment(session, shipment_id).trial_id != here.trial.id:
        raise ShipmentNotFound("There is no such shipment in this trial. Choose one from the list.")
    found = labels_of(session, here.actor, shipment_id)
    sheet = LabelSheet(
        trial=here.trial.code,
        mark=mark_of(here),
        site=f"Site {found.site.code}",
        shipment=found.shipment,
        use_by=found.use_by,
        words=found.words,
        numbers=found.numbers,
    )
    return pdf_answer(kit_labels(sheet), f"{here.trial.code}-shipment-{found.shipment}-labels.pdf")


@router.get("/t/{trial}/stock/accountability.pdf", openapi_extra=permission(Permission.KIT_ACCOUNT))
def download_accountability(here: Here, session: Write) -> Response:
    site = chosen_site(here)
    return pdf_answer(accountability_log(_facts(session, here, site)), f"{here.trial.code}-{site.code}-kits.pdf")


def pdf_answer(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)


def mark_of(here: Place) -> str:
    """The word for a trial that is not real."""
    return "" if here.trial.kind.value == "real" else here.trial.kind.value.upper()


def _facts(session: TrialSession, here: Place, site: Site) -> AccountabilityFacts:
    stock = stock_of(session, here.actor, site.id)
    return AccountabilityFacts(
        trial=here.trial.code,
        title=here.trial.title,
        kind=here.trial.kind.value,
        site=site_words(site),
        as_of=session.now(),
        totals=tuple((said(status.value), count) for status, count in stock.counts.items() if count),
        kits=tuple(_line(kit, site.zone) for kit in accountability_of(session, here.actor, site.id)),
        events=(
            ("Counts", _counts(session, here, site)),
            ("Storage excursions", _excursions(session, here, site)),
            ("Destructions", _destructions(session, here, site)),
        ),
        preparations=None if numbers_kits(session, here.trial.id) else _preparations(session, here, site),
    )


def _preparations(session: TrialSession, here: Place, site: Site) -> tuple[PreparationLine, ...]:
    def when(instant: datetime | None) -> str:
        return instant_words(instant, site.zone) if instant else ""

    return tuple(
        PreparationLine(
            participant=one.participant,
            infusion=one.infusion,
            prepared=when(one.prepared_at),
            prepared_by=name_of(session, one.prepared_by),
            lot="Recorded" if one.lot_recorded else "Not yet",
            checked=when(one.verified_at),
            checked_by=name_of(session, one.verified_by),
            taken=when(one.received_at),
        )
        for one in preparations_at(session, here.actor, site.id)
    )


def _line(kit: KitAccount, zone: str) -> KitLine:
    def when(instant: datetime | None) -> str:
        return instant_words(instant, zone).partition(",")[0]

    return KitLine(
        number=kit.number,
        shipment=kit.shipment,
        use_by=kit.use_by,
        status=said(kit.status.value) + (f", replaced by {kit.replaced_by}" if kit.replaced_by else ""),
        received=when(kit.received_at),
        participant=kit.participant or "",
        visit="by mistake" if kit.by_mistake else kit.visit or "",
        handed_out=when(kit.dispensed_at),
        returned=when(kit.returned_at),
        units="" if kit.units_returned is None else str(kit.units_returned),
        ended=when(kit.ended_at),
    )


def _counts(session: TrialSession, here: Place, site: Site) -> tuple[str, ...]:
    return tuple(
        f"{instant_words(one.counted_at, site.zone)}: expected {one.expected}, counted {one.counted}."
        + (f" {one.reason}" if one.difference or one.missing else "")
        for one in counts_of(session, here.actor, site.id)
    )


def _excursions(session: TrialSession, here: Place, site: Site) -> tuple[str, ...]:
    told = []
    for one in excursions_of(session, here.actor, site.id):
        verdict = verdict_on(session, one.id)
        word = f"{said(verdict.verdict.value)}: {verdict.reason}" if verdict else "Waits for a verdict."
        span = f"{instant_words(one.began_at, site.zone)} to {instant_words(one.ended_at, site.zone)}"
        told.append(f"{span}, {one.lowest_c:g} to {one.highest_c:g} °C, {len(one.kits)} kits. {one.what} {word}")
    return tuple(told)


def _destructions(session: TrialSession, here: Place, site: Site) -> tuple[str, ...]:
    told = []
    for one in destructions_of(session, here.actor, site.id):
        seen = witness_of(session, one.id)
        word = (
            "Waits for its witness."
            if seen is None
            else "Witnessed."
            if seen.seen
            else "Not witnessed; the kits stand."
        )
        told.append(f"{instant_words(one.destroyed_at, site.zone)}: {', '.join(one.kits)}. {one.method} {word}")
    return tuple(told)
