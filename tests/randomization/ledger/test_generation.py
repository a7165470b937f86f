"""How a list comes to be: two people, one seed, one commitment."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from randomization.ledger.allocation_lists import (
    AllocationList,
    ListAlreadySealed,
    ListStatus,
    StratumCounter,
    list_facts,
    lists_of,
)
from randomization.ledger.generation import (
    ConfirmList,
    DesignList,
    SecondPersonNeeded,
    SiteRoleHeld,
    confirm_list,
    design_list,
    published_commitment,
)
from randomization.lists import ListDesignInvalid
from randomization.sealing import merkle_root
from randomization.seeds import ContributionInvalid, ContributionsNotTwo
from randomization.verification import check_root
from tests.support.house import House
from tests.support.randomization import FIRST, SECOND, confirmed_list, designed_list, randomized, sealed_list, stocked
from trial.access.actors import Actor, HeldRole
from trial.audit.anchors import read_head
from trial.errors import NotPermitted
from trial.protocol.loader import load_shipped


def test_a_designed_list_is_not_sealed_and_has_no_slots(house: House):
    made = designed_list(house)
    assert made.status is ListStatus.DESIGNED
    assert made.root is None
    with house.database.transaction() as session:
        assert session.exec(select(StratumCounter)).all() == []


def test_a_confirmed_list_holds_every_stratum_and_publishes_a_root_over_all_slots(house: House):
    made = sealed_list(house, slots=12)
    with house.database.transaction() as session:
        strata = session.exec(select(StratumCounter.stratum).order_by(StratumCounter.ordinal)).all()
        published = published_commitment(session, made)
    assert len(strata) == 2 * 2 * 3
    assert strata[0] == "opioid_use=yes&pain_type=neuropathic&site=S1"
    assert len(published.slots) == 12 * 12
    check_root(published)
    assert merkle_root(published.slots).hex() == made.root


def test_who_designed_a_list_does_not_confirm_it(house: House):
    made = designed_list(house)
    with house.database.transaction() as session:
        designer = house.actor(session, "statistician_randomization")
        both = Actor(
            designer.kind,
            designer.key,
            designer.display_name,
            (*designer.roles, HeldRole("statistician_unblinded", house.trial.id)),
        )
        with pytest.raises(SecondPersonNeeded):
            confirm_list(session, both, ConfirmList(list_id=made.id, contribution=SECOND))


@pytest.mark.parametrize("role", ["coordinator", "sponsor", "statistician_blinded", "administrator", "dsmb_chair"])
def test_nobody_else_designs_or_confirms_a_list(house: House, role: str):
    made = designed_list(house)
    with house.database.session() as session:
        actor = house.actor(session, role)
        with pytest.raises(NotPermitted):
            design_list(
                session,
                actor,
                DesignList(trial_id=house.trial.id, block_sizes=(4, 6), slots_per_stratum=8, contribution=FIRST),
            )
        with pytest.raises(NotPermitted):
            confirm_list(session, actor, ConfirmList(list_id=made.id, contribution=SECOND))


def test_a_person_with_a_role_at_a_site_takes_no_part(house: House):
    with house.database.session() as session:
        designer = house.actor(session, "statistician_randomization")
        at_a_site = Actor(
            designer.kind,
            designer.key,
            designer.display_name,
            (*designer.roles, HeldRole("monitor", house.trial.id, house.site_id("S1"))),
        )
        command = DesignList(trial_id=house.trial.id, block_sizes=(4, 6), slots_per_stratum=8, contribution=FIRST)
        with pytest.raises(SiteRoleHeld):
            design_list(session, at_a_site, command)


def test_a_list_is_confirmed_once(house: House):
    made = sealed_list(house)
    with pytest.raises(ListAlreadySealed):
        confirmed_list(house, made.id)


def test_both_contributions_must_be_random_and_different(house: House):
    made = designed_list(house)
    with house.database.session() as session:
        second = house.actor(session, "statistician_unblinded")
        with pytest.raises(ContributionsNotTwo):
            confirm_list(session, second, ConfirmList(list_id=made.id, contribution=FIRST))
    with house.database.session() as session, pytest.raises(ContributionInvalid):
        confirm_list(session, second, ConfirmList(list_id=made.id, contribution=bytes(32)))


def test_a_refused_confirmation_leaves_the_list_designed(house: House):
    made = designed_list(house)
    with house.database.session() as session, pytest.raises(ContributionsNotTwo):
        second = house.actor(session, "statistician_unblinded")
        confirm_list(session, second, ConfirmList(list_id=made.id, contribution=FIRST))
    assert confirmed_list(house, made.id).status is ListStatus.SEALED


@pytest.mark.parametrize(("blocks", "slots"), [((4,), 12), ((3, 5), 12), ((), 0)])
def test_block_sizes_that_do_not_fit_the_protocol_are_refused(house: House, blocks: tuple[int, ...], slots: int):
    with pytest.raises(ListDesignInvalid):
        designed_list(house, blocks=blocks, slots=slots)


def test_minimization_takes_no_block_sizes(database, clock):
    house = House.build(database, clock, loaded=load_shipped("second"))
    with pytest.raises(ListDesignInvalid):
        designed_list(house, blocks=(4, 8))
    assert sealed_list(house, blocks=()).scheme == "minimization"


def test_facts_for_the_anchor_name_roots_and_positions(house: House):
    made = sealed_list(house)
    designed_list(house)
    stocked(house)
    randomized(house)
    with house.database.transaction() as session:
        (fact,) = list_facts(session)
        assert len(lists_of(session, house.trial.id)) == 2
    assert (fact["trial"], fact["root"], fact["design"]) == ("TEST-1", made.root, made.design_commitment)
    assert sorted(fact["used"].values()) == [0] * 11 + [1]


def test_neither_block_sizes_nor_contributions_stand_in_any_readable_place(house: House):
    """The audit, the commands and the tables that the blinded role may read hold no trace of what was designed."""
    designed = designed_list(house, blocks=(14, 26))
    confirmed_list(house, designed.id)
    with house.database.transaction() as session:
        read_head(session)
        entries = "\n".join(session.execute(text("SELECT content FROM audit.entry")).scalars())
    for secret in (FIRST.hex(), SECOND.hex(), "block_sizes", '"sizes"', "14, 26", "14,26"):
        assert secret not in entries
    command = DesignList(trial_id=house.trial.id, block_sizes=(14, 26), slots_per_stratum=26, contribution=FIRST)
    assert "14" not in repr(command).replace(str(house.trial.id), "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial.allocation_list SET root = repeat('0', 64)",
        "UPDATE trial.stratum_counter SET slots = 5",
        "DELETE FROM trial.allocation_list",
    ],
)
def test_a_sealed_list_refuses_any_change(house: House, statement: str):
    sealed_list(house)
    with house.database.session() as session, pytest.raises(DBAPIError):
        session.execute(
            text("SELECT set_config('equipoise.actor', 'x', true), set_config('equipoise.action', 'x', true)")
        )
        session.execute(text(statement))
    with house.database.transaction() as session:
        assert session.exec(select(AllocationList)).one().root != "0" * 64
