from typing import Any
from uuid import UUID

import pytest

from tests.support.house import House
from tests.support.participants import (
    acceptable_items,
    as_owner,
    consented,
    infused,
    pretend_randomized,
    protocol_at,
    registered,
    today,
)
from trial.access.actors import Actor, ActorKind
from trial.conduct.consents import ConsentMissing
from trial.conduct.forms import CorrectionNeedsReason
from trial.conduct.instruments import AnswerOutOfRange, UnknownItem
from trial.conduct.outcomes import (
    InstrumentNotExpected,
    MixedRaters,
    NotYourAnswers,
    Outcome,
    OutcomeAlreadyRecorded,
    RecordOutcomes,
    outcomes_for,
    record_outcomes,
)
from trial.conduct.participants import NotRandomized
from trial.conduct.queries import queries_for
from trial.conduct.trials import LeverClosed
from trial.errors import NotPermitted


def test_answers_are_scored_when_they_are_entered(house: House):
    someone = consented(house)
    worst = dict.fromkeys(("PAININ9", "PAININ22", "PAININ31", "PAININ34"), 5)
    (kept,) = _record(house, someone, {"PROMIS-29": {**_promis(house), **worst}})
    scores = {score["domain"]: score for score in kept.scores}
    assert scores["pain_interference"]["raw"] == 20
    assert scores["pain_interference"]["score"] == 75.6
    assert (kept.entered_by, kept.domain, kept.instrument_version) == ("assessor", "efficacy", "2.0")


def test_an_unanswered_item_leaves_its_domain_missing_and_says_why(house: House):
    answers = _promis(house)
    answers["PAININ9"] = None
    (kept,) = _record(house, consented(house), {"PROMIS-29": answers})
    scores = {score["domain"]: score for score in kept.scores}
    assert scores["pain_interference"]["score"] is None
    assert "PAININ9" in scores["pain_interference"]["missing_reason"]
    assert "PAININ9" not in kept.answers


def test_a_second_administration_at_baseline_is_numbered_and_a_third_refused(house: House):
    someone = consented(house)
    repeats = [_record(house, someone, {"PROMIS-29": _promis(house)})[0].repeat for _ in range(2)]
    assert repeats == [1, 2]
    with pytest.raises(OutcomeAlreadyRecorded):
        _record(house, someone, {"PROMIS-29": _promis(house)})


def test_a_correction_names_its_administration_and_its_reason(house: House):
    someone = consented(house)
    _record(house, someone, {"PROMIS-29": _promis(house)})
    corrected = {**_promis(house), "Global07": 9}
    with pytest.raises(CorrectionNeedsReason):
        _record(house, someone, {"PROMIS-29": corrected}, repeat=1)
    (kept,) = _record(house, someone, {"PROMIS-29": corrected}, repeat=1, reason="Misread 4 for 9")
    assert (kept.repeat, kept.answers["Global07"]) == (1, 9)


@pytest.mark.parametrize(
    ("answers", "error"),
    [({"Global07": 11}, AnswerOutOfRange), ({"GLOBAL07": 5}, UnknownItem)],
)
def test_an_answer_that_the_instrument_does_not_have_is_refused(house: House, answers: dict, error: type):
    with pytest.raises(error):
        _record(house, consented(house), {"PROMIS-29": answers})


def test_an_instrument_belongs_to_its_visit_and_the_infusions_scale_to_the_infusion(house: House):
    someone = pretend_randomized(house)
    with pytest.raises(InstrumentNotExpected):
        _record(house, someone, {"PCS": {}}, visit="M1")
    with pytest.raises(InstrumentNotExpected, match="Record it there"):
        _record(house, someone, {"CADSS": {}}, visit="INF1")


def test_before_consent_and_before_randomization_the_visit_is_refused(house: House):
    with pytest.raises(ConsentMissing):
        _record(house, registered(house), {"PROMIS-29": _promis(house)})
    with pytest.raises(NotRandomized):
        _record(house, consented(house), {"PROMIS-29": _promis(house)}, visit="M1")


