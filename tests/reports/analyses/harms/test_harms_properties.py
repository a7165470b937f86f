"""What must hold for any set of events: the order of rows, and how many follow-ups tell of an event, change nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.analyses.groups import by_arm, pooled
from reports.analyses.harms import ANY, ANY_SERIOUS, harms
from reports.analyses.harms.first_events import KINDS, first_events
from reports.analyses.harms.severity import severity_points
from tests.reports.analyses.harms.trial_by_hand import FLAGS, START, TREATED, as_adae, event_row, frames, plan

ARMS = by_arm(("A", "B"))
EVENT = st.fixed_dictionaries(
    {
        "USUBJID": st.sampled_from(sorted(TREATED)),
        "AEDECOD": st.sampled_from(["Nausea", "Headache", "Fall"]),
        "ATOXGRN": st.integers(1, 5),
        "day": st.integers(1, 9),
        "AEONMIN": st.none() | st.integers(0, 90),
        "ADURN": st.integers(1, 20).map(float),
        "DURCNSR": st.sampled_from([0, 0, 1]),
        **{flag: st.sampled_from(["N", "N", "Y"]) for flag in FLAGS},
    }
)


@st.composite
def told(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events as one row each, and the same told in follow-ups whose rows stand in any order."""
    whole = [event_row(event, number) for number, event in enumerate(draw(st.lists(EVENT, max_size=12)), start=1)]
    split = [part for row in whole for part in _follow_ups(draw, row)]
    return whole, draw(st.permutations(split))


def _follow_ups(draw: st.DrawFn, row: dict[str, Any]) -> list[dict[str, Any]]:
    """One to three rows of one event; its facts are spread over them, so that no single row holds them all."""
    number = draw(st.integers(1, 3))
    worst = draw(st.integers(0, number - 1))
    parts = []
    for part in range(number):
        later = min(part, int(row["ADURN"]) - 1)
        one = {
            **row,
            "AEGRPID": f"event {row['AESEQ']}",
            "AESEQ": 10 * row["AESEQ"] + part,
            "ASTDT": START + timedelta(days=row["day"] - 1 + later),
            "ASTDY": row["day"] + later,
            "ADURN": row["ADURN"] - later if part == number - 1 else 1.0,
            "DURCNSR": row["DURCNSR"] if part == number - 1 else 0,
            "ATOXGRN": row["ATOXGRN"] if part == worst else 1,
        }
        one |= {flag: row[flag] if part == worst else "N" for flag in FLAGS}
        parts.append(one)
    return parts


@given(told())
@settings(max_examples=60, deadline=None)
def test_follow_ups_and_the_order_of_rows_change_no_count_and_no_denominator(both):
    one, other = (frames(ADAE=as_adae(rows)) for rows in both)
    for grouping in (ARMS, pooled()):
        assert harms(one, plan(), grouping) == harms(other, plan(), grouping)
        assert severity_points(one, grouping) == severity_points(other, grouping)
    for kind in KINDS:
        for mine, theirs in zip(first_events(one, ARMS, kind), first_events(other, ARMS, kind), strict=True):
            assert mine.participants == theirs.participants
            assert mine.curve.survival.tolist() == theirs.curve.survival.tolist()


@given(st.lists(EVENT, max_size=14))
@settings(max_examples=60, deadline=None)
def test_counts_fit_into_each_other(events):
    rows = [event_row(event, number) for number, event in enumerate(events, start=1)]
    found = harms(frames(ADAE=as_adae(rows)), plan(), ARMS)
    serious_people = {row["USUBJID"] for row in rows if row["AESER"] == "Y"}
    assert found.row(ANY_SERIOUS).participants == len(serious_people)
    for index in (0, 1):
        everything = found.row(ANY).groups[index]
        assert everything.events == sum(row.groups[index].events for row in found.terms)
        assert everything.participants <= sum(row.groups[index].participants for row in found.terms)
        for row in (*found.overall, *found.terms, *found.special):
            group = row.groups[index]
            assert sum(group.worst_grades) == group.participants <= group.denominator <= group.at_risk == 3
            assert group.recurrent <= group.participants <= group.events
            assert max(group.serious, group.related, group.deaths) <= group.participants
            assert group.systematic + group.spontaneous == group.events
            assert group.onset.duration_known + group.onset.duration_going_on == group.events
            assert (group.upper_limit is None) == (group.participants > 0)
    for row in found.terms:
        difference = row.differences[0]
        assert -1 <= difference.lower <= difference.estimate <= difference.upper <= 1
        assert row.ratios[0].lower <= row.ratios[0].estimate <= row.ratios[0].upper
