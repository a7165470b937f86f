from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.house import House
from tests.support.participants import (
    Facts,
    adopt,
    amended,
    answered_forms,
    as_owner,
    assess,
    consent,
    consented,
    participant,
    pretend_randomized,
    protocol_at,
    ready_to_randomize,
    screen,
    sign_eligible,
    today,
)
from trial.access.signatures import NotSigned, Reauthenticated, ReauthenticationNeeded
from trial.conduct.baseline import CorrectFactor, NoSuchLevel, correct_factor, factors_for
from trial.conduct.eligibility import (
    AnswerContradictsData,
    AssessmentOutdated,
    CriteriaNotMet,
    CriterionUnknown,
    EligibilityLapsed,
    EligibilityNotSigned,
    NotAssessed,
    SignEligibility,
    assessments_for,
    can_be_randomized,
    check_eligible_for_randomization,
    sign_eligibility,
    why_not_randomizable,
)
from trial.conduct.factors import FactorMissing
from trial.conduct.participants import AlreadyRandomized, NotRandomized, ParticipantStatus
from trial.conduct.screening import RecordScreening, record_screening
from trial.conduct.trials import LeverClosed
from trial.errors import DomainError, NotPermitted


def test_machine_checked_criteria_answer_themselves_from_the_data(house: House):
    someone = _screened(house)
    assess(house, someone)
    with house.database.transaction() as session:
        (kept,) = assessments_for(session, house.actor(session, "monitor", "S1"), someone)
    assert kept.eligible
    assert kept.answers["I01"] is True
    assert kept.answers["E01"] is False
    assert kept.evidence["PROMIS-29.pain_interference"] >= 60


def test_a_person_cannot_contradict_recorded_data(house: House):
    someone = _screened(house)
    with pytest.raises(AnswerContradictsData) as refusal:
        assess(house, someone, facts={"E01": True})
    assert set(refusal.value.fields) == {"E01"}


def test_a_criterion_that_the_protocol_does_not_have_is_named(house: House):
    with pytest.raises(CriterionUnknown, match="I99"):
        assess(house, _screened(house), facts={"I99": True})


@pytest.mark.parametrize(
    ("facts", "criterion"),
    [
        ({("demographics", "age_years"): 17}, "I01"),
        ({("vitals", "sbp"): 161}, "E01"),
        ({("vitals", "dbp"): 101}, "E01"),
        ({("labs", "pregnancy_test"): "positive"}, "E07"),
        ({("history", "recent_ketamine"): "yes"}, "E10"),
        ({("failed_treatments", "other_treatments"): 0}, "I05"),
    ],
)
def test_whoever_does_not_meet_a_criterion_is_not_signed_eligible(house: House, facts: Facts, criterion: str):
    someone = _screened(house, facts)
    assess(house, someone)
    with pytest.raises(CriteriaNotMet) as refusal:
        sign_eligible(house, someone)
    assert set(refusal.value.fields) == {criterion}
    assert participant(house, someone).status is ParticipantStatus.SCREENING


def test_what_is_not_known_lets_nobody_in(house: House):
    someone = consented(house)
    assess(house, someone)
    with pytest.raises(CriteriaNotMet):
        sign_eligible(house, someone)


def test_signing_needs_an_assessment_first(house: House):
    with pytest.raises(NotAssessed):
        sign_eligible(house, _screened(house))


def test_a_coordinator_does_not_sign_eligibility(house: House):
    someone = _assessed(house)
    with pytest.raises(NotPermitted):
        _sign(house, someone, role="coordinator")


def test_a_signature_needs_a_fresh_proof_of_the_same_person(house: House):
    someone = _assessed(house)
    stale = house.proof("investigator", "S1")
    house.clock.advance(timedelta(minutes=2))
    with pytest.raises(ReauthenticationNeeded):
        _sign(house, someone, proof=stale)
    with pytest.raises(ReauthenticationNeeded):
        _sign(house, someone, proof=house.proof("coordinator", "S1"))
    assert participant(house, someone).status is ParticipantStatus.SCREENING


def test_the_same_key_signs_once(house: House):
    someone = _assessed(house)
    key = str(uuid4())
    assert _sign(house, someone, key=key) == _sign(house, someone, key=key)


def test_a_signed_participant_may_be_randomized_with_the_recorded_stratum(house: House):
    someone = ready_to_randomize(house, facts={("baseline", "opioid_use"): "yes"})
    with house.database.transaction() as session:
        candidate = check_eligible_for_randomization(session, someone)
        assert can_be_randomized(session, someone)
    assert candidate.factors == {"opioid_use": "yes", "pain_type": "neuropathic"}
    assert candidate.stratum == "site=S1; opioid_use=yes; pain_type=neuropathic"


def test_before_the_signature_nobody_is_randomized(house: House):
    assert isinstance(_refusal(house, _assessed(house)), EligibilityNotSigned)


def test_a_status_without_its_signature_is_not_believed(house: House, owner_url: str):
    someone = _assessed(house)
    as_owner(owner_url, "UPDATE trial.participant SET status = 'eligible', eligibility_signed_at = now()")
    assert isinstance(_refusal(house, someone), NotSigned)


