"""The context of a report is that of its snapshot: what the sponsor decides later moves neither its numbers nor its looks."""

from datetime import timedelta

from api.jobs.contexts import report_context
from tests.randomization.ledger.test_planned_numbers import change
from tests.support.house import House
from tests.support.locking import cut_off
from tests.support.participants import participant, pretend_randomized, registered
from tests.support.replacing import leave, stand_in
from tests.support.variants import variant
from trial.locks.snapshots import get_snapshot, load_snapshot


def numbers(house: House, cutoff) -> tuple[int, int, int]:
    with house.database.reading() as session:
        context = report_context(session, get_snapshot(session, cutoff.snapshot_id))
    return context.planned_participants, context.designed_participants, context.information_basis


def test_the_planned_number_of_a_report_is_that_of_its_cut_off_and_information_rests_on_the_design(house: House):
    early = cut_off(house)
    house.clock.advance(timedelta(minutes=1))
    change(house, 60)
    late = cut_off(house)
    house.clock.advance(timedelta(minutes=1))
    change(house, 50)
    assert numbers(house, early) == (40, 40, 40)
    assert numbers(house, late) == (60, 40, 40)


def test_a_snapshot_tells_who_stands_in_for_whom(database, clock):
    house = House.build(database, clock, loaded=variant(replaces="{when: before_first_dose, at_most: 2}"))
    first, second = (leave(house, pretend_randomized(house)) for _ in range(2))
    newcomer, other = registered(house), registered(house)
    stand_in(house, newcomer, first)
    stand_in(house, newcomer, second, "typed wrong")
    stand_in(house, other, first)
    stand_in(house, other, None, "is nobody's replacement")
    with house.database.transaction() as session:
        told = load_snapshot(session, cut_off(house).snapshot_id)["replacements"].rows()
    assert told == [(participant(house, newcomer).code, second)]
