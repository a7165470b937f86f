"""Walks a participant through the pages, by posting the forms that the pages show."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.support.doors import Client, Doors
from tests.support.house import PASSWORD
from tests.support.participants import (
    acceptable_items,
    answered_form,
    protocol_at,
    screening_visits,
)
from trial.protocol.schema import Value


class _Fields(HTMLParser):
    """The named inputs of every form of a page, with the values that they show."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name")
        if tag == "input" and name and given.get("type") not in {"radio", "checkbox", "search"}:
            self.values.setdefault(name, given.get("value") or "")


def fields_of(page: httpx.Response) -> dict[str, str]:
    """What the page's inputs hold: its key, its dates, its hidden fields."""
    parser = _Fields()
    parser.feed(page.text)
    parser.values.pop("csrf_token", None)
    return parser.values


def fill(client: Client, path: str, *, to: str = "", **fields: Any) -> httpx.Response:
    """Open a page, keep what it shows, type the rest, send it."""
    page = client.get(path)
    assert page.status_code == 200, (path, page.status_code, page.text[:300])
    return client.send_form(to or path, **{**fields_of(page), **fields})


def done(answer: httpx.Response) -> str:
    """The path to which a success leads; fails with what the page said otherwise."""
    said = re.findall(r'field-error"[^>]*>(.*?)</p>|error-summary.*?<p>(.*?)</p>', answer.text, re.DOTALL)
    assert answer.status_code == 303, (answer.status_code, said[:5])
    return urlsplit(answer.headers["location"]).path


class Walk:
    """One participant on the way from registration to the receipt."""

    def __init__(self, doors: Doors, site: str = "S1") -> None:
        self.doors, self.site = doors, site
        self.home = f"/t/{doors.house.trial.code}"
        self.protocol = protocol_at(doors.house, site)
        self.coordinator = doors.client(doors.username("coordinator", site))
        self.investigator = doors.client(doors.username("investigator", site))
        self.assessor = doors.client(doors.username("efficacy_assessor", site))
        self.code = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        for client in (self.coordinator, self.investigator, self.assessor):
            client.close()

    @property
    def one(self) -> str:
        return f"{self.home}/participants/{self.code}"

    def register(self) -> str:
        answer = fill(self.coordinator, f"{self.home}/participants/register", sex="F", birth_year="1971")
        self.code = done(answer).rpartition("/")[2]
        return self.code

    def consent(self) -> None:
        done(fill(self.coordinator, f"{self.one}/consent", document_version="2.0", copy_given="yes"))

    def screen(self) -> None:
        """Every form of the screening period, then what the site and the assessor rate."""
        for visit in screening_visits(self.protocol):
            for code in visit.forms:
                form = self.protocol.form(code)
                answers = answered_form(self.protocol, form)
                typed = {f"answer-{name}": _typed(value) for name, value in answers.items()}
                done(fill(self.coordinator, f"{self.one}/visits/{visit.code}/forms/{code}", **typed))
            for expected in visit.instruments:
                for _ in range(expected.times):
                    self.answer(visit.code, expected.id)

    def answer(self, visit: str, instrument: str) -> None:
        described = self.protocol.instrument(instrument)
        items = {f"item-{item}": str(code) for item, code in acceptable_items(self.protocol, described).items()}
        if described.completed_by == "clinician":
            done(fill(self.coordinator, f"{self.one}/visits/{visit}/ratings/{instrument}", **items))
        else:
            done(fill(self.assessor, f"{self.home}/assessments/{self.code}/{visit}/{instrument}", **items))

    def assess(self) -> None:
        done(fill(self.coordinator, f"{self.one}/eligibility"))

    def sign_eligibility(self) -> None:
        done(fill(self.investigator, f"{self.one}/eligibility/sign", password=PASSWORD))

    def randomize(self) -> str:
        return done(fill(self.coordinator, f"{self.one}/randomize/sign", password=PASSWORD))

    def to_the_receipt(self) -> str:
        """Everything, and the path of the receipt."""
        self.register()
        self.consent()
        self.screen()
        self.assess()
        self.sign_eligibility()
        return self.randomize()


def _typed(value: Value | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
