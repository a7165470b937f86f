"""The unblinded pharmacist prepares, a second person checks; everybody else handles kits by number."""

import re

import pytest

from tests.support.doors import Doors
from tests.support.participants import order, participant, protocol_at
from tests.support.randomization import arms_of_kits, open_for_randomization, randomized, shipped
from tests.support.walk import done, fill


@pytest.fixture
def ordered(doors: Doors):
    """Somebody randomized whose first infusion is ordered for today."""
    open_for_randomization(doors.house)
    one = randomized(doors.house)
    order(doors.house, one, 1)
    return one


def test_a_dose_is_prepared_by_one_and_checked_by_another(doors, ordered):
    code = participant(doors.house, ordered).code
    with doors.client(doors.username("pharmacist_unblinded")) as pharmacist:
        sheet = done(fill(pharmacist, "/t/TEST-1/preparations"))
        page = pharmacist.get(sheet)
        assert "Unblinded page." in page.text
        assert code in page.text
        assert "Record the check" not in page.text
        own = pharmacist.send_form(f"{sheet}/verify", idempotency_key="a-key-of-my-own")
        assert own.status_code == 403
        with doors.client(doors.username("monitor_unblinded")) as second:
            done(fill(second, sheet, to=f"{sheet}/verify"))
        assert "Prepared and checked" in pharmacist.get("/t/TEST-1/preparations").text


def test_every_page_of_preparations_says_that_it_is_unblinded(doors, ordered):
    with doors.client(doors.username("pharmacist_unblinded")) as pharmacist:
        assert "Unblinded page." in pharmacist.get("/t/TEST-1/preparations").text


def test_nobody_blinded_opens_a_preparation(doors, ordered):
    for role in ("coordinator", "investigator", "infusion_nurse", "efficacy_assessor", "monitor", "medical_monitor"):
        with doors.client(doors.username(role)) as client:
            assert client.get("/t/TEST-1/preparations").status_code == 403, role


def test_a_shipment_is_received_with_what_is_missing(doors):
    shipment = shipped(doors.house)
    numbers = sorted(arms_of_kits(doors.house))
    with doors.client(doors.username("coordinator")) as coordinator:
        path = f"/t/TEST-1/stock/shipments/{shipment.id}"
        assert path in coordinator.get("/t/TEST-1/stock").text
        done(fill(coordinator, path, lost=[numbers[0]], quarantined=[numbers[1], numbers[2]]))
        page = coordinator.get("/t/TEST-1/stock").text
        counts = dict(re.findall(r"<dt>(\w+)</dt><dd>(\d+)</dd>", page))
        assert (counts["Lost"], counts["Quarantined"], counts["Available"]) == ("1", "2", str(len(numbers) - 3))


def test_another_site_does_not_receive_it(doors):
    shipment = shipped(doors.house, "S1")
    with doors.client(doors.username("coordinator", "S2")) as other:
        assert other.get(f"/t/TEST-1/stock/shipments/{shipment.id}").status_code == 404


def test_a_wrong_carton_is_refused_and_the_right_one_handed_out(doors, ordered):
    code = participant(doors.house, ordered).code
    path = f"/t/TEST-1/participants/{code}/kit"
    with doors.client(doors.username("coordinator")) as coordinator:
        wrong = fill(coordinator, path, number="1234567")
        assert wrong.status_code == 409
        assert "Do not give it" in wrong.text
        kit = re.search(r"Kit given at randomization</dt><dd>(\d+)", coordinator.get(path).text)[1]
        done(fill(coordinator, path, number=kit))
        assert code in coordinator.get("/t/TEST-1/stock").text


def test_stock_shows_the_same_whatever_is_in_the_kits(doors):
    open_for_randomization(doors.house)
    with doors.client(doors.username("coordinator")) as coordinator:
        text = coordinator.get("/t/TEST-1/stock").text
    for arm in protocol_at(doors.house).arms:
        assert f">{arm.name}<" not in text
        assert f"LOT-{arm.code}" not in text
