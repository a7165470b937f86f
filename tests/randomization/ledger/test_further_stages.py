"""Several randomizations in one trial: who is due for the next, what it gives, and which treatment counts from when."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlmodel import select

from randomization.kits.dispensing import DispenseKit, dispense_kit, expected_kit
from randomization.ledger.allocation_lists import ListNotSealed
from randomization.ledger.allocations import Allocation, find_allocation
from randomization.ledger.reconciliation import reconcile_lists
from randomization.unblinding.coding import arms_frame
from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.register import UnblindingReason
from tests.support.house import House
from tests.support.participants import (
    answered_forms,
    participant,
    protocol_at,
    ready_to_randomize,
    registered,
    today,
)
from tests.support.randomization import arms_of_kits, randomize, sealed_list, shipped, stocked, true_arms
from trial.access.actions import Action
from trial.access.policies import declare
from trial.access.signatures import check_signed
from trial.conduct.departures import EndReason, EndStudy, StudyEndKind, end_study
from trial.conduct.further_stages import StageNotDue, StageNotForThem
from trial.conduct.participants import (
    AlreadyRandomized,
    NotRandomized,
    ParticipantHasLeft,
    ParticipantStatus,
)
from trial.conduct.trials import LeverClosed, Trial
from trial.conduct.visits import RecordVisit, StartTreatment, record_visit, start_treatment
from trial.protocol.loader import LoadedProtocol, ProtocolInvalid, parse_protocol, shipped_text
from trial.protocol.schema.protocol import NotInProtocol

STAGE = """  further:
    - code: second
      label: Second stage
      from_visit: W2
      when: {conditions: [{form: vitals, field: sbp, comparison: "<", value: 150}]}
      ratio: {DUL60: 1, PBO: 1}
