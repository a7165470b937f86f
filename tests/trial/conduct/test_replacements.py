"""Who stands in for whom: only where the protocol has it, only for who left by its rule, nobody twice."""

from uuid import UUID

import pytest

from tests.support.house import House
from tests.support.participants import (
    assess,
    consent,
    infuse,
    participant,
    pretend_randomized,
    protocol_at,
    registered,
    screen,
    sign_eligible,
    today,
)
from tests.support.replacing import leave, stand_in
from tests.support.variants import variant
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.conduct.departures import EndReason, EndTreatment, StudyEndKind, end_treatment
from trial.conduct.forms import CorrectionNeedsReason
from trial.conduct.participants import AlreadyRandomized, mark_randomized
from trial.conduct.replacements import (
    NobodyReplaced,
    NotReplaceable,
    ReplacedAlready,
    ReplacementsUsedUp,
    WhomUnknown,
    replaceable,
    stand_ins,
    stand_ins_about,
)
from trial.conduct.screening import FailScreening, NotEnrolledKind, fail_screening
from trial.errors import NotPermitted

BEFORE_DOSE = "{when: before_first_dose, at_most: 2}"
BEFORE_END = "{when: before_completion, at_most: 2}"


@pytest.fixture
def ruled(database, clock) -> House:
    return House.build(database, clock, loaded=variant(replaces=BEFORE_DOSE))


def code(house: House, participant_id: UUID) -> str:
    return participant(house, participant_id).code


def gone(house: House, site: str = "S1", kind: StudyEndKind = StudyEndKind.WITHDRAWN) -> str:
    """Somebody who was randomized and left before the first dose."""
    return leave(house, pretend_randomized(house, site), kind)


def pairs(house: House) -> list[tuple[str, str, bool]]:
    with house.database.reading() as session:
        return [(one.participant, one.replaced, one.is_randomized) for one in stand_ins(session, house.trial.id)]


def test_nobody_is_replaced_where_the_protocol_does_not_say_so(house: House):
    left, newcomer = gone(house), registered(house)
    with pytest.raises(NobodyReplaced):
        stand_in(house, newcomer, left)
    assert pairs(house) == []
    with house.database.reading() as session:
        assert replaceable(session, house.actor(session, "coordinator"), house.trial.id, protocol_at(house)) == []


def test_a_newcomer_stands_in_for_somebody_who_left_before_the_first_dose_at_any_site(ruled: House):
    here, there = gone(ruled), gone(ruled, "S2")
    newcomer, second = registered(ruled), registered(ruled)
    with ruled.database.reading() as session:
        coordinator = ruled.actor(session, "coordinator", "S1")
        seen = replaceable(session, coordinator, ruled.trial.id, protocol_at(ruled))
    assert seen == [here], "of another site's participants nothing is offered"
    stand_in(ruled, newcomer, here.lower())
    stand_in(ruled, second, there, role="investigator")
    assert pairs(ruled) == [(code(ruled, newcomer), here, False), (code(ruled, second), there, False)]
    with ruled.database.reading() as session:
        stands_for, replaced_by = stand_ins_about(session, participant(ruled, newcomer))
        assert (stands_for and stands_for.replaced, replaced_by) == (here, None)
    with pytest.raises(NotPermitted):
        stand_in(ruled, newcomer, there, "typed wrong", role="efficacy_assessor")


def test_only_who_was_randomized_and_left_before_the_first_dose_is_replaced(ruled: House):
    newcomer = registered(ruled)
    staying = pretend_randomized(ruled)
    dosed = pretend_randomized(ruled)
    infuse(ruled, dosed, 1)
    leave(ruled, dosed)
    stopped = pretend_randomized(ruled)
    with ruled.database.transaction() as session:
        command = EndTreatment(participant_id=stopped, ended_on=today(ruled), reason=EndReason.PARTICIPANT_DECISION)
        end_treatment(session, ruled.actor(session, "coordinator"), command)
    in_screening = registered(ruled)
    for one in (staying, dosed, stopped, in_screening, newcomer):
        with pytest.raises(NotReplaceable):
            stand_in(ruled, newcomer, code(ruled, one))
    for unknown in ("P-0999", None):
        with pytest.raises(WhomUnknown):
            stand_in(ruled, newcomer, unknown)
    assert pairs(ruled) == []


def test_a_protocol_may_replace_whoever_left_before_the_end(database, clock):
    house = House.build(database, clock, loaded=variant(replaces=BEFORE_END))
    dosed = pretend_randomized(house)
    infuse(house, dosed, 1)
    left = leave(house, dosed, StudyEndKind.DIED)
    stand_in(house, registered(house), left)
    lost = gone(house, kind=StudyEndKind.LOST)
    stand_in(house, registered(house), lost)
    assert [replaced for _, replaced, _ in pairs(house)] == [left, lost]


def test_nobody_is_replaced_twice_and_no_more_than_the_protocol_allows(ruled: House):
    first, second, third = (gone(ruled) for _ in range(3))
    stand_in(ruled, registered(ruled), first)
    with pytest.raises(ReplacedAlready, match="P-0004"):
        stand_in(ruled, registered(ruled), first)
    stand_in(ruled, registered(ruled), second)
    with pytest.raises(ReplacementsUsedUp, match="at most 2"):
        stand_in(ruled, registered(ruled), third)
    assert len(pairs(ruled)) == 2


def test_a_record_is_changed_or_taken_back_with_a_reason_until_randomization(ruled: House):
    first, second = gone(ruled), gone(ruled)
    newcomer = registered(ruled)
    stand_in(ruled, newcomer, first)
    with pytest.raises(CorrectionNeedsReason):
        stand_in(ruled, newcomer, second)
    stand_in(ruled, newcomer, second, "typed the wrong code")
    assert [replaced for _, replaced, _ in pairs(ruled)] == [second]
    stand_in(ruled, newcomer, None, "is nobody's replacement")
    assert pairs(ruled) == []
    stand_in(ruled, newcomer, first, "is one after all")
    pretend_this_one_randomized(ruled, newcomer)
    with pytest.raises(AlreadyRandomized):
        stand_in(ruled, newcomer, second, "too late")
    assert pairs(ruled) == [(code(ruled, newcomer), first, True)]


def pretend_this_one_randomized(house: House, participant_id: UUID) -> None:
    consent(house, participant_id)
    screen(house, participant_id)
    assess(house, participant_id)
    sign_eligible(house, participant_id)
    with house.database.transaction() as session:
        one = participant(house, participant_id)
        actor = house.actor(session, "coordinator")
        authorize(session, actor, Action.PARTICIPANT_RANDOMIZED, trial_id=house.trial.id, site_id=one.site_id)
        mark_randomized(session, session.merge(one), "R-9999", session.now())


def test_a_newcomer_who_is_not_enrolled_leaves_the_place_to_another(ruled: House):
    left, newcomer, another = gone(ruled), registered(ruled), registered(ruled)
    stand_in(ruled, newcomer, left)
    with ruled.database.transaction() as session:
        command = FailScreening(participant_id=newcomer, kind=NotEnrolledKind.DECLINED, reason="changed their mind")
        fail_screening(session, ruled.actor(session, "coordinator"), command)
    assert pairs(ruled) == []
    stand_in(ruled, another, left)
    assert pairs(ruled) == [(code(ruled, another), left, False)]
