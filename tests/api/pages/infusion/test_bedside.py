"""From the order to the record at the bedside, with what the rules say on the way."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.doors import Doors
from tests.support.participants import infused, order, participant, protocol_at
from tests.support.randomization import open_for_randomization, randomized
from tests.support.walk import done, fill


@pytest.fixture
def one(doors: Doors):
    """Somebody randomized, with the first infusion to come."""
    open_for_randomization(doors.house)
    return randomized(doors.house)


def path_of(doors: Doors, one, dose: int = 1) -> str:
    return f"/t/TEST-1/participants/{participant(doors.house, one).code}/infusions/{dose}"


def calm(doors: Doors) -> dict[str, str]:
    plan = protocol_at(doors.house).infusions
    resting = {"SYSBP": "124", "DIABP": "78", "HR": "72", "OXYSAT": "98", "RESP": "15", "RASS": "0"}
    typed = {
        f"r{minute}-{measure.name}": resting[measure.name]
        for minute in plan.monitoring.minutes
        for measure in plan.monitoring.measures
    }
    typed |= {f"r{minute}-{scale.instrument}": "0" for scale in plan.monitoring.scales for minute in scale.minutes}
    return {**typed, "started_time": "07:30", "ended_time": "08:10", "discharged_time": "9:50"}


def test_an_investigator_orders_and_the_team_records(doors, one):
    path = path_of(doors, one)
    with doors.client(doors.username("infusion_nurse")) as nurse:
        assert "Not ordered yet" in nurse.get(path).text
        with doors.client(doors.username("investigator")) as investigator:
            done(fill(investigator, path, to=f"{path}/order", weight_kg="82,4", height_cm="180"))
        page = nurse.get(path)
        assert "41.2" in page.text
        assert "To order" not in nurse.get("/t/TEST-1/infusions").text
        done(fill(nurse, path, **calm(doors)))
        record = nurse.get(path)
        assert "100 of 100 mL" in record.text
        assert "08:30 CET" not in record.text
        assert "07:30 CET" in record.text


def test_a_reading_that_cannot_be_true_is_refused_at_its_box_and_nothing_is_lost(doors, one):
    order(doors.house, one, 1)
    with doors.client(doors.username("infusion_nurse")) as nurse:
        typed = {**calm(doors), "r10-SYSBP": "1200", "r20-HR": "fast"}
        answer = fill(nurse, path_of(doors, one), **typed)
        assert answer.status_code == 422
        assert 'href="#r20-HR"' in answer.text
        assert 'value="1200"' in answer.text
        answer = fill(nurse, path_of(doors, one), **{**typed, "r20-HR": "70"})
        assert 'href="#r10-SYSBP"' in answer.text
        refused = fill(nurse, path_of(doors, one), **{**calm(doors), "infused_volume_ml": "60"})
        assert 'href="#stopped_reason"' in refused.text
        late = fill(nurse, path_of(doors, one), **{**calm(doors), "ended_time": "07:00"})
        assert "The infusion ends after it starts." in late.text


def test_the_page_says_hold_and_stop_while_readings_are_typed(doors, one, page: Page):
    order(doors.house, one, 1)
    doors.sign_in(page, doors.username("infusion_nurse"), at_once=True)
    page.goto(doors.address + path_of(doors, one))
    page.locator("#started_time").fill("09:40")
    page.locator("#started_time").blur()
    expect(page.locator("#course")).to_contain_text("Now minute 20")
    page.locator("#r10-OXYSAT").fill("88")
    page.locator("#r10-OXYSAT").blur()
    expect(page.locator("#course")).to_contain_text("Hold the infusion")
    page.locator("#sign-seizure").fill("12")
    page.locator("#sign-seizure").blur()
    expect(page.locator("#course")).to_contain_text("Stop the infusion and call the physician")


def test_a_missed_infusion_is_recorded_with_its_reason(doors, one):
    order(doors.house, one, 1)
    path = path_of(doors, one)
    with doors.client(doors.username("infusion_nurse")) as nurse:
        done(fill(nurse, path, to=f"{path}/missed", missed_reason="no escort came"))
        assert "no escort came" in nurse.get(path).text
        assert "Infusion 2 of 5" in nurse.get(path_of(doors, one, 2)).text


def test_who_may_not_read_infusions_is_refused(doors):
    one = infused(doors.house, infusions=1)
    for role in ("efficacy_assessor", "data_manager", "statistician_blinded", "pharmacist_unblinded"):
        with doors.client(doors.username(role)) as client:
            assert client.get(path_of(doors, one)).status_code == 403, role
