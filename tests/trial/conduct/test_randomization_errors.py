"""Randomization errors are marked and never put right: the allocation, the stratum as used and the follow-up stay."""

from datetime import date, timedelta

import psycopg
import pytest

from tests.support.house import House
from tests.support.participants import consented, participant, protocol_at
from tests.support.randomization import open_for_randomization, randomized
from trial.conduct.factors import factors_of
from trial.conduct.participants import DateInFuture, NotRandomized, ParticipantNotFound, ParticipantStatus
from trial.conduct.randomization_errors import (
    AlreadyMarked,
    MarkDuplicate,
    MarkRandomizedInError,
    MarkWrongStratum,
    RandomizationErrorKind,
    SameParticipant,
    StratumWasRight,
    errors_of,
    mark_duplicate,
    mark_randomized_in_error,
    mark_wrong_stratum,
)
from trial.errors import NotPermitted

TODAY = date(2026, 3, 2)
TOLD = {"reason": "Found while reading the source documents", "found_on": TODAY}


@pytest.fixture
def given(house: House):
    open_for_randomization(house)
    return randomized(house)


def marked(house: House, do, command, role: str = "coordinator", site: str | None = "S1"):
    with house.database.transaction() as session:
        return do(session, house.actor(session, role, site), command)


def a_factor(house: House, who) -> tuple[str, str, str]:
    """A factor with the value as used and another one of the protocol."""
    with house.database.session() as session:
        stored = factors_of(session, who)[0]
    levels = protocol_at(house).factor(stored.factor).level_codes
    return stored.factor, stored.value, next(level for level in levels if level != stored.value)


def test_the_stratum_as_used_stays_beside_the_corrected_one(house: House, given):
    before = participant(house, given).stratum
    factor, used, right = a_factor(house, given)
    mark = marked(house, mark_wrong_stratum, MarkWrongStratum(participant_id=given, factor=factor, value=right, **TOLD))
    assert (mark.factor, mark.as_used, mark.corrected) == (factor, used, right)
    with house.database.session() as session:
        stored = next(one for one in factors_of(session, given) if one.factor == factor)
    assert (stored.value, stored.corrected) == (used, right)
    assert participant(house, given).stratum == before


def test_a_stratum_that_was_right_is_not_marked_and_a_second_correction_keeps_the_first(house: House, given):
    factor, used, right = a_factor(house, given)
    with pytest.raises(StratumWasRight):
        marked(house, mark_wrong_stratum, MarkWrongStratum(participant_id=given, factor=factor, value=used, **TOLD))
    marked(house, mark_wrong_stratum, MarkWrongStratum(participant_id=given, factor=factor, value=right, **TOLD))
    with pytest.raises(StratumWasRight):
        marked(house, mark_wrong_stratum, MarkWrongStratum(participant_id=given, factor=factor, value=right, **TOLD))
    marked(house, mark_wrong_stratum, MarkWrongStratum(participant_id=given, factor=factor, value=used, **TOLD))
    with house.database.session() as session:
        assert [(one.number, one.corrected) for one in errors_of(session, given)] == [(1, right), (2, used)]


def test_one_randomized_in_error_stays_in_the_trial_and_is_marked_once(house: House, given):
    marked(house, mark_randomized_in_error, MarkRandomizedInError(participant_id=given, **TOLD))
    assert participant(house, given).status is ParticipantStatus.RANDOMIZED
    with pytest.raises(AlreadyMarked):
        marked(house, mark_randomized_in_error, MarkRandomizedInError(participant_id=given, **TOLD))


def test_a_duplicate_names_the_other_code_of_the_same_person(house: House, given):
    other = randomized(house)
    code = participant(house, other).code
    mark = marked(house, mark_duplicate, MarkDuplicate(participant_id=given, same_person_as=code, **TOLD))
    assert (mark.kind, mark.same_person_as) == (RandomizationErrorKind.DUPLICATE, other)
    own = participant(house, given).code
    with pytest.raises(SameParticipant):
        marked(house, mark_duplicate, MarkDuplicate(participant_id=given, same_person_as=own, **TOLD))
    with pytest.raises(ParticipantNotFound):
        marked(house, mark_duplicate, MarkDuplicate(participant_id=given, same_person_as="P-9999", **TOLD))


def test_nobody_is_marked_before_randomization_by_another_site_or_from_the_future(house: House, given):
    with pytest.raises(NotRandomized):
        marked(house, mark_randomized_in_error, MarkRandomizedInError(participant_id=consented(house), **TOLD))
    command = MarkRandomizedInError(participant_id=given, **TOLD)
    with pytest.raises(NotPermitted):
        marked(house, mark_randomized_in_error, command, site="S2")
    with pytest.raises(NotPermitted):
        marked(house, mark_randomized_in_error, command, role="data_manager", site=None)
    late = command.model_copy(update={"found_on": TODAY + timedelta(days=400)})
    with pytest.raises(DateInFuture):
        marked(house, mark_randomized_in_error, late)


@pytest.mark.parametrize(
    "attack", ["UPDATE trial.randomization_error SET reason = 'none'", "DELETE FROM trial.randomization_error"]
)
def test_a_mark_that_is_edited_or_removed_by_plain_sql_is_refused(house: House, given, owner_url, attack):
    marked(house, mark_randomized_in_error, MarkRandomizedInError(participant_id=given, **TOLD))
    with (
        psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as owner,
        pytest.raises(psycopg.DatabaseError, match="its rows are kept"),
    ):
        owner.execute(attack)
