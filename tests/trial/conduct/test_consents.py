from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.support.house import House
from tests.support.participants import (
    adopt,
    amended,
    consent,
    consented,
    infused,
    order,
    participant,
    ready_to_randomize,
    registered,
)
from trial.conduct.consents import (
    ConsentAlreadyRecorded,
    ConsentMissing,
    ConsentOutdated,
    WithdrawalScope,
    check_consented,
    consents_for,
    reconsents_due,
    withdrawals_for,
)
from trial.conduct.departures import ScopeNotPossible, WithdrawConsent, departures_for, withdraw_consent
from trial.conduct.eligibility import check_eligible_for_randomization
from trial.conduct.participants import DateInFuture, ParticipantHasLeft, ParticipantStatus
from trial.errors import NotPermitted
from trial.protocol.versions import NoVersionAdopted


def test_a_consent_is_kept_under_the_version_in_force_at_the_site_on_its_day(house: House):
    someone = consented(house)
    with house.database.transaction() as session:
        (kept,) = consents_for(session, house.actor(session, "monitor", "S1"), someone)
    assert (kept.protocol_version_id, kept.again) == (house.version.id, False)
    assert participant(house, someone).consented_on == house.clock.now().date()


def test_a_consent_from_before_the_site_had_a_version_is_refused(house: House):
    with pytest.raises(NoVersionAdopted):
        consent(house, registered(house), on=date(2025, 12, 31))


def test_a_consent_cannot_be_given_tomorrow(house: House):
    with pytest.raises(DateInFuture):
        consent(house, registered(house), on=house.clock.now().date() + timedelta(days=1))


def test_one_version_is_consented_to_once(house: House):
    with pytest.raises(ConsentAlreadyRecorded):
        consent(house, consented(house))


def test_without_a_consent_the_check_names_what_to_do(house: House):
    with pytest.raises(ConsentMissing, match="Record the consent"):
        check_consented(participant(house, registered(house)))


def test_only_the_sites_that_adopted_the_amendment_have_a_worklist(house: House):
    at_first, at_second = consented(house, "S1"), consented(house, "S2")
    version = amended(house)
    house.clock.advance(timedelta(days=3))
    adopt(house, version, "S1")
    assert _due(house) == [participant(house, at_first).code]
    house.clock.advance(timedelta(days=3))
    adopt(house, version, "S2")
    assert _due(house) == [participant(house, one).code for one in (at_first, at_second)]


def test_consenting_again_takes_the_participant_off_the_worklist(house: House):
    someone = consented(house)
    adopt(house, amended(house), "S1")
    consent(house, someone, document="1.1")
    assert _due(house) == []
    with house.database.transaction() as session:
        both = consents_for(session, house.actor(session, "investigator", "S1"), someone)
    assert [(one.document_version, one.again) for one in both] == [("1.0", False), ("1.1", True)]


def test_nobody_is_randomized_under_an_amendment_that_was_not_consented_to(house: House):
    someone = ready_to_randomize(house)
    adopt(house, amended(house), "S1")
    with pytest.raises(ConsentOutdated, match=r"version 1\.1"), house.database.transaction() as session:
        check_eligible_for_randomization(session, someone)


def test_the_next_dose_waits_for_the_new_consent(house: House):
    someone = infused(house, infusions=2)
    adopt(house, amended(house), "S1")
    house.clock.advance(timedelta(days=1))
    with pytest.raises(ConsentOutdated):
        order(house, someone, 3)
    consent(house, someone, document="1.1")
    order(house, someone, 3)


def test_who_left_is_not_asked_again(house: House):
    someone = consented(house)
    _withdraw(house, someone, WithdrawalScope.PARTICIPATION)
    adopt(house, amended(house), "S1")
    assert _due(house) == []


def test_a_withdrawal_in_screening_ends_the_screening(house: House):
    someone = consented(house)
    _withdraw(house, someone, WithdrawalScope.PARTICIPATION)
    assert participant(house, someone).status is ParticipantStatus.DECLINED
    with pytest.raises(ParticipantHasLeft):
        consent(house, someone)


def test_a_withdrawal_from_treatment_keeps_the_participant_in_follow_up(house: House):
    someone = infused(house, infusions=2)
    _withdraw(house, someone, WithdrawalScope.TREATMENT)
    assert participant(house, someone).status is ParticipantStatus.FOLLOW_UP
    with house.database.transaction() as session:
        treatment, study = departures_for(session, house.actor(session, "monitor", "S1"), someone)
    assert treatment is not None
    assert (treatment.kind, treatment.reason) == ("discontinued", "consent_withdrawn")
    assert study is None


def test_a_withdrawal_from_the_study_ends_treatment_and_study_on_one_day(house: House):
    someone = infused(house, infusions=2)
    _withdraw(house, someone, WithdrawalScope.PARTICIPATION)
    with house.database.transaction() as session:
        monitor = house.actor(session, "monitor", "S1")
        treatment, study = departures_for(session, monitor, someone)
        (withdrawn,) = withdrawals_for(session, monitor, someone)
    assert treatment is not None
    assert study is not None
    assert (treatment.kind, study.kind) == ("discontinued", "withdrawn")
    assert treatment.ended_on == study.ended_on == withdrawn.withdrawn_on


def test_who_was_never_on_treatment_cannot_withdraw_from_it(house: House):
    with pytest.raises(ScopeNotPossible):
        _withdraw(house, consented(house), WithdrawalScope.TREATMENT)


def test_consents_are_read_at_their_site_only(house: House):
    someone = consented(house, "S1")
    with house.database.transaction() as session, pytest.raises(NotPermitted):
        consents_for(session, house.actor(session, "coordinator", "S2"), someone)


def _due(house: House) -> list[str]:
    with house.database.transaction() as session:
        return [one.code for one in reconsents_due(session, house.actor(session, "data_manager"), house.trial.id)]


def _withdraw(house: House, participant_id: UUID, scope: WithdrawalScope) -> None:
    with house.database.transaction() as session:
        withdraw_consent(
            session,
            house.actor(session, "coordinator", "S1"),
            WithdrawConsent(participant_id=participant_id, withdrawn_on=house.clock.now().date(), scope=scope),
        )
