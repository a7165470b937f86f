"""Causality of two sides, the investigator's signature, and SUSARs."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.support.events import assessed, reported, serious, signed
from tests.support.house import House
from tests.support.participants import adopt, amended, consented
from trial.access.alerts import alerts_for
from trial.access.signatures import ReauthenticationNeeded, SignatureVoid, check_signed
from trial.errors import NotPermitted
from trial.protocol.loader import load_protocol, shipped_protocol, shipped_text
from trial.safety.adverse_events import CodeEvent, code_event, get_event
from trial.safety.causality import (
    Causality,
    CausalityUnknown,
    ComponentUnknown,
    ExpectednessMisplaced,
    expected_by_reference,
    sponsor_assessment_of,
)
from trial.safety.reading import events_for
from trial.safety.serious import CausalityMissing, EventNotSerious, SignSae, sign_sae
from trial.safety.susars import (
    AssessSusar,
    SponsorHasNotAssessed,
    Verdict,
    assess_susar,
)
from trial.safety.watch import due_reports

RULES = shipped_protocol("keta-pain").adverse_events
MONITOR = {"role": "medical_monitor", "site": None}


@pytest.fixture
def participant(house: House) -> UUID:
    return consented(house)


def judged(house: House, event_id: UUID):
    with house.database.transaction() as session:
        return assess_susar(
            session,
            house.actor(session, "medical_monitor"),
            AssessSusar(event_id=event_id, narrative="reviewed with the hospital's letter"),
        )


def test_neither_side_downgrades_the_other():
    for one, other in (("possible", "unlikely"), ("unlikely", "possible")):
        assert Causality(one, other, expected=True).related(RULES) is True
    assert Causality("unlikely", "unlikely", expected=True).related(RULES) is False
    assert Causality(None, None, None).related(RULES) is None


def test_until_the_investigator_has_assessed_an_event_counts_as_suspected():
    assert Causality(None, "unlikely", expected=True).suspected(RULES)
    assert not Causality("unlikely", "unlikely", expected=True).suspected(RULES)


def test_each_side_is_recorded_by_the_role_that_gives_it(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "unlikely")
    both = assessed(house, event.id, "probable", expected=False, **MONITOR)
    assert both == Causality("unlikely", "probable", expected=False)


def test_the_sponsor_says_whether_it_was_expected_and_the_investigator_does_not(house: House, participant: UUID):
    event = serious(house, participant)
    with pytest.raises(ExpectednessMisplaced):
        assessed(house, event.id, "possible", **MONITOR)
    with pytest.raises(ExpectednessMisplaced):
        assessed(house, event.id, "possible", expected=True)


def test_a_category_that_the_protocol_does_not_have_is_refused(house: House, participant: UUID):
    with pytest.raises(CausalityUnknown):
        assessed(house, serious(house, participant).id, "definitely")


def test_a_coordinator_does_not_assess(house: House, participant: UUID):
    with pytest.raises(NotPermitted):
        assessed(house, serious(house, participant).id, "possible", role="coordinator")


def test_a_later_judgement_of_the_sponsor_counts_and_the_earlier_stays(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "possible", expected=True, **MONITOR)
    house.clock.advance(timedelta(hours=1))
    assert assessed(house, event.id, "unlikely", expected=True, **MONITOR).sponsor == "unlikely"
    with house.database.session() as session:
        assert sponsor_assessment_of(session, event.id).causality == "unlikely"


def test_the_reference_suggests_expected_for_a_listed_term_that_was_not_fatal(house: House, participant: UUID):
    assert expected_by_reference(RULES, reported(house, participant))
    assert not expected_by_reference(RULES, serious(house, participant))
    fatal = reported(house, participant, death=True, outcome="FATAL", term="Hypertension", grade=4)
    assert not expected_by_reference(RULES, fatal)


def test_an_event_that_is_not_serious_is_not_signed(house: House, participant: UUID):
    event = reported(house, participant)
    with pytest.raises(EventNotSerious):
        signed(house, event.id)


def test_a_serious_event_is_signed_after_its_causality_is_assessed(house: House, participant: UUID):
    event = serious(house, participant)
    with pytest.raises(CausalityMissing):
        signed(house, event.id)
    assessed(house, event.id, "possible")
    signed(house, event.id)
    with house.database.session() as session:
        assert check_signed(session, get_event(session, event.id)).meaning.startswith("I have reviewed")


def test_a_change_of_the_event_voids_the_signature_and_the_sponsors_assessment_does_not(
    house: House, participant: UUID
):
    event = serious(house, participant)
    assessed(house, event.id, "possible")
    signed(house, event.id)
    assessed(house, event.id, "unlikely", expected=True, **MONITOR)
    with house.database.session() as session:
        check_signed(session, get_event(session, event.id))
    with house.database.transaction() as session:
        code_event(
            session,
            house.actor(session, "data_manager"),
            CodeEvent(event_id=event.id, term="Seizure", grade=2, reason="grade corrected"),
        )
    with house.database.session() as session, pytest.raises(SignatureVoid):
        check_signed(session, get_event(session, event.id))


def test_a_signature_needs_a_fresh_proof_of_the_signer(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "possible")
    stale = house.proof("investigator", "S1")
    house.clock.advance(timedelta(minutes=2))
    with house.database.session() as session, pytest.raises(ReauthenticationNeeded):
        sign_sae(
            session,
            house.actor(session, "investigator", "S1"),
            stale,
            SignSae(idempotency_key=str(uuid4()), event_id=event.id),
        )


@pytest.mark.parametrize("is_serious", [True, False])
@pytest.mark.parametrize("suspected", [True, False])
@pytest.mark.parametrize("unexpected", [True, False])
def test_a_susar_is_serious_and_suspected_and_unexpected(is_serious: bool, suspected: bool, unexpected: bool):
    verdict = Verdict(is_serious, suspected, unexpected)
    assert verdict.is_susar is (is_serious and suspected and unexpected)
    assert not verdict.is_provisional


def test_a_susar_alerts_the_safety_officer_and_says_nothing_of_an_arm(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "unlikely")
    assessed(house, event.id, "possible", expected=False, **MONITOR)
    assert judged(house, event.id).is_susar
    with house.database.session() as session:
        (alert,) = alerts_for(session, house.actor(session, "safety_officer_unblinded"), house.trial.id)
    assert "SUSAR" in alert.sentence


def test_an_expected_event_is_no_susar_and_alerts_nobody(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "certain")
    assessed(house, event.id, "certain", expected=True, **MONITOR)
    assert not judged(house, event.id).is_susar
    with house.database.session() as session:
        assert alerts_for(session, house.actor(session, "safety_officer_unblinded"), house.trial.id) == []


def test_a_verdict_waits_for_the_sponsors_word_on_expectedness(house: House, participant: UUID):
    with pytest.raises(SponsorHasNotAssessed):
        judged(house, serious(house, participant).id)


def test_clocks_run_provisionally_until_the_sponsor_has_assessed_and_stop_for_an_expected_event(
    house: House, participant: UUID
):
    event = serious(house, participant)
    with house.database.session() as session:
        due = due_reports(session, house.actor(session, "medical_monitor"), event.id)
    assert due.provisional
    assert {each.clock_id for each in due.reports} == {"site_to_sponsor", "fda_15", "eu_15"}
    assessed(house, event.id, "possible")
    assessed(house, event.id, "possible", expected=True, **MONITOR)
    with house.database.session() as session:
        due = due_reports(session, house.actor(session, "medical_monitor"), event.id)
    assert not due.provisional
    assert {each.clock_id for each in due.reports} == {"site_to_sponsor"}


def test_detail_of_special_interest_is_withheld_from_who_may_not_see_the_infusion_domain(
    house: House, participant: UUID
):
    reported(house, participant, term="Hallucinations", verbatim="saw colours", infusion=1, onset_minute=12)
    reported(house, participant, term="Anemia", verbatim="pale")
    with house.database.session() as session:
        nurse = events_for(session, house.actor(session, "infusion_nurse", "S1"), house.trial.id)
        manager = events_for(session, house.actor(session, "data_manager"), house.trial.id)
    assert [event.term for event in nurse] == ["Hallucinations", "Anemia"]
    assert [event.term for event in manager] == [None, "Anemia"]
    assert "saw colours" not in repr(manager)
    assert "12" not in repr((manager[0].infusion, manager[0].onset_minute, manager[0].onset))


def test_a_reader_sees_the_events_of_their_own_site_only(house: House, participant: UUID):
    reported(house, participant)
    reported(house, consented(house, "S2"))
    with house.database.session() as session:
        assert len(events_for(session, house.actor(session, "coordinator", "S1"), house.trial.id)) == 1
        assert len(events_for(session, house.actor(session, "medical_monitor"), house.trial.id)) == 2


def test_an_efficacy_assessor_reads_no_event_at_all(house: House, participant: UUID):
    with house.database.session() as session, pytest.raises(NotPermitted):
        events_for(session, house.actor(session, "efficacy_assessor", "S1"), house.trial.id)


def test_each_side_judges_the_components_beside_the_study_treatment(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "unlikely", relations={"programme": "probable"})
    both = assessed(house, event.id, "unlikely", expected=False, relations={"procedure": "unlikely"}, **MONITOR)
    assert both.investigator_relations == {"programme": "probable"}
    assert (both.related_to(RULES, "programme"), both.related_to(RULES, "procedure")) == (True, False)
    assert both.related(RULES) is False, "only the study treatment makes an event suspected"
    for relations in ({"infusion": "possible"}, {"weather": "possible"}):
        with pytest.raises(ComponentUnknown):
            assessed(house, event.id, "unlikely", relations=relations)
    with pytest.raises(CausalityUnknown):
        assessed(house, event.id, "unlikely", relations={"programme": "maybe"})


def test_an_assessment_keeps_the_version_it_was_judged_against(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "possible", expected=False, **MONITOR)
    changed = shipped_text("keta-pain-1.1").replace('section on reference safety information\n    version: "1.0"',
                                                    'section on reference safety information\n    version: "2.0"')  # fmt: skip
    assert changed != shipped_text("keta-pain-1.1")
    adopt(house, amended(house, loaded=load_protocol(changed)), "S1")
    with house.database.session() as session:
        assert sponsor_assessment_of(session, event.id).reference_version == "1.0"
    house.clock.advance(timedelta(minutes=5))
    assessed(house, event.id, "possible", expected=True, **MONITOR)
    with house.database.session() as session:
        assert sponsor_assessment_of(session, event.id).reference_version == "2.0"
