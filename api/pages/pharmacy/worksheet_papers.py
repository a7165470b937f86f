"""Paper of a preparation: the unblinded worksheet for the pharmacy's file, and the masked label for the bag."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here, site_words
from api.pages.pharmacy.shelves import name_of
from api.pages.pharmacy.stock_papers import mark_of, pdf_answer
from api.pages.render import day_words, instant_words, quantity
from api.permissions import permission
from api.places import Place
from randomization.pharmacy.handovers import bag_of, handover_of
from randomization.pharmacy.preparations import Preparation, get_preparation, read_worksheet
from randomization.pharmacy.worksheets import Worksheet
from reports.documents.labels import BagLabel, bag_label
from reports.documents.worksheet import WorksheetFacts, preparation_worksheet
from trial.access.permissions import Permission
from trial.conduct.sites import get_site
from trial.database.session import TrialSession

router = APIRouter()

_PHARMACY = permission(Permission.PHARMACY_PREPARE, Permission.PHARMACY_VERIFY)
_ONE = "/t/{trial}/preparations/{preparation_id}"
_NONE = "Set by no rule of the protocol"


@router.get(f"{_ONE}/worksheet.pdf", openapi_extra=_PHARMACY)
def download_worksheet(here: Here, session: Write, preparation_id: UUID) -> Response:
    """Unblinded. That it was read is recorded."""
    sheet, made = read_worksheet(session, here.actor, preparation_id), get_preparation(session, preparation_id)
    content = preparation_worksheet(_facts(session, here, sheet, made))
    return pdf_answer(content, f"UNBLINDED-{here.trial.code}-{sheet.participant}-infusion-{sheet.infusion}.pdf")


@router.get(f"{_ONE}/label.pdf", openapi_extra=_PHARMACY)
def download_bag_label(here: Here, session: Write, preparation_id: UUID) -> Response:
    """Masked: the same words and places whatever is in the bag."""
    read_worksheet(session, here.actor, preparation_id)  # checks who asks
    made = get_preparation(session, preparation_id)
    bag, site = bag_of(session, made), get_site(session, made.site_id)
    label = BagLabel(
        trial=here.trial.code,
        mark=mark_of(here),
        site=f"Site {site.code}",
        participant=bag.participant,
        randomization_number=bag.randomization_number,
        bars=bag.kit_number or bag.randomization_number,
        infusion=bag.infusion,
        words=bag.words,
        facts=(
            ("Randomization number", bag.randomization_number),
            *((("Kit", bag.kit_number),) if bag.kit_number else ()),
            ("Give", f"{bag.volume_ml:g} mL at {bag.rate_ml_per_h:g} mL/h over {bag.minutes} min"),
            ("Prepared", instant_words(bag.prepared_at, site.zone)),
            ("Do not start after", instant_words(bag.beyond_use_at, site.zone)),
        ),
    )
    return pdf_answer(bag_label(label), f"{here.trial.code}-{bag.participant}-infusion-{bag.infusion}-label.pdf")


def _facts(session: TrialSession, here: Place, sheet: Worksheet, made: Preparation) -> WorksheetFacts:
    zone = get_site(session, made.site_id).zone
    return WorksheetFacts(
        trial=here.trial.code,
        title=f"{sheet.participant}, infusion {sheet.infusion}. {site_words(get_site(session, made.site_id))}.",
        kind=here.trial.kind.value,
        record=str(made.id),
        order=order_rows(sheet),
        product=product_rows(sheet),
        draw=drawing_steps(sheet),
        bag=bag_rows(sheet, zone),
        people=people_rows(session, made, zone),
    )


def order_rows(sheet: Worksheet) -> tuple[tuple[str, str], ...]:
    return (
        ("Participant", sheet.participant),
        ("Randomization number", sheet.randomization_number),
        ("Weight today", quantity(sheet.weight_kg, "kg", 1)),
        ("Weight for the dose", quantity(sheet.dose_weight_kg, "kg", 1)),
        ("Nominal dose that was ordered", quantity(sheet.ordered_mg, "mg", 2)),
    )


def product_rows(sheet: Worksheet) -> tuple[tuple[str, str], ...]:
    dose = quantity(sheet.mg_per_kg, "mg/kg", 2)
    cap = f", at most {quantity(sheet.cap_mg, 'mg', 0)}" if sheet.cap_mg else ""
    stock = quantity(sheet.stock_mg_per_ml, "mg/mL", 0) if sheet.stock_mg_per_ml else "No active substance"
    return (
        ("Arm", sheet.arm),
        ("Product", sheet.product),
        ("Kit", sheet.kit_number or "None: from stock of the pharmacy"),
        ("Lot, expiry", f"{sheet.lot}, {day_words(sheet.expires_on)}" if sheet.lot else "Not recorded yet"),
        ("Concentration", stock),
        ("Dose for this arm", f"{dose}{cap}"),
    )


def drawing_steps(sheet: Worksheet) -> tuple[str, ...]:
    volume, drawn = f"{sheet.volume_ml:g} mL", f"{sheet.drawing.drawn_ml:.2f} mL"
    return (
        f"Take a bag of {volume} of {sheet.diluent} and withdraw {drawn} from it.",
        (
            f"Draw {drawn} of {sheet.product} (to {sheet.graduation_ml:g} mL): {sheet.drawing.drawn_mg:.2f} mg of "
            f"{sheet.drawing.dose_mg:.2f} mg wanted."
        ),
        f"Add it to the bag. The final volume is {volume}, {sheet.final_mg_per_ml:.4f} mg/mL, in every arm the same volume.",
        "Stick the masked label over the bag's own print. Nothing on or in the bag may tell the treatment.",
    )


def bag_rows(sheet: Worksheet, zone: str) -> tuple[tuple[str, str], ...]:
    limit = instant_words(sheet.beyond_use_at, zone) if sheet.beyond_use_at else _NONE
    return (
        ("Final volume", quantity(sheet.volume_ml, "mL")),
        ("Rate and time", f"{quantity(sheet.rate_ml_per_h, 'mL/h')} over {quantity(sheet.minutes, 'min')}"),
        ("Do not start after", limit),
    )


def people_rows(session: TrialSession, made: Preparation, zone: str) -> tuple[tuple[str, str], ...]:
    taken = handover_of(session, made.id)
    checked = (
        f"{name_of(session, made.verified_by)}, {instant_words(made.verified_at, zone)}"
        if made.verified_at
        else "Not yet"
    )
    handed = f"{name_of(session, taken.received_by)}, {instant_words(taken.received_at, zone)}" if taken else "Not yet"
    return (
        ("Prepared", f"{name_of(session, made.prepared_by)}, {instant_words(made.prepared_at, zone)}"),
        ("Checked by a second person", checked),
        ("Taken to the bedside", handed),
    )
