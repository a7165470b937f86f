"""Reports to authorities: one act whatever the treatment, a decision under seal, a register that tells nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from randomization.sealing import ValueTooLong
from randomization.unblinding.copies import NotASusar, copies_of, open_copy
from randomization.unblinding.expedition import (
    CaseNotUnblinded,
    Expedition,
    ReportNotDue,
    SentWhenImpossible,
    open_expeditions,
)
from randomization.unblinding.register import UnblindingKind, register_for
from tests.support.events import serious
from tests.support.house import House
from tests.support.papers import text_of
from tests.support.participants import participant
from tests.support.randomization import open_for_randomization, randomized, true_arms
from tests.support.susars import OFFICER, dealt_with, susar, unblinded, watched
from trial.errors import NotPermitted
from trial.safety.expedited_reports import OF_ITS_OWN_ACCORD, Stage


@pytest.fixture
def event(house: House):
    open_for_randomization(house)
    return susar(house, randomized(house), life_threatening=True)


def test_the_regulators_copy_carries_the_true_treatment_and_nobody_else_opens_it(house: House, event):
    made = unblinded(house, event.id, key="copy-0001")
    assert unblinded(house, event.id, key="copy-0001").id == made.id
    arm = true_arms(house)[participant(house, event.participant_id).code]
    house.clock.advance(timedelta(minutes=1))
    with house.database.transaction() as session:
        opened = open_copy(session, house.actor(session, OFFICER), event.id, 1)
        assert ("Ketamine hydrochloride" in text_of(opened.content)) is (arm == "KET")
        for role in ("medical_monitor", "sponsor", "statistician_unblinded"):
            with pytest.raises(NotPermitted):
                open_copy(session, house.actor(session, role), event.id, 1)
    with house.database.session() as session:
        entries = register_for(session, house.actor(session, "medical_monitor"), house.trial.id)
        assert [one.kind for one in entries] == [UnblindingKind.SUSAR, UnblindingKind.CLOSED_DOCUMENT]
        assert len(copies_of(session, event.id)) == 1
    assert unblinded(house, event.id).version == 2


def test_only_what_the_monitor_called_a_susar_is_unblinded_and_by_the_officer_alone(house: House):
    open_for_randomization(house)
    event = serious(house, randomized(house))
    with pytest.raises(NotASusar):
        unblinded(house, event.id)
    with house.database.session() as session:
        assert register_for(session, house.actor(session, "medical_monitor"), house.trial.id) == []


def test_dealing_with_a_report_ends_its_clock_and_opens_that_of_the_complete_report(house: House, event):
    with pytest.raises(CaseNotUnblinded):
        dealt_with(house, event.id, "eu_7")
    unblinded(house, event.id)
    house.clock.advance(timedelta(days=2))
    first = dealt_with(house, event.id, "eu_7", idempotency_key="report-01")
    again = dealt_with(house, event.id, "eu_7", idempotency_key="report-01", decision=Expedition.NOT_EXPEDITED)
    assert (first.id, first.stage, first.number, first.was_late) == (again.id, Stage.INITIAL, 1, False)
    with pytest.raises(ReportNotDue):
        dealt_with(house, event.id, "eu_7")
    due = {one.clock_id: one for one in watched(house, event.id).dues}
    assert due["eu_7"].sent_at == first.dealt_with_at
    assert due["eu_7_complete"].due_on == first.dealt_with_at.date() + timedelta(days=8)
    assert dealt_with(house, event.id, "eu_7_complete").stage is Stage.COMPLETE
    with pytest.raises(ReportNotDue):
        dealt_with(house, event.id, OF_ITS_OWN_ACCORD, jurisdiction="FDA")
    follow_up = dealt_with(house, event.id, OF_ITS_OWN_ACCORD, jurisdiction="EU")
    assert (follow_up.words, follow_up.number) == ("Follow-up 1", 3)
    with pytest.raises(SentWhenImpossible):
        dealt_with(house, event.id, "fda_7", dealt_with_at=house.clock.now() + timedelta(hours=1))
    with pytest.raises(ValueTooLong):
        dealt_with(house, event.id, "fda_7", note="\N{SMILING FACE WITH OPEN MOUTH}" * 1000)
    late = house.clock.now() + timedelta(days=9)
    house.clock.set(late)
    assert dealt_with(house, event.id, "fda_7").was_late


def test_outside_the_seal_a_report_that_was_sent_and_one_that_was_filed_are_the_same(house: House, event, owner_url):
    import sqlalchemy

    other = susar(house, randomized(house), life_threatening=True)
    for one, decision, words in (
        (event, Expedition.SENT, "Sent to the agency, acknowledged the same day."),
        (other, Expedition.NOT_EXPEDITED, "Placebo."),
    ):
        unblinded(house, one.id)
        dealt_with(house, one.id, "eu_7", decision=decision, note=words)
    engine = sqlalchemy.create_engine(owner_url)
    with engine.begin() as connection:
        lengths = connection.execute(text("SELECT length(content) FROM sealed.expedition")).scalars().all()
        plain = "".join(
            connection.execute(
                text(
                    "SELECT to_jsonb(r)::text FROM trial.expedited_report r UNION ALL"
                    " SELECT content FROM audit.entry WHERE action ~ 'expedited_report' UNION ALL"
                    " SELECT to_jsonb(k)::text FROM trial.idempotency_key k"
                )
            ).scalars()
        )
    engine.dispose()
    assert len(set(lengths)) == 1
    assert len(lengths) == 2
    for word in ("not_expedited", '"sent"', "Placebo", "acknowledged", "gateway"):
        assert word not in plain


def test_the_officer_reads_what_became_of_the_reports_and_that_is_on_record(house: House, event):
    unblinded(house, event.id)
    dealt_with(house, event.id, "eu_7", decision=Expedition.NOT_EXPEDITED, note="No active treatment.")
    with house.database.transaction() as session:
        house.clock.advance(timedelta(minutes=1))
        (opened,) = open_expeditions(session, house.actor(session, OFFICER), event.id)
        with pytest.raises(NotPermitted):
            open_expeditions(session, house.actor(session, "medical_monitor"), event.id)
    assert (opened.decision, opened.note) == (Expedition.NOT_EXPEDITED, "No active treatment.")
    assert "No active" not in repr(opened)
    with house.database.session() as session:
        last = register_for(session, house.actor(session, "medical_monitor"), house.trial.id)[-1]
    assert "what became of the reports" in last.note
