"""The codes on labels, read from the printed pixels by a decoder that knows nothing of ours."""

from dataclasses import replace
from datetime import date
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from reports.documents.labels import BagLabel, LabelSheet, bag_label, kit_labels

PRINTER_DPI, OFFICE_DPI = 300, 203
"""A laser printer, and the coarsest of the usual label printers."""
BARS, MATRIX = "Code128", "DataMatrix"

SHEET = LabelSheet(
    trial="KETA-PAIN",
    mark="SIMULATED",
    site="Site S1",
    shipment=3,
    use_by=date(2027, 6, 30),
    words=("Ketamine 50 mg/mL or placebo, five vials, solution for dilution.", "For clinical trial use only."),
    numbers=("0000000", "1234566", "9999993", "4820176", "5555556", "1020304", "7654321", "0123452", "8080808"),
)
BAG = BagLabel(
    trial="KETA-PAIN",
    mark="",
    site="Site S1",
    participant="P-0142",
    randomization_number="R0087",
    bars="1234566",
    infusion=3,
    words=("Study infusion: Ketamine or Placebo.", "For clinical trial use only."),
    facts=(("Randomization number", "R0087"), ("Give", "100 mL at 150 mL/h over 40 min")),
)


def _pages(content: bytes, dpi: int) -> list[Any]:
    document = pypdfium2.PdfDocument(content)
    try:
        return [page.render(scale=dpi / 72, grayscale=True).to_numpy().copy() for page in document]
    finally:
        document.close()


def _read(content: bytes, dpi: int = PRINTER_DPI) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {BARS: [], MATRIX: []}
    for image in _pages(content, dpi):
        pixels = image.reshape(image.shape[0], image.shape[1])
        for code in zxingcpp.read_barcodes(pixels):
            found[str(code.format).rpartition(".")[2].replace(" ", "")].append(code.text)
    return {kind: sorted(texts) for kind, texts in found.items()}


@pytest.mark.parametrize("dpi", [PRINTER_DPI, OFFICE_DPI])
def test_both_codes_of_every_kit_say_its_number(dpi: int):
    read = _read(kit_labels(SHEET), dpi)
    assert read[BARS] == sorted(SHEET.numbers)
    assert read[MATRIX] == sorted(f"KETA-PAIN/{number}" for number in SHEET.numbers)


@pytest.mark.parametrize("length", range(4, 10))
def test_a_matrix_ends_where_its_text_ends(length: int):
    trial = ("KETA-PAIN trial no. 7/b " * 2)[:length]
    assert _read(bag_label(replace(BAG, trial=trial)))[MATRIX] == [f"{trial}/P-0142/3"]


@pytest.mark.parametrize("bars", ["1234566", "R0087", "DUO-KNEE-R-0999"])
def test_both_codes_of_a_bag_say_whose_it_is_with_and_without_a_kit(bars: str):
    read = _read(bag_label(replace(BAG, bars=bars)))
    assert read == {BARS: [bars], MATRIX: ["KETA-PAIN/P-0142/3"]}
