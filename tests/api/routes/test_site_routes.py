"""The site's nouns over JSON: the same walk as on the pages, signatures in the body, keys in the header, never an arm."""

import json
from uuid import uuid4

import pytest

from tests.support.doors import Doors
from tests.support.events import facts
from tests.support.house import PASSWORD
from tests.support.participants import (
    acceptable_items,
    answered_forms,
    infused,
    order,
    participant,
    protocol_at,
    ready_to_randomize,
    registered,
    screening_visits,
    today,
)
from tests.support.randomization import open_for_randomization, randomized, shipped
from trial.access.permissions import Permission

BASE = "/api/v1/trials/TEST-1"


class Caller:
    """A person's session that sends JSON as a program would."""

    def __init__(self, client) -> None:
        self.client = client

    def send(self, method: str, path: str, body: dict | None = None, key: str | None = None):
        headers = {"X-CSRF-Token": self.client.csrf}
        if key:
            headers["Idempotency-Key"] = key
        return self.client.request(method, f"{BASE}{path}", json=body, headers=headers)

    def ok(self, method: str, path: str, body: dict | None = None, key: str | None = None):
        answer = self.send(method, path, body, key)
        assert answer.status_code in (200, 201), (path, answer.status_code, answer.text[:400])
        return answer.json()


@pytest.fixture
def call(doors: Doors):
    opened = []

    def make(role: str, site: str | None = None) -> Caller:
        opened.append(doors.client(doors.username(role, site)))
        return Caller(opened[-1])

    yield make
    for client in opened:
        client.close()


def test_a_participant_walks_to_the_receipt_over_json(doors, call):
    house = doors.house
    open_for_randomization(house)
    coordinator, investigator, assessor = call("coordinator"), call("investigator"), call("efficacy_assessor")
    code = coordinator.ok("POST", "/participants", {"site": "S1", "sex": "F", "birth_year": 1971})["code"]
    day = today(house).isoformat()
    coordinator.ok("POST", f"/participants/{code}/consents", {"given_on": day, "document_version": "2.0"})
    protocol = protocol_at(house)
    for visit in screening_visits(protocol):
        forms = answered_forms(protocol, visit)
        coordinator.ok(
            "POST", f"/participants/{code}/screening", {"visit": visit.code, "performed_on": day, "forms": forms}
        )
        for expected in visit.instruments:
            instrument = protocol.instrument(expected.id)
            caller = coordinator if instrument.completed_by == "clinician" else assessor
            answers = {expected.id: acceptable_items(protocol, instrument)}
            for _ in range(expected.times):
                caller.ok(
                    "POST",
                    f"/participants/{code}/outcomes",
                    {"visit": visit.code, "answered_on": day, "answers": answers},
                )
    assert coordinator.ok("POST", f"/participants/{code}/eligibility", {"answers": {}})["eligible"] is True
    investigator.ok("POST", f"/participants/{code}/eligibility/signature", {"password": PASSWORD}, key=str(uuid4()))
    key = str(uuid4())
    first = coordinator.ok("POST", f"/participants/{code}/randomization", {"password": PASSWORD}, key=key)
    again = coordinator.ok("POST", f"/participants/{code}/randomization", {"password": PASSWORD}, key=key)
    assert first == again == coordinator.ok("GET", f"/participants/{code}/randomization")
    assert coordinator.ok("GET", f"/participants/{code}")["status"] == "randomized"
    names = [visit["visit"] for visit in assessor.ok("GET", f"/participants/{code}/visits")]
    assert "M3" in names
    assert "INF1" not in names


def test_a_key_is_needed_once_and_not_two_that_differ(doors, call):
    open_for_randomization(doors.house)
    code = participant(doors.house, ready_to_randomize(doors.house)).code
    coordinator = call("coordinator")
    path = f"/participants/{code}/randomization"
    assert coordinator.send("POST", path, {"password": PASSWORD}).json()["code"] == "request.key_missing"
    two = coordinator.send("POST", path, {"password": PASSWORD, "idempotency_key": str(uuid4())}, key=str(uuid4()))
    assert two.json()["code"] == "request.key_missing"
    assert coordinator.ok("POST", path, {"password": PASSWORD, "idempotency_key": str(uuid4())})["kit_number"]


def test_a_token_never_signs(doors):
    open_for_randomization(doors.house)
    code = participant(doors.house, ready_to_randomize(doors.house)).code
    with doors.program(doors.username("coordinator"), Permission.SCREENING_READ) as program:
        answer = program.post(
            f"{BASE}/participants/{code}/randomization",
            json={"password": PASSWORD},
            headers={"Idempotency-Key": str(uuid4())},
        )
        assert program.get(f"{BASE}/participants/{code}").json()["status"] == "eligible"
    assert answer.status_code == 403


def test_a_wrong_password_is_refused_and_never_repeated(doors, call):
    open_for_randomization(doors.house)
    code = participant(doors.house, ready_to_randomize(doors.house)).code
    answer = call("coordinator").send(
        "POST", f"/participants/{code}/randomization", {"password": "not it at all"}, key=str(uuid4())
    )
    assert answer.status_code == 401
    assert "not it at all" not in answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"site": "S1", "sex": "X", "birth_year": 1971}, "sex"),
        ({"site": "S1", "sex": "F", "birth_year": 1800}, "birth_year"),
        ({"site": "S1", "birth_year": 1971}, "sex"),
    ],
)
def test_bad_input_names_its_field_and_is_no_fault_of_the_server(call, body, field):
    answer = call("coordinator").send("POST", "/participants", body)
    assert answer.status_code == 422
    assert field in answer.json()["fields"]


