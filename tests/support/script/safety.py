"""Serious cases in the script: judged, narrated, unblinded for the authority, dealt with, told of, reconciled.

The unblinded safety officer alone knows the treatments, and does here what officers do: a case with active treatment is sent,
one without is filed. Everybody else does the same whatever they are.
"""

from datetime import timedelta
from uuid import UUID

from api.jobs.clock_alerts import tell_of_clocks
from api.jobs.regulator_copies import MakeRegulatorCopy, make_regulator_copy
from randomization.unblinding.copies import open_copy
from randomization.unblinding.expedition import DealWithReport, Expedition, deal_with_report, open_expeditions
from tests.support import events, randomization
from tests.support.script.player import Player
from tests.support.script.world import KET
from tests.support.susars import watched
from trial.conduct.participants import get_participant
from trial.safety.adverse_events import UpdateAdverseEvent, events_of, get_event, update_adverse_event
from trial.safety.letters import AcknowledgeLetter, IssueLetter, acknowledge_letter, issue_letter
from trial.safety.narratives import WriteNarrative, write_narrative
from trial.safety.reconciliation import (
    AnswerDifference,
    Resolution,
    UploadListing,
    answer_difference,
    differences_of,
    our_listing,
    upload_listing,
)
from trial.safety.susars import AssessSusar, assess_susar

MONITOR, OFFICER = "medical_monitor", "safety_officer_unblinded"


def serious_cases(play: Player) -> None:
    """Two cases of different treatments: one of the first site, who had an event already, one of the second."""
    one = play.read(lambda session: _serious_event_of(session, play.first[0]))
    other = events.serious(play.house, play.second[0], life_threatening=True, infusion=5, onset_minute=30).id
    events.assessed(play.house, other, "probable", site="S2")
    for event_id in (one, other):
        _judge(play, event_id)
    _pass_time(play, timedelta(days=3, hours=12))
    for event_id in (one, other):
        _expedite(play, event_id)
    _pass_time(play, timedelta(days=4))
    _change_of_mind(play, one)
    for event_id, site in ((one, "S1"), (other, "S2")):
        events.signed(play.house, event_id, site)
    _tell_sites(play)
    _reconcile(play)


def _serious_event_of(session, participant_id: UUID) -> UUID:
    return next(event.id for event in events_of(session, participant_id) if event.serious)


def _judge(play: Player, event_id: UUID) -> None:
    events.assessed(play.house, event_id, "possible", role=MONITOR, site=None, expected=False)
    play.do(
        MONITOR, None, assess_susar, AssessSusar(event_id=event_id, narrative="Possible, and not listed."), tell=True
    )
    first = WriteNarrative(event_id=event_id, text="A seizure at home, observed in hospital.")
    play.do(MONITOR, None, write_narrative, first, tell=True)


def _pass_time(play: Player, by: timedelta) -> None:
    play.house.clock.advance(by)
    tell_of_clocks(play.job().additional_context["installation"])


def _expedite(play: Player, event_id: UUID) -> None:
    """The officer unblinds and looks, and then acts by what the paper says."""
    play.sign(OFFICER, None, make_regulator_copy, MakeRegulatorCopy(event_id=event_id, idempotency_key=play.key()))
    play.read(lambda session: open_copy(session, play.house.actor(session, OFFICER), event_id, 1))
    for clock_id in _clocks_of(play, event_id):
        command = DealWithReport(
            event_id=event_id, clock_id=clock_id, idempotency_key=play.key(), **_decision(play, event_id)
        )
        play.do(OFFICER, None, deal_with_report, command, tell=True)
    play.read(lambda session: open_expeditions(session, play.house.actor(session, OFFICER), event_id))


def _clocks_of(play: Player, event_id: UUID) -> list[str]:
    """The authorities' clocks that run, in their order."""
    return [
        due.clock_id for due in watched(play.house, event_id).dues if due.is_open and due.jurisdiction != "PROTOCOL"
    ]


def _decision(play: Player, event_id: UUID) -> dict[str, object]:
    code = play.read(lambda session: _code_of(session, event_id))
    if randomization.true_arms(play.house)[code] == KET:
        return {
            "decision": Expedition.SENT, "recipient": "The agency's gateway", "reference": "ACK-2026-000117",
            "note": "Sent with the narrative and the letter of discharge; receipt acknowledged.",
        }  # fmt: skip
    return {"decision": Expedition.NOT_EXPEDITED, "note": "Placebo."}


def _code_of(session, event_id: UUID) -> str:
    return get_participant(session, get_event(session, event_id).participant_id).code


def _change_of_mind(play: Player, event_id: UUID) -> None:
    """Follow-up information, a further narrative, a further verdict."""
    facts = events.facts(play.house, term="Seizure", verbatim="seizure at home", grade=3, hospitalization=True)
    update = UpdateAdverseEvent(event_id=event_id, facts=facts, reason="Letter.", kind="correction")
    play.do("investigator", "S1", update_adverse_event, update)
    further = WriteNarrative(event_id=event_id, text="A seizure; tomography was normal.", after=1, reason="Letter.")
    play.do(MONITOR, None, write_narrative, further, tell=True)
    play.do(MONITOR, None, assess_susar, AssessSusar(event_id=event_id, narrative="As before."), tell=True)
    play.sign(OFFICER, None, make_regulator_copy, MakeRegulatorCopy(event_id=event_id, idempotency_key=play.key()))
    _pass_time(play, timedelta(days=9))


def _tell_sites(play: Player) -> None:
    letter = play.do(
        "sponsor", None, issue_letter,
        IssueLetter(
            trial_id=play.house.trial.id, title="Seizures after infusions", idempotency_key=play.key(),
            body="Two participants had seizures at home and recovered.", asked_of_sites="Ask for a history of seizures.",
        ), tell=True,
    )  # fmt: skip
    given = AcknowledgeLetter(letter_id=letter.id, site_id=play.house.site_id("S1"), idempotency_key=play.key())
    play.sign("investigator", "S1", acknowledge_letter, given)


def _reconcile(play: Player) -> None:
    def sent_back(session):
        return our_listing(session, play.house.actor(session, MONITOR), play.house.trial.id)

    content = play.read(sent_back).replace("Seizure", "Syncope", 1)
    command = UploadListing(
        trial_id=play.house.trial.id, name="safety.csv", content=content, idempotency_key=play.key()
    )
    listing = play.do(MONITOR, None, upload_listing, command, tell=True)
    difference = play.read(lambda session: differences_of(session, listing.id))[0][0]
    answer = AnswerDifference(
        difference_id=difference.id, resolution=Resolution.THERE_CORRECTED, answer="They correct it."
    )
    play.do(MONITOR, None, answer_difference, answer, tell=True)
