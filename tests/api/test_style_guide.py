"""Every component in a real browser: no accessibility violation, nothing clipped, no script refused by our policy."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from api.app import create_app
from tests.api.conftest import services_for
from tests.support.looks import examiner, troubles
from tests.support.serving import serving

PAGES = ["/style", "/style/sign-in", "/style/sheet", "/style/unblinded", "/developers", "/nowhere"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(create_app(services_for(development=True))) as address:
        yield address


@pytest.fixture
def page(chromium) -> Iterator[Page]:
    with examiner(chromium) as context:
        yield context.new_page()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_used_by_everybody(address, page, path):
    page.goto(address + path)
    assert troubles(page, path) == []


def test_at_200_percent_zoom_nothing_scrolls_sideways(address, page):
    page.set_viewport_size({"width": 640, "height": 450})
    page.goto(address + "/style")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_our_pages_and_htmx_ask_for_nothing_that_the_policy_refuses(address, page):
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.goto(address + "/style")
    page.get_by_role("link", name="History of Weight").click()
    expect(page.get_by_text("Reason: two digits exchanged")).to_be_visible()
    assert refused == []


def test_slash_goes_to_the_find_box_but_not_while_typing(address, page):
    page.goto(address + "/style")
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.get_by_label("Find a participant")).to_be_focused()
    page.keyboard.type("01/2")
    expect(page.get_by_label("Find a participant")).to_have_value("01/2")


def test_a_refused_form_starts_at_its_summary_and_leads_to_the_field(address, page):
    page.goto(address + "/style")
    expect(page.locator("#error-summary")).to_be_focused()
    page.get_by_role("link", name="Give a weight between 30 and 250 kg.").click()
    expect(page.get_by_label("Weight", exact=True)).to_be_focused()
    expect(page.get_by_label("Weight", exact=True)).to_have_value("540")


def test_a_double_click_sends_one_command(address, page):
    page.goto(address + "/style")
    # Submits that the page itself let through are counted, then stopped, so that no navigation hides a second one.
    page.evaluate(
        "window.sent = 0; window.addEventListener('submit', event => {"
        " if (!event.defaultPrevented) window.sent += 1; event.preventDefault(); })"
    )
    button = page.get_by_role("button", name="Report adverse event")
    button.dblclick()
    button.click(force=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    assert page.evaluate("window.sent") == 1
    assert len(page.locator("#event-form [name=idempotency_key]").input_value()) == 36


def test_the_skip_link_is_first_and_leads_to_the_content(address, page):
    page.goto(address + "/style/unblinded")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_two_minutes_before_the_session_ends_the_person_is_asked(address, page):
    page.clock.install()
    page.goto(address + "/style")
    page.clock.run_for(27 * 60 * 1000)
    expect(page.get_by_role("dialog", name="You will be signed out")).to_be_hidden()
    page.clock.run_for(90 * 1000)
    dialog = page.get_by_role("dialog", name="You will be signed out")
    expect(dialog).to_be_visible()
    assert troubles(page, "the dialog") == []
    dialog.get_by_role("button", name="Stay signed in").click()
    expect(dialog).to_be_hidden()


def test_a_session_that_has_ended_shows_nothing_any_more(address, page):
    page.clock.install()
    page.goto(address + "/style")
    page.clock.run_for(31 * 60 * 1000)
    expect(page).to_have_url(re.compile(r"/sign-in$"))


def test_a_page_whose_session_has_ended_leaves_once_however_slow_the_answer(address, page):
    page.clock.install()
    page.goto(address + "/style")
    asked: list[str] = []
    page.route("**/sign-in", lambda route: asked.append(route.request.url))
    # Sixty seconds of ticks go by before the answer, which never comes here.
    page.clock.run_for(31 * 60 * 1000)
    page.wait_for_timeout(200)
    assert len(asked) == 1


def test_practice_and_unblinded_pages_say_so_in_words(address, page):
    page.goto(address + "/style/unblinded")
    expect(page.get_by_text("Simulated trial.")).to_be_visible()
    expect(page.get_by_text("Unblinded page.")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_text("Simulated trial.")).to_be_visible()
    expect(page.get_by_text("Unblinded page.")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()


def test_the_heads_of_a_long_table_stay_in_sight(address, page):
    page.goto(address + "/style")
    frame = page.locator(".table-frame").first
    frame.evaluate(
        "frame => { const body = frame.querySelector('tbody');"
        " for (let i = 0; i < 60; i++) body.append(body.rows[i % 5].cloneNode(true)); }"
    )
    frame.evaluate("frame => { frame.scrollTop = 900; }")
    top = frame.evaluate(
        "frame => frame.querySelector('thead th').getBoundingClientRect().top - frame.getBoundingClientRect().top"
    )
    assert 0 <= top < 5
