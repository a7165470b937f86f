import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.participants import answered_form
from trial.conduct.edit_checks import AnswersRefused, check_form
from trial.protocol.loader import shipped_protocol
from trial.protocol.schema import Check, Condition, EditCheck, Form, FormField

PROTOCOLS = [shipped_protocol(name) for name in ("keta-pain", "second")]
KETA = PROTOCOLS[0]
VITALS = KETA.form("vitals")


def refusals(form: Form, answers: dict) -> dict[str, str]:
    with pytest.raises(AnswersRefused) as refusal:
        check_form(form, answers, {})
    return refusal.value.fields


@pytest.mark.parametrize("form", [form for one in PROTOCOLS for form in one.forms], ids=lambda form: form.code)
def test_every_form_of_both_protocols_can_be_answered(form: Form):
    protocol = next(one for one in PROTOCOLS if form in one.forms)
    assert check_form(form, answered_form(protocol, form), {}) == ()


def test_each_wrong_answer_gets_its_own_sentence():
    wrong = refusals(VITALS, {"sbp": 400, "dbp": "high", "weight": 70})
    assert wrong == {
        "weight": "This form has no such field.",
        "sbp": "This must lie between 50 and 300.",
        "dbp": "Give a number.",
        "hr": "An answer is needed.",
    }


def test_an_answer_beyond_the_expected_limits_is_kept_and_asked_about():
    asked = check_form(VITALS, {"sbp": 190, "dbp": 80, "hr": 70}, {})
    assert [(one.field, one.sentence) for one in asked] == [
        ("sbp", "Systolic blood pressure: expected between 90 and 180. Is it right?")
    ]


def test_a_choice_outside_the_codelist_is_refused():
    demographics = answered_form(KETA, KETA.form("demographics"))
    wrong = refusals(KETA.form("demographics"), {**demographics, "sex": "female"})
    assert wrong == {"sex": "Choose one of: F, INTERSEX, M, U."}


def test_fields_that_contradict_each_other_raise_the_protocols_question():
    answers = {"daily_mme": 0, "opioid_free_days": 5, "stable_weeks": 8}
    asked = check_form(KETA.form("analgesics"), answers, {})
    assert [one.sentence for one in asked] == ["Somebody who takes no opioid has seven opioid-free days."]


def test_a_check_that_refuses_refuses_and_one_that_cannot_tell_does_not():
    condition = Condition(form="a", field="x", comparison=">", value=1)
    check = EditCheck(id="c", sentence="X is above one.", severity="refuse", must_hold=Check(conditions=(condition,)))
    fields = (FormField(name="x", label="X", kind="number", required=False),)
    form = Form(code="a", name="A", domain="conduct", fields=fields, checks=(check,))
    assert check_form(form, {"x": 2}, {}) == ()
    assert check_form(form, {}, {}) == ()
    with pytest.raises(AnswersRefused, match="X is above one"):
        check_form(form, {"x": 1}, {})


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("date", "2026-05-31", "31.5.2026"),
        ("date", "2028-02-29", "2026-02-29"),
        ("time", "14:30", "25:00"),
        ("integer", 3, 3.5),
        ("number", 3.5, True),
        ("number", 0, float("nan")),
        ("text", "x" * 4000, "x" * 4001),
        ("yes_no", "yes", True),
    ],
)
def test_each_kind_of_field_takes_its_own_kind_of_answer(kind, good, bad):
    form = Form(code="a", name="A", domain="conduct", fields=(FormField(name="x", label="X", kind=kind),))
    assert check_form(form, {"x": good}, {}) == ()
    assert set(refusals(form, {"x": bad})) == {"x"}


@given(
    st.dictionaries(
        st.sampled_from(["sbp", "dbp", "hr", "other"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    )
)
def test_whatever_is_answered_is_either_accepted_within_limits_or_refused(answers: dict):
    limits = {"sbp": (50, 300), "dbp": (20, 200), "hr": (20, 250)}
    fits = set(answers) == set(limits) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high and value == int(value)
        for value, (low, high) in ((answers[name], limits[name]) for name in limits)
    )
    if fits:
        check_form(VITALS, answers, {})
    else:
        assert refusals(VITALS, answers)
