"""The real application behind a real server, for browsers and for programs; and how people of a ``House`` come in.

    with open_doors(house) as doors:
        doors.sign_in(page, "coordinator-s1")              # a browser, through both pages
        with doors.client("coordinator-s1") as client:     # a program with a session, as a browser would have it
            client.get("/t/TEST-1")

Codes are made for the house's own clock. A code counts once, so signing in again moves a standing clock by a minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from playwright.sync_api import Page

from api.app import create_app
from api.cookies import session_cookie_name
from api.middleware.csrf import token_for
from api.services import AppServices
from tests.support.house import PASSWORD, House
from tests.support.inline import Inline, handlers_in_line
from tests.support.serving import serving
from trial.access.accounts import Account, code_secret, find_account
from trial.access.codes import code_at
from trial.access.grants import actor_for
from trial.access.passwords import LIGHT_FOR_SIMULATION
from trial.access.permissions import Permission
from trial.access.sign_in import give_code, sign_in
from trial.access.signatures import Reauthenticated
from trial.access.tokens import CreateToken, create_token
from trial.database.session import TrialSession
from trial.settings import Settings

_STEP = 30
COOKIE = session_cookie_name(secure=False)


class Client(httpx.Client):
    """A signed-in client that sends the forgery token with every form, as our pages do."""

    csrf: str = ""

    def send_form(self, path: str, **fields: Any) -> httpx.Response:
        """POST a form; a list stands for a group of checkboxes. The answer is not followed."""
        return self.post(path, data={"csrf_token": self.csrf, **fields})


@dataclass
class Doors:
    house: House
    address: str
    app: FastAPI

    def username(self, role: str, site: str | None = None) -> str:
        """The user name of the house's person in that role."""
        if (role, site) not in self.house.people and site is None:
            site = next(iter(self.house.sites))
        return self.house.people[(role, site)].username

    def code(self, username: str) -> str:
        """The next code that is good for this person; moves a standing clock when this half-minute's is used up."""
        with self.house.database.session() as session:
            account = _account(session, username)
            if account.last_code_step >= int(self.house.clock.now().timestamp()) // _STEP:
                self.house.clock.advance(timedelta(seconds=2 * _STEP))
            return code_at(code_secret(session, account), self.house.clock.now())

    def session_token(self, username: str) -> str:
        """A session made by the services behind the two pages; for tests that are not about signing in."""
        token, _ = sign_in(self.house.database, username, PASSWORD, strength=LIGHT_FOR_SIMULATION)
        token, _ = give_code(self.house.database, token, self.code(username))
        return token

    def client(self, username: str | None = None) -> Client:
        """A program with the person's session; without a name, a stranger."""
        # No TLS here: to read the certificates of all authorities takes longer than a request.
        made = Client(base_url=self.address, timeout=30, verify=False)
        if username is not None:
            token = self.session_token(username)
            made.cookies.set(COOKIE, token)
            made.csrf = token_for(token)
        return made

    @contextmanager
    def inline(self, username: str | None = None) -> Iterator[Inline]:
        """As ``client``, past the server and its threads: half as dear, for who asks every route there is."""
        with handlers_in_line(), Inline(self.app) as made:
            if username is not None:
                token = self.session_token(username)
                made.cookies.set(COOKIE, token)
                made.csrf = token_for(token)
            yield made

    def program(self, username: str, *permissions: Permission, days: int = 30) -> Client:
        """A program with a bearer token of the person."""
        # No TLS here: to read the certificates of all authorities takes longer than a request.
        made = Client(base_url=self.address, timeout=30, verify=False)
        made.headers["Authorization"] = f"Bearer {self.bearer_token(username, *permissions, days=days)}"
        return made

    def bearer_token(self, username: str, *permissions: Permission, days: int = 30) -> str:
        with self.house.database.transaction() as session:
            account = _account(session, username)
            command = CreateToken(trial_id=self.house.trial.id, name="A test", permissions=permissions, days=days)
            proof = Reauthenticated(account.id, session.now())
            text, _ = create_token(session, actor_for(session, account), proof, command)
            return text

    def sign_in(self, page: Page, username: str, *, at_once: bool = False) -> None:
        """Bring a browser in: through both pages, or with ``at_once`` by its cookie alone."""
        if at_once:
            cookie: Any = {"name": COOKIE, "value": self.session_token(username), "url": self.address}
            page.context.add_cookies([cookie])
            page.goto(self.address)
            return
        page.goto(f"{self.address}/sign-in")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Code from your authenticator").fill(self.code(username))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(re.compile(r"/(t/|choose)"))


def _account(session: TrialSession, username: str) -> Account:
    found = find_account(session, username)
    assert found is not None, f"nobody is called {username}"
    return found


@contextmanager
def open_doors(house: House, settings: Settings | None = None) -> Iterator[Doors]:
    """Serve the house on a free port, in a thread, until the block ends."""
    app = create_app(AppServices(settings or Settings(), house.database))
    with serving(app) as address:
        yield Doors(house, address, app)
