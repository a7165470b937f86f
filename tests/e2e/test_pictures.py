"""Photographs the pages, light and dark, on a desk and on a phone.

    EQUIPOISE_PICTURES=docs/pictures EQUIPOISE_PICTURES_PARTICIPANTS=40 .venv/bin/pytest tests/e2e/test_pictures.py

photographs every main page of a larger trial into a directory of the run and renews the pictures of the docs. Without it
the pages that the docs show are photographed, from the small trial. They are compared with nothing: what is tested is that
each can be taken, is not blank, and is small enough to be committed.
"""

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.visitors import Visitor, visitor
from tests.support.participants import today
from tests.support.pictures import (
    FOR_THE_DOCS,
    PEOPLE,
    page_of_pdf,
    photographs,
    set_scene,
    sights,
    small,
)

DOCS = os.environ.get("EQUIPOISE_PICTURES", "")
MOST_BYTES = 120_000
SHOWN = {sight for sight, _, _ in FOR_THE_DOCS.values()}


class Album:
    """Where the pictures of this run go; those of the docs also to the docs, when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, name: str, picture: bytes) -> None:
        (self.folder / f"{name}.png").write_bytes(picture)
        for doc, (sight, scheme, width) in FOR_THE_DOCS.items():
            if name == f"{sight}-{scheme}-{width}":
                self._reduce(doc, picture)

    @staticmethod
    def _reduce(name: str, picture: bytes) -> None:
        reduced = small(picture)
        assert len(reduced) < MOST_BYTES, f"{name} has {len(reduced)} bytes"
        if DOCS:
            (Path(DOCS) / f"{name}.png").write_bytes(reduced)

    def is_blank(self, name: str) -> bool:
        with Image.open(self.folder / f"{name}.png") as image:
            return len(image.convert("RGB").getcolors(maxcolors=1 << 24) or ()) < 8


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Album:
    return Album(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def scene(at_look):
    return set_scene(at_look.house())


def take(one: Visitor, album: Album, name: str) -> None:
    for shot, picture in photographs(one.page, name):
        album.keep(shot, picture)
        assert not album.is_blank(shot), shot


@pytest.mark.parametrize("username", PEOPLE if DOCS else ("coordinator.s1", "board.chair"))
def test_the_pages_of_the_trial_are_photographed(username, at_look, scene, chromium, album):
    with visitor(chromium, at_look) as one:
        one.come_in(username)
        for sight in sights(scene)[username]:
            if not DOCS and sight.name not in SHOWN:
                continue
            path = sight.path
            one.page.goto(f"{at_look.address}{path}" if path.startswith("/") else at_look.url(path).rstrip("/"))
            take(one, album, sight.name)


def test_a_report_of_an_adverse_event_is_photographed_while_it_is_written(at_look, scene, chromium, album):
    with visitor(chromium, at_look) as one:
        one.come_in("coordinator.s1")
        one.open("participants", scene.treated, "adverse-events", "report")
        one.choose("Was it serious?", "No")
        one.page.get_by_label("What happened?").fill("felt sick on the way home, vomited once")
        one.page.get_by_role("combobox", name="Term").fill("Nausea")
        one.page.get_by_role("combobox", name="Term").blur()
        one.page.get_by_label("Grade 2", exact=True).check()
        one.fill_date("onset", today(at_look.house()))
        take(one, album, "adverse-event-filled")


def test_the_page_for_strangers_is_photographed(at_look, chromium, album):
    with visitor(chromium, at_look) as one:
        one.page.goto(f"{at_look.address}/sign-in")
        take(one, album, "sign-in")


def test_the_locked_datasets_are_photographed(at_lock, chromium, album):
    with visitor(chromium, at_lock) as one:
        one.come_in("statistician.blinded")
        one.open("datasets")
        take(one, album, "datasets")
        if DOCS:
            one.page.get_by_role("table", name="Datasets").get_by_role("link").first.click()
            one.page.wait_for_load_state()
            take(one, album, "dataset")


def test_a_page_of_the_closed_report_becomes_a_picture(at_look, scene, chromium, album, tmp_path):
    with visitor(chromium, at_look) as one:
        one.come_in("board.chair")
        one.open("meetings", scene.meeting)
        content = one.fetch(one.link("Open the closed report"))
    picture = page_of_pdf(content, 1, tmp_path)
    if picture is None:
        assert not DOCS, "the docs show a page of the closed report: install pdftoppm"
        return
    album.keep("closed-report-light-1280", picture)
    assert not album.is_blank("closed-report-light-1280")
