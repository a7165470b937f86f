"""Processes that conduct one trial wait for each other in the trial's own time, and for nothing else."""

import threading
from datetime import UTC, datetime
from multiprocessing import Pipe

import pytest

from api.cli.demo.turnstile import OtherProcessEnded, Turnstile

LONG_ENOUGH = 60
"""Seconds after which two that should have gone on are taken to hold each other."""


def moment(day, place=0):
    return datetime(2026, 1, day, tzinfo=UTC), (place,)


@pytest.fixture
def ends():
    ours, theirs = Pipe()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def two(ends):
    ours, theirs = ends
    return Turnstile([ours]), Turnstile([theirs])


def test_who_is_alone_waits_for_nobody():
    alone = Turnstile()
    alone.reach(moment(1))
    alone.wait_for_others()
    alone.leave()
    alone.wait_until_others_left()
    assert alone.latest < moment(1)[0]


def test_who_is_behind_goes_on_without_waiting(ends, two):
    behind, ahead = two
    ahead.reach(moment(9))
    behind.reach(moment(8))
    ends[1].close()  # whoever waited for more would be told that nobody is there
    behind.wait_for_others()
    assert behind.latest == moment(9)[0]


def test_who_comes_at_the_same_instant_has_its_place_among_the_stories(ends, two):
    first, second = two
    second.reach(moment(5, place=2))
    first.reach(moment(5, place=1))
    ends[1].close()
    first.wait_for_others()
    with pytest.raises(OtherProcessEnded):
        first.reach(moment(5, place=3))
        first.wait_for_others()


def test_who_is_ahead_waits_until_the_other_has_come_as_far(two):
    behind, ahead = two
    order = []

    def come_in_turn():
        ahead.reach(moment(3))
        ahead.wait_for_others()
        order.append("ahead")

    waiting = threading.Thread(target=come_in_turn)
    waiting.start()
    for day in (1, 2):
        behind.reach(moment(day))
        order.append(day)
    behind.reach(moment(4))
    waiting.join()
    assert order == [1, 2, "ahead"]


def test_nobody_waits_for_one_that_has_left_and_nobody_tells_it_anything(two):
    stays, leaves = two
    leaves.reach(moment(2))
    leaves.leave()
    stays.reach(moment(8))
    stays.wait_for_others()
    stays.wait_until_others_left()
    stays.reach(moment(9))
    assert stays.latest == moment(2)[0]


def test_two_that_tell_much_and_never_wait_do_not_stop_each_other(two):
    """What has come is read before anything is sent, or a full pipe would hold both."""

    def tell_much():
        for day in range(1, 28):
            for minute in range(60):
                for one in two:
                    one.reach((datetime(2026, 1, day, 0, minute, tzinfo=UTC), ()))

    telling = threading.Thread(target=tell_much, daemon=True)
    telling.start()
    telling.join(LONG_ENOUGH)
    assert not telling.is_alive()


@pytest.mark.parametrize("act", ["wait_for_others", "wait_until_others_left"])
def test_who_waits_for_one_that_died_stops_too(act):
    ours, theirs = Pipe()
    left = Turnstile([ours])
    left.reach(moment(3))
    theirs.close()
    with pytest.raises(OtherProcessEnded):
        getattr(left, act)()
    ours.close()


def test_who_tells_one_that_died_stops_too():
    ours, theirs = Pipe()
    theirs.close()
    with pytest.raises(OtherProcessEnded):
        Turnstile([ours]).reach(moment(3))
    ours.close()
