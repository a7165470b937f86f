"""Allocation lists over JSON: two people, one commitment for everybody who may verify, and no slot before the end."""

import base64
import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from randomization.unblinding.opening import OpenLists, open_list
from randomization.verification import verify_file
from tests.support.doors import Doors
from tests.support.randomization import randomized, stocked
from trial.access.actions import Action
from trial.access.policies import declare
from trial.conduct.trials import Trial

BASE = "/api/v1/trials/TEST-1/lists"
FIRST, SECOND, THIRD = (base64.b64encode(bytes(range(k, k + 32))).decode() for k in (0, 50, 100))
DESIGN = {"block_sizes": [14, 26], "slots_per_stratum": 26, "contribution": FIRST}
NOBODYS = UUID(int=7, version=4)  # drawn ids would name each worker another test


class People:
    """Programs with their people's sessions."""

    def __init__(self, doors: Doors) -> None:
        self.doors, self.clients = doors, {}

    def send(self, role: str, method: str, path: str = "", body: dict | None = None):
        if role not in self.clients:
            self.clients[role] = self.doors.client(self.doors.username(role))
        client = self.clients[role]
        return client.request(method, BASE + path, json=body, headers={"X-CSRF-Token": client.csrf})

    def designed(self) -> dict:
        answer = self.send("statistician_randomization", "POST", body=DESIGN)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def sealed(self) -> dict:
        path = f"/{self.designed()['id']}/confirmation"
        answer = self.send("statistician_unblinded", "POST", path, {"contribution": SECOND})
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
def people(doors: Doors) -> Iterator[People]:
    made = People(doors)
    yield made
    for client in made.clients.values():
        client.close()


def test_two_people_make_a_list_and_everybody_who_may_verify_gets_its_commitment(people: People):
    waiting = people.designed()
    assert (waiting["status"], waiting["root"]) == ("designed", None)
    assert people.send("inspector", "GET", f"/{waiting['id']}/commitment").status_code == 409
    made = people.send("statistician_unblinded", "POST", f"/{waiting['id']}/confirmation", {"contribution": SECOND})
    assert made.json()["status"] == "sealed"
    for role in ("inspector", "statistician_blinded", "sponsor"):
        listed = people.send(role, "GET").json()
        assert [one["root"] for one in listed] == [made.json()["root"]]
        file = people.send(role, "GET", f"/{waiting['id']}/commitment")
        assert file.json()["root"] == made.json()["root"]
        assert len(file.json()["slots"]) == 26 * 12
        assert file.headers["content-disposition"].endswith('commitment.json"')


def test_no_answer_tells_block_sizes_or_contributions(people: People):
    made = people.sealed()
    answers = [people.send("statistician_randomization", "GET", path).text for path in ("", "/strata")]
    answers.append(people.send("statistician_randomization", "GET", f"/{made['id']}/commitment").text)
    for secret in ("block_sizes", "sizes", "14, 26", "14,26", FIRST, SECOND):
        assert not any(secret in answer for answer in answers), secret


def test_the_level_of_each_stratum_is_for_those_who_make_lists(people: People, doors: Doors):
    made = people.sealed()
    stocked(doors.house)
    randomized(doors.house)
    levels = people.send("statistician_randomization", "GET", "/strata").json()
    assert max((one["used"], one["left"], one["runs_low"]) for one in levels) == (1, 25, False)
    assert people.send("inspector", "GET", "/strata").status_code == 403
    body = {"slots_per_stratum": 40, "contribution": THIRD}
    longer = people.send("statistician_randomization", "POST", f"/{made['id']}/continuation", body)
    assert (longer.status_code, longer.json()["ordinal"]) == (201, 2)
    confirmed = people.send(
        "statistician_unblinded", "POST", f"/{longer.json()['id']}/confirmation", {"contribution": SECOND}
    )
    assert confirmed.json()["status"] == "sealed"
    assert {one["left"] for one in people.send("statistician_unblinded", "GET", "/strata").json()} == {65, 66}


@pytest.mark.parametrize(
    ("role", "path", "body", "status", "code"),
    [
        ("coordinator", "", DESIGN, 403, None),
        ("statistician_unblinded", "", DESIGN, 403, None),
        ("statistician_randomization", "", DESIGN | {"contribution": "no base64, surely not"}, 422, None),
        ("statistician_randomization", "", DESIGN | {"contribution": "A" * 25}, 422, "seed.contribution_unreadable"),
        ("statistician_randomization", "", DESIGN | {"block_sizes": [3, 5]}, 422, "list.design_invalid"),
        ("statistician_randomization", "", DESIGN | {"limit": 3}, 422, "list.design_invalid"),
        ("statistician_randomization", "", DESIGN | {"sites": ["S9"]}, 404, "site.not_found"),
        ("statistician_unblinded", f"/{NOBODYS}/confirmation", {"contribution": SECOND}, 404, "list.not_found"),
        ("statistician_randomization", f"/{NOBODYS}/continuation", {"slots_per_stratum": 0}, 422, None),
    ],
)
def test_what_does_not_fit_is_refused_and_makes_no_list(people: People, role, path, body, status, code):
    answer = people.send(role, "POST", path, body)
    assert answer.status_code == status, answer.text
    if code:
        assert answer.json()["code"] == code
    assert people.send("inspector", "GET").json() == []


def test_a_list_is_opened_after_the_lock_and_verifies_from_the_two_files_alone(people: People, doors: Doors, tmp_path):
    house, made = doors.house, people.sealed()
    stocked(house)
    randomized(house)
    assert people.send("sponsor", "GET", f"/{made['id']}/opened").status_code == 409
    (tmp_path / "commitment.json").write_bytes(people.send("sponsor", "GET", f"/{made['id']}/commitment").content)
    with house.database.transaction() as session:
        declare(session, house.actor(session, "sponsor"), Action.LOCK_SIGNED)
        trial = session.get(Trial, house.trial.id)
        trial.locked_at = session.now()
        session.add(trial)
    for role in ("sponsor", "statistician_unblinded"):
        with house.database.transaction() as session:
            command = OpenLists(trial_id=house.trial.id, idempotency_key=str(uuid4()))
            open_list(session, house.actor(session, role), house.proof(role, None), command)
    assert people.send("inspector", "GET", f"/{made['id']}/opened").status_code == 403
    opened = people.send("statistician_unblinded", "GET", f"/{made['id']}/opened")
    (tmp_path / "opened.json").write_bytes(opened.content)
    published, count = verify_file(tmp_path / "opened.json", tmp_path / "commitment.json", made["root"])
    assert (published["root"], count) == (made["root"], 26 * 12)
    assert json.loads(opened.content)["parameters"]["scheme"]["sizes"] == [14, 26]
