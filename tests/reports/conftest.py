"""Fixtures of the reports room: one middle-sized snapshot a session, and the degenerate ones."""

from __future__ import annotations

import pytest

from tests.reports.factory import make_context, make_snapshot, make_treatments


@pytest.fixture(scope="session")
def snapshot():
    return make_snapshot(160, seed=7)


@pytest.fixture(scope="session")
def treatments(snapshot):
    return make_treatments(snapshot, seed=7)


@pytest.fixture(scope="session")
def context():
    return make_context()


@pytest.fixture(
    scope="session",
    params=["full", "nobody", "all_missing", "no_events", "nobody_randomized", "one_arm_empty"],
)
def case(request):
    """Snapshot and treatments of every shape that a real trial passes through, the empty ones among them."""
    made = {
        "full": lambda: make_snapshot(80, seed=3),
        "nobody": lambda: make_snapshot(0),
        "all_missing": lambda: make_snapshot(40, seed=3, all_missing=True),
        "no_events": lambda: make_snapshot(40, seed=3, no_events=True),
        "nobody_randomized": lambda: make_snapshot(30, seed=3, nobody_randomized=True),
        "one_arm_empty": lambda: make_snapshot(40, seed=3),
    }[request.param]()
    return made, make_treatments(made, one_arm_empty=request.param == "one_arm_empty")
