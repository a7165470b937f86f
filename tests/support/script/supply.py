"""Kits in the script: shelves filled unequally, replaced, spoilt, destroyed, counted, and run out of one arm."""

from datetime import date, timedelta

from sqlmodel import select

from randomization.kits.counts import CountStock, count_stock
from randomization.kits.destruction import DestroyKits, WitnessDestruction, destroy_kits, witness_destruction
from randomization.kits.dispensing import SetAsideKit, expected_kit, set_aside_kit
from randomization.kits.excursions import (
    DecideExcursion,
    RecordExcursion,
    Verdict,
    decide_excursion,
    record_excursion,
)
from randomization.kits.kits import Kit, KitStatus, kits_of_status
from randomization.kits.replacements import ReplaceKit, replace_kit
from randomization.kits.resupply import PlanSupply, ReviewSupply, plan_supply, review_supply
from randomization.kits.returns import SendBackKits, TakeBackKit, send_back_kits, take_back_kit
from randomization.kits.shipments import ReceiveKits, ShipKits, ShippedLot, kits_in, receive_kits, ship_kits
from tests.support.script.player import Player
from tests.support.script.world import KET, PBO

FIRST_LOTS = {"S1": ((KET, "A-17", date(2027, 6, 30), 8), (PBO, "B-04", date(2026, 11, 30), 5)),
              "S2": ((KET, "A-18", date(2027, 3, 31), 6), (PBO, "B-05", date(2026, 12, 31), 4))}  # fmt: skip


def fill_shelf(play: Player, site: str) -> None:
    sent = play.do("supply_manager_unblinded", None, ship_kits, _shipment(play, site), tell=True)
    with play.house.database.transaction() as session:
        numbers = [kit.number for kit in kits_in(session, sent.id)]
    command = ReceiveKits(
        shipment_id=sent.id, lost=(numbers[3],), quarantined=(numbers[6],), idempotency_key=play.key()
    )
    play.do("coordinator", site, receive_kits, command, tell=True)


def _shipment(play: Player, site: str) -> ShipKits:
    exchange = play.world.exchange
    lots = FIRST_LOTS[site]
    if exchange.packing:
        packed = exchange.packing[len(play.world.facts.packed)]
        lots = tuple((arm, lot, until, packed.count(arm)) for arm, lot, until, _ in lots)
    return ShipKits(
        trial_id=play.house.trial.id,
        site_id=play.house.site_id(site),
        lots=tuple(
            ShippedLot(arm=exchange.arm_of(arm), lot=lot, expires_on=until, kits=kits) for arm, lot, until, kits in lots
        ),
        idempotency_key=play.key(),
    )


def lives_of_kits(play: Player) -> None:
    """At S1: a kit replaced and taken back, others spoilt, destroyed and returned, and a count that differs."""
    site, one = "S1", play.first[0]
    number = play.read(lambda session: expected_kit(session, one))
    broken = ReplaceKit(participant_id=one, number=number, reason="Broken.", idempotency_key=play.key())
    second = play.do("coordinator", site, replace_kit, broken, tell=True).kit_number
    back = TakeBackKit(participant_id=one, number=second, units=1, idempotency_key=play.key())
    play.do("infusion_nurse", site, take_back_kit, back, tell=True)
    spoilt = _spoilt(play, site)
    sent = SendBackKits(
        site_id=play.house.site_id(site), numbers=(spoilt[0],), reason="Spoilt.", idempotency_key=play.key()
    )
    play.do("coordinator", site, send_back_kits, sent, tell=True)
    _destroyed(play, site, (spoilt[1], second))
    differs = CountStock(site_id=play.house.site_id(site), counted=2, reason="Looked for.", idempotency_key=play.key())
    play.do("coordinator", site, count_stock, differs, tell=True)


def _spoilt(play: Player, site: str) -> list[str]:
    """The first two kits on the shelf, by number, after a night too warm."""
    on_shelf = play.read(lambda session: kits_of_status(session, play.house.site_id(site), {KitStatus.AVAILABLE}))
    numbers = [kit.number for kit in on_shelf][:2]
    now = play.house.clock.now()
    warm = RecordExcursion(
        site_id=play.house.site_id(site), began_at=now - timedelta(hours=8), ended_at=now, lowest_c=20, highest_c=33,
        numbers=tuple(numbers), what="Open overnight.", idempotency_key=play.key(),
    )  # fmt: skip
    excursion = play.do("coordinator", site, record_excursion, warm, tell=True)
    verdict = DecideExcursion(
        excursion_id=excursion.id, verdict=Verdict.REJECTED, reason="Too warm for too long.",
        idempotency_key=play.key(),
    )  # fmt: skip
    play.do("coordinator", site, decide_excursion, verdict, tell=True)
    return numbers


def _destroyed(play: Player, site: str, numbers: tuple[str, ...]) -> None:
    command = DestroyKits(
        site_id=play.house.site_id(site), numbers=numbers, method="Burnt.", idempotency_key=play.key()
    )
    made = play.sign("coordinator", site, destroy_kits, command)
    seen = WitnessDestruction(destruction_id=made.id, seen=True, idempotency_key=play.key())
    play.sign("monitor", site, witness_destruction, seen)


def weekly_review(play: Player) -> None:
    """The weekly review: what it proposes is the same for every sequence of arms."""
    trial_id, weekday = play.house.trial.id, play.house.clock.now().date().weekday()
    plan = PlanSupply(
        trial_id=trial_id, times=1, weekday=weekday, lead_days=14, confidence=0.95, idempotency_key=play.key()
    )
    play.do("supply_manager_unblinded", None, plan_supply, plan)
    asked = ReviewSupply(trial_id=trial_id, idempotency_key=play.key())
    play.do("supply_manager_unblinded", None, review_supply, asked, tell=True)


def run_out_of_one_arm(play: Player) -> None:
    """All kits of one arm at S2 are set aside, by their numbers; then nobody is randomized, whatever slot is next."""
    play.world.given_before_running_out = len(play.world.facts.taken)
    play.world.set_aside = play.world.set_aside or _kits_of_one_arm(play, "S2")
    for number in play.world.set_aside:
        command = SetAsideKit(trial_id=play.house.trial.id, number=number, reason="Storage in doubt.")
        play.do("coordinator", "S2", set_aside_kit, command, tell=True)
    play.randomize(play.second[3])


def _kits_of_one_arm(play: Player, site: str) -> tuple[str, ...]:
    arms = {kit: arm for packed in play.world.facts.packed for kit, arm in packed}
    wanted = select(Kit).where(Kit.site_id == play.house.site_id(site), Kit.status == KitStatus.AVAILABLE)
    kits = play.read(lambda session: session.exec(wanted.order_by(Kit.number)).all())
    return tuple(kit.number for kit in kits if arms[kit.id] == PBO)
