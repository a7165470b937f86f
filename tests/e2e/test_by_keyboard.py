"""The coordinator's walk without a mouse: Tab, Space, Enter, arrows and “/”, and at each step it is visible where one is."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from api.cli.demo.roster import PASSWORD
from tests.e2e.visitors import Visitor, visitor
from tests.support.participants import answered_form, participant, protocol_at, ready_to_randomize

FURTHEST = 120
SHOWS_FOCUS = """
() => {
  const here = document.activeElement;
  if (!here || here === document.body) return 'nothing has the focus';
  const box = here.getBoundingClientRect();
  const style = getComputedStyle(here);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  if (!outlined) return `no outline around ${here.outerHTML.slice(0, 120)}`;
  if (box.width === 0 || box.height === 0) return `no size: ${here.outerHTML.slice(0, 120)}`;
  return '';
}
"""


class Keys:
    """Somebody who has a keyboard and nothing else."""

    def __init__(self, one: Visitor) -> None:
        self.one = one
        self.page = one.page

    def to(self, target: Locator) -> None:
        """Tab until the target has the focus; at every stop the focus is visible."""
        expect(target).to_be_visible()
        for _ in range(FURTHEST):
            if target.evaluate("target => target === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
            assert self.page.evaluate(SHOWS_FOCUS) in ("", "nothing has the focus")
        raise AssertionError(f"Tab never reaches {target}")

    def type(self, label: str, text: str) -> None:
        self.to(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(text)

    def number(self, field: str, answers: Mapping[str, Any]) -> None:
        """Into a field of the protocol's form."""
        self.to(self.page.locator(f'[name="answer-{field}"]'))
        self.page.keyboard.type(f"{answers[field]:g}")

    def press(self, role: str, name: str) -> None:
        self.to(self.page.get_by_role(role, name=name, exact=True).first)  # type: ignore[arg-type]  # a role's name
        self.one.watch.read()
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def choose(self, group: str, answer: str) -> None:
        """Into a group of radios, then along it."""
        radios = self.page.get_by_role("group", name=group).get_by_role("radio")
        self.to(radios.first)
        self.page.keyboard.press("Space")
        wanted = self.page.get_by_role("group", name=group).get_by_label(answer, exact=True)
        for _ in range(radios.count()):
            if wanted.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"the arrows never reach {answer}")


@pytest.fixture
def keys(at_look, chromium):
    with visitor(chromium, at_look) as one:
        yield Keys(one)


def sign_in(keys: Keys) -> None:
    keys.one.username = "coordinator.s1"
    keys.page.goto(f"{keys.one.trial.address}/sign-in")
    keys.type("User name", keys.one.username)
    keys.type("Password", PASSWORD)
    keys.press("button", "Continue")
    keys.type("Code from your authenticator", keys.one.trial.code(keys.one.username))
    keys.press("button", "Sign in")


def test_a_coordinator_registers_and_screens_without_a_mouse(keys):
    sign_in(keys)
    keys.press("link", "Participants")
    keys.press("link", "Register a participant")
    keys.choose("Sex", "Female")
    keys.type("Year of birth", "1968")
    keys.press("button", "Register participant")
    keys.press("link", "Record consent")
    keys.type("Version of the consent document", "2.0")
    keys.press("button", "Record consent")
    keys.one.sees("The consent is recorded.")
    keys.press("link", "Record demographics")
    protocol = protocol_at(keys.one.trial.house())
    answers = answered_form(protocol, protocol.form("demographics"))
    keys.number("age_years", answers)
    keys.choose("Sex", "Female")
    keys.to(keys.page.get_by_label("Race"))
    keys.page.keyboard.press("ArrowDown")
    keys.choose("Ethnicity", "Not Hispanic or Latino")
    keys.number("height_cm", answers)
    keys.number("weight_kg", answers)
    keys.press("button", "Record and go on")
    keys.one.sees("The form is recorded.")


def test_a_coordinator_randomizes_without_a_mouse(keys):
    code = participant(keys.one.trial.house(), ready_to_randomize(keys.one.trial.house())).code
    sign_in(keys)
    keys.page.keyboard.press("/")
    expect(keys.page.locator("#find")).to_be_focused()
    keys.page.keyboard.type(code)
    with keys.page.expect_navigation():
        keys.page.keyboard.press("Enter")
    keys.press("link", f"Randomize {code}")
    keys.press("link", "Continue to the signature")
    keys.type("Your password", PASSWORD)
    keys.press("button", f"Randomize {code}")
    keys.one.sees(f"{code} is randomized")
    expect(keys.page.get_by_role("status").last).to_contain_text("Fetch kit")


def test_the_first_tab_offers_to_skip_to_the_content(keys):
    sign_in(keys)
    keys.page.goto(keys.one.trial.url("participants"))
    keys.page.keyboard.press("Tab")
    skip = keys.page.locator(":focus")
    expect(skip).to_have_text("Skip to the content")
    expect(skip).to_be_in_viewport()
    keys.page.keyboard.press("Enter")
    keys.page.keyboard.press("Tab")
    assert keys.page.locator(":focus").evaluate("here => here.closest('main') !== null")


def test_a_refused_form_puts_the_reader_at_the_summary_and_each_line_leads_to_its_field(keys):
    sign_in(keys)
    keys.page.goto(keys.one.trial.url("participants", "register"))
    keys.press("button", "Register participant")
    summary = keys.page.locator("#error-summary")
    expect(summary).to_be_focused()
    keys.to(summary.get_by_role("link").last)
    keys.page.keyboard.press("Enter")
    expect(keys.page.get_by_label("Year of birth")).to_be_focused()
    expect(keys.page.get_by_label("Year of birth")).to_have_attribute("aria-invalid", "true")


def test_a_slash_that_is_typed_into_a_field_stays_in_it(keys):
    sign_in(keys)
    keys.page.goto(keys.one.trial.url("participants", "register"))
    keys.type("Year of birth", "19/1")
    expect(keys.page.get_by_label("Year of birth")).to_have_value("19/1")


def test_before_the_session_ends_a_dialog_takes_the_focus_and_a_key_keeps_one_in(keys):
    keys.page.clock.install()
    sign_in(keys)
    keys.page.clock.fast_forward(timedelta(minutes=29).total_seconds() * 1000)
    dialog = keys.page.get_by_role("dialog", name="You will be signed out")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_focused()
    with keys.page.expect_response("**/session/extend") as answered:
        keys.page.keyboard.press("Enter")
    assert answered.value.status == 204
    expect(dialog).to_be_hidden()
