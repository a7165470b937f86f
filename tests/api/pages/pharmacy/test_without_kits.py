"""The pages of a trial without numbered kits: a receipt, a worksheet with its lot, a bag, a label and a log, and no kit."""

from collections.abc import Iterator

import pytest

from tests.support.doors import Doors, open_doors
from tests.support.house import House
from tests.support.participants import order, participant
from tests.support.randomization import randomized, sealed_list
from tests.support.variants import without_kits
from tests.support.walk import done, fill


@pytest.fixture
def bare_doors(database, clock) -> Iterator[Doors]:
    house = House.build(database, clock, loaded=without_kits())
    sealed_list(house)
    with open_doors(house) as opened:
        yield opened


def test_the_pages_say_that_there_is_no_kit_and_the_lot_stays_on_the_worksheet(bare_doors: Doors):
    house = bare_doors.house
    one = randomized(house)
    code = participant(house, one).code
    order(house, one, 1)
    home = f"/t/TEST-1/participants/{code}"
    with bare_doors.client(bare_doors.username("coordinator")) as coordinator:
        receipt = coordinator.get(f"{home}/receipt").text
        assert "The pharmacist is told" in coordinator.get(f"{home}/receipt?done=randomized").text
        assert "<dt>Kit</dt>" not in receipt
        assert "Hand out the kit" not in coordinator.get(home).text
        assert coordinator.get(f"{home}/kit").status_code == 409
        assert "wrong_kit" not in coordinator.get(f"{home}/randomization-error").text
        assert "This trial has no numbered kits" in coordinator.get("/t/TEST-1/stock").text
        log = coordinator.get("/t/TEST-1/stock/accountability.pdf")
        assert log.content[:5] == b"%PDF-"
        api = coordinator.get(f"/api/v1/trials/TEST-1/participants/{code}/randomization").json()
        assert (api["kit_number"], api["participant"]) == (None, code)
    with bare_doors.client(bare_doors.username("pharmacist_unblinded")) as pharmacist:
        assert f"{code} is randomized as" in pharmacist.get("/t/TEST-1").text
        sheet = done(fill(pharmacist, "/t/TEST-1/preparations"))
        assert "Not recorded yet" in pharmacist.get(sheet).text
        refused = pharmacist.send_form(f"{sheet}/lot", lot="", expires_on="2027-05-31")
        assert refused.status_code == 422
        day = {"expires_on_day": "31", "expires_on_month": "5", "expires_on_year": "2027"}
        assert pharmacist.send_form(f"{sheet}/lot", lot="VIAL-7", **day).status_code == 303
        assert "VIAL-7, 31 May 2027" in pharmacist.get(sheet).text
        assert pharmacist.get(f"{sheet.partition('?')[0]}/label.pdf").content[:5] == b"%PDF-"
        identity = sheet.partition("?")[0].rpartition("/")[2]
        given = pharmacist.put(
            f"/api/v1/trials/TEST-1/preparations/{identity}/lot",
            json={"lot": "VIAL-8", "expires_on": "2027-05-31"},
            headers={"X-CSRF-Token": pharmacist.csrf},
        )
        assert given.json()["lot_recorded"] is True
        assert "VIAL" not in given.text
    with bare_doors.client(bare_doors.username("infusion_nurse")) as nurse:
        assert "None: prepared by the pharmacist" in nurse.get(f"/t/TEST-1/bags/{identity}").text
        assert "Kit on the label" not in nurse.get(f"{home}/infusions/1").text
