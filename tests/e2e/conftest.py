"""One conducted trial a run, one copy of it for each test module."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.trials import LOCK, LOOK, Conducted, Served, conducted_once, served


@pytest.fixture(scope="session")
def conducted(server, template, tmp_path_factory, request) -> Conducted:
    base: Path = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    return conducted_once(server, template, shared / "conducted")


@pytest.fixture(scope="session")
def at_moment(server, conducted, tmp_path_factory) -> Callable[[str], object]:
    """Serve a fresh copy of a moment: ``with at_moment(LOOK) as trial``."""

    def serve(moment: str) -> object:
        name = f"e2e_{uuid4().hex[:12]}"
        return served(server, conducted, moment, name, tmp_path_factory.mktemp(moment) / "installation")

    return serve


@pytest.fixture(scope="module")
def at_look(at_moment) -> Iterator[Served]:
    """In the middle: both papers of the first look are before the board."""
    with at_moment(LOOK) as trial:
        yield trial


@pytest.fixture(scope="module")
def at_lock(at_moment) -> Iterator[Served]:
    """At the end: locked, opened, with every dataset."""
    with at_moment(LOCK) as trial:
        yield trial
