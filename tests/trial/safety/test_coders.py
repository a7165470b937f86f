"""The coder's desk: what waits for a look, codes in MedDRA, and what another dictionary version changes."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import facts, reported
from tests.support.house import House
from tests.support.meddra import distribution
from tests.support.participants import adopt, amended, consented
from tests.support.variants import variant
from trial.access.actors import system_actor
from trial.errors import NotPermitted
from trial.reference import ctcae_term, ctcae_terms
from trial.safety.adverse_events import UpdateAdverseEvent, get_event, update_adverse_event
from trial.safety.coders.meddra_codings import (
    Coded,
    CodeInMeddra,
    CodingGround,
    MeddraNotPinned,
    MeddraTermUnknown,
    code_in_meddra,
    code_what_is_certain,
    meddra_coding_of,
    meddra_queue,
)
from trial.safety.coders.recoding import Outcome, RecodeEvents, carried_over, recode, recoding_report, report_csv
from trial.safety.coders.reviews import DetailNotShown, ReviewCoding, coding_queue, review_coding
from trial.safety.coding import TermUnknown
from trial.safety.meddra.distribution import read_distribution
from trial.safety.meddra.releases import load_release

GENERAL = "Psychiatric disorders - Other, specify"


@pytest.fixture
def participant(house: House) -> UUID:
    return consented(house)


def waiting(house: House, role: str = "medical_monitor"):
    with house.database.reading() as session:
        return coding_queue(session, house.actor(session, role), house.trial.id)


def look(house: House, event_id: UUID, role: str = "medical_monitor", **coding):
    with house.database.transaction() as session:
        return review_coding(session, house.actor(session, role), ReviewCoding(event_id=event_id, **coding))


def test_plain_words_need_no_look_and_others_wait_until_somebody_has_looked(house, participant):
    reported(house, participant, verbatim="threw up", term="Vomiting")
    odd = reported(house, participant, verbatim="pain in the big toe", term="Back pain")
    queue = waiting(house)
    assert [(one.event.id, one.participant) for one in queue.waiting] == [(odd.id, "P-0001")]
    assert queue.waiting[0].confidence < 0.95
    assert not look(house, odd.id, term="Back pain", grade=1).changed
    assert waiting(house).waiting == ()


def test_a_change_of_words_or_term_asks_for_a_new_look(house, participant):
    odd = reported(house, participant, verbatim="pain in the big toe", term="Back pain")
    look(house, odd.id, term="Back pain", grade=1)
    review = look(house, odd.id, term="Pain in extremity", grade=2, reason="it was the toe")
    assert (review.changed, review.term) == (True, "Pain in extremity")
    with house.database.reading() as session:
        assert (get_event(session, odd.id).term, get_event(session, odd.id).grade) == ("Pain in extremity", 2)
    assert waiting(house).waiting == ()
    with pytest.raises(TermUnknown):
        look(house, odd.id, term="Sore toe", grade=1, reason="another try")


def test_the_detail_of_special_interest_is_reviewed_by_those_who_may_see_it_and_counted_for_the_others(
    house, participant
):
    event = reported(house, participant, verbatim="strange all over", term="Hallucinations")
    assert [one.event.id for one in waiting(house, "medical_monitor").waiting] == [event.id]
    blind = waiting(house, "data_manager")
    assert (blind.waiting, blind.withheld) == ((), 1)
    with pytest.raises(DetailNotShown):
        look(house, event.id, "data_manager", term="Hallucinations", grade=1)


def test_a_long_queue_is_shown_in_part(house, participant):
    for toe in range(4):
        reported(house, participant, verbatim=f"pain in toe number {toe}", term="Back pain")
    with house.database.reading() as session:
        queue = coding_queue(session, house.actor(session, "medical_monitor"), house.trial.id, limit=3)
    assert (len(queue.waiting), queue.more) == (3, True)


def test_nobody_else_has_the_desk(house, participant):
    for role in ("coordinator", "investigator", "sponsor", "dsmb_chair", "inspector"):
        with pytest.raises(NotPermitted):
            waiting(house, role)


@pytest.fixture
def pinned(house: House, participant: UUID, tmp_path) -> House:
    """The site works under an amendment that pins a MedDRA release, which is loaded."""
    with house.database.transaction() as session:
        load_release(session, system_actor("installer"), read_distribution(distribution(tmp_path)))
    loaded = variant(dictionary='{name: CTCAE, version: "6.0", meddra: "28.0"}', version="1.1")
    adopt(house, amended(house, loaded=loaded), "S1")
    return house


def auto(house: House) -> Coded:
    with house.database.transaction() as session:
        return code_what_is_certain(session, house.actor(session, "medical_monitor"), house.trial.id)


def code_of(house: House, event_id: UUID):
    with house.database.reading() as session:
        return meddra_coding_of(session, get_event(session, event_id), "28.0")


def test_what_is_certain_is_coded_with_its_ground_and_the_rest_waits_with_proposals(pinned, participant):
    by_words = reported(pinned, participant, verbatim="Queasy stomach", term="Nausea")
    by_code = reported(pinned, participant, verbatim="threw up", term="Vomiting")
    unclear = reported(pinned, participant, verbatim="floated up in the air", term=GENERAL, grade=1)
    assert auto(pinned) == Coded(2, 1)
    first, second = code_of(pinned, by_words.id), code_of(pinned, by_code.id)
    assert (first.llt, first.pt, first.soc, first.ground, first.confidence) == (
        "Queasy stomach", "Feeling sick", "Gut class", CodingGround.WORDS, 1,
    )  # fmt: skip
    assert (second.llt_code, second.ground, second.confidence) == ("10047700", CodingGround.CTCAE_CODE, 0.97)
    with pinned.database.reading() as session:
        queue = meddra_queue(session, pinned.actor(session, "medical_monitor"), pinned.trial.id)
    assert [one.event.id for one in queue] == [unclear.id]
    assert queue[0].proposals[0].term.llt == "Floating on air"
    assert auto(pinned) == Coded(0, 1)


def test_a_coder_chooses_a_current_term_and_may_choose_again(pinned, participant):
    event = reported(pinned, participant, verbatim="outside myself", term=GENERAL, grade=1)
    with pinned.database.transaction() as session:
        monitor = pinned.actor(session, "medical_monitor")
        code_in_meddra(session, monitor, CodeInMeddra(event_id=event.id, llt_code="90000013"))
    with pinned.database.transaction() as session:
        monitor = pinned.actor(session, "medical_monitor")
        for wrong in ("90000012", "12345678"):
            with pytest.raises(MeddraTermUnknown):
                code_in_meddra(session, monitor, CodeInMeddra(event_id=event.id, llt_code=wrong))
    assert code_of(pinned, event.id).ground is CodingGround.CODER


def test_an_event_whose_words_change_is_coded_again(pinned, participant):
    event = reported(pinned, participant, verbatim="Queasy stomach", term="Nausea")
    auto(pinned)
    with pinned.database.transaction() as session:
        changed = UpdateAdverseEvent(
            event_id=event.id, facts=facts(pinned, verbatim="Nausea", term="Nausea"), reason="in other words"
        )
        update_adverse_event(session, pinned.actor(session, "coordinator"), changed)
    assert code_of(pinned, event.id) is None
    assert auto(pinned).coded == 1
    assert code_of(pinned, event.id).llt == "Nausea"


def test_a_protocol_that_pins_no_release_codes_nothing_in_one(house, participant):
    event = reported(house, participant)
    assert auto(house) == Coded(0, 0)
    with house.database.transaction() as session, pytest.raises(MeddraNotPinned):
        command = CodeInMeddra(event_id=event.id, llt_code="10028813")
        code_in_meddra(session, house.actor(session, "medical_monitor"), command)


def test_a_new_version_is_reported_first_and_only_what_is_certain_is_carried_over(house, participant):
    same = reported(house, participant, verbatim="felt sick", term="Nausea", grade=1)
    gone = reported(house, participant, verbatim="very slow", term="Brain fog", grade=1)
    adopt(house, amended(house, loaded=variant(dictionary='{name: CTCAE, version: "5.0"}', version="1.1")), "S1")
    with house.database.transaction() as session:
        monitor = house.actor(session, "medical_monitor")
        report = recoding_report(session, monitor, house.trial.id)
        assert [(line.event_id, line.move.outcome) for line in report] == [
            (same.id, Outcome.SAME), (gone.id, Outcome.TERM_GONE),
        ]  # fmt: skip
        assert (
            report_csv(report).decode().splitlines()[1].startswith("P-0001,1,CTCAE 6.0,Nausea,1,CTCAE 5.0,Nausea,same")
        )
        done = recode(session, monitor, RecodeEvents(trial_id=house.trial.id, reason="amendment 1.1"))
        assert [line.event_id for line in done] == [same.id]
    with house.database.reading() as session:
        assert get_event(session, same.id).dictionary == "CTCAE 5.0"
        assert get_event(session, gone.id).dictionary == "CTCAE 6.0"
        left = recoding_report(session, house.actor(session, "medical_monitor"), house.trial.id)
    assert [line.event_id for line in left] == [gone.id]


def test_the_report_withholds_what_its_reader_may_not_see(house, participant):
    reported(house, participant, verbatim="saw things", term="Hallucinations")
    adopt(house, amended(house, loaded=variant(dictionary='{name: CTCAE, version: "5.0"}', version="1.1")), "S1")
    with house.database.transaction() as session:
        manager = house.actor(session, "data_manager")
        (line,) = recoding_report(session, manager, house.trial.id)
        assert (line.term, line.grade, line.move.term, line.move.what) == (None, None, None, "")
        assert recode(session, manager, RecodeEvents(trial_id=house.trial.id, reason="amendment 1.1")) == []


@given(st.sampled_from(ctcae_terms("5.0")), st.integers(1, 5))
def test_what_is_carried_over_without_a_look_has_the_same_words_of_its_grade(term, grade: int):
    if grade not in term.grades:
        return
    move = carried_over("5.0", "6.0", term.term, grade)
    if move.outcome in {Outcome.SAME, Outcome.RENAMED}:
        new = ctcae_term("6.0", move.term)
        assert new.grades[grade] == term.grades[grade]
    if move.outcome is Outcome.TERM_GONE:
        assert ctcae_term("6.0", term.term) is None


def test_hypertension_of_grade_one_is_told_to_be_gone():
    move = carried_over("5.0", "6.0", "Hypertension", 1)
    assert (move.outcome, move.term) == (Outcome.GRADE_GONE, "Hypertension")
    assert "no grade 1" in move.what
