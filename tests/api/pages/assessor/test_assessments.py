"""What is due for an assessor, entering it, correcting it; and nothing of the infusion."""

from datetime import timedelta

from tests.support.doors import Doors
from tests.support.participants import acceptable_items, consented, infused, participant, protocol_at
from tests.support.walk import done, fill


def items(doors: Doors, instrument: str) -> dict[str, str]:
    protocol = protocol_at(doors.house)
    answers = acceptable_items(protocol, protocol.instrument(instrument))
    return {f"item-{item}": str(code) for item, code in answers.items()}


def test_what_is_due_is_listed_entered_and_then_gone(doors):
    code = participant(doors.house, consented(doors.house)).code
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        path = f"/t/TEST-1/assessments/{code}/BL/PCS"
        assert path in assessor.get("/t/TEST-1/assessments").text
        done(fill(assessor, path, **items(doors, "PCS")))
        assert path not in assessor.get("/t/TEST-1/assessments").text
        assert "Entered 1 of 1" in assessor.get(path).text


def test_an_instrument_that_is_asked_twice_stays_due_after_the_first_time(doors):
    code = participant(doors.house, consented(doors.house)).code
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        path = f"/t/TEST-1/assessments/{code}/BL/PROMIS-29"
        done(fill(assessor, path, **items(doors, "PROMIS-29")))
        assert path in assessor.get("/t/TEST-1/assessments").text
        done(fill(assessor, path, **items(doors, "PROMIS-29")))
        assert path not in assessor.get("/t/TEST-1/assessments").text


def test_a_correction_shows_the_answers_and_needs_a_reason(doors):
    code = participant(doors.house, consented(doors.house)).code
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        path = f"/t/TEST-1/assessments/{code}/BL/PSEQ"
        done(fill(assessor, path, **items(doors, "PSEQ")))
        changed = {**items(doors, "PSEQ"), "item-PSEQ01": "6"}
        refused = fill(assessor, f"{path}?repeat=1", to=path, **changed)
        assert refused.status_code == 422
        assert 'href="#reason"' in refused.text
        done(fill(assessor, f"{path}?repeat=1", to=path, **changed, reason="misread"))


def test_the_list_says_what_is_late_and_never_names_a_dose(doors):
    one = infused(doors.house)
    code = participant(doors.house, one).code
    doors.house.clock.advance(timedelta(days=5))
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        page = assessor.get("/t/TEST-1/assessments")
        assert f"/t/TEST-1/assessments/{code}/EOI/PGIC" in page.text
        assert "Late" in page.text
        assert "CADSS" not in page.text
        assert "INF" not in page.text


def test_no_words_of_a_licensed_item_are_on_the_page(doors):
    code = participant(doors.house, consented(doors.house)).code
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        page = assessor.get(f"/t/TEST-1/assessments/{code}/BL/PCS")
    assert "Read each item from the licensed questionnaire." in page.text
    assert "PCS01" in page.text
