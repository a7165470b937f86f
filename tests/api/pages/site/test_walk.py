"""From registration to the receipt through the pages, and what refuses on the way."""

import io
from collections.abc import Iterator
from datetime import timedelta

import pypdf
import pytest

from tests.support.doors import Doors
from tests.support.house import PASSWORD
from tests.support.participants import consented, infuse, participant, ready_to_randomize, registered
from tests.support.randomization import open_for_randomization, randomize, randomized
from tests.support.walk import Walk, done, fields_of, fill


@pytest.fixture
def walk(doors: Doors) -> Iterator[Walk]:
    open_for_randomization(doors.house)
    with Walk(doors) as made:
        yield made


def test_a_participant_walks_from_registration_to_the_receipt(walk):
    receipt = walk.coordinator.get(walk.to_the_receipt())
    assert f"{walk.code} is randomized" in receipt.text
    assert "Randomization number" in receipt.text
    pdf = walk.coordinator.get(f"{walk.one}/receipt.pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content == walk.coordinator.get(f"{walk.one}/receipt.pdf").content
    assert "Infusion 2" not in words_of(pdf.content)
    dated = words_of(walk.coordinator.get(f"{walk.one}/receipt.pdf?visits=true").content)
    assert "Infusion 2 counts from the first dose" in dated


def words_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def test_the_receipt_prints_the_dates_of_the_visits_once_they_are_known(walk):
    house = walk.doors.house
    one = randomized(house)
    house.clock.advance(timedelta(hours=4))
    infuse(house, one, 1)
    path = f"{walk.home}/participants/{participant(house, one).code}/receipt.pdf?visits=true"
    with walk.doors.client(walk.doors.username("coordinator", "S1")) as again:
        assert "Infusion 2 3 Mar 2026 (3 Mar 2026 to 4 Mar 2026)" in words_of(again.get(path).content)


def test_after_each_form_the_next_one_that_is_missing_opens(walk):
    walk.register()
    walk.consent()
    answer = fill(walk.coordinator, f"{walk.one}/visits/SCR/forms/ecg", **{"answer-finding": "normal"})
    assert done(answer) == f"{walk.one}/visits/SCR/forms/demographics"


def test_a_refused_form_keeps_what_was_typed_and_names_the_field(walk):
    walk.register()
    walk.consent()
    path = f"{walk.one}/visits/SCR/forms/vitals"
    answer = fill(walk.coordinator, path, **{"answer-sbp": "900", "answer-dbp": "eighty", "answer-hr": "70"})
    assert answer.status_code == 422
    assert 'value="900"' in answer.text
    assert "This must lie between 50 and 300." in answer.text
    assert 'href="#answer-dbp"' in answer.text


def test_forms_wait_for_the_consent(walk):
    walk.register()
    answer = fill(walk.coordinator, f"{walk.one}/visits/SCR/forms/ecg", **{"answer-finding": "normal"})
    assert answer.status_code == 409
    assert "Record the consent before anything else." in answer.text


def test_a_correction_needs_a_reason_and_says_so_at_its_field(walk):
    walk.register()
    walk.consent()
    path = f"{walk.one}/visits/SCR/forms/ecg"
    done(fill(walk.coordinator, path, **{"answer-finding": "normal"}))
    refused = fill(walk.coordinator, path, **{"answer-finding": "significant"})
    assert refused.status_code == 422
    assert 'href="#reason"' in refused.text
    done(fill(walk.coordinator, path, **{"answer-finding": "significant", "reason": "read again by a cardiologist"}))


def test_a_wrong_password_randomizes_nobody(walk):
    one = ready_to_randomize(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    refused = fill(walk.coordinator, f"{walk.one}/randomize/sign", password="not it")
    assert refused.status_code == 401
    assert "Nobody was randomized" in refused.text
    assert "not it" not in refused.text
    assert participant(walk.doors.house, one).randomized_at is None


def test_a_signature_needs_the_code_once_the_last_one_is_old(walk):
    one = ready_to_randomize(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    walk.doors.house.clock.advance(timedelta(minutes=16))
    page = walk.coordinator.get(f"{walk.one}/randomize/sign")
    assert "Code from your authenticator" in page.text
    refused = fill(walk.coordinator, f"{walk.one}/randomize/sign", password=PASSWORD, code="")
    assert refused.status_code == 401
    code = walk.doors.code(walk.doors.username("coordinator"))
    done(fill(walk.coordinator, f"{walk.one}/randomize/sign", password=PASSWORD, code=code))


def test_the_same_form_sent_twice_gives_one_allocation(walk):
    one = ready_to_randomize(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    typed = {**fields_of(walk.coordinator.get(f"{walk.one}/randomize/sign")), "password": PASSWORD}
    first = walk.coordinator.send_form(f"{walk.one}/randomize/sign", **typed)
    again = walk.coordinator.send_form(f"{walk.one}/randomize/sign", **typed)
    assert done(first) == done(again) == f"{walk.one}/receipt"


def test_who_is_randomized_already_is_led_to_the_receipt(walk):
    one = ready_to_randomize(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    randomize(walk.doors.house, one)
    assert done(walk.coordinator.get(f"{walk.one}/randomize")) == f"{walk.one}/receipt"


def test_step_one_says_what_stands_in_the_way(walk):
    one = consented(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    page = walk.coordinator.get(f"{walk.one}/randomize")
    assert "An investigator signs eligibility first." in page.text
    assert "Continue to the signature" not in page.text


def test_a_coordinator_does_not_sign_eligibility(walk):
    one = ready_to_randomize(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    assert walk.coordinator.get(f"{walk.one}/eligibility/sign").status_code == 403


def test_another_site_sees_nobody_of_this_one(doors):
    one = registered(doors.house, "S1")
    code = participant(doors.house, one).code
    with doors.client(doors.username("coordinator", "S2")) as other:
        assert code not in other.get("/t/TEST-1/participants").text
        assert other.get(f"/t/TEST-1/participants/{code}").status_code == 403


def test_no_page_of_the_site_names_an_arm(walk):
    one = randomized(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    names = {arm.name for arm in walk.protocol.arms} | set(walk.protocol.arm_codes)
    pages = ["", "/receipt", "/consent", "/eligibility", "/kit", "/visits/M1", "/deviation", "/infusions/1"]
    for path in pages:
        text = walk.coordinator.get(f"{walk.one}{path}").text
        assert not [name for name in names if f">{name}<" in text or f" {name} " in text], path


def test_an_efficacy_assessor_sees_no_infusion(walk):
    one = randomized(walk.doors.house)
    walk.code = participant(walk.doors.house, one).code
    page = walk.assessor.get(walk.one)
    assert page.status_code == 200
    assert "Infusion 1" not in page.text
    assert "Month 3" in page.text
    assert walk.assessor.get(f"{walk.one}/infusions/1").status_code == 403
    assert walk.assessor.get(f"{walk.home}/infusions").status_code == 403


def test_every_filter_of_the_list_answers(doors):
    code = participant(doors.house, registered(doors.house)).code
    with doors.client(doors.username("coordinator")) as client:
        for status in ("all", "screening", "trial", "left", "eligible", "nonsense"):
            for due in ("any", "due", "late"):
                page = client.get(f"/t/TEST-1/participants?status={status}&due={due}")
                assert page.status_code == 200
                expected = status in ("all", "screening", "nonsense") and due != "late"
                assert (f">{code}<" in page.text) is expected, (status, due)
