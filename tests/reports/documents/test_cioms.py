"""The CIOMS I form: every field is there, nothing is cut, only the regulator's copy tells, and the bytes repeat."""

import io

import pypdf
import pytest

from reports.documents.cioms import BLINDED, Copy, cioms_form
from reports.documents.cioms_fields import fields_of, ticks_of
from tests.support.cases import made_up_case
from tests.support.papers import text_of

KETAMINE = Copy("Ketamine hydrochloride 0.5 mg/kg IV over 40 min, once a day", "Ketamine", 1)


def test_the_form_has_every_numbered_field_of_the_public_layout():
    text = text_of(cioms_form(made_up_case()))
    single = [*(f"{number}." for number in (1, 2, 3, *range(14, 24), 26)), "1a.", "2a.", "4-6.", "7+13.", "8-12."]
    for label in [*single, "24a.", "24b.", "24c.", "24d.", "25a.", "25b.", "DATE OF THIS REPORT"]:
        assert label in text, label


def test_the_blinded_copy_names_both_treatments_and_the_regulators_one():
    case = made_up_case()
    blinded, told = text_of(cioms_form(case)), text_of(cioms_form(case, KETAMINE))
    assert "Ketamine or Placebo" in blinded
    assert "BLINDED COPY" in blinded
    assert "0.5 mg/kg" not in blinded
    assert "Placebo" not in told
    assert "Ketamine hydrochloride 0.5 mg/kg IV" in told
    assert "REGULATOR'S COPY 1: UNBLINDED" in told


def test_a_case_holds_no_name_and_no_birthday():
    fields = fields_of(made_up_case())
    assert fields["1"].lines == ("S1-007",)
    assert fields["2"].lines == ("1971 (year alone)",)


def test_a_long_narrative_is_continued_and_no_word_is_lost():
    words = [f"word{number:04d}" for number in range(1500)]
    content = cioms_form(made_up_case(narrative="\n".join(" ".join(words[at : at + 15]) for at in range(0, 1500, 15))))
    assert len(pypdf.PdfReader(io.BytesIO(content)).pages) >= 3
    text = text_of(content)
    assert all(word in text for word in words)


def test_the_same_case_gives_the_same_bytes_with_every_font_in_them():
    first, again = cioms_form(made_up_case()), cioms_form(made_up_case())
    assert first == again
    assert cioms_form(made_up_case(), BLINDED) != cioms_form(made_up_case(), KETAMINE)
    fonts = pypdf.PdfReader(io.BytesIO(first)).pages[0]["/Resources"]["/Font"]
    used = [font.get_object() for font in fonts.values()]
    assert all("/FontFile2" in one["/FontDescriptor"] for one in used if one["/Subtype"] != "/Type1")


@pytest.mark.parametrize(
    ("changes", "field", "ticked"),
    [
        ({}, "8-12", ["INVOLVED OR PROLONGED INPATIENT HOSPITALISATION", "OTHER MEDICALLY IMPORTANT CONDITION"]),
        ({"criteria": ("death",)}, "8-12", ["PATIENT DIED"]),
        ({}, "20", ["YES"]),
        ({"outcome": "NOT RECOVERED/NOT RESOLVED"}, "20", ["NO"]),
        ({"action_taken": "DOSE NOT CHANGED"}, "20", ["NA"]),
        ({"outcome": "UNKNOWN"}, "20", []),
        ({"reports": 1}, "25a", ["FOLLOWUP"]),
    ],
)
def test_boxes_are_ticked_from_what_is_recorded(changes, field, ticked):
    _, ticks = ticks_of(made_up_case(**changes))[field]
    assert [tick.label for tick in ticks if tick.is_set] == ticked
