"""Who changed a value, when and why; and guesses that are entered once and never shown."""

from playwright.sync_api import Page, expect

from tests.support.doors import Doors
from tests.support.participants import consented, infused, participant
from tests.support.walk import done, fill


def test_the_history_of_a_form_opens_beside_it(doors: Doors, page: Page):
    code = participant(doors.house, consented(doors.house)).code
    path = f"/t/TEST-1/participants/{code}/visits/SCR/forms/ecg"
    with doors.client(doors.username("coordinator")) as coordinator:
        done(fill(coordinator, path, **{"answer-finding": "normal"}))
        done(fill(coordinator, path, **{"answer-finding": "significant", "reason": "read by a cardiologist"}))
    doors.sign_in(page, doors.username("coordinator"), at_once=True)
    page.goto(doors.address + path)
    page.get_by_role("link", name="History of Electrocardiogram").click()
    box = page.get_by_role("dialog", name="History")
    expect(box).to_contain_text("Finding: significant")
    expect(box).to_contain_text("before: Finding: normal")
    expect(box).to_contain_text("Reason: read by a cardiologist")


def test_without_scripts_the_history_is_a_page(doors: Doors):
    with doors.client(doors.username("coordinator")) as coordinator:
        one = participant(doors.house, consented(doors.house))
        page = coordinator.get(f"/t/TEST-1/history/{one.id}?of=the participant")
    assert page.status_code == 200
    assert "Consented on" in page.text


def test_another_site_reads_nothing_of_it(doors: Doors):
    one = participant(doors.house, consented(doors.house, "S1"))
    with doors.client(doors.username("coordinator", "S2")) as other:
        assert "Nothing that you may read." in other.get(f"/t/TEST-1/history/{one.id}").text


def test_a_guess_is_entered_once_by_its_own_guesser_and_shown_to_nobody(doors: Doors):
    code = participant(doors.house, infused(doors.house, infusions=1)).code
    one = f"/t/TEST-1/participants/{code}"
    with (
        doors.client(doors.username("coordinator")) as coordinator,
        doors.client(doors.username("infusion_nurse")) as nurse,
    ):
        assert f"{one}/guesses/INF1/participant" in coordinator.get(one).text
        assert f"{one}/guesses/INF1/infusion_nurse" not in coordinator.get(one).text
        assert coordinator.get(f"{one}/guesses/INF1/infusion_nurse").status_code == 403
        path = f"{one}/guesses/INF1/infusion_nurse"
        assert fill(nurse, path, certainty="3").status_code == 422
        done(fill(nurse, path, guess="dont_know", certainty="3", reason="effects"))
        assert path not in nurse.get(one).text
        again = fill(nurse, path, guess="dont_know", certainty="1", reason="other")
        assert again.status_code == 409
