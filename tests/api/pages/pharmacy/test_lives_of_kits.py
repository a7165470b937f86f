"""Kits on the pages: doubt and verdict, counts, returns, witnessed destruction, replacement, bags, supply, paper."""

import re

import pytest

from tests.support.doors import Client, Doors
from tests.support.house import PASSWORD
from tests.support.participants import order, participant
from tests.support.randomization import arms_of_kits, open_for_randomization, randomized
from tests.support.walk import done, fill

STOCK = "/t/TEST-1/stock"


@pytest.fixture
def treated(doors: Doors):
    open_for_randomization(doors.house)
    return participant(doors.house, randomized(doors.house)).code


def _numbers(client: Client, status: str) -> list[str]:
    page = client.get(STOCK).text
    return re.findall(rf'<th scope="row">(\d{{7}})</th><td><strong class="tag \w+">{status}</strong>', page)


def _excursion(client: Client, *numbers: str) -> None:
    fields = {"began_at_day": "1", "began_at_month": "3", "began_at_year": "2026", "began_at_clock": "22:00"}
    fields |= {"ended_at_day": "2", "ended_at_month": "3", "ended_at_year": "2026", "ended_at_clock": "06.30"}
    fields |= {"lowest_c": "19,5", "highest_c": "31", "numbers": ", ".join(numbers), "what": "Open overnight."}
    done(fill(client, f"{STOCK}/excursions", **fields))


def _sign(client: Client, doors: Doors, path: str, to: str = "", **fields):
    return fill(client, path, to=to, password=PASSWORD, **fields)


def test_an_excursion_is_recorded_and_decided_and_its_kits_destroyed_before_a_witness(doors: Doors, treated: str):
    with doors.client(doors.username("coordinator")) as coordinator:
        chosen = _numbers(coordinator, "Available")[:2]
        _excursion(coordinator, *chosen)
        assert _numbers(coordinator, "Quarantined") == chosen
        one = re.search(
            r'href="(/t/TEST-1/stock/excursions/[0-9a-f-]{36})"', coordinator.get(f"{STOCK}/excursions").text
        )[1]
        done(fill(coordinator, one, verdict="rejected", reason="Too warm for too long."))
        assert _numbers(coordinator, "Rejected") == chosen
        done(_sign(coordinator, doors, f"{STOCK}/destroy", numbers=chosen, method="Incinerated on site."))
        path = re.search(r"/t/TEST-1/stock/destructions/[0-9a-f-]{36}", coordinator.get(f"{STOCK}/destructions").text)[
            0
        ]
        assert "Waits for a second person" in coordinator.get(path).text
        with doors.client(doors.username("monitor")) as monitor:
            done(_sign(monitor, doors, path, seen="yes"))
        assert _numbers(coordinator, "Destroyed") == chosen


def test_a_count_that_differs_is_refused_without_a_reason_and_then_alerts(doors: Doors, treated: str):
    with doors.client(doors.username("coordinator")) as coordinator:
        refused = fill(coordinator, f"{STOCK}/counts", counted="3")
        assert refused.status_code == 422
        assert "The count differs" in refused.text
        done(fill(coordinator, f"{STOCK}/counts", counted="3", reason="The safe was not opened."))
        assert "Differs" in coordinator.get(f"{STOCK}/counts").text
    with doors.client(doors.username("monitor")) as monitor:
        assert "found 3 where 32 were expected" in monitor.get("/t/TEST-1").text


def test_kits_go_back_to_the_depot_and_the_supply_manager_receives_them(doors: Doors, treated: str):
    with doors.client(doors.username("coordinator")) as coordinator:
        chosen = _numbers(coordinator, "Available")[:1]
        done(fill(coordinator, f"{STOCK}/returns", numbers=chosen, reason="One too many."))
        assert _numbers(coordinator, "Sent back") == chosen
    with doors.client(doors.username("supply_manager_unblinded")) as manager:
        page = manager.get("/t/TEST-1/supply").text
        found = re.search(r'name="return_id" value="([0-9a-f-]+)"', page)[1]
        done(manager.send_form("/t/TEST-1/supply/returns", return_id=found, idempotency_key="a-key-of-mine"))
        assert "Coming back" not in manager.get("/t/TEST-1/supply").text


