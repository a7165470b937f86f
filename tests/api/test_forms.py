"""A refused form keeps what was typed, except secrets."""

from datetime import UTC, datetime
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError, model_validator
from starlette.datastructures import FormData

from api.pages.forms import FormState, date_text, date_values, posted_values
from api.pages.render import day_words, environment, instant_words, quantity, zone_time
from trial.errors import Conflict, InvalidInput


class Weight(BaseModel):
    weight_kg: float = Field(le=250)


class Period(BaseModel):
    first: int
    last: int

    @model_validator(mode="after")
    def in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError("The last day lies before the first.")
        return self


def test_what_was_typed_is_kept_and_the_error_stands_at_its_field():
    state = FormState.refused({"weight_kg": "540"}, InvalidInput("Correct it.", fields={"weight_kg": "Too heavy."}))
    html = str(environment().globals["ui"].field(state, "weight_kg", "Weight", unit="kg"))
    assert 'value="540"' in html
    assert "Too heavy." in html
    assert 'aria-invalid="true"' in html


def test_secrets_are_never_shown_again():
    state = FormState.refused({"password": "hunter2", "code": "123456", "why": "x"}, Conflict("No."))
    ui = environment().globals["ui"]
    html = str(ui.signature(state, "Dr A", "It means this.", "Sign"))
    assert dict(state.values) == {"why": "x"}
    assert "hunter2" not in html
    assert "123456" not in html


def test_a_refusal_of_no_single_field_stands_in_the_summary():
    state = FormState.refused({}, Conflict("This site has run out of kits. Ask for a shipment."))
    html = str(environment().globals["ui"].error_summary(state))
    assert "This site has run out of kits. Ask for a shipment." in html
    assert state.has_errors


def test_a_validation_error_becomes_sentences_by_field():
    with pytest.raises(ValidationError) as caught:
        Weight.model_validate({"weight_kg": 540})
    assert FormState.refused({}, caught.value).error("weight_kg").endswith(".")


def test_a_validation_error_that_names_no_field_stands_in_the_summary():
    with pytest.raises(ValidationError) as caught:
        Period(first=3, last=2)
    state = FormState.refused({}, caught.value)
    assert "The last day lies before the first." in state.sentence
    assert state.has_errors


def test_what_was_typed_is_escaped():
    state = FormState({"why": '"><script>alert(1)</script>'})
    html = str(environment().globals["ui"].textarea(state, "why", "Why?"))
    assert "<script>" not in html


def test_several_ticked_answers_come_as_a_list():
    values = posted_values(FormData([("taken", "dose"), ("taken", "drug"), ("why", " x ")]))
    assert values == {"taken": ["dose", "drug"], "why": "x"}
    assert FormState(values).is_chosen("taken", "drug")
    assert not FormState(values).is_chosen("taken", "none")


@given(st.dates())
def test_a_date_survives_its_three_boxes(day):
    assert date_text(date_values("onset", day.isoformat()), "onset") == day.isoformat()


@pytest.mark.parametrize("iso", ["2026", "2026-03", "2026-03-09", ""])
def test_a_partial_date_survives_its_three_boxes(iso):
    assert date_text(date_values("onset", iso), "onset") == iso


@pytest.mark.parametrize(
    ("given_date", "words"),
    [("2026-11-22", "22 Nov 2026"), ("2026-11", "Nov 2026"), ("2026", "2026"), (None, "–"), ("", "–")],
)
def test_dates_are_words(given_date, words):
    assert day_words(given_date) == words


def test_times_are_the_sites_with_the_name_of_their_zone():
    instant = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
    assert instant_words(instant, "Europe/Zurich") == "22 Nov 2026, 14:05 CET"
    assert 'datetime="2026-11-22T13:05:00Z"' in zone_time(instant, "Europe/Zurich")


def test_quantities_carry_their_unit_and_a_true_minus():
    assert quantity(-2, "points", 1) == "−2.0\u202fpoints"
    assert quantity(None, "kg") == "–"


def test_an_unknown_component_says_its_name():
    with pytest.raises(AttributeError, match="sparkle"):
        environment().globals["ui"].sparkle()
