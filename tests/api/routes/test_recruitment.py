"""Recruitment over JSON: the sponsor's signed decisions, and what they leave."""

from uuid import uuid4

import pytest

from tests.support.doors import Doors
from tests.support.house import PASSWORD
from tests.support.randomization import open_for_randomization, randomized
from trial.access.actors import system_actor
from trial.oversight.harm_pauses import PauseForHarm, pause_for_harm

API = "/api/v1/trials/TEST-1"


@pytest.fixture
def sponsor(doors: Doors):
    with doors.client(doors.username("sponsor", None)) as client:
        yield client


def sign(doors: Doors, client, path: str, **body):
    signature = {"password": PASSWORD, "code": doors.code(doors.username("sponsor", None))}
    headers = {"X-CSRF-Token": client.csrf, "Idempotency-Key": str(uuid4())}
    return client.post(API + path, json={"reason": "Decided by the committee.", **signature, **body}, headers=headers)


def standing(client) -> dict:
    return client.get(f"{API}/recruitment").json()


def test_a_site_is_closed_and_reopened_and_a_cohort_paused_and_resumed(doors, sponsor):
    closed = sign(doors, sponsor, "/sites/S1/recruitment", recruits=False)
    assert (closed.status_code, closed.json()) == (201, {"site": "S1", "recruits": False})
    assert standing(sponsor)["sites"] == [{"site": "S1", "recruits": False}, {"site": "S2", "recruits": True}]
    again = sign(doors, sponsor, "/sites/S1/recruitment", recruits=False)
    assert (again.status_code, again.json()["code"]) == (409, "site.not_open")
    assert sign(doors, sponsor, "/sites/S1/recruitment", recruits=True).status_code == 201
    cohort = {"levels": {"opioid_use": "yes"}, "site": "S2"}
    assert sign(doors, sponsor, "/recruitment/cohorts", randomized=False, **cohort).status_code == 201
    (paused,) = standing(sponsor)["paused_cohorts"]
    assert paused["levels"] == cohort["levels"]
    assert sign(doors, sponsor, "/recruitment/cohorts", randomized=True, **cohort).status_code == 201
    assert standing(sponsor)["paused_cohorts"] == []


def test_the_planned_number_is_raised_and_refused_below_those_randomized(doors, sponsor):
    open_for_randomization(doors.house)
    for site in ("S1", "S2", "S1"):
        randomized(doors.house, site)
    raised = sign(doors, sponsor, "/recruitment/planned-number", planned_participants=44)
    assert (raised.status_code, raised.json()) == (201, {"number": 1, "was": 40, "planned": 44})
    numbers = {"planned_participants": 44, "designed_participants": 40, "randomized": 3, "replacements": 0}
    assert numbers.items() <= standing(sponsor).items()
    assert sponsor.get(API).json()["planned_participants"] == 44
    refused = [sign(doors, sponsor, "/recruitment/planned-number", planned_participants=one) for one in (2, 44, 1)]
    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (409, "planned_number.below_randomized"),
        (422, "planned_number.unchanged"),
        (422, "input.invalid"),
    ]
    assert numbers.items() <= standing(sponsor).items()


def test_a_pause_for_harm_is_seen_and_released(doors, sponsor):
    house = doors.house
    with house.database.transaction() as session:
        command = PauseForHarm(
            trial_id=house.trial.id, protocol_version_id=house.version.id, rule="related_death",
            text="Any related death", observed=1, at_risk=3,
        )  # fmt: skip
        pause = pause_for_harm(session, system_actor("bound-keeper"), command)
    stands = standing(sponsor)
    assert (stands["randomizing_open"], [one["rule"] for one in stands["harm_pauses"]]) == (False, ["related_death"])
    assert sign(doors, sponsor, f"/recruitment/harm-pauses/{uuid4()}/release").status_code == 404
    assert sign(doors, sponsor, f"/recruitment/harm-pauses/{pause.id}/release").status_code == 201
    assert (standing(sponsor)["randomizing_open"], standing(sponsor)["harm_pauses"]) == (True, [])
    second = sign(doors, sponsor, f"/recruitment/harm-pauses/{pause.id}/release")
    assert (second.status_code, second.json()["code"]) == (409, "harm_pause.released_already")
