"""An amendment that changes the allocation: those to come are taken from its list, site by site, and the past is kept."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from randomization.ledger.allocation_lists import AllocationList, NoListOfVersion
from randomization.ledger.allocations import allocations_of
from randomization.ledger.envelopes import EnvelopesSuperseded, MakeEnvelopes, envelope_stage, make_envelopes
from randomization.ledger.extensions import (
    ExtendList,
    ListNotContinued,
    can_extend,
    extend_list,
    sites_without_list,
)
from randomization.ledger.lists_in_use import ListMissing, lists_missing
from randomization.ledger.low_strata import stratum_levels_of
from randomization.ledger.reconciliation import reconcile_lists
from tests.support.house import House
from tests.support.participants import adopt, amended, ready_to_randomize
from tests.support.randomization import (
    confirmed_list,
    open_for_randomization,
    randomize,
    randomized,
    sealed_list,
    true_arms,
)
from tests.support.statements import listening
from tests.support.variants import variant
from trial.access.alerts import Alert, AlertKind
from trial.protocol.loader import LoadedProtocol
from trial.protocol.versions import VersionNotActive, VersionNotFound, add_version

NEW = "2.0"


def _amendment(house: House, loaded: LoadedProtocol | None = None) -> UUID:
    """From 1:1 in blocks to 3:1 without, active from now on."""
    house.clock.advance(timedelta(minutes=1))
    return amended(house, loaded=loaded or variant(ratio="{KET: 3, PBO: 1}", scheme="{name: complete}", version=NEW))


def _new_list(house: House, **design) -> AllocationList:
    return sealed_list(house, blocks=(), slots=24, **design)


def _taken_from(house: House) -> list[UUID]:
    with house.database.transaction() as session:
        return [one.list_id for one in allocations_of(session, house.trial.id)]


def _missing(house: House) -> list[ListMissing]:
    with house.database.transaction() as session:
        return lists_missing(session, house.trial.id)


def _left_over(house: House) -> tuple[str, ...]:
    with house.database.transaction() as session:
        return reconcile_lists(session, house.actor(session, "data_manager"), house.trial.id).left_over


def _levels(house: House) -> dict[tuple[str, str], tuple[int, int | None]]:
    with house.database.transaction() as session:
        found = stratum_levels_of(session, house.trial.id)
    return {(one.stratum, one.version): (one.used, one.left) for one in found}


def _extended(house: House, list_id: UUID, slots: int = 8) -> AllocationList:
    with house.database.transaction() as session:
        command = ExtendList(list_id=list_id, slots_per_stratum=slots, contribution=bytes(range(100, 132)))
        made = extend_list(session, house.actor(session, "statistician_randomization"), command)
    return confirmed_list(house, made.id)


def test_those_to_come_are_taken_from_the_amendments_list_where_it_is_adopted_and_the_past_is_kept(house: House):
    first = open_for_randomization(house)
    randomized(house, "S1")
    before = true_arms(house)
    version = _amendment(house)
    second = _new_list(house)
    adopt(house, version, "S1")
    randomized(house, "S1")
    randomized(house, "S2")
    assert _taken_from(house) == [first.id, second.id, first.id]
    adopt(house, version, "S2")
    randomized(house, "S2")
    assert _taken_from(house) == [first.id, second.id, first.id, second.id]
    assert {code: arm for code, arm in true_arms(house).items() if code in before} == before


def test_an_amendment_of_other_things_leaves_everybody_on_the_list(house: House):
    first = open_for_randomization(house)
    version = _amendment(house, variant(version="1.2"))
    adopt(house, version, "S1")
    randomized(house, "S1")
    further = _extended(house, first.id)
    randomized(house, "S2")
    assert _taken_from(house) == [first.id, first.id]
    assert further.protocol_version_id == version
    assert _missing(house) == []
    assert _left_over(house) == ()
    assert set(_levels(house).values()) == {(0, 32), (1, 31)}


def test_nobody_is_randomized_before_the_amendments_list_is_sealed(house: House):
    open_for_randomization(house)
    version = _amendment(house)
    adopt(house, version, "S1")
    waiting = ready_to_randomize(house, "S1")
    with pytest.raises(NoListOfVersion) as refused:
        randomize(house, waiting)
    assert refused.value.code == "list.none_of_version"
    assert "designs the list of version 2.0" in refused.value.sentence
    assert not any(arm in refused.value.sentence for arm in ("KET", "PBO"))
    randomized(house, "S2")
    second = _new_list(house)
    randomize(house, waiting)
    assert _taken_from(house)[-1] == second.id


def test_the_statistician_is_told_before_a_site_adopts_the_amendment(house: House):
    open_for_randomization(house)
    assert _missing(house) == []
    version = _amendment(house)
    assert _missing(house) == [ListMissing(NEW, ("S1", "S2"), in_force=False)]
    adopt(house, version, "S2")
    assert sorted(_missing(house), key=lambda one: one.sites) == [
        ListMissing(NEW, ("S1",), in_force=False),
        ListMissing(NEW, ("S2",), in_force=True),
    ]
    with house.database.transaction() as session:
        assert sites_without_list(session, house.trial.id) == ["S1", "S2"]
    _new_list(house, sites=("S2",))
    assert _missing(house) == [ListMissing(NEW, ("S1",), in_force=False)]
    _new_list(house, sites=("S1",))
    assert _missing(house) == []


def test_a_list_can_be_made_for_sites_that_have_not_adopted_the_amendment(house: House):
    sealed_list(house, sites=("S1",))
    _amendment(house)
    assert ListMissing("1.0", ("S2",), in_force=True) in _missing(house)
    made = sealed_list(house, sites=("S2",), version="1.0")
    assert made.protocol_version_id == house.version.id
    assert [one.version for one in _missing(house)] == [NEW]
    with pytest.raises(VersionNotFound):
        sealed_list(house, version="7.0")
    with house.database.transaction() as session:
        add_version(session, house.actor(session, "sponsor"), house.trial.id, variant(version="3.0"))
    with pytest.raises(VersionNotActive):
        sealed_list(house, version="3.0")


def test_a_list_is_continued_as_long_as_a_site_takes_from_it(house: House):
    first = open_for_randomization(house)
    version = _amendment(house)
    second = _new_list(house)
    adopt(house, version, "S1")
    further = _extended(house, first.id)
    assert further.protocol_version_id == house.version.id
    assert _extended(house, second.id).protocol_version_id == version
    adopt(house, version, "S2")
    with pytest.raises(ListNotContinued):
        _extended(house, first.id)
    with house.database.transaction() as session:
        assert [can_extend(session, one) for one in (first, second)] == [False, True]


def test_only_lists_that_serve_those_to_come_are_counted(house: House):
    """Two slots a stratum are low; superseded ones are not, and are no reserve of the new list either."""
    open_for_randomization(house, blocks=(2, 4), slots=2)
    version = _amendment(house)
    sealed_list(house, blocks=(), slots=24, sites=("S1",))
    adopt(house, version, "S1")
    levels = _levels(house)
    assert {left for (stratum, _), (_, left) in levels.items() if "S1" in stratum} == {24}
    assert {version for stratum, version in levels if "S1" in stratum} == {NEW}
    assert {left for (stratum, _), (_, left) in levels.items() if "S2" in stratum} == {2}
    randomized(house, "S1")
    assert _told_low(house) == []
    randomized(house, "S2")
    (sentence,) = _told_low(house)
    assert "has 1 slots left of 2." in sentence


def test_full_superseded_lists_do_not_hide_that_the_new_one_runs_low(house: House):
    open_for_randomization(house)
    version = _amendment(house)
    sealed_list(house, blocks=(), slots=3)
    adopt(house, version, "S1")
    randomized(house, "S1")
    (sentence,) = _told_low(house)
    assert "has 2 slots left of 3." in sentence


def _told_low(house: House) -> list[str]:
    with house.database.transaction() as session:
        return list(session.exec(select(Alert.sentence).where(Alert.kind == AlertKind.STRATUM_LOW)))


def test_what_a_superseded_list_still_holds_is_told_with_the_reason_and_without_an_arm(house: House):
    first = open_for_randomization(house, slots=4, blocks=(2, 4))
    one = ready_to_randomize(house, "S1")
    randomize(house, one)
    version = _amendment(house)
    _new_list(house)
    assert _left_over(house) == ()
    adopt(house, version, "S1")
    told = _left_over(house)
    assert len(told) == 6
    assert all("site=S1" in sentence and f"(list {first.ordinal}, main)" in sentence for sentence in told)
    assert sum(sentence.startswith("Positions 2 to 4 of stratum") for sentence in told) == 1
    assert sum(sentence.startswith("Positions 1 to 4 of stratum") for sentence in told) == 5
    assert all(
        "made for version 1.0 of the protocol, and version 2.0, in force there now, allocates otherwise." in sentence
        for sentence in told
    )
    assert not any(arm in " ".join(told) for arm in ("KET", "PBO", "Ketamine", "Placebo"))


def test_no_envelopes_are_made_from_a_list_that_an_amendment_has_superseded(house: House):
    open_for_randomization(house)
    stage = envelope_stage("S1")
    old = sealed_list(house, blocks=(2, 4), slots=2, sites=("S1",), stage=stage)
    version = _amendment(house)
    adopt(house, version, "S1")
    with pytest.raises(EnvelopesSuperseded):
        _envelopes(house, old)
    new = sealed_list(house, blocks=(), slots=2, sites=("S1",), stage=stage)
    assert len(_envelopes(house, new)) == 12


def _envelopes(house: House, made: AllocationList):
    with house.database.transaction() as session:
        command = MakeEnvelopes(list_id=made.id, site_id=house.site_id("S1"), idempotency_key=str(uuid4()))
        return make_envelopes(session, house.actor(session, "statistician_unblinded"), command)


def test_the_next_position_costs_one_statement_with_many_lists_too(house: House):
    first = open_for_randomization(house)
    version = _amendment(house)
    _new_list(house)
    adopt(house, version, "S1")
    _extended(house, first.id)
    randomized(house, "S1")
    waiting = ready_to_randomize(house, "S1")
    with listening() as said:
        randomize(house, waiting)
    assert sum("FROM trial.allocation_list JOIN trial.stratum_counter" in one for one in said) == 1
    assert not any("protocol_version.text" in one for one in said)
    assert any("UPDATE trial.stratum_counter" in one for one in said)