def test_a_kit_is_replaced_and_taken_back_without_a_word_of_the_arm(doors: Doors, treated: str):
    path = f"/t/TEST-1/participants/{treated}/kit"
    with doors.client(doors.username("coordinator")) as coordinator:
        kit = re.search(r"Kit given at randomization</dt><dd>(\d+)", coordinator.get(path).text)[1]
        done(fill(coordinator, path, number=kit))
        done(fill(coordinator, f"{path}/replace", number=kit, reason="A vial broke."))
        page = coordinator.get(path).text
        second = re.search(r"Kit given at randomization</dt><dd>(\d+)", page)[1]
        arms = arms_of_kits(doors.house)
        assert second != kit
        assert arms[second] == arms[kit]
        assert arms[second] not in page
        done(fill(coordinator, f"{path}/return", units="2"))
        assert "2 unused" in coordinator.get(STOCK).text


def test_paper_is_the_same_bytes_again_and_names_no_arm(doors: Doors, treated: str):
    with doors.client(doors.username("coordinator")) as coordinator:
        log = [coordinator.get(f"{STOCK}/accountability.pdf") for _ in range(2)]
        assert log[0].content == log[1].content
        assert log[0].headers["content-type"] == "application/pdf"
    with doors.client(doors.username("supply_manager_unblinded")) as manager:
        shipment = _first_shipment(doors)
        labels = [manager.get(f"{STOCK}/shipments/{shipment}/labels.pdf").content for _ in range(2)]
        assert labels[0] == labels[1]
        assert labels[0].startswith(b"%PDF")
    with doors.client(doors.username("sponsor")) as sponsor:
        assert sponsor.get(f"{STOCK}/shipments/{shipment}/labels.pdf").status_code == 403


def _first_shipment(doors: Doors) -> str:
    from sqlmodel import select

    from randomization.kits.shipments import Shipment

    with doors.house.database.session() as session:
        return str(session.exec(select(Shipment)).first().id)


def test_a_bag_goes_from_the_pharmacy_to_the_bedside(doors: Doors):
    open_for_randomization(doors.house)
    one = randomized(doors.house)
    order(doors.house, one, 1)
    code = participant(doors.house, one).code
    with doors.client(doors.username("pharmacist_unblinded")) as pharmacist:
        sheet = done(fill(pharmacist, "/t/TEST-1/preparations"))
        text = pharmacist.get(sheet).text
        assert "in every arm the same volume" in text
        for paper in ("worksheet.pdf", "label.pdf"):
            assert pharmacist.get(f"{sheet}/{paper}").content.startswith(b"%PDF")
    with doors.client(doors.username("monitor_unblinded")) as second:
        done(fill(second, sheet, to=f"{sheet}/verify"))
    with doors.client(doors.username("infusion_nurse")) as nurse:
        assert nurse.get(f"{sheet}/worksheet.pdf").status_code == 403
        path = re.search(r"/t/TEST-1/bags/[0-9a-f-]{36}", nurse.get("/t/TEST-1/bags").text)[0]
        assert "Not the code on this bag" in fill(nurse, path, participant="P-9999").text
        done(fill(nurse, path, participant=code))
        assert "Taken" in nurse.get("/t/TEST-1/bags").text


def test_supply_is_planned_reviewed_and_sent_in_sets(doors: Doors, treated: str):
    today = doors.house.clock.now().date().weekday()
    with doors.client(doors.username("supply_manager_unblinded")) as manager:
        path = "/t/TEST-1/supply"
        plan = {"times": "2", "weekday": str(today), "lead_days": "14", "confidence": "95"}
        done(fill(manager, path, to=f"{path}/plan", **plan))
        done(fill(manager, path, to=f"{path}/review"))
        page = manager.get(path).text
        assert "Unblinded page." in page
        assert "Chance to run out" in page
        lots = {}
        for arm in ("KET", "PBO"):
            lots |= {
                f"lot_{arm}": f"L-{arm}",
                f"expires_{arm}_day": "30",
                f"expires_{arm}_month": "6",
                f"expires_{arm}_year": "2027",
            }
        done(fill(manager, path, to=f"{path}/shipments", to_site="S1", sets="2", **lots))
        page = manager.get(path).text
        packing = re.search(r"/t/TEST-1/supply/shipments/[0-9a-f-]{36}", page)[0]
        assert manager.get(packing).text.count("L-KET") == 4
    with doors.client(doors.username("coordinator")) as coordinator:
        assert coordinator.get("/t/TEST-1/supply").status_code == 403
        assert "Shipment 3, 8 kits" in coordinator.get(STOCK).text
