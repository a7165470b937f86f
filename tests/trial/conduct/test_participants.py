from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from pydantic import ValidationError

from tests.support.house import House
from tests.support.participants import (
    as_owner,
    consented,
    infused,
    participant,
    pretend_randomized,
    ready_to_randomize,
    registered,
)
from trial.conduct.departures import EndReason, EndStudy, StudyEndKind, end_study
from trial.conduct.participant_readers import participant_for, participants_of
from trial.conduct.participants import (
    ACTIVE,
    STEPS,
    AlreadyRandomized,
    NotRandomized,
    Participant,
    ParticipantHasLeft,
    ParticipantNotFound,
    ParticipantStatus,
    RegisterParticipant,
    Step,
    StepNotPossible,
    can_take,
    check_can_take,
    check_was_active,
    find_participant,
    register_participant,
)
from trial.conduct.sites import SiteNotActive
from trial.conduct.trials import LeverClosed
from trial.errors import Conflict, NotPermitted


def test_every_status_says_what_may_follow_it():
    assert set(STEPS) == set(ParticipantStatus)


def test_every_step_leads_somewhere_from_somewhere():
    assert {step for steps in STEPS.values() for step in steps} == set(Step)


def test_every_status_is_reached_from_screening():
    reached, todo = {ParticipantStatus.SCREENING}, [ParticipantStatus.SCREENING]
    while todo:
        for status in STEPS[todo.pop()].values():
            if status not in reached:
                reached.add(status)
                todo.append(status)
    assert reached == set(ParticipantStatus)


def test_whoever_has_left_takes_no_further_step():
    assert {status for status, steps in STEPS.items() if not steps} == set(ParticipantStatus) - ACTIVE


@pytest.mark.parametrize("status", ParticipantStatus)
@pytest.mark.parametrize("step", Step)
def test_asking_and_checking_agree_on_every_step_from_every_status(status: ParticipantStatus, step: Step):
    someone = Participant(code="P-0001", status=status)
    if can_take(someone, step):
        check_can_take(someone, step)
    else:
        with pytest.raises(Conflict) as refusal:
            check_can_take(someone, step)
        assert refusal.value.code.startswith("participant.")


def test_codes_follow_the_order_of_registration_across_sites(house: House):
    codes = [participant(house, registered(house, site)).code for site in ("S1", "S2", "S1")]
    assert codes == ["P-0001", "P-0002", "P-0003"]


def test_eight_registrations_at_once_get_eight_different_codes(house: House):
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: registered(house), range(8)))
    assert {participant(house, one).code for one in ids} == {f"P-{n:04d}" for n in range(1, 9)}


def test_a_refused_registration_leaves_no_gap_in_the_codes(house: House):
    with pytest.raises(RuntimeError), house.database.transaction() as session:
        register_participant(session, house.actor(session, "coordinator", "S1"), _command(house))
        raise RuntimeError("the commit never comes")
    assert participant(house, registered(house)).code == "P-0001"


def test_a_word_outside_the_codelist_is_refused_before_anything_is_read():
    with pytest.raises(ValidationError, match="choose one of: F, INTERSEX, M, U"):
        RegisterParticipant(trial_id="0" * 32, site_id="0" * 32, sex="female", birth_year=1980)


def test_nobody_is_registered_at_a_site_of_another_coordinator(house: House):
    with pytest.raises(NotPermitted), house.database.transaction() as session:
        register_participant(session, house.actor(session, "coordinator", "S2"), _command(house))


def test_nobody_is_registered_while_the_sponsor_has_closed_randomizing(house: House, owner_url: str):
    as_owner(owner_url, "UPDATE trial.trial SET randomizing_open = false")
    with pytest.raises(LeverClosed):
        registered(house)


def test_nobody_is_registered_at_a_closed_site(house: House, owner_url: str):
    as_owner(owner_url, "UPDATE trial.site SET closed_on = '2026-02-01' WHERE code = 'S1'")
    with pytest.raises(SiteNotActive):
        registered(house)


def test_somebody_consented_screened_and_signed_is_ready_to_randomize(house: House):
    ready = participant(house, ready_to_randomize(house))
    assert ready.status is ParticipantStatus.ELIGIBLE
    assert ready.eligibility_signed_at == house.clock.now()


def test_a_randomized_participant_carries_number_instant_and_stratum(house: House):
    done = participant(house, pretend_randomized(house, "S2"))
    assert done.status is ParticipantStatus.RANDOMIZED
    assert done.randomization_number == "R-0001"
    assert done.stratum == "site=S2; opioid_use=no; pain_type=neuropathic"


