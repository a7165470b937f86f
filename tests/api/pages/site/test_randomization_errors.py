"""A randomization error through its own pages: chosen, marked, shown, and told in the lists' reconciliation."""

import pytest

from tests.support.doors import Doors
from tests.support.participants import consented, participant
from tests.support.randomization import open_for_randomization, randomized


@pytest.fixture
def code(doors: Doors) -> str:
    open_for_randomization(doors.house)
    return participant(doors.house, randomized(doors.house)).code


def at(code: str, *parts: str) -> str:
    return "/".join([f"/t/TEST-1/participants/{code}", *parts])


def test_a_coordinator_marks_an_error_and_sees_it_beside_the_participant(doors: Doors, code: str):
    with doors.client("coordinator-s1") as client:
        assert "Mark a randomization error" in client.get(at(code)).text
        assert "Randomized in error" in client.get(at(code, "randomization-error")).text
        told = {"reason": "Not eligible after all", "found_on_day": "2", "found_on_month": "3", "found_on_year": "2026"}
        answer = client.send_form(at(code, "randomization-error", "in_error"), **told)
        assert answer.status_code == 303, answer.text
        assert "Not eligible after all" in client.get(at(code)).text


def test_what_is_missing_is_asked_for_at_its_field_and_what_was_typed_is_kept(doors: Doors, code: str):
    with doors.client("coordinator-s1") as client:
        answer = client.send_form(at(code, "randomization-error", "wrong_kit"), kit_given="K-1", reason="")
        assert answer.status_code == 422
        assert 'value="K-1"' in answer.text
        assert client.send_form(at(code, "randomization-error", "no_such_kind")).status_code in {404, 422}


def test_nobody_who_is_not_randomized_has_an_allocation_to_be_wrong_about(doors: Doors):
    waiting = participant(doors.house, consented(doors.house)).code
    with doors.client("coordinator-s1") as client:
        assert client.get(at(waiting, "randomization-error")).status_code == 409
        assert "randomization error" not in client.get(at(waiting)).text


def test_the_data_manager_reads_the_reconciliation_and_takes_it_as_a_file(doors: Doors, code: str):
    with doors.client("data-manager") as client:
        page = client.get("/t/TEST-1/lists")
        file = client.get("/t/TEST-1/lists.csv")
    assert code in page.text
    assert file.headers["content-disposition"] == 'attachment; filename="TEST-1-lists.csv"'
    assert len(file.text.splitlines()) == 2
    assert code in file.text


def test_people_of_a_site_do_not_see_how_far_a_stratum_has_come(doors: Doors, code: str):
    for username in ("coordinator-s1", "pharmacist-unblinded-s1"):
        with doors.client(username) as client:
            assert client.get("/t/TEST-1/lists").status_code == 403
            assert client.get("/t/TEST-1/lists.csv").status_code == 403