"""
BEFORE = "  within_days_of_eligibility: 3\n"


def duo(stage: str = STAGE) -> LoadedProtocol:
    """The trial of the knee, in which those whose blood pressure allows are randomized again at week 2."""
    text = shipped_text("second")
    assert BEFORE in text
    return parse_protocol(text.replace(BEFORE, BEFORE + stage, 1))


@pytest.fixture
def knee(database, clock) -> House:
    house = House.build(database, clock, loaded=duo(), sites=("S1",), planned=40)
    for stage in ("main", "second"):
        sealed_list(house, blocks=(), stage=stage)
    stocked(house)
    return house


def at_week_two(house: House, *, sbp: int = 120, visit: bool = True):
    """Somebody randomized and treated for two weeks."""
    someone = ready_to_randomize(house)
    randomize(house, someone)
    with house.database.transaction() as session:
        command = StartTreatment(participant_id=someone, first_dose_at=house.clock.now())
        start_treatment(session, house.actor(session, "coordinator", "S1"), command)
    house.clock.advance(timedelta(days=14))
    if visit:
        record_week_two(house, someone, sbp)
    return someone


def record_week_two(house: House, someone, sbp: int = 120) -> None:
    protocol = protocol_at(house)
    forms = answered_forms(protocol, protocol.visit("W2"))
    forms["vitals"]["sbp"] = sbp
    with house.database.transaction() as session:
        command = RecordVisit(participant_id=someone, visit="W2", happened_on=today(house), forms=forms)
        record_visit(session, house.actor(session, "coordinator", "S1"), command)


def refused(house: House, someone, error: type[Exception]) -> str:
    """The sentence of the refusal; nothing was written."""
    before = made(house)
    with pytest.raises(error) as refusal:
        randomize(house, someone, stage="second")
    assert made(house) == before
    return str(refusal.value)


def made(house: House) -> int:
    with house.database.session() as session:
        return len(session.exec(select(Allocation.id)).all())


def test_a_second_stage_gives_a_number_and_a_kit_of_its_own(knee: House):
    someone = at_week_two(knee)
    first = participant(knee, someone)
    receipt = randomize(knee, someone, stage="second")
    assert receipt.randomization_number == "SECOND-R0001"
    (arm,) = true_arms(knee, "second").values()
    assert arms_of_kits(knee)[receipt.kit_number] == arm
    assert arm in {"DUL60", "PBO"}
    then = participant(knee, someone)
    assert then.status is ParticipantStatus.ON_TREATMENT
    assert (then.randomization_number, then.randomized_at) == (first.randomization_number, first.randomized_at)
    with knee.database.transaction() as session:
        assert check_signed(session, find_allocation(session, then, "second"))


def test_the_first_stage_stays_what_is_analysed(knee: House):
    someone = at_week_two(knee)
    randomize(knee, someone, stage="second")
    with knee.database.transaction() as session:
        frame = arms_frame(session, knee.trial.id, until=None, coded=False)
    assert dict(frame.iter_rows()) == true_arms(knee)


def test_kits_after_the_visit_of_the_stage_are_of_its_arm(knee: House):
    someone = at_week_two(knee)
    with knee.database.session() as session:
        assert expected_kit(session, someone) != ""
    receipt = randomize(knee, someone, stage="second")
    with knee.database.session() as session:
        assert expected_kit(session, someone) == receipt.kit_number
    (arm,) = true_arms(knee, "second").values()
    numbers = []
    for visit, days in (("W4", 14), ("W8", 28)):
        knee.clock.advance(timedelta(days=days))
        with knee.database.transaction() as session:
            command = DispenseKit(participant_id=someone, visit=visit, idempotency_key=str(uuid4()))
            numbers.append(dispense_kit(session, knee.actor(session, "coordinator", "S1"), command).kit_number)
    assert numbers[0] == receipt.kit_number
    assert [arms_of_kits(knee)[number] for number in numbers] == [arm, arm]


def test_an_emergency_tells_what_was_given_first_and_since(knee: House):
    someone = at_week_two(knee)
    randomize(knee, someone, stage="second")
    command = BreakCode(
        participant_id=someone,
        reason=UnblindingReason.MEDICAL_NEED,
        note="Serotonin syndrome",
        idempotency_key=str(uuid4()),
    )
    with knee.database.transaction() as session:
        shown = break_code(
            session, knee.actor(session, "investigator", "S1"), knee.proof("investigator", "S1"), command
        )
    protocol = protocol_at(knee)
    (first,), (second,) = true_arms(knee).values(), true_arms(knee, "second").values()
    assert shown.arm == second
    assert shown.treatment == (
        f"First: {protocol.arm(first).treatment}; since “Second stage”: {protocol.arm(second).treatment}"
    )


def test_nobody_is_due_before_the_visit_of_the_stage(knee: House):
    assert "once the visit “Week 2” is recorded" in refused(knee, at_week_two(knee, visit=False), StageNotDue)


def test_what_is_recorded_at_the_visit_decides_who_is_randomized_again(knee: House):
    assert "is not for" in refused(knee, at_week_two(knee, sbp=155), StageNotForThem)


def test_nobody_is_randomized_twice_in_a_stage(knee: House):
    someone = at_week_two(knee)
    receipt = randomize(knee, someone, stage="second", key="the-same-key")
    assert randomize(knee, someone, stage="second", key="the-same-key") == receipt
    refused(knee, someone, AlreadyRandomized)


def test_who_is_not_in_the_trial_is_due_for_nothing(knee: House):
    refused(knee, registered(knee), NotRandomized)


def test_who_has_left_is_due_for_nothing(knee: House):
    someone = at_week_two(knee)
    with knee.database.transaction() as session:
        command = EndStudy(
            participant_id=someone,
            kind=StudyEndKind.WITHDRAWN,
            ended_on=today(knee),
            reason=EndReason.PARTICIPANT_DECISION,
        )
        end_study(session, knee.actor(session, "investigator", "S1"), command)
    refused(knee, someone, ParticipantHasLeft)


def test_the_sponsor_s_lever_stops_further_stages_too(knee: House):
    someone = at_week_two(knee)
    with knee.database.transaction() as session:
        declare(session, knee.actor(session, "sponsor"), Action.LEVERS_MOVED)
        session.get_one(Trial, knee.trial.id).randomizing_open = False
    refused(knee, someone, LeverClosed)


def test_a_stage_that_the_protocol_does_not_have_is_refused(knee: House):
    someone = at_week_two(knee)
    with pytest.raises(NotInProtocol, match="no further randomization 'third'; it has second"):
        randomize(knee, someone, stage="third")
    with pytest.raises(NotInProtocol, match="third"):
        sealed_list(knee, blocks=(), stage="third")


def test_a_stage_without_a_list_randomizes_nobody(database, clock):
    house = House.build(database, clock, loaded=duo(), sites=("S1",), planned=40)
    sealed_list(house, blocks=())
    shipped(house)
    stocked(house)
    refused(house, at_week_two(house), ListNotSealed)


def test_the_reconciliation_of_lists_counts_each_stage(knee: House):
    randomize(knee, at_week_two(knee), stage="second")
    at_week_two(knee)
    with knee.database.transaction() as session:
        report = reconcile_lists(session, knee.actor(session, "statistician_blinded"), knee.trial.id)
    assert {line.stage for line in report.lines} == {"main", "second"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("from_visit: W2", "from_visit: SCR"), "nobody is randomized yet at a visit of the screening"),
        (("from_visit: W2", "from_visit: W3"), "there is no visit 'W3'"),
        (("code: second", "code: main"), "names a stage that every trial has"),
        (("form: vitals", "form: labs"), "'labs' is not filled in at W2"),
        (("field: sbp", "field: sbq"), "has no field 'sbq'"),
        (("{DUL60: 1, PBO: 1}", "{DUL60: 1}"), "name two or more of the trial's arms"),
        (("{DUL60: 1, PBO: 1}", "{DUL60: 1, KET: 1}"), "name two or more of the trial's arms"),
    ],
)
def test_a_stage_that_cannot_be_is_refused_when_the_protocol_is_read(change, sentence):
    with pytest.raises(ProtocolInvalid, match=sentence):
        duo(STAGE.replace(*change))


def test_stages_follow_each_other_in_the_order_of_their_visits():
    later = STAGE.replace("second", "third").removeprefix("  further:\n")
    with pytest.raises(ProtocolInvalid, match="give each a visit after the one before"):
        duo(STAGE + later)
    assert duo(STAGE + later.replace("W2", "W4")).protocol.stage("third").from_visit == "W4"