@pytest.mark.parametrize(
    "column", ["code = 'P-0099'", "randomization_number = 'R-9'", "stratum = 'x'", "randomized_at = now()"]
)
def test_what_randomization_fixed_is_not_changed_even_by_plain_sql(house: House, owner_url: str, column: str):
    pretend_randomized(house)
    with pytest.raises(psycopg.Error, match="is fixed"):
        as_owner(owner_url, f"UPDATE trial.participant SET {column}")


def test_a_second_randomization_says_so_and_a_step_out_of_turn_says_what_is_missing(house: House):
    randomized = participant(house, pretend_randomized(house))
    with pytest.raises(AlreadyRandomized):
        check_can_take(randomized, Step.RANDOMIZE)
    with pytest.raises(NotRandomized):
        check_can_take(participant(house, registered(house)), Step.END_TREATMENT)
    with pytest.raises(StepNotPossible):
        check_can_take(randomized, Step.DECLINE)


def test_site_people_see_their_own_site_and_study_people_see_all(house: House):
    for site in ("S1", "S2", "S2"):
        registered(house, site)
    seen = {
        who: [one.code for one in _list(house, *who)]
        for who in (("coordinator", "S1"), ("efficacy_assessor", "S2"), ("data_manager", None))
    }
    assert seen == {
        ("coordinator", "S1"): ["P-0001"],
        ("efficacy_assessor", "S2"): ["P-0002", "P-0003"],
        ("data_manager", None): ["P-0001", "P-0002", "P-0003"],
    }


def test_the_list_can_be_narrowed_to_a_status_and_a_site(house: House):
    registered(house, "S1")
    ready_to_randomize(house, "S2")
    with house.database.transaction() as session:
        manager = house.actor(session, "data_manager")
        eligible = participants_of(session, manager, house.trial.id, statuses=[ParticipantStatus.ELIGIBLE])
        first_site = participants_of(session, manager, house.trial.id, site_id=house.site_id("S1"))
    assert [one.code for one in eligible] == ["P-0002"]
    assert [one.code for one in first_site] == ["P-0001"]


@pytest.mark.parametrize("role", ["dsmb_member", "administrator", "statistician_randomization"])
def test_who_may_read_no_participant_gets_no_list(house: House, role: str):
    registered(house)
    with pytest.raises(NotPermitted):
        _list(house, role, None)


def test_a_participant_of_another_site_is_not_shown_by_code(house: House):
    registered(house, "S1")
    with house.database.transaction() as session:
        with pytest.raises(NotPermitted):
            participant_for(session, house.actor(session, "coordinator", "S2"), house.trial.id, "P-0001")
        own = participant_for(session, house.actor(session, "coordinator", "S1"), house.trial.id, "P-0001")
    assert own.code == "P-0001"


def test_an_unknown_code_is_named_with_the_remedy(house: House):
    with pytest.raises(ParticipantNotFound, match="no participant P-0404"), house.database.transaction() as session:
        find_participant(session, house.trial.id, "P-0404")


def test_after_leaving_late_entries_reach_back_to_the_day_of_leaving_only(house: House):
    one = participant(house, _lost(house))
    assert one.left_on is not None
    check_was_active(one, one.left_on)
    with pytest.raises(ParticipantHasLeft):
        check_was_active(one, one.left_on + timedelta(days=1))


def test_registering_tells_the_participant_nothing_of_the_person(house: House):
    one = participant(house, consented(house))
    assert set(one.model_dump()) & {"name", "contact", "initials", "birth_date"} == set()


def _lost(house: House):
    participant_id = infused(house)
    with house.database.transaction() as session:
        end_study(
            session,
            house.actor(session, "coordinator", "S1"),
            EndStudy(
                participant_id=participant_id,
                kind=StudyEndKind.LOST,
                ended_on=house.clock.now().date(),
                reason=EndReason.LOST_TO_FOLLOW_UP,
            ),
        )
    return participant_id


def _command(house: House) -> RegisterParticipant:
    return RegisterParticipant(trial_id=house.trial.id, site_id=house.site_id("S1"), sex="M", birth_year=1960)


def _list(house: House, role: str, site: str | None) -> list[Participant]:
    with house.database.transaction() as session:
        return participants_of(session, house.actor(session, role, site), house.trial.id)
