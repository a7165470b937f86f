"""The pages of serious cases in a real browser: no accessibility violation, no sideways scroll, in light and dark."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.doors import Doors
from tests.support.events import serious
from tests.support.locking import cut_off
from tests.support.looks import examiner, troubles
from tests.support.participants import consented, participant
from tests.support.randomization import open_for_randomization, randomized
from tests.support.susars import dealt_with, found, issued, narrated, ours, susar, unblinded, uploaded

PICTURES = os.environ.get("EQUIPOISE_CASE_PICTURES", "")


@pytest.fixture
def pages(doors: Doors) -> dict[str, list[str]]:
    """Who looks at what, with something on every page."""
    house = doors.house
    open_for_randomization(house)
    one = randomized(house)
    event = susar(house, one, life_threatening=True)
    narrated(house, event.id, "A seizure at home.\nObserved in hospital for two nights.")
    serious(house, consented(house, "S2"))
    house.clock.advance(timedelta(days=5))
    unblinded(house, event.id)
    dealt_with(house, event.id, "eu_7")
    letter = issued(house)
    cut_off(house)
    listing = uploaded(house, ours(house).replace("Seizure", "Syncope", 1))
    difference = found(house, listing.id)[0][0].id
    house.clock.advance(timedelta(days=3))
    case = f"/adverse-events/{participant(house, one).code}/{event.number}/case"
    letters = f"/safety/letters/{letter.id}"
    return {
        "medical_monitor": [
            "/safety", "/safety?kind=all", case, f"{case}/narrative", "/safety/letters", "/safety/letters/new",
            "/safety/line-listing", "/safety/reconciliation", f"/safety/reconciliation/{listing.id}",
            f"/safety/reconciliation/{listing.id}/{difference}",
        ],
        "safety_officer_unblinded": ["", case, f"{case}/copy", f"{case}/report"],
        "investigator": ["/safety?kind=all", letters, f"{letters}/acknowledge"],
        "sponsor": ["", "/safety"],
    }  # fmt: skip


def test_every_page_about_serious_cases_works_for_everybody_who_uses_it(
    chromium: Browser, doors: Doors, pages: dict[str, list[str]]
):
    wrong = []
    for role, paths in pages.items():
        with examiner(chromium) as context:
            page = context.new_page()
            doors.sign_in(page, doors.username(role), at_once=True)
            for number, path in enumerate(paths):
                answer = page.goto(f"{doors.address}/t/TEST-1{path}")
                assert answer is not None
                assert answer.status == 200, (role, path, answer.status)
                wrong += troubles(page, f"{role} {path}")
                if PICTURES:
                    page.set_viewport_size({"width": 1280, "height": 900})
                    page.screenshot(path=Path(PICTURES) / f"{role}-{number}.png", full_page=True)
    assert not wrong, "\n".join(wrong)
