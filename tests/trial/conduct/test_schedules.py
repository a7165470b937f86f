from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.conduct.participants import ParticipantStatus
from trial.conduct.schedules import Anchors, VisitStanding, planned_visit, planned_visits, standing
from trial.protocol.loader import shipped_protocol

KETA = shipped_protocol("keta-pain")
DUO = shipped_protocol("second")
DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))


def dates(code: str, anchors: Anchors) -> tuple[date, date, date]:
    found = planned_visit(KETA, code, anchors).dates
    assert found is not None
    return found.opens, found.planned, found.closes


def test_month_3_is_day_91_give_or_take_fourteen_days():
    first = date(2026, 3, 2)  # day 1
    opens, planned, closes = dates("M3", Anchors(first_dose=first))
    assert planned == date(2026, 5, 31)
    assert (planned - opens, closes - planned) == (timedelta(days=14), timedelta(days=14))


def test_there_is_no_day_0_the_day_before_the_first_infusion_is_day_minus_1():
    first = date(2026, 3, 2)
    opens, planned, closes = dates("BL", Anchors(first_dose=first))
    assert (opens, planned) == (date(2026, 2, 23), date(2026, 2, 27))
    assert closes == first  # allowed on day 1 before the infusion
    assert dates("SCR", Anchors(first_dose=first))[2] == date(2026, 3, 1)


def test_the_end_of_infusions_counts_from_the_last_one_once_treatment_is_over():
    first, last = date(2026, 3, 2), date(2026, 3, 8)
    assert planned_visit(KETA, "EOI", Anchors(first_dose=first, last_dose=last)).dates is None
    over = Anchors(first_dose=first, last_dose=last, treatment_is_over=True)
    assert dates("EOI", over) == (last, last + timedelta(days=1), last + timedelta(days=2))


def test_who_is_never_dosed_counts_from_randomization_once_that_is_certain():
    randomized = date(2026, 3, 1)
    assert planned_visit(KETA, "M1", Anchors(randomization=randomized)).dates is None
    never = Anchors(randomization=randomized, treatment_is_over=True)
    assert dates("M1", never)[1] == randomized + timedelta(days=29)


def test_a_trial_without_doses_counts_from_randomization_at_once():
    found = planned_visit(DUO, "W12", Anchors(randomization=date(2026, 3, 1))).dates
    assert found is not None
    assert found.planned == date(2026, 5, 24)


@pytest.mark.parametrize("protocol", [KETA, DUO], ids=["keta", "duo"])
@given(first=DAYS, length=st.integers(0, 20))
def test_every_window_holds_its_planned_day(protocol, first: date, length: int):
    anchors = Anchors(first, first + timedelta(days=length), first, treatment_is_over=True)
    for planned in planned_visits(protocol, anchors):
        assert planned.dates is not None
        assert planned.dates.opens <= planned.dates.planned <= planned.dates.closes
        assert planned.window_holds(planned.dates.planned)
        assert not planned.window_holds(planned.dates.closes + timedelta(days=1))


@pytest.mark.parametrize("protocol", [KETA, DUO], ids=["keta", "duo"])
@given(first=DAYS, shift=st.integers(-400, 400))
def test_moving_the_anchor_moves_every_visit_by_as_much(protocol, first: date, shift: int):
    by = timedelta(days=shift)
    here = planned_visits(protocol, Anchors(first, first, first, treatment_is_over=True))
    there = planned_visits(protocol, Anchors(first + by, first + by, first + by, treatment_is_over=True))
    for one, other in zip(here, there, strict=True):
        assert one.dates is not None
        assert other.dates is not None
        assert other.dates.planned - one.dates.planned == by
        assert other.dates.closes - one.dates.closes == by


@pytest.mark.parametrize("protocol", [KETA, DUO], ids=["keta", "duo"])
@given(first=DAYS)
def test_planned_days_follow_the_order_of_the_schedule(protocol, first: date):
    anchors = Anchors(first, first + timedelta(days=4), first, treatment_is_over=True)
    planned = [visit.dates.planned for visit in planned_visits(protocol, anchors) if visit.dates]
    assert planned == sorted(planned)


def test_a_visit_is_due_until_recorded_and_not_expected_after_leaving():
    m3 = KETA.visit("M3")
    assert standing(m3, ParticipantStatus.FOLLOW_UP, {}) is VisitStanding.DUE
    assert standing(m3, ParticipantStatus.LOST, {}) is VisitStanding.NOT_EXPECTED
    assert standing(m3, ParticipantStatus.LOST, {"M3": VisitStanding.DONE}) is VisitStanding.DONE


def test_infusions_are_not_expected_once_treatment_is_over_but_follow_up_is():
    assert standing(KETA.visit("INF3"), ParticipantStatus.FOLLOW_UP, {}) is VisitStanding.NOT_EXPECTED
    assert standing(KETA.visit("INF3"), ParticipantStatus.ON_TREATMENT, {}) is VisitStanding.DUE
    assert standing(KETA.visit("M1"), ParticipantStatus.FOLLOW_UP, {}) is VisitStanding.DUE


@pytest.mark.parametrize("status", ParticipantStatus)
def test_how_a_visit_stands_is_defined_for_every_status(status: ParticipantStatus):
    for protocol in (KETA, DUO):
        for visit in protocol.visits:
            assert standing(visit, status, {}) in (VisitStanding.DUE, VisitStanding.NOT_EXPECTED)
