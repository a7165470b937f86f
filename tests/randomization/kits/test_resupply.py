"""Resupply: sets, days and simulated demand; what is proposed follows public counts alone."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlmodel import select

from randomization.kits.demand import SiteSupply, chance_of_running_out, sets_needed
from randomization.kits.kits import Kit, KitStatus
from randomization.kits.resupply import (
    AlreadyReviewed,
    ArmLot,
    LotsIncomplete,
    NoSupplyPlan,
    NotReviewDay,
    PlanSupply,
    ReviewSupply,
    ShipSets,
    StockReading,
    packing_list,
    plan_supply,
    review_supply,
    sealed_stock,
    ship_sets,
)
from tests.support.house import House
from tests.support.randomization import arms_of_kits, open_for_randomization, randomized, stocked
from trial.errors import NotPermitted

UNTIL = date(2027, 6, 30)


def _do(house: House, service, command, role: str = "supply_manager_unblinded"):
    with house.database.transaction() as session:
        return service(session, house.actor(session, role), command)


def _plan(house: House, *, times: int = 2, weekday: int = 0, confidence: float = 0.95):
    command = PlanSupply(
        trial_id=house.trial.id,
        times=times,
        weekday=weekday,
        lead_days=14,
        confidence=confidence,
        idempotency_key=str(uuid4()),
    )
    return _do(house, plan_supply, command)


def _review(house: House, key: str | None = None):
    return _do(house, review_supply, ReviewSupply(trial_id=house.trial.id, idempotency_key=key or str(uuid4())))


def _supply(**changes) -> SiteSupply:
    given = {"ratio": (1, 1), "kits_each": 1, "received": 32, "usable": 32, "per_day": 0.1, "days": 21}
    return SiteSupply(**{**given, **changes})


def test_more_kits_make_running_out_less_likely_and_more_people_more():
    chances = [chance_of_running_out(_supply(received=kits, usable=kits)) for kits in (4, 8, 16, 32)]
    assert chances == sorted(chances, reverse=True)
    assert chance_of_running_out(_supply(per_day=1.0)) > chance_of_running_out(_supply(per_day=0.2))
    assert chance_of_running_out(_supply(received=0, usable=0)) == 1.0
    assert chance_of_running_out(_supply(per_day=0.0)) == 0.0


def test_the_chance_agrees_with_counting_it_out():
    """One day, nobody used any: a kit of each arm is left unless the people of one arm took all of its four."""
    from math import exp, factorial

    rate = 3.0
    per_arm = sum(exp(-rate / 2) * (rate / 2) ** k / factorial(k) for k in range(4))
    exact = 1 - per_arm**2  # people of two arms are independent when their sum is Poisson
    found = chance_of_running_out(_supply(received=8, usable=8, per_day=rate, days=1))
    assert found == pytest.approx(exact, abs=0.025)


def test_sets_are_the_fewest_that_reach_the_confidence():
    supply = _supply(received=4, usable=2, per_day=0.4)
    sets = sets_needed(supply, 4, 0.95, most=12)
    assert 0 < sets < 12
    assert chance_of_running_out(supply, sets, 4) <= 0.05 < chance_of_running_out(supply, sets - 1, 4)
    assert sets_needed(_supply(per_day=50.0), 4, 0.95, most=3) == 3


def test_a_review_happens_on_its_day_alone_and_once(house: House):
    with pytest.raises(NoSupplyPlan):
        _review(house)
    today = house.clock.now().date().weekday()
    _plan(house, weekday=(today + 1) % 7)
    with pytest.raises(NotReviewDay):
        _review(house)
    house.clock.advance(timedelta(minutes=1))
    _plan(house, weekday=today)
    key = str(uuid4())
    assert {one.site_id for one in _review(house, key)} == {house.site_id(site) for site in house.sites}
    assert len(_review(house, key)) == len(house.sites)
    with pytest.raises(AlreadyReviewed):
        _review(house)
    house.clock.advance(timedelta(days=7))
    assert len(_review(house)) == len(house.sites)


@pytest.mark.parametrize("kits", [{"KET": 10, "PBO": 6}, {"KET": 6, "PBO": 10}, {"KET": 8, "PBO": 8}])
def test_what_is_proposed_follows_totals_and_no_arm(house: House, kits: dict[str, int]):
    """The same total, whatever the arms: the same sets and the same chance."""
    open_for_randomization(house)
    stocked(house, "S2", kits)
    _plan(house, weekday=house.clock.now().date().weekday())
    (one,) = [review for review in _review(house) if review.site_id == house.site_id("S2")]
    assert (one.usable, one.sets, one.chance) == (48, 0, 0.0)


def test_an_empty_site_is_sent_sets_and_a_full_one_none(house: House):
    stocked(house, "S1")
    _plan(house, weekday=house.clock.now().date().weekday())
    by_site = {one.site_id: one for one in _review(house)}
    assert by_site[house.site_id("S1")].sets == 0
    assert by_site[house.site_id("S2")].sets > 0


def test_sets_are_whole_and_hold_every_arm(house: House):
    _plan(house, times=3)
    command = ShipSets(
        trial_id=house.trial.id,
        site_id=house.site_id("S1"),
        sets=2,
        lots=tuple(ArmLot(arm=arm, lot=f"L-{arm}", expires_on=UNTIL) for arm in ("KET", "PBO")),
        idempotency_key=str(uuid4()),
    )
    shipment = _do(house, ship_sets, command)
    assert _do(house, ship_sets, command).id == shipment.id
    assert shipment.kits == 12
    assert sorted(arms_of_kits(house).values()) == ["KET"] * 6 + ["PBO"] * 6
    with pytest.raises(LotsIncomplete):
        _do(house, ship_sets, command.model_copy(update={"lots": command.lots[:1]}))
    with house.database.transaction() as session:
        listed = packing_list(session, house.actor(session, "supply_manager_unblinded"), shipment)
    assert {number: arm for number, arm, _ in listed} == arms_of_kits(house)


def test_stock_by_arm_is_for_the_supply_manager_and_leaves_a_record(house: House):
    open_for_randomization(house)
    _plan(house)
    randomized(house)
    with house.database.transaction() as session:
        seen = sealed_stock(session, house.actor(session, "supply_manager_unblinded"), house.site_id("S1"))
        usable = session.exec(select(Kit).where(Kit.site_id == house.site_id("S1"), Kit.status == KitStatus.AVAILABLE))
        assert sum(seen.usable.values()) == len(usable.all()) == 31
    assert "16" not in repr(seen)
    with house.database.session() as session:
        assert len(session.exec(select(StockReading)).all()) == 1
        for role in ("sponsor", "coordinator", "monitor"):
            with pytest.raises(NotPermitted):
                sealed_stock(session, house.actor(session, role), house.site_id("S1"))
