"""Infusions in the script, what came of them, a code that was broken, and the paper work."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import select

from randomization.kits.dispensing import DispenseKit, dispense_kit, expected_kit
from randomization.pharmacy.handovers import ReceiveBag, receive_bag
from randomization.pharmacy.preparations import PrepareDose, VerifyPreparation, prepare_dose, verify_preparation
from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.register import AssessImpact, UnblindingReason, assess_impact, register_for
from tests.support import events, participants
from tests.support.participants import today
from tests.support.script.player import Player
from tests.support.script.situations import follow_up, letter, special_situations
from tests.support.script.world import KET
from trial.conduct.departures import EndReason, EndTreatment, end_treatment
from trial.conduct.deviations import RecordDeviation, record_deviation
from trial.conduct.guesses import Guesser, RecordGuess, record_guess
from trial.conduct.identities import RecordIdentity, record_identity
from trial.conduct.infusion_courses import InfusionOrder
from trial.conduct.queries import (
    AnswerQuery,
    DataDomain,
    RaiseQuery,
    answer_query,
    raise_query,
)


def treat(play: Player) -> None:
    first = {"S1": play.first[0], "S2": play.second[0]}
    for number in range(1, 6):
        play.house.clock.advance(timedelta(days=1))
        for site, one in first.items():
            give_infusion(play, site, one, number)
    after_the_infusions(play, first)


def give_infusion(play: Player, site: str, one: UUID, number: int) -> None:
    infusion_kit = play.read(lambda session: expected_kit(session, one))
    participants.order(play.house, one, number, weight_kg=70.0 if site == "S1" else 88.0)
    order_id = play.read(
        lambda session: session.exec(
            select(InfusionOrder.id).where(InfusionOrder.participant_id == one, InfusionOrder.infusion == number)
        ).one()
    )
    if number == 1:
        command = DispenseKit(participant_id=one, visit="INF1", number=infusion_kit, idempotency_key=play.key())
        play.do("coordinator", site, dispense_kit, command, tell=True)
    sheet = play.do(
        "pharmacist_unblinded", site, prepare_dose, PrepareDose(order_id=order_id, idempotency_key=play.key())
    )
    checked = VerifyPreparation(preparation_id=sheet.preparation_id, idempotency_key=play.key())
    play.do("monitor_unblinded", None, verify_preparation, checked)
    code = participants.participant(play.house, one).code
    bag = ReceiveBag(preparation_id=sheet.preparation_id, participant=code, idempotency_key=play.key())
    play.do("infusion_nurse", site, receive_bag, bag, tell=True)
    _record_infusion(play, site, one, number, infusion_kit)


def _record_infusion(play: Player, site: str, one: UUID, number: int, kit: str) -> None:
    command = participants.infusion_command(play.house, one, number, kit=kit)
    play.do("infusion_nurse", site, participants.record_infusion, command)
    if number in {1, 5}:
        nurse = Guesser.INFUSION_NURSE
        guess = RecordGuess(participant_id=one, occasion=f"INF{number}", guesser=nurse, guess=KET, certainty=4)
        play.do("infusion_nurse", site, record_guess, guess)


def after_the_infusions(play: Player, first: dict[str, UUID]) -> None:
    one, other = first["S1"], first["S2"]
    event = events.serious(play.house, one)
    events.assessed(play.house, event.id, "possible")
    events.signed(play.house, event.id)
    letter(play, event)
    follow_up(play, events.reported(play.house, other, infusion=2, onset_minute=30), "S2")
    special_situations(play, one)
    _break_code(play, one)
    _paper_work(play, other, play.first[1])


def _break_code(play: Player, one: UUID) -> None:
    """In an emergency. The arm that is shown to the investigator is not kept here either."""
    with play.house.database.transaction() as session:
        command = BreakCode(
            participant_id=one, reason=UnblindingReason.MEDICAL_NEED, note="Seizure.", idempotency_key=play.key()
        )
        break_code(
            session,
            play.house.actor(session, "investigator", "S1"),
            play.house.proof("investigator", "S1"),
            command,
        )
    monitor = "medical_monitor"
    entry = play.read(lambda session: register_for(session, play.house.actor(session, monitor), play.house.trial.id))[0]
    play.do(
        monitor, None, assess_impact, AssessImpact(unblinding_id=entry.id, impact="None seen.", bias_possible=False)
    )


def _paper_work(play: Player, other: UUID, third: UUID) -> None:
    day = today(play.house, "S2")
    who = RecordIdentity(participant_id=other, name="Hanna Muster", contact="+41 61 000 00 00")
    play.do("coordinator", "S2", record_identity, who)
    deviation = RecordDeviation(
        participant_id=other, category="visit_window", description="A day late.", happened_on=day
    )
    play.do("coordinator", "S2", record_deviation, deviation)
    question = RaiseQuery(participant_id=other, domain=DataDomain.CONDUCT, question="Which day was it?", visit="INF2")
    query = play.do("data_manager", None, raise_query, question)
    play.do("coordinator", "S2", answer_query, AnswerQuery(query_id=query.id, answer="The third."))
    ended = EndTreatment(participant_id=third, ended_on=day, reason=EndReason.PARTICIPANT_DECISION)
    play.do("coordinator", "S1", end_treatment, ended)
