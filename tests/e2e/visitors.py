"""People in a real browser: how they sign in, fill a form and sign; and what their browser saw meanwhile.

Everything a page sends is watched (``Watch``): bodies of all answers, refusals of the content security policy, errors of
the console, and requests to anywhere but this machine.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, Response, expect

from api.cli.demo.roster import PASSWORD
from api.cookies import session_cookie_name
from api.pages.render import day_words
from tests.e2e.trials import Served

COOKIE = session_cookie_name(secure=False)
_REPORT_REFUSALS = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`refused by policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Watch:
    """What one browser context saw."""

    address: str
    bodies: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    _seen: list[Response] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(_REPORT_REFUSALS)
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("console", lambda message: self._error(message.type, message.text))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def _error(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:", "about:")):
            self.strangers.append(request.url)

    def _response(self, response: Response) -> None:
        self._seen.append(response)

    def read(self) -> dict[str, str]:
        """Bodies by address, those of redirects left out: they have none. Asked before the next page replaces this one."""
        for response in self._seen:
            if response.status in range(300, 400) or not _is_text(response):
                continue
            # The browser lets go of a body when its page has been left.
            with contextlib.suppress(Error):
                self.bodies[f"{response.request.method} {response.url} #{len(self.bodies)}"] = response.text()
        self._seen.clear()
        return self.bodies


def _is_text(response: Response) -> bool:
    kind = response.headers.get("content-type", "")
    return kind.startswith(("text/html", "application/json", "application/problem+json"))


@dataclass
class Visitor:
    """Somebody of the trial at a browser of their own."""

    trial: Served
    page: Page
    watch: Watch
    username: str = ""

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def sign_in(self, username: str) -> None:
        """Through both pages."""
        self.username = username
        self.page.goto(f"{self.trial.address}/sign-in")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Continue").click()
        self.page.get_by_label("Code from your authenticator").fill(self.trial.code(username))
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(re.compile(r"/t/"))

    def come_in(self, username: str) -> None:
        """By the cookie alone, for what is not about signing in."""
        self.username = username
        cookie: Any = {"name": COOKIE, "value": self.trial.session_token(username), "url": self.trial.address}
        self.page.context.add_cookies([cookie])

    def open(self, *parts: object) -> None:
        self.page.goto(self.trial.url(*parts))

    def follow(self, name: str | re.Pattern[str]) -> None:
        """A link by its words."""
        self.watch.read()
        self.page.get_by_role("link", name=name).first.click()
        self.page.wait_for_load_state()

    def press(self, name: str) -> None:
        """A button by its words; what the page showed before is kept for the scan."""
        self.watch.read()
        self.page.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_load_state()

    def choose(self, group: str, answer: str) -> None:
        """A radio or tick of a group by its words."""
        self.page.get_by_role("group", name=group).get_by_label(answer, exact=True).check()

    def sign(self, button: str) -> None:
        """Give the password (and the code where it is asked for) and press the page's one button."""
        self.page.get_by_label("Your password").fill(PASSWORD)
        code = self.page.get_by_label("Code from your authenticator")
        if code.count():
            code.fill(self.trial.code(self.username))
        self.press(button)

    def answer(self, answers: Mapping[str, Any], prefix: str = "answer-") -> None:
        """Fill a form of the protocol: radios, choices, numbers, words; dates are left as they stand."""
        for name, value in answers.items():
            fields = self.page.locator(f'[name="{prefix}{name}"]')
            if value is None or not fields.count():
                continue
            kind = fields.first.evaluate("field => field.type || field.tagName.toLowerCase()")
            if kind == "radio":
                self.page.locator(f'[name="{prefix}{name}"][value="{value}"]').check()
            elif kind == "select-one":
                fields.select_option(str(value))
            else:
                fields.fill(f"{value:g}" if isinstance(value, float) else str(value))

    def fill_date(self, name: str, day: Any) -> None:
        for part in ("day", "month", "year"):
            self.page.locator(f'[name="{name}_{part}"]').fill(str(getattr(day, part)))

    def sees(self, words: str) -> None:
        expect(self.page.get_by_role("main")).to_contain_text(words)

    def heading(self) -> str:
        return self.page.get_by_role("heading", level=1).inner_text()

    def fetch(self, path: str) -> bytes:
        """What the browser gets at an address, as its own script would."""
        encoded: str = self.page.evaluate(
            """async (path) => {
              const answer = await fetch(path);
              if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
              const bytes = new Uint8Array(await answer.arrayBuffer());
              let text = '';
              for (const byte of bytes) text += String.fromCharCode(byte);
              return btoa(text);
            }""",
            path,
        )
        return base64.b64decode(encoded)

    def link(self, name: str) -> str:
        """Where a link leads."""
        found = self.page.get_by_role("link", name=name).first.get_attribute("href")
        assert found is not None
        return found


@contextmanager
def visitor(browser: Browser, trial: Served, **context: Any) -> Iterator[Visitor]:
    """A browser of one's own: no cookie of anybody else's."""
    watch = Watch(trial.address)
    own = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", **context)
    own.set_default_timeout(20_000)
    watch.over(own)
    try:
        yield Visitor(trial, own.new_page(), watch)
        watch.read()
    finally:
        own.close()


def on_day(trial: Served) -> str:
    """Today, as pages write it."""
    return day_words(trial.clock.now().date())
