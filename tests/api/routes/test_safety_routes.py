"""Serious cases over JSON: clocks, the case with its schema, narratives, letters, reconciliation. Never a treatment."""

from uuid import uuid4

import jsonschema_rs
import pytest

from tests.support.doors import Doors
from tests.support.house import PASSWORD
from tests.support.participants import consented, participant
from tests.support.randomization import open_for_randomization, randomized
from tests.support.susars import dealt_with, susar, unblinded
from trial.safety.listings import COLUMNS

BASE = "/api/v1/trials/TEST-1"


@pytest.fixture
def call(doors: Doors):
    opened = []

    def as_role(role: str, site: str | None = None):
        client = doors.client(doors.username(role, site))
        opened.append(client)

        def send(method: str, path: str, body: dict | None = None):
            headers = {"X-CSRF-Token": client.csrf, "Idempotency-Key": str(uuid4())}
            return client.request(method, f"{BASE}{path}", json=body, headers=headers)

        return send

    yield as_role
    for client in opened:
        client.close()


def test_a_case_is_told_as_its_schema_has_it_and_its_register_is_blinded(doors: Doors, call):
    house = doors.house
    open_for_randomization(house)
    one = randomized(house)
    event = susar(house, one, life_threatening=True)
    unblinded(house, event.id)
    dealt_with(house, event.id, "eu_7", note="Placebo or not, this stays sealed.")
    path = f"/participants/{participant(house, one).code}/adverse-events/{event.number}"
    monitor = call("medical_monitor")
    clocks = {one["clock"]: one for one in monitor("GET", "/safety/clocks").json()}
    assert clocks["eu_7"]["dealt_with_at"] is not None
    assert clocks["fda_7"]["dealt_with_at"] is None
    added = monitor("POST", f"{path}/narratives", {"text": "A seizure at home."})
    assert added.status_code == 201
    assert monitor("POST", f"{path}/narratives", {"text": "On an old version."}).status_code == 409
    assert [each["version"] for each in monitor("GET", f"{path}/narratives").json()] == [1]
    case = monitor("GET", f"{path}/case")
    jsonschema_rs.validator_for(monitor("GET", "/safety/case-schema").json()).validate(case.json())
    (report,) = monitor("GET", f"{path}/reports").json()
    assert (report["stage"], report["jurisdiction"], report["number"]) == ("initial", "EU", 1)
    assert not {"decision", "recipient", "note"} & set(report)
    assert [one["clock"] for one in call("coordinator", "S1")("GET", "/safety/clocks").json()] == ["site_to_sponsor"]
    assert call("data_manager")("GET", f"{path}/case").status_code == 403
    assert call("data_manager")("POST", f"{path}/narratives", {"text": "No."}).status_code == 403


def test_letters_are_issued_and_acknowledged_and_listings_compared(doors: Doors, call):
    susar(doors.house, consented(doors.house))
    monitor, investigator = call("medical_monitor"), call("investigator", "S2")
    letter = monitor(
        "POST",
        "/safety/letters",
        {
            "title": "Seizures after infusions",
            "body": "One participant had a seizure and recovered.",
            "asked_of_sites": "Ask for a history of seizures.",
        },
    ).json()
    path = f"/safety/letters/{letter['id']}"
    assert letter["outstanding"] == ["S1", "S2"]
    signed = investigator("POST", f"{path}/acknowledgements", {"site": "S2", "password": PASSWORD})
    assert signed.status_code == 201, signed.text
    assert investigator("POST", f"{path}/acknowledgements", {"site": "S1", "password": PASSWORD}).status_code == 403
    assert monitor("GET", path).json()["outstanding"] == ["S1"]
    assert [one["acknowledged"] for one in investigator("GET", "/safety/letters").json()] == [["S2"]]
    refused = monitor("POST", "/safety/listings", {"name": "x.csv", "content": "participant,arm\n"})
    assert refused.json()["code"] == "reconciliation.listing_unreadable"
    ours = monitor("GET", "/safety/listings")
    assert ours.json() == []
    made = monitor("POST", "/safety/listings", {"name": "safety.csv", "content": ",".join(COLUMNS) + "\n"}).json()
    (difference,) = monitor("GET", f"/safety/listings/{made['id']}/differences").json()
    assert (difference["field"], difference["theirs"]) == ("case", "")
    answer = {"resolution": "there_corrected", "answer": "Entered there today."}
    settle = f"/safety/listings/{made['id']}/differences/{difference['id']}/answer"
    assert monitor("POST", settle, answer).status_code == 201
    assert monitor("POST", settle, answer).status_code == 409
    assert monitor("POST", settle.replace(difference["id"], str(uuid4())), answer).status_code == 404
    assert call("sponsor")("GET", "/safety/listings").status_code == 403
