"""A house with its doors open."""

from collections.abc import Iterator

import pytest

from tests.support.doors import Doors, open_doors
from tests.support.house import House


@pytest.fixture
def doors(house: House) -> Iterator[Doors]:
    with open_doors(house) as opened:
        yield opened