def test_changing_the_data_under_a_signature_undoes_it(house: House):
    someone = ready_to_randomize(house)
    _correct(house, someone, "vitals", sbp=150)
    assert isinstance(_refusal(house, someone), AssessmentOutdated)
    assess(house, someone)
    sign_eligible(house, someone)
    assert _refusal(house, someone) is None


def test_changing_the_assessment_itself_voids_the_signature(house: House, owner_url: str):
    someone = ready_to_randomize(house)
    as_owner(owner_url, "UPDATE trial.eligibility_assessment SET assessed_on = assessed_on - 1")
    refusal = _refusal(house, someone)
    assert refusal is not None
    assert refusal.code == "signature.void"


def test_a_change_that_no_criterion_rests_on_leaves_the_signature_standing(house: House):
    someone = ready_to_randomize(house)
    _correct(house, someone, "vitals", hr=88)
    assert _refusal(house, someone) is None


def test_eligibility_lapses_after_the_protocols_days(house: House):
    someone = ready_to_randomize(house)
    house.clock.advance(timedelta(days=7))
    assert _refusal(house, someone) is None
    house.clock.advance(timedelta(days=1))
    assert isinstance(_refusal(house, someone), EligibilityLapsed)


def test_an_amended_threshold_is_applied_from_the_sites_adoption_on(house: House):
    """Version 1.1 lets in from a T-score of 58; under 1.0 it is 60."""
    someone = consented(house, "S2")
    screen(house, someone)
    assess(house, someone)
    adopt(house, amended(house), "S2")
    consent(house, someone, document="1.1")
    assess(house, someone)
    sign_eligible(house, someone)
    with house.database.transaction() as session:
        assert check_eligible_for_randomization(session, someone).protocol.version == "1.1"


def test_a_missing_factor_is_named_before_any_slot_is_touched(house: House, owner_url: str):
    someone = ready_to_randomize(house)
    as_owner(owner_url, "UPDATE trial.factor_value SET value = 'unheard of' WHERE factor = 'pain_type'")
    refusal = _refusal(house, someone)
    assert isinstance(refusal, FactorMissing)
    assert "Pain type" in refusal.sentence


def test_a_closed_lever_and_a_second_randomization_are_refused(house: House, owner_url: str):
    assert isinstance(_refusal(house, pretend_randomized(house)), AlreadyRandomized)
    someone = ready_to_randomize(house)
    as_owner(owner_url, "UPDATE trial.trial SET randomizing_open = false")
    assert isinstance(_refusal(house, someone), LeverClosed)


def test_a_correction_after_randomization_stands_beside_the_value_that_was_used(house: House):
    someone = pretend_randomized(house)
    _correct_factor(house, someone, "opioid_use", "yes")
    with house.database.transaction() as session:
        factors = factors_for(session, house.actor(session, "monitor", "S1"), someone)
    assert [(one.factor, one.value, one.corrected) for one in factors] == [
        ("opioid_use", "no", "yes"),
        ("pain_type", "neuropathic", None),
    ]
    assert participant(house, someone).stratum == "site=S1; opioid_use=no; pain_type=neuropathic"


def test_the_value_that_was_used_is_not_changed_even_by_plain_sql(house: House, owner_url: str):
    pretend_randomized(house)
    with pytest.raises(Exception, match="is fixed"):
        as_owner(owner_url, "UPDATE trial.factor_value SET value = 'yes'")


def test_a_correction_names_a_level_of_the_protocol_and_comes_after_randomization(house: House):
    with pytest.raises(NoSuchLevel):
        _correct_factor(house, pretend_randomized(house), "opioid_use", "sometimes")
    with pytest.raises(NotRandomized):
        _correct_factor(house, ready_to_randomize(house), "opioid_use", "yes")


def _screened(house: House, facts: Facts | None = None) -> UUID:
    someone = consented(house)
    screen(house, someone, facts)
    return someone


def _assessed(house: House) -> UUID:
    someone = _screened(house)
    assess(house, someone)
    return someone


def _refusal(house: House, participant_id: UUID) -> DomainError | None:
    with house.database.transaction() as session:
        return why_not_randomizable(session, participant_id)


def _sign(
    house: House,
    participant_id: UUID,
    *,
    role: str = "investigator",
    proof: Reauthenticated | None = None,
    key: str | None = None,
) -> UUID:
    command = SignEligibility(participant_id=participant_id, idempotency_key=key or str(uuid4()))
    with house.database.transaction() as session:
        actor = house.actor(session, role, "S1")
        return sign_eligibility(session, actor, proof or house.proof(role, "S1"), command).id


def _correct(house: House, participant_id: UUID, form: str, **changes: Any) -> None:
    protocol = protocol_at(house)
    answers = {**answered_forms(protocol, protocol.visit("SCR"))[form], **changes}
    command = RecordScreening(
        participant_id=participant_id,
        visit="SCR",
        performed_on=today(house),
        forms={form: answers},
        reason="Measured again",
    )
    with house.database.transaction() as session:
        record_screening(session, house.actor(session, "coordinator", "S1"), command)


def _correct_factor(house: House, participant_id: UUID, factor: str, value: str) -> None:
    command = CorrectFactor(participant_id=participant_id, factor=factor, value=value, reason="Old notes found")
    with house.database.transaction() as session:
        correct_factor(session, house.actor(session, "coordinator", "S1"), command)
