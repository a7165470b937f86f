"""What is done with kits, over JSON: the same acts and the same rules as on the pages, by number and never by arm."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.doors import Doors
from tests.support.participants import order, participant
from tests.support.programs import People
from tests.support.randomization import open_for_randomization, randomized

NOBODYS = UUID(int=7, version=4)


@pytest.fixture
def people(doors: Doors) -> Iterator[People]:
    made = People(doors)
    yield made
    made.close()


def _shelf(people: People) -> list[str]:
    kits = people.send("coordinator", "GET", "/sites/S1/kits").json()
    return [kit["number"] for kit in kits if kit["status"] == "available"]


def test_the_life_of_kits_at_a_site(people: People):
    house = people.doors.house
    open_for_randomization(house)
    code = participant(house, randomized(house)).code
    warm, broken, old = _shelf(people)[:3], _shelf(people)[3], _shelf(people)[4:6]
    now = house.clock.now()
    excursion = people.made(
        "coordinator", "/sites/S1/excursions",
        {
            "began_at": (now - timedelta(hours=5)).isoformat(), "ended_at": (now - timedelta(hours=1)).isoformat(),
            "lowest_c": 20, "highest_c": 33, "numbers": warm, "what": "Open overnight.",
        },
    )  # fmt: skip
    assert (excursion["kits"], excursion["verdict"]) == (warm, None)
    verdict = {"verdict": "rejected", "reason": "Too warm for too long."}
    assert people.made("coordinator", f"/excursions/{excursion['id']}/verdict", verdict)["verdict"] == "rejected"
    assert people.send("coordinator", "POST", f"/excursions/{excursion['id']}/verdict", verdict).status_code == 409
    assert [one["verdict"] for one in people.send("monitor", "GET", "/sites/S1/excursions").json()] == ["rejected"]

    aside = people.made("coordinator", f"/kits/{broken}/set-aside", {"reason": "A torn seal."})
    assert (aside["number"], aside["status"]) == (broken, "quarantined")
    freed = people.made("coordinator", f"/kits/{broken}/verdict", {"verdict": "released", "reason": "Only the box."})
    assert freed["status"] == "available"

    given = people.made("coordinator", f"/participants/{code}/kits", {"visit": "INF1"})["kit_number"]
    instead = people.made(
        "coordinator", f"/participants/{code}/kits/replacements", {"number": given, "reason": "A vial broke."}
    )
    assert (instead["participant"], instead["replaced"]) == (code, given)
    back = {"number": instead["kit_number"], "units": 3}
    returned = people.made("coordinator", f"/participants/{code}/kits/returns", back)
    assert (returned["units"], returned["units_per_kit"]) == (3, 5)

    sent = people.made("coordinator", "/sites/S1/returns", {"numbers": old, "reason": "Near their date."})
    assert people.send("coordinator", "POST", f"/returns/{sent['id']}/receipt", {}).status_code == 403
    arrived = people.made("supply_manager_unblinded", f"/returns/{sent['id']}/receipt", {"lost": old[:1]})
    assert arrived["received_at"] is not None

    destroyed = people.signed("coordinator", "/sites/S1/destructions", {"numbers": warm, "method": "Burnt."})
    witnessed = people.signed("monitor", f"/destructions/{destroyed['id']}/witness", {"seen": True})
    assert (witnessed["kits"], witnessed["seen"]) == (warm, True)

    count = people.made("coordinator", "/sites/S1/counts", {"counted": 1, "reason": "Two people counted."})
    assert count["difference"] == 1 - count["expected"]
    assert len(people.send("monitor", "GET", "/sites/S1/counts").json()) == 1
    statuses = {one["number"]: one["status"] for one in people.send("monitor", "GET", "/sites/S1/kits").json()}
    assert {statuses[number] for number in warm} == {"destroyed"}
    assert (statuses[given], statuses[old[0]], statuses[old[1]]) == ("rejected", "lost", "at_depot")


def test_a_bag_goes_from_the_pharmacy_to_the_bedside(people: People):
    house = people.doors.house
    open_for_randomization(house)
    one = randomized(house)
    code = participant(house, one).code
    order(house, one, 1)
    (due,) = people.send("pharmacist_unblinded", "GET", "/preparations").json()
    made = people.made("pharmacist_unblinded", "/preparations", {"order_id": due["order_id"]})
    handover = f"/preparations/{made['id']}/handover"
    assert people.send("infusion_nurse", "POST", handover, {"participant": code}).status_code == 409
    people.made("monitor_unblinded", f"/preparations/{made['id']}/verification", {})
    assert people.send("infusion_nurse", "POST", handover, {"participant": "P-9999"}).status_code == 422
    (bag,) = people.send("infusion_nurse", "GET", "/sites/S1/bags").json()
    assert (bag["is_checked"], bag["received_at"]) == (True, None)
    taken = people.made("infusion_nurse", handover, {"participant": code})
    assert taken["received_at"] is not None
    assert set(taken) & {"arm", "lot", "product", "drawn_ml"} == set()
    lot = people.send(
        "pharmacist_unblinded", "PUT", f"/preparations/{made['id']}/lot", {"lot": "A", "expires_on": "2027-01-01"}
    )
    assert lot.json()["code"] == "preparation.lot_known"


def test_supply_goes_by_plan_review_and_sets(people: People):
    house, manager = people.doors.house, "supply_manager_unblinded"
    plan = {"times": 2, "weekday": house.clock.now().weekday(), "lead_days": 7, "confidence": 0.9}
    assert people.made(manager, "/supply/plan", plan, method="PUT")["times"] == 2
    reviews = people.made(manager, "/supply/reviews", {})
    assert {one["site"] for one in reviews} == {"S1", "S2"}
    lots = [{"arm": arm, "lot": f"L-{arm}", "expires_on": "2027-06-30"} for arm in ("KET", "PBO")]
    sent = people.made(manager, "/supply/shipments", {"site": "S1", "sets": 2, "lots": lots})
    assert (sent["kits"], sent["status"]) == (8, "sent")
    lacking = people.send(manager, "POST", "/supply/shipments", {"site": "S1", "sets": 1, "lots": lots[:1]})
    assert lacking.json()["code"] == "supply.lots_incomplete"
    assert people.send("coordinator", "POST", "/supply/reviews", {}).status_code == 403


def test_what_does_not_exist_is_not_found_and_a_wrong_body_is_refused(people: People):
    for path, body in (
        (f"/excursions/{NOBODYS}/verdict", {"verdict": "released", "reason": "Fine."}),
        ("/kits/1234566/set-aside", {"reason": "A torn seal."}),
        ("/kits/1234566/verdict", {"verdict": "released", "reason": "Fine."}),
        ("/sites/S9/counts", {"counted": 1}),
        ("/sites/S9/returns", {"numbers": ["1"], "reason": "Near their date."}),
    ):
        assert people.send("coordinator", "POST", path, body).status_code == 404, path
        assert people.send("coordinator", "POST", path, {"verdict": "thrown away", "counted": -1}).status_code == 422
    assert people.send("supply_manager_unblinded", "POST", f"/returns/{NOBODYS}/receipt", {}).status_code == 404
    assert (
        people.send("infusion_nurse", "POST", f"/preparations/{NOBODYS}/handover", {"participant": "P-1"}).status_code
        == 404
    )
