"""Reconciliation: a listing of the safety database against what is recorded, field by field, each difference answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import reported, serious
from tests.support.house import House
from tests.support.participants import consented, participant
from tests.support.susars import found, ours, susar, uploaded
from trial.errors import NotPermitted
from trial.safety.listings import COLUMNS, COMPARED, ListingUnreadable, as_csv, compare, read_listing
from trial.safety.reconciliation import (
    AlreadyAnswered,
    AnswerDifference,
    Resolution,
    answer_difference,
    listings_for,
)

ROW = dict.fromkeys(COMPARED, "") | {"term": "Seizure", "onset": "2026-03-02", "serious": "Y", "susar": "N"}


def test_our_own_side_sent_back_agrees_in_every_field(house: House):
    one = consented(house)
    susar(house, one)
    serious(house, one, verbatim='seizure, "second", at home')
    reported(house, one)
    listing = uploaded(house, ours(house))
    assert (listing.cases_here, listing.cases_there) == (2, 2)
    assert found(house, listing.id) == []


def test_what_differs_stands_side_by_side_and_is_answered_once(house: House):
    event = susar(house, consented(house))
    serious(house, consented(house))
    code = participant(house, event.participant_id).code
    lines = ours(house).splitlines()
    changed = [
        lines[0],
        lines[1].replace("Seizure", "Syncope").replace(",Y,Y", ",Y,N"),
        f"S1-099,1{',' * (len(COLUMNS) - 2)}",
    ]
    listing = uploaded(house, "\r\n".join(changed) + "\r\n")
    differences = [(one.participant, one.field, one.ours, one.theirs) for one, _ in found(house, listing.id)]
    assert (code, "term", "Seizure", "Syncope") in differences
    assert sum(field == "case" for _, field, _, _ in differences) == 2
    first = found(house, listing.id)[0][0]
    with house.database.transaction() as session:
        monitor = house.actor(session, "medical_monitor")
        command = AnswerDifference(difference_id=first.id, resolution=Resolution.EXPLAINED, answer="Coded elsewhere.")
        answer_difference(session, monitor, command)
        with pytest.raises(AlreadyAnswered):
            answer_difference(session, monitor, command)
    with house.database.session() as session:
        ((_, total, waiting),) = listings_for(session, house.actor(session, "medical_monitor"), house.trial.id)
    assert waiting == total - 1
    for role in ("data_manager", "safety_officer_unblinded", "sponsor"):
        with pytest.raises(NotPermitted):
            uploaded(house, ours(house), role=role)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("participant,event\nS1-001,1\n", "lacks the column safety_case"),
        (",".join((*COLUMNS, "treatment")) + "\n", "never send a treatment"),
        (",".join((*COLUMNS, "term")) + "\n", "stands there twice"),
        (as_csv({("S1-001", 1): ROW}) * 2, "needs the participant's code"),
        (as_csv({("S1-001", 1): ROW}) + as_csv({("S1-001", 1): ROW}).splitlines()[1] + "\n", "Give each case once"),
        (as_csv({("S1-001", 1): ROW | {"serious": "yes"}}), "Y, N or empty"),
        (as_csv({("S1-001", 1): ROW | {"onset": "2.3.26"}}), "is a date such as"),
        (as_csv({("", 1): ROW}), "needs the participant's code"),
        (",".join(COLUMNS) + "\nS1-001,1\n", "another number of fields"),
        (",".join(COLUMNS) + '\n"S1-001,1\n', "not well-formed"),
    ],
)
def test_a_listing_that_cannot_be_read_is_refused_with_the_remedy(content: str, words: str):
    with pytest.raises(ListingUnreadable, match=words):
        read_listing(content)


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).map(str.strip)
_CASES = st.dictionaries(
    st.tuples(st.text("ABC-019", min_size=1, max_size=8), st.integers(1, 99)),
    st.fixed_dictionaries({name: _TEXT if name in {"term", "outcome"} else st.just("") for name in COMPARED}),
    max_size=6,
)


@given(_CASES)
def test_a_listing_read_back_is_what_was_written_and_agrees_with_itself(cases):
    read = read_listing(as_csv(cases))
    assert {key: {name: row[name] for name in COMPARED} for key, row in read.items()} == cases
    assert compare(cases, read) == []


@given(_CASES, _CASES)
def test_differences_are_the_same_from_either_side(one, other):
    forth = {(d.participant, d.event, d.field) for d in compare(one, other)}
    assert forth == {(d.participant, d.event, d.field) for d in compare(other, one)}
    assert bool(forth) == (
        {k: {n: v.casefold() for n, v in row.items()} for k, row in one.items()}
        != {k: {n: v.casefold() for n, v in row.items()} for k, row in other.items()}
    )
