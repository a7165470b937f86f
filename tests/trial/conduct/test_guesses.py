from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support.house import House
from tests.support.participants import as_owner, consented, infused
from trial.access.actors import Actor, ActorKind
from trial.conduct.guesses import (
    GuessAlreadyRecorded,
    Guesser,
    GuessNotExpected,
    GuessNotOffered,
    NotYourGuess,
    RecordGuess,
    guesses_made_for,
    record_guess,
)
from trial.conduct.participants import NotRandomized
from trial.errors import NotPermitted


def test_a_guess_names_an_arm_of_the_protocol_or_says_dont_know(house: House):
    someone = infused(house, infusions=1)
    _guess(house, someone, guess="KET", certainty=4, reason="effects")
    _guess(house, someone, "infusion_nurse", guesser=Guesser.INFUSION_NURSE, guess="dont_know", certainty=None)
    with house.database.transaction() as session:
        made = guesses_made_for(session, house.actor(session, "coordinator", "S1"), someone)
    assert made == {("INF1", Guesser.PARTICIPANT), ("INF1", Guesser.INFUSION_NURSE)}


@pytest.mark.parametrize("changes", [{"guess": "ketamine"}, {"certainty": 6}, {"certainty": 0}, {"reason": "the moon"}])
def test_only_what_the_form_offers_is_taken(house: House, changes: dict[str, Any]):
    with pytest.raises(GuessNotOffered):
        _guess(house, infused(house, infusions=1), **changes)


def test_only_who_is_asked_at_an_occasion_guesses_there(house: House):
    someone = infused(house, infusions=1)
    with pytest.raises(GuessNotExpected):
        _guess(house, someone, "efficacy_assessor", guesser=Guesser.ASSESSOR)
    with pytest.raises(GuessNotExpected):
        _guess(house, someone, occasion="INF2")


@pytest.mark.parametrize("role", ["coordinator", "efficacy_assessor"])
def test_nobody_guesses_for_the_infusion_nurse(house: House, role: str):
    with pytest.raises(NotYourGuess):
        _guess(house, infused(house, infusions=1), role, guesser=Guesser.INFUSION_NURSE)


def test_a_participant_guesses_by_link_for_themselves_only(house: House):
    someone, other = infused(house, infusions=1), consented(house)
    _guess(house, someone, actor=Actor(ActorKind.PARTICIPANT, str(someone), "Participant"))
    with pytest.raises(NotYourGuess):
        _guess(house, someone, actor=Actor(ActorKind.PARTICIPANT, str(other), "Participant"))


def test_a_first_guess_is_not_changed_by_a_service_nor_by_plain_sql(house: House, owner_url: str):
    someone = infused(house, infusions=1)
    _guess(house, someone)
    with pytest.raises(GuessAlreadyRecorded):
        _guess(house, someone, guess="PBO")
    with pytest.raises(psycopg.Error, match="is fixed"):
        as_owner(owner_url, "UPDATE trial.blinding_guess SET guess = 'PBO'")


def test_before_randomization_there_is_nothing_to_guess(house: House):
    with pytest.raises(NotRandomized):
        _guess(house, consented(house))


@pytest.mark.parametrize("role", ["investigator", "sponsor", "data_manager"])
def test_a_role_without_the_task_enters_no_guess(house: House, role: str):
    with pytest.raises(NotPermitted):
        _guess(house, infused(house, infusions=1), role)


def test_the_audit_says_that_somebody_guessed_and_not_what(house: House, owner_url: str):
    _guess(house, infused(house, infusions=1), guess="KET", certainty=5, reason="benefit")
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        (entry,) = connection.execute(
            "SELECT content FROM audit.entry WHERE table_name = 'trial.blinding_guess'"
        ).fetchall()
    assert "KET" not in entry[0]
    assert "benefit" not in entry[0]
    assert entry[0].count("[redacted]") == 3


def _guess(
    house: House, participant_id: UUID, role: str = "coordinator", actor: Actor | None = None, **changes: Any
) -> None:
    usual: dict[str, Any] = {
        "occasion": "INF1",
        "guesser": Guesser.PARTICIPANT,
        "guess": "KET",
        "certainty": 3,
        "reason": "effects",
    }
    command = RecordGuess(participant_id=participant_id, **{**usual, **changes})
    with house.database.transaction() as session:
        record_guess(session, actor or house.actor(session, role), command)
