"""A house with its doors open, and a browser to walk in with."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.doors import Doors, open_doors
from tests.support.house import House


@pytest.fixture
def doors(house: House) -> Iterator[Doors]:
    with open_doors(house) as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()
