"""Breaking the code of one participant: at once, to one person, on record, without telling anybody else."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from randomization.unblinding.emergency import (
    AlreadyShown,
    BreakCode,
    RevealForSusar,
    UnsealedArm,
    break_code,
    reveal_for_susar,
)
from randomization.unblinding.register import (
    AlreadyAssessed,
    AssessImpact,
    UnblindingKind,
    UnblindingReason,
    assess_impact,
    assessments_due,
    register_for,
)
from tests.support.house import House
from tests.support.participants import participant, ready_to_randomize, registered
from tests.support.randomization import open_for_randomization, randomized, true_arms
from trial.access.actions import Action
from trial.access.alerts import AlertKind, alerts_for
from trial.access.policies import declare
from trial.access.signatures import ReauthenticationNeeded
from trial.conduct.participants import NotRandomized, ParticipantStatus
from trial.conduct.trials import Trial
from trial.errors import NotPermitted


def _break(
    house: House, participant_id: UUID, *, key: str | None = None, role="investigator", site="S1"
) -> UnsealedArm:
    command = BreakCode(
        participant_id=participant_id,
        reason=UnblindingReason.MEDICAL_NEED,
        note="Anaphylaxis in the emergency department",
        idempotency_key=key or str(uuid4()),
    )
    with house.database.transaction() as session:
        return break_code(session, house.actor(session, role, site), house.proof(role, site), command)


def _register(house: House):
    with house.database.transaction() as session:
        return register_for(session, house.actor(session, "medical_monitor"), house.trial.id)


def test_an_investigator_learns_the_true_arm(house: House):
    open_for_randomization(house)
    for _ in range(3):
        revealed = _break(house, randomized(house))
        assert true_arms(house)[revealed.participant] == revealed.arm
        assert revealed.name == {"KET": "Ketamine", "PBO": "Placebo"}.get(revealed.arm, revealed.name)


def test_the_register_and_the_alert_hold_no_arm(house: House):
    open_for_randomization(house)
    revealed = _break(house, randomized(house))
    (entry,) = _register(house)
    assert (entry.kind, entry.reason) == (UnblindingKind.EMERGENCY, UnblindingReason.MEDICAL_NEED)
    with house.database.transaction() as session:
        (alert,) = alerts_for(session, house.actor(session, "medical_monitor"), house.trial.id)
        stored = "\n".join(
            session.execute(text("SELECT content FROM audit.entry WHERE action ~ 'unblinding'")).scalars()
        )
    assert alert.kind is AlertKind.CODE_BROKEN
    for place in (alert.sentence, repr(entry), repr(revealed), stored):
        assert not any(f"{mark}{arm}{mark}" in place for arm in ("KET", "PBO") for mark in ('"', "'", " "))
        assert revealed.treatment not in place


def test_the_participant_stays_in_the_trial(house: House):
    open_for_randomization(house)
    participant_id = randomized(house)
    _break(house, participant_id)
    assert participant(house, participant_id).status is ParticipantStatus.RANDOMIZED


def test_a_lost_answer_is_shown_again_for_a_quarter_of_an_hour_and_makes_one_entry(house: House):
    open_for_randomization(house)
    participant_id, key = randomized(house), str(uuid4())
    assert _break(house, participant_id, key=key) == _break(house, participant_id, key=key)
    assert len(_register(house)) == 1
    house.clock.advance(timedelta(minutes=16))
    with pytest.raises(AlreadyShown):
        _break(house, participant_id, key=key)


def test_no_lever_and_no_lock_stands_in_the_way(house: House):
    open_for_randomization(house)
    participant_id = randomized(house)
    with house.database.transaction() as session:
        declare(session, house.actor(session, "sponsor"), Action.DECISION_TAKEN)
        trial = session.get(Trial, house.trial.id)
        trial.randomizing_open = trial.dosing_open = trial.follow_up_open = False
        trial.locked_at = session.now()
        session.add(trial)
    assert _break(house, participant_id).arm in {"KET", "PBO"}


def test_without_a_fresh_password_nothing_is_revealed(house: House):
    open_for_randomization(house)
    participant_id = randomized(house)
    proof = house.proof("investigator", "S1")
    house.clock.advance(timedelta(minutes=2))
    command = BreakCode(
        participant_id=participant_id,
        reason=UnblindingReason.OVERDOSE,
        note="Overdose",
        idempotency_key=str(uuid4()),
    )
    with house.database.session() as session, pytest.raises(ReauthenticationNeeded):
        break_code(session, house.actor(session, "investigator", "S1"), proof, command)
    assert _register(house) == []


@pytest.mark.parametrize("role", ["coordinator", "medical_monitor", "sponsor", "statistician_unblinded", "dsmb_chair"])
def test_nobody_but_an_investigator_breaks_a_code(house: House, role: str):
    open_for_randomization(house)
    with pytest.raises(NotPermitted):
        _break(house, randomized(house), role=role, site=None)


def test_an_investigator_of_another_site_breaks_no_code(house: House):
    open_for_randomization(house)
    with pytest.raises(NotPermitted):
        _break(house, randomized(house), site="S2")


def test_nobody_is_unblinded_who_was_not_randomized(house: House):
    open_for_randomization(house)
    for participant_id in (registered(house), ready_to_randomize(house)):
        with pytest.raises(NotRandomized):
            _break(house, participant_id)


def test_an_emergency_waits_for_its_assessment_and_is_assessed_once(house: House):
    open_for_randomization(house)
    _break(house, randomized(house))
    with house.database.transaction() as session:
        monitor = house.actor(session, "medical_monitor")
        (due,) = assessments_due(session, monitor, house.trial.id)
        command = AssessImpact(unblinding_id=due.id, impact="None on outcomes", bias_possible=False)
        assess_impact(session, monitor, command)
        assert assessments_due(session, monitor, house.trial.id) == []
        with pytest.raises(AlreadyAssessed):
            assess_impact(session, monitor, command)


def test_the_safety_officer_learns_one_arm_for_a_susar(house: House):
    open_for_randomization(house)
    command = RevealForSusar(participant_id=randomized(house), case="2026-001", idempotency_key=str(uuid4()))
    with house.database.transaction() as session:
        officer = house.actor(session, "safety_officer_unblinded")
        revealed = reveal_for_susar(session, officer, house.proof("safety_officer_unblinded", None), command)
    assert true_arms(house)[revealed.participant] == revealed.arm
    assert [entry.kind for entry in _register(house)] == [UnblindingKind.SUSAR]
    with house.database.session() as session, pytest.raises(NotPermitted):
        reveal_for_susar(session, house.actor(session, "medical_monitor"), house.proof("medical_monitor"), command)
