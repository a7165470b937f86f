"""Drafts in a real browser: what is half typed outlives a closed tab and a lost connection, and reaches nobody else."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import text

from tests.support.doors import Doors
from tests.support.looks import examiner, troubles
from tests.support.participants import consented, order, participant
from tests.support.randomization import open_for_randomization, randomized

KEPT = "Object.keys(localStorage).filter((name) => name.startsWith('equipoise.draft.'))"


@pytest.fixture
def desk(chromium):
    """A browser that people share."""
    with examiner(chromium) as context:
        yield context


def come_in(doors: Doors, desk: BrowserContext, role: str) -> None:
    page = desk.new_page()
    doors.sign_in(page, doors.username(role), at_once=True)
    page.close()


def opened(desk: BrowserContext, url: str) -> Page:
    """In a tab of its own, when its drafts have been looked at."""
    page = desk.new_page()
    page.goto(url)
    expect(page.locator("form[data-draft-ready]")).to_have_count(1)
    return page


def typed(page: Page, name: str, value: str) -> None:
    page.locator(f'[name="{name}"]').fill(value)
    expect(page.locator("[data-draft-note]")).to_contain_text("not recorded yet")


def drafts_left(page: Page, wanted: int) -> list[str]:
    """The names of the drafts kept in this browser, as soon as there are so many: the page tidies up by itself."""
    for _ in range(100):
        if len(found := page.evaluate(KEPT)) == wanted:
            break
        page.wait_for_timeout(50)
    return list(found)


def go_offline(desk: BrowserContext, page: Page, *, offline: bool) -> None:
    """Until the page itself knows."""
    desk.set_offline(offline)
    event = "offline" if offline else "online"
    page.evaluate(
        f"() => navigator.onLine === {str(not offline).lower()} ? null"
        f" : new Promise((go) => addEventListener('{event}', () => go(null), {{ once: true }}))"
    )


def entries(doors: Doors) -> int:
    with doors.house.database.session() as session:
        return session.execute(text("SELECT count(*) FROM audit.entry")).scalar_one()


def test_what_is_half_typed_comes_back_and_vanishes_when_it_is_recorded(doors: Doors, desk: BrowserContext):
    code = participant(doors.house, consented(doors.house)).code
    form = f"{doors.address}/t/TEST-1/participants/{code}/visits/SCR/forms/vitals"
    come_in(doors, desk, "coordinator")
    before = entries(doors)
    first = opened(desk, form)
    typed(first, "answer-sbp", "131")
    (name,) = drafts_left(first, 1)
    assert "131" not in first.evaluate(f"localStorage.getItem('{name}')")
    first.close()

    second = opened(desk, form)
    expect(second.locator('[name="answer-sbp"]')).to_have_value("131")
    expect(second.locator("[data-draft-note]")).to_contain_text("is back. It is not recorded yet.")
    assert troubles(second, "a draft") == []
    assert entries(doors) == before

    go_offline(desk, second, offline=True)
    second.get_by_role("button", name="Record and go on").click()
    expect(second.locator("[data-draft-note]")).to_contain_text("There is no connection.")
    go_offline(desk, second, offline=False)
    second.get_by_role("button", name="Record and go on").click()
    expect(second.locator("#error-summary")).to_be_visible()
    expect(second.locator('[name="answer-sbp"]')).to_have_value("131")
    assert drafts_left(second, 1) == [name]
    second.locator('[name="answer-dbp"]').fill("78")
    second.locator('[name="answer-hr"]').fill("64")
    second.get_by_role("button", name="Record and go on").click()
    expect(second.get_by_text("The form is recorded.")).to_be_visible()
    assert drafts_left(second, 0) == []


def test_a_draft_reaches_nobody_else_and_vanishes_at_sign_out_and_when_it_is_discarded(
    doors: Doors, desk: BrowserContext
):
    code = participant(doors.house, consented(doors.house)).code
    form = f"{doors.address}/t/TEST-1/participants/{code}/visits/SCR/forms/vitals"
    come_in(doors, desk, "coordinator")
    page = opened(desk, form)
    typed(page, "answer-sbp", "131")
    come_in(doors, desk, "investigator")
    other = opened(desk, form)
    expect(other.locator('[name="answer-sbp"]')).to_have_value("")
    assert drafts_left(other, 0) == []

    typed(other, "answer-sbp", "118")
    other.get_by_role("button", name="Discard what I typed").click()
    expect(other.locator('[name="answer-sbp"]')).to_have_value("")
    assert drafts_left(other, 0) == []

    typed(other, "answer-sbp", "119")
    assert len(drafts_left(other, 1)) == 1
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_label("User name")).to_be_visible()
    assert drafts_left(other, 0) == []


def test_at_the_bedside_the_readings_come_back_and_the_rules_look_at_them(doors: Doors, desk: BrowserContext):
    house = doors.house
    open_for_randomization(house)
    one = randomized(house)
    order(house, one, 1)
    bedside = f"{doors.address}/t/TEST-1/participants/{participant(house, one).code}/infusions/1"
    come_in(doors, desk, "infusion_nurse")
    first = opened(desk, bedside)
    reading = first.locator("fieldset.reading input").first.get_attribute("name")
    assert reading is not None
    typed(first, reading, "231")
    first.close()
    second = desk.new_page()
    with second.expect_response("**/course") as answered:
        second.goto(bedside)
    assert answered.value.status == 200
    expect(second.locator(f'[name="{reading}"]')).to_have_value("231")


def test_a_report_that_grew_comes_back_with_the_parts_that_its_answers_added(doors: Doors, desk: BrowserContext):
    code = participant(doors.house, consented(doors.house)).code
    form = f"{doors.address}/t/TEST-1/participants/{code}/adverse-events/report"
    come_in(doors, desk, "coordinator")
    first = opened(desk, form)
    first.get_by_role("group", name="Was it serious?").get_by_label("Yes").check()
    first.get_by_label("Hospitalization or its prolongation").check()
    first.get_by_role("combobox", name="Term").fill("Fever")
    first.get_by_role("combobox", name="Term").blur()
    first.get_by_label("Grade 2").check()
    first.get_by_label("Medication", exact=True).check()
    first.get_by_label("What exactly?").fill("paracetamol")
    typed(first, "verbatim", "was hot")
    first.evaluate("localStorage.clear()")  # whatever is kept from here on holds all of it
    typed(first, "verbatim", "was very hot")
    drafts_left(first, 1)
    first.close()

    second = opened(desk, form)
    expect(second.get_by_label("Hospitalization or its prolongation")).to_be_checked()
    expect(second.get_by_label("Grade 2")).to_be_checked()
    expect(second.get_by_label("What exactly?")).to_have_value("paracetamol")
    expect(second.locator('[name="verbatim"]')).to_have_value(re.compile("was (very )?hot"))
