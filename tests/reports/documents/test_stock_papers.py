"""Labels and the accountability log on paper: what stands on them, and the same bytes again."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pikepdf

from reports.documents.accountability import AccountabilityFacts, KitLine, accountability_log
from reports.documents.envelopes import EnvelopeFacts, EnvelopePage, emergency_envelopes
from reports.documents.labels import LabelSheet, kit_labels
from reports.documents.worksheet import WorksheetFacts, preparation_worksheet

SHEET = LabelSheet(
    trial="KETA-PAIN",
    mark="",
    site="Site S1",
    shipment=3,
    use_by=date(2027, 6, 30),
    words=("Ketamine or placebo.", "For clinical trial use only."),
    numbers=tuple(f"{number:07d}" for number in range(17)),
)
SHEET_OF_DOSE = WorksheetFacts(
    trial="KETA-PAIN",
    title="P-0001, infusion 1.",
    kind="real",
    record="abc",
    order=(("Participant", "P-0001"),) * 5,
    product=(("Product", "Ketamine"),) * 6,
    draw=("Withdraw 0.82 mL.",) * 4,
    bag=(("Final volume", "100 mL"),) * 3,
    people=(("Prepared", "A. Pharmacist"),) * 3,
)
ENVELOPES = EnvelopeFacts(
    "KETA-PAIN", "A trial", "real", "Basel (S1)", "abc", (EnvelopePage("E-S1-1-001", "site=S1", "1234566"),) * 3
)
LINE = KitLine("1234566", 1, date(2027, 6, 30), "Dispensed", "3 Mar 2026", "P-0001", "INF1", "4 Mar 2026", "–", "", "–")
FACTS = AccountabilityFacts(
    trial="KETA-PAIN",
    title="A trial",
    kind="simulated",
    site="Basel (S1)",
    as_of=datetime(2026, 11, 22, tzinfo=UTC),
    totals=(("Available", 3),),
    kits=(LINE,),
    events=(("Counts", ("Expected 3, counted 3.",)), ("Destructions", ())),
)


def _pages(content: bytes) -> int:
    with pikepdf.open(io.BytesIO(content)) as pdf:
        return len(pdf.pages)


def test_there_are_eight_labels_a_page_and_the_same_bytes_again():
    assert _pages(kit_labels(SHEET)) == 3
    assert kit_labels(SHEET) == kit_labels(SHEET)
    assert kit_labels(SHEET) != kit_labels(replace(SHEET, use_by=date(2027, 7, 1)))


def test_a_label_of_a_simulated_trial_differs_from_a_real_one():
    assert kit_labels(SHEET) != kit_labels(replace(SHEET, mark="SIMULATED"))


def test_fonts_are_embedded():
    with pikepdf.open(io.BytesIO(kit_labels(SHEET))) as pdf:
        fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
        assert any("/FontDescriptor" in font and "/FontFile2" in font.FontDescriptor for font in fonts)


def test_the_log_is_the_same_bytes_again_and_holds_what_it_is_given():
    assert accountability_log(FACTS) == accountability_log(FACTS)
    assert accountability_log(FACTS) != accountability_log(replace(FACTS, kits=()))
    assert _pages(accountability_log(replace(FACTS, kits=(LINE,) * 120))) > 2


def test_a_worksheet_is_one_page_and_there_is_one_envelope_a_page():
    assert _pages(preparation_worksheet(SHEET_OF_DOSE)) == 1
    assert preparation_worksheet(SHEET_OF_DOSE) == preparation_worksheet(SHEET_OF_DOSE)
    assert _pages(emergency_envelopes(ENVELOPES)) == 3
    assert emergency_envelopes(ENVELOPES) == emergency_envelopes(ENVELOPES)
