"""Envelopes, randomization errors and the reconciliation of the lists over JSON: the same acts and rules as on the pages."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from tests.support.doors import Doors
from tests.support.participants import consented, participant, ready_to_randomize
from tests.support.programs import People
from tests.support.randomization import open_for_randomization, randomized, sealed_list

NOBODYS = UUID(int=7, version=4)
PRINTER = "statistician_unblinded"


@pytest.fixture
def people(doors: Doors) -> Iterator[People]:
    made = People(doors)
    open_for_randomization(doors.house)
    yield made
    made.close()


@pytest.fixture
def envelopes(people: People) -> UUID:
    return sealed_list(people.doors.house, sites=("S1",), stage="envelopes_s1", slots=2).id


def opened(people: People, **told) -> dict:
    return {"opened_at": people.doors.house.clock.now().isoformat(), "opened_by": "Dr Muster", **told}


def errors_at(code: str) -> str:
    return f"/participants/{code}/randomization-errors"


def test_envelopes_are_made_once_printed_and_reconciled_by_the_site(people: People, envelopes: UUID):
    (waiting,) = people.send(PRINTER, "GET", "/envelope-sets").json()
    assert (waiting["site"], waiting["stage"], waiting["envelopes"]) == ("S1", "envelopes_s1", 0)
    key = str(uuid4())
    made = people.made(PRINTER, "/envelope-sets", {"list_id": str(envelopes)}, key=key)
    assert made["envelopes"] > 0
    assert people.made(PRINTER, "/envelope-sets", {"list_id": str(envelopes)}, key=key) == made
    again = people.send(PRINTER, "POST", "/envelope-sets", {"list_id": str(envelopes)})
    assert again.json()["code"] == "envelope.already_made"
    paper = people.send(PRINTER, "GET", f"/envelope-sets/{envelopes}/envelopes.pdf")
    assert (paper.headers["content-type"], paper.content[:4]) == ("application/pdf", b"%PDF")

    house = people.doors.house
    code = participant(house, ready_to_randomize(house)).code
    sealed = people.send("coordinator", "GET", "/sites/S1/envelopes").json()
    number = sealed[0]["number"]
    assert {one["opening"] for one in sealed} == {None}
    body = opened(people, participant=code)
    told = people.signed("coordinator", f"/envelopes/{number}/opening", body, key=key)
    assert told["opening"]["participant"] == code
    assert people.signed("coordinator", f"/envelopes/{number}/opening", body, key=key) == told
    assert people.send("coordinator", "GET", f"/participants/{code}/randomization").status_code == 200
    spoilt = sealed[1]["number"]
    torn = people.signed("coordinator", f"/envelopes/{spoilt}/opening", opened(people, remark="Torn in the drawer."))
    assert torn["opening"]["participant"] is None
    known = {one["number"] for one in people.send("coordinator", "GET", "/sites/S1/envelopes").json() if one["opening"]}
    assert known == {number, spoilt}


@pytest.mark.parametrize(
    ("role", "path", "told", "status", "code"),
    [
        ("coordinator", "/envelopes/E-S1-9-999/opening", {}, 404, "envelope.not_found"),
        ("coordinator", "/envelopes/E-S1-1-001/opening", {}, 422, "form.incomplete"),
        ("coordinator", "/envelopes/E-S1-1-001/opening", {"participant": "P-9999"}, 404, "participant.not_found"),
        ("coordinator", "/envelopes/E-S1-1-001/opening", {"opened_at": "yesterday"}, 422, None),
        ("coordinator", "/envelopes/E-S1-1-001/opening", {"opened_at": "2026-03-02T09:00:00"}, 422, None),
        ("coordinator", "/envelopes/E-S1-1-001/opening",
         {"opened_at": "2126-03-02T09:00:00Z", "remark": "None."}, 422, "envelope.opened_in_future"),
        ("pharmacist_unblinded", "/envelopes/E-S1-1-001/opening", {}, 403, "access.route_not_permitted"),
    ],
)  # fmt: skip
def test_an_envelope_that_does_not_fit_is_refused(people: People, envelopes: UUID, role, path, told, status, code):
    people.made(PRINTER, "/envelope-sets", {"list_id": str(envelopes)})
    if code == "envelope.not_found":
        told = {"remark": "None."}
    answer = people.send(role, "POST", path, opened(people, **told) | people.secrets(role))
    assert answer.status_code == status, answer.text
    assert code in {None, answer.json()["code"]}
    assert not any(one["opening"] for one in people.send("coordinator", "GET", "/sites/S1/envelopes").json())


def test_envelopes_need_a_list_for_them_a_signature_and_a_key(people: People, envelopes: UUID):
    main = next(one for one in people.send(PRINTER, "GET", "/lists").json() if one["stage"] == "main")
    for list_id in (main["id"], NOBODYS):
        answer = people.send(PRINTER, "POST", "/envelope-sets", {"list_id": str(list_id)})
        assert answer.json()["code"] == "list.not_found"
        assert people.send(PRINTER, "GET", f"/envelope-sets/{list_id}/envelopes.pdf").status_code == 404
    people.made(PRINTER, "/envelope-sets", {"list_id": str(envelopes)})
    wrong = opened(people, remark="Torn.", password="not it", code="000000")
    assert people.send("coordinator", "POST", "/envelopes/E-S1-1-001/opening", wrong).status_code == 401
    assert people.send("coordinator", "GET", "/sites/S2/envelopes").status_code == 403
    assert people.send("coordinator", "GET", "/envelope-sets").status_code == 403


def test_each_kind_of_error_is_marked_once_and_read_beside_the_participant(people: People):
    house = people.doors.house
    one, other = (participant(house, randomized(house)).code for _ in range(2))
    told = {"reason": "Found at monitoring.", "found_on": house.clock.now().date().isoformat()}
    kits = people.send("coordinator", "GET", "/sites/S1/kits").json()
    spare = next(kit["number"] for kit in kits if kit["status"] == "available")
    for kind, more, shown in (
        ("in_error", {}, {}),
        ("duplicate", {"same_person_as": other}, {"same_person_as": other}),
        ("wrong_kit", {"kit_given": spare}, {"kit_given": spare}),
        ("wrong_stratum", {"factor": "opioid_use", "value": "yes"}, {"factor": "opioid_use", "corrected": "yes"}),
    ):
        key, body = str(uuid4()), {"kind": kind, **told, **more}
        first = people.send("coordinator", "POST", errors_at(one), body, key=key)
        if kind == "wrong_stratum" and first.json().get("code") == "randomization_error.stratum_was_right":
            body["value"] = shown["corrected"] = "no"
            first = people.send("coordinator", "POST", errors_at(one), body, key=key)
        assert first.status_code == 201, first.text
        assert first.json().items() >= (shown | told | {"kind": kind}).items()
        assert people.send("coordinator", "POST", errors_at(one), body, key=key).json() == first.json()
        assert people.send("coordinator", "POST", errors_at(one), body).status_code in {409, 422}
        other_body = people.send("coordinator", "POST", errors_at(one), body | {"reason": "Another."}, key=key)
        assert other_body.json()["code"] == "request.key_used_for_another"
    listed = people.send("monitor", "GET", errors_at(one)).json()
    assert [mark["number"] for mark in listed] == [1, 2, 3, 4]
    found = people.send("data_manager", "GET", "/lists/reconciliation").json()
    assert (found["with_errors"], found["findings"]) == (1, [])
    assert found["lines"][0]["errors"] == ["in_error", "duplicate", "wrong_kit", "wrong_stratum"]


def test_an_error_that_does_not_fit_is_refused_and_marks_nothing(people: People):
    house = people.doors.house
    code, waiting = (participant(house, make(house)).code for make in (randomized, consented))
    today = house.clock.now().date().isoformat()
    told = {"reason": "Found at monitoring.", "found_on": today}
    for body, status in (
        ({**told, "kind": "lost"}, 422),
        (told, 422),
        ({**told, "kind": "in_error", "reason": "x"}, 422),
        ({**told, "kind": "in_error", "found_on": "2126-01-01"}, 422),
        ({**told, "kind": "wrong_kit", "kit_given": "0000000"}, 404),
        ({**told, "kind": "wrong_kit"}, 422),
        ({**told, "kind": "wrong_stratum", "factor": "shoe_size", "value": "42"}, 404),
        ({**told, "kind": "wrong_stratum", "factor": "opioid_use", "value": "perhaps"}, 422),
        ({**told, "kind": "duplicate", "same_person_as": "P-9999"}, 404),
        ({**told, "kind": "duplicate", "same_person_as": code}, 422),
    ):
        answer = people.send("coordinator", "POST", errors_at(code), body)
        assert answer.status_code == status, (body, answer.text)
        assert answer.json()["code"]
    assert people.send("coordinator", "POST", errors_at(waiting), {**told, "kind": "in_error"}).status_code == 409
    assert (
        people.send("coordinator", "POST", errors_at(code), {**told, "kind": "in_error"}, site="S2").status_code == 403
    )
    assert people.send("monitor", "POST", errors_at(code), {**told, "kind": "in_error"}).status_code == 403
    assert people.send("efficacy_assessor", "GET", errors_at(code)).status_code == 403
    assert people.send("coordinator", "GET", errors_at(code)).json() == []


def test_the_reconciliation_is_for_those_who_see_the_whole_trial_without_arms(people: People):
    randomized(people.doors.house)
    for role in ("data_manager", "statistician_blinded", "inspector"):
        (line,) = people.send(role, "GET", "/lists/reconciliation").json()["lines"]
        assert (line["position"], line["site"], len(line["kits_assigned"])) == (1, "S1", 1)
    for role in ("coordinator", "monitor", "pharmacist_unblinded", "medical_monitor"):
        assert people.send(role, "GET", "/lists/reconciliation").status_code == 403, role