def test_an_unknown_site_is_not_found(call):
    answer = call("coordinator").send("POST", "/participants", {"site": "S9", "sex": "F", "birth_year": 1971})
    assert (answer.status_code, answer.json()["code"]) == (404, "site.not_found")


def test_an_event_is_reported_judged_and_signed(doors, call):
    code = participant(doors.house, registered(doors.house)).code
    told = json.loads(facts(doors.house, hospitalization=True).model_dump_json())
    body = {"facts": told, "aware_at": doors.house.clock.now().isoformat()}
    reported = call("coordinator").ok("POST", f"/participants/{code}/adverse-events", body, key=str(uuid4()))
    assert reported["serious"] is True
    investigator = call("investigator")
    path = f"/participants/{code}/adverse-events/1"
    early = investigator.send("POST", f"{path}/signature", {"password": PASSWORD}, key=str(uuid4()))
    assert early.json()["code"] == "sae.causality_missing"
    investigator.ok("POST", f"{path}/assessments", {"causality": "possible"})
    signed = investigator.ok("POST", f"{path}/signature", {"password": PASSWORD}, key=str(uuid4()))
    assert signed["printed_name"] == doors.house.people[("investigator", "S1")].display_name


def test_kits_are_received_handed_out_and_accounted_for(doors, call):
    open_for_randomization(doors.house)
    shipment = shipped(doors.house, "S1")
    one = randomized(doors.house)
    code = participant(doors.house, one).code
    coordinator = call("coordinator")
    received = coordinator.ok("POST", f"/shipments/{shipment.id}/receipt", {"lost": []}, key=str(uuid4()))
    assert received["status"] == "received"
    kit = coordinator.ok("GET", f"/participants/{code}/randomization")["kit_number"]
    wrong = coordinator.send("POST", f"/participants/{code}/kits", {"visit": "INF1", "number": "0"}, key=str(uuid4()))
    assert wrong.json()["code"] == "kit.another_expected"
    coordinator.ok("POST", f"/participants/{code}/kits", {"visit": "INF1", "number": kit}, key=str(uuid4()))
    line = next(one for one in coordinator.ok("GET", "/sites/S1/kits") if one["number"] == kit)
    assert (line["status"], line["participant"]) == ("dispensed", code)


def test_a_preparation_is_made_and_checked_by_two_without_telling_what_is_in_it(doors, call):
    open_for_randomization(doors.house)
    one = randomized(doors.house)
    order(doors.house, one, 1)
    pharmacist, second = call("pharmacist_unblinded"), call("monitor_unblinded")
    due = pharmacist.ok("GET", "/preparations")
    made = pharmacist.ok("POST", "/preparations", {"order_id": due[0]["order_id"]}, key=str(uuid4()))
    own = pharmacist.send("POST", f"/preparations/{made['id']}/verification", {}, key=str(uuid4()))
    assert own.json()["code"] == "preparation.second_person_needed"
    checked = second.ok("POST", f"/preparations/{made['id']}/verification", {}, key=str(uuid4()))
    assert checked["status"] == "verified"
    assert set(made) == {"id", "infusion", "status", "prepared_at", "verified_at", "lot_recorded"}


def test_infusions_and_visits_are_read_by_those_who_may(doors, call):
    code = participant(doors.house, infused(doors.house, infusions=1)).code
    found = call("infusion_nurse").ok("GET", f"/participants/{code}/infusions")
    assert [one["infusion"] for one in found] == [1]
    assert call("efficacy_assessor").send("GET", f"/participants/{code}/infusions").status_code == 403


def test_no_answer_of_these_routes_has_a_place_for_an_arm(doors):
    nouns = (
        "participants", "consents", "eligibility", "screening", "randomization", "visits", "outcomes", "infusions",
        "adverse-events", "unblindings", "kits", "shipments", "preparations",
    )  # fmt: skip
    document = doors.app.openapi()
    for path, methods in document["paths"].items():
        if not any(f"/{noun}" in path for noun in nouns):
            continue
        for operation in methods.values():
            words = json.dumps(_schemas(document, operation["responses"]), default=str).lower()
            for word in ('"arm"', '"treatment"', '"lot"', '"drawn_ml"', '"drawn_mg"', '"position"', '"stratum"'):
                assert word not in words, (path, word)


def _schemas(document: dict, node: object, seen: frozenset[str] = frozenset()) -> list[object]:
    """Every property name that a response can hold."""
    found: list[object] = []
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/components/schemas/") and reference not in seen:
            name = reference.rpartition("/")[2]
            found += _schemas(document, document["components"]["schemas"][name], seen | {reference})
        found += [list(node.get("properties", {}))]
        for value in node.values():
            found += _schemas(document, value, seen)
    elif isinstance(node, list):
        for value in node:
            found += _schemas(document, value, seen)
    return found
