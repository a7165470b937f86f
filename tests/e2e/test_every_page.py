"""Every main page for every role: usable by keyboard, screen reader, phone and magnifier; nothing foreign, nothing refused.

One test a person; each page is loaded once and then looked at in light and dark, on a desk, magnified and on a phone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser

from tests.e2e.trials import Served
from tests.e2e.visitors import Visitor, visitor
from tests.support.looks import clipped, stand_ready, troubles
from tests.support.pictures import PEOPLE, set_scene, sights

STRANGERS_PAGES = ("/sign-in", "/developers", "/treating-physician")
EXAMINED_ELSEWHERE = ("coordinator.s1", "investigator.s1", "nurse.s1", "assessor.s1")
"""What a screen reader and the dark make of the pages of a site's people is asked in ``tests/api/pages/site/test_looks.py``."""
AFTER_THE_LOCK = {
    "statistician.blinded": ("", "datasets", "locks"),
    "statistician.unblinded": ("datasets",),
    "data-manager": ("", "locks", "locks/stages/FINAL"),
    "coordinator.s1": ("", "participants", "adverse-events"),
    "sponsor": ("recommendations",),
}


@pytest.fixture(scope="module")
def scene(at_look):
    return set_scene(at_look.house())


def test_the_list_of_people_is_the_list_of_whose_pages_there_are(scene):
    assert set(PEOPLE) == set(sights(scene))


@pytest.mark.parametrize("username", PEOPLE)
def test_every_main_page_works_for_everybody_who_uses_it(username, at_look, scene, chromium):
    with examiner(chromium, at_look) as one:
        one.come_in(username)
        found = [problem for sight in sights(scene)[username] for problem in problems_of(one, sight.path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("username", AFTER_THE_LOCK)
def test_pages_of_a_locked_trial_work_too(username, at_lock, chromium):
    with examiner(chromium, at_lock) as one:
        one.come_in(username)
        found = [problem for path in AFTER_THE_LOCK[username] for problem in problems_of(one, path)]
        if username == "statistician.blinded":
            one.open("datasets")
            one.page.get_by_role("table", name="Datasets").get_by_role("link").first.click()
            one.page.wait_for_load_state()
            found += problems_here(one, "a dataset")
    assert not found, "\n".join(found)


def test_pages_for_strangers_work_too(at_look, chromium):
    with examiner(chromium, at_look) as one:
        found = [problem for path in STRANGERS_PAGES for problem in problems_of(one, path)]
    assert not found, "\n".join(found)


@contextmanager
def examiner(browser: Browser, trial: Served) -> Iterator[Visitor]:
    """A visitor in whose pages axe-core stands ready."""
    with visitor(browser, trial) as one:
        stand_ready(one.page.context)
        yield one


def problems_of(one: Visitor, path: str) -> list[str]:
    answer = one.page.goto(f"{one.trial.address}{path}" if path.startswith("/") else one.trial.url(path).rstrip("/"))
    assert answer is not None
    return [f"{path}: answered {answer.status}"] if answer.status != 200 else problems_here(one, path)


def problems_here(one: Visitor, where: str) -> list[str]:
    """What somebody could not use, on the page that stands there."""
    look = clipped if one.username in EXAMINED_ELSEWHERE else troubles
    found = look(one.page, where)
    found += [f"{where}: {error}" for error in one.watch.errors + one.watch.strangers]
    one.watch.errors.clear()
    one.watch.strangers.clear()
    return found
