"""Static files may be kept for ever, because their address changes with their content."""

from hashlib import sha256
from importlib.resources import files

import pytest

from api.assets import IMMUTABLE, asset_url

NAMES = ["equipoise.css", "equipoise.js", "htmx.min.js", "mark.svg"]


@pytest.mark.parametrize("name", NAMES)
def test_a_static_file_is_served_immutable_under_the_hash_of_its_content(browse, name):
    answer = browse().get(asset_url(name))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == IMMUTABLE
    assert sha256(answer.content).hexdigest()[:16] in asset_url(name)


def test_a_static_file_sets_no_cookie(browse):
    assert "set-cookie" not in browse().get(asset_url("equipoise.css")).headers


@pytest.mark.parametrize(
    "path",
    ["equipoise.css", "equipoise.0000000000000000.css", "", "../app.py", "%2e%2e/app.py", "htmx.LICENSE.txt"],
)
def test_nothing_else_is_served(browse, path):
    assert browse().get(f"/static/{path}").status_code == 404


def test_htmx_is_the_file_that_its_licence_note_names():
    static = files("api").joinpath("static")
    comment, _, original = static.joinpath("htmx.min.js").read_bytes().partition(b"\n")
    assert comment.startswith(b"/*! htmx 4.0.1")
    assert sha256(original).hexdigest() in static.joinpath("htmx.LICENSE.txt").read_text()


def test_a_page_with_its_own_files_stays_below_100_kilobytes(browse):
    page = browse(development=True).get("/style").content
    loaded = [files("api").joinpath("static", name).read_bytes() for name in NAMES]
    assert len(page) + sum(map(len, loaded)) < 100_000
