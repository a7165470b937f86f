"""The facts of an event by themselves: the course of its grade, and follow-ups that add to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trial.safety.adverse_events import (
    CRITERIA,
    Ascertainment,
    CourseRewritten,
    CriterionRemoved,
    EventFacts,
    EventTreatment,
    GradeLowered,
    followed_up,
)

CRITERIA_THAT_LEAVE_ALIVE = CRITERIA[1:]


def facts(**changes) -> EventFacts:
    usual = {
        "verbatim": "felt sick", "term": "Nausea", "grade": 1, "onset": "2026-03-02",
        "ascertainment": Ascertainment.SYSTEMATIC, "outcome": "UNKNOWN", "action_taken": "DOSE NOT CHANGED",
    }  # fmt: skip
    return EventFacts.model_validate({**usual, **changes})


def course(*periods) -> list[dict]:
    return [{"grade": grade, "since": since} for grade, since in periods]


def test_the_grade_is_the_worst_of_the_course_and_need_not_be_given():
    one = facts(grade=None, course=course((1, "2026-03-02"), (3, "2026-03-03"), (2, None)))
    assert one.grade == 3
    with pytest.raises(ValidationError, match="worst of the course"):
        facts(grade=2, course=course((1, None), (3, None)))


def test_an_event_whose_grade_did_not_change_has_one_period_from_its_onset():
    (period,) = facts(grade=2).periods
    assert (period.grade, str(period.since)) == (2, "2026-03-02")


def test_no_treatment_cannot_stand_beside_one():
    assert facts(treatments=["procedure", "medication"]).treatments == (
        EventTreatment.MEDICATION,
        EventTreatment.PROCEDURE,
    )
    with pytest.raises(ValidationError, match="cannot stand beside"):
        facts(treatments=["none", "medication"])


def test_severity_is_a_controlled_term_and_no_grade():
    assert facts(severity="MILD", grade=3).severity == "MILD"
    with pytest.raises(ValidationError, match="MODERATE"):
        facts(severity="3")


def test_a_follow_up_with_a_higher_grade_continues_the_course():
    later = followed_up(facts(grade=1), facts(grade=3))
    assert [period.grade for period in later.course] == [1, 3]
    assert later.course[1].since is None
    assert followed_up(later, facts(grade=3)).course == later.course


def test_a_follow_up_never_lowers_the_worst_grade():
    with pytest.raises(GradeLowered):
        followed_up(facts(grade=3), facts(grade=2))
    better = followed_up(facts(grade=3), facts(grade=None, course=course((3, "2026-03-02"), (2, "2026-03-04"))))
    assert better.grade == 3


@pytest.mark.parametrize(
    "again", [course((2, "2026-03-02"), (3, None)), course((1, "2026-03-02")), course((1, None), (3, "2026-03-05"))]
)
def test_a_follow_up_rewrites_no_earlier_period(again):
    before = facts(grade=None, course=course((1, "2026-03-02"), (3, "2026-03-04")))
    with pytest.raises(CourseRewritten):
        followed_up(before, facts(grade=None, course=again))


def test_the_start_of_a_period_may_become_known():
    before = followed_up(facts(grade=1), facts(grade=2))
    after = facts(grade=None, course=course((1, "2026-03-02"), (2, "2026-03-04")))
    assert followed_up(before, after).course == after.course


def test_a_follow_up_takes_away_no_criterion_of_seriousness():
    with pytest.raises(CriterionRemoved, match="life threatening"):
        followed_up(facts(life_threatening=True, hospitalization=True), facts(hospitalization=True))


LIVES = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([None, *CRITERIA_THAT_LEAVE_ALIVE])), min_size=1, max_size=7
)


def state_after(life: list[tuple[int, str | None]]) -> EventFacts:
    """All that is known once so much of the life has been lived: the day tells each period."""
    periods: list[tuple[int, str]] = []
    for day, (grade, _) in enumerate(life, 2):
        if not periods or periods[-1][0] != grade:
            periods.append((grade, f"2026-03-{day:02d}"))
    met = {name: True for _, name in life if name}
    return facts(grade=None, course=course(*periods), **met)


@given(life=LIVES, data=st.data())
def test_the_end_is_the_same_however_the_life_is_split_into_follow_ups(life, data):
    stops = sorted(data.draw(st.sets(st.integers(1, len(life)))) | {len(life)})
    told = state_after(life[: stops[0]])
    for stop in stops[1:]:
        told = followed_up(told, state_after(life[:stop]))
    at_once = state_after(life)
    assert told == at_once
    assert told.is_serious == any(name for _, name in life)
    assert told.grade == max(grade for grade, _ in life)