def test_the_sponsor_can_stop_follow_up(house: House, owner_url: str):
    someone = infused(house)
    as_owner(owner_url, "UPDATE trial.trial SET follow_up_open = false")
    with pytest.raises(LeverClosed):
        _record(house, someone, {"PROMIS-29": _promis(house)}, visit="M1")


def test_participants_answer_for_themselves_only(house: House):
    someone, other = consented(house), consented(house)
    own = Actor(ActorKind.PARTICIPANT, str(someone), "Participant")
    (kept,) = _record(house, someone, {"PROMIS-29": _promis(house)}, actor=own)
    assert kept.entered_by == "participant"
    with pytest.raises(NotYourAnswers):
        _record(house, other, {"PROMIS-29": _promis(house)}, actor=own)
    with pytest.raises(NotYourAnswers):
        _record(house, someone, {"C-SSRS": {}}, visit="SCR", actor=own)


@pytest.mark.parametrize("role", ["coordinator", "investigator", "infusion_nurse", "data_manager"])
def test_only_the_assessor_enters_efficacy_from_paper(house: House, role: str):
    with pytest.raises(NotPermitted):
        _record(house, consented(house), {"PROMIS-29": _promis(house)}, role=role)


def test_a_clinicians_rating_is_the_sites_and_not_the_assessors(house: House):
    someone = consented(house)
    rating = {"C-SSRS": acceptable_items(protocol_at(house), protocol_at(house).instrument("C-SSRS"))}
    with pytest.raises(NotPermitted):
        _record(house, someone, rating, visit="SCR")
    (kept,) = _record(house, someone, rating, visit="SCR", role="investigator")
    assert (kept.entered_by, kept.domain) == ("clinician", "safety")


def test_instruments_of_different_raters_are_not_sent_together(house: House):
    with pytest.raises(MixedRaters):
        _record(house, infused(house), {"PROMIS-29": {}, "C-SSRS": {}}, visit="M3")


def test_an_alarming_answer_asks_the_site_to_look_and_names_no_value(house: House):
    someone = consented(house)
    instrument = protocol_at(house).instrument("C-SSRS")
    alert = instrument.alert_if[0]
    rating = {**acceptable_items(protocol_at(house), instrument), alert.item: alert.at_least}
    _record(house, someone, {"C-SSRS": rating}, visit="SCR", role="coordinator")
    with house.database.transaction() as session:
        (query,) = queries_for(session, house.actor(session, "investigator", "S1"), house.trial.id)
    assert (query.question, query.domain) == (alert.sentence, "safety")


def test_readers_see_outcomes_by_domain(house: House):
    someone = infused(house)
    seen = {}
    for role in ("investigator", "efficacy_assessor", "infusion_nurse", "coordinator"):
        with house.database.transaction() as session:
            found = outcomes_for(session, house.actor(session, role, "S1"), someone)
        seen[role] = {outcome.domain.value for outcome in found}
    assert seen == {
        "investigator": {"efficacy", "safety"},
        "efficacy_assessor": {"efficacy"},
        "infusion_nurse": {"safety"},
        "coordinator": {"safety"},
    }


def _promis(house: House) -> dict[str, Any]:
    protocol = protocol_at(house)
    return dict(acceptable_items(protocol, protocol.instrument("PROMIS-29")))


def _record(
    house: House,
    participant_id: UUID,
    answers: dict[str, Any],
    *,
    visit: str = "BL",
    role: str = "efficacy_assessor",
    actor: Actor | None = None,
    **more: Any,
) -> list[Outcome]:
    command = RecordOutcomes(
        participant_id=participant_id, visit=visit, answered_on=today(house), answers=answers, **more
    )
    with house.database.transaction() as session:
        return record_outcomes(session, actor or house.actor(session, role), command)
