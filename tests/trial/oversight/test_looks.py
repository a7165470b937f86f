"""Planned looks: how much information they need, and when one is due."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.house import House
from tests.support.locking import cut_off
from tests.support.participants import answer_instruments, infused, protocol_at
from trial.locks.snapshot_tables import SNAPSHOT_TABLES
from trial.locks.snapshots import load_snapshot
from trial.oversight.looks import (
    due_look,
    full_information,
    information_fraction,
    information_in,
    information_now,
    planned_looks,
)
from trial.protocol.loader import shipped_protocol

PROTOCOL = shipped_protocol("keta-pain")


def test_full_information_is_what_the_plan_expects_to_have_answered():
    # 408 planned less 15 % missing is 346.8; the sample size asks for 2 x 166 x 1.041 = 345.6.
    assert full_information(PROTOCOL, 408) == 347
    assert full_information(PROTOCOL, 240) == 204


def test_the_looks_of_the_shipped_protocol_come_at_half_and_three_quarters():
    assert [(look.number, look.needed) for look in planned_looks(PROTOCOL, 408)] == [(1, 174), (2, 261)]


@pytest.mark.parametrize(
    ("information", "held", "due"),
    [
        (0, (), None),
        (173, (), None),
        (174, (), 1),
        (174, (1,), None),
        (261, (1,), 2),
        (261, (), 2),
        (346, (1, 2), None),
    ],
)
def test_a_look_is_due_when_its_information_is_reached_and_no_meeting_has_it(information: int, held: tuple, due):
    found = due_look(PROTOCOL, 408, information, held)
    assert (found.number if found else None) == due


@given(st.integers(2, 5000), st.integers(0, 5000))
def test_a_due_look_has_its_share_of_the_information(planned: int, information: int):
    look = due_look(PROTOCOL, planned, information, ())
    if look is not None:
        assert information / full_information(PROTOCOL, planned) >= look.information_fraction
    assert 0 <= information_fraction(PROTOCOL, planned, information) <= 1


def test_information_counts_participants_who_answered_the_primary_endpoint_at_its_visit():
    shape = SNAPSHOT_TABLES["scores"].columns
    primary = PROTOCOL.endpoints.primary
    visit, score = primary.visits[0], primary.score
    rows = [
        ("P-1", visit, score.instrument, score.domain, 60.0),
        ("P-2", visit, score.instrument, score.domain, None),
        ("P-3", visit, score.instrument, "FATIGUE", 50.0),
        ("P-4", "BASELINE", score.instrument, score.domain, 61.0),
    ]
    names = ("participant", "visit", "instrument", "domain", "score")
    frame = pl.DataFrame(
        [{column: dict(zip(names, row, strict=True)).get(column) for column in shape} for row in rows],
        schema=dict(shape),
    )
    assert information_in({"scores": frame}, PROTOCOL) == 1


def test_the_live_count_and_the_snapshots_count_agree(house: House):
    participant = infused(house)
    protocol = protocol_at(house)
    for expected in (0, 1):
        with house.database.session() as session:
            tables = load_snapshot(session, cut_off(house).snapshot_id)
            assert information_now(session, house.trial.id, protocol) == expected
            assert information_in(tables, protocol) == expected
        if not expected:
            house.clock.advance(timedelta(days=90))
            with house.database.transaction() as session:
                answer_instruments(session, house, participant, protocol, protocol.visit("M3"), "S1")
