"""Attacks on the seal: a query under the blinded role, a refusal that could tell, a slot that was altered or swapped."""

from itertools import product
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import select

from randomization.holders import data_key_of
from randomization.kits import contents
from randomization.kits.dispensing import SetAsideKit, set_aside_kit
from randomization.kits.kits import Kit
from randomization.kits.shelves import KitAltered, NoUsableKit
from randomization.ledger.allocation_lists import lock_next_counter
from randomization.ledger.randomize import ListRolledBack
from randomization.ledger.seats import take_seat
from randomization.sealing import SealBroken, WrongKey
from tests.support.doors import open_doors
from tests.support.house import PASSWORD, House
from tests.support.participants import participant, protocol_at, ready_to_randomize
from tests.support.randomization import (
    arms_of_kits,
    open_for_randomization,
    randomize,
    randomized,
    true_arms,
)
from tests.support.statements import listening
from trial.access.alerts import Alert, AlertKind
from trial.database.records import metadata
from trial.database.session import Database, strongroom
from trial.keyring import Keyring
from trial.keys import MasterKey

SEALED_TABLES = sorted(table.key for table in metadata.tables.values() if table.schema == "sealed")


def test_the_blinded_role_reads_no_sealed_table(house: House):
    for table in SEALED_TABLES:
        with house.database.session() as session, pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(text(f"SELECT 1 FROM {table}"))


def test_the_login_role_itself_reads_no_sealed_table(app_url: str):
    with psycopg.connect(app_url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        for table in SEALED_TABLES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT 1 FROM {table}")


def test_there_are_sealed_tables_to_protect():
    assert {"sealed.slot", "sealed.kit_content", "sealed.data_key", "sealed.list_matter"} <= set(SEALED_TABLES)


def _set_aside(house: House, arm: str) -> None:
    arms = arms_of_kits(house)
    with house.database.transaction() as session:
        coordinator = house.actor(session, "coordinator", "S1")
        for kit in session.exec(select(Kit).where(Kit.site_id == house.site_id("S1"))).all():
            if arms[kit.number] == arm and kit.status.value == "available":
                command = SetAsideKit(trial_id=house.trial.id, number=kit.number, reason="too warm")
                set_aside_kit(session, coordinator, command)


@pytest.mark.parametrize("missing", ["KET", "PBO"])
def test_the_refusal_is_the_same_whichever_arm_lies_on_the_slot(house: House, missing: str):
    open_for_randomization(house)
    _set_aside(house, missing)
    told: list[tuple[str, str, list[str]]] = []
    pains = ("neuropathic", "nociplastic", "nociceptive_or_mixed")
    for opioid_use, pain_type in product(("yes", "no"), pains):
        facts = {("baseline", "opioid_use"): opioid_use, ("baseline", "pain_type"): pain_type}
        participant_id = ready_to_randomize(house, "S1", facts)
        with listening() as statements, pytest.raises(NoUsableKit) as refused:
            randomize(house, participant_id)
        told.append((refused.value.code, refused.value.sentence, list(statements)))
    assert all(one == told[0] for one in told)
    assert any("sealed.kit_content" in statement for statement in told[0][2])
    assert not any("sealed.slot" in statement for statement in told[0][2])
    assert {_first_arm(house, stratum) for stratum in _strata(house)} == {"KET", "PBO"}


def _strata(house: House) -> list[str]:
    with house.database.transaction() as session:
        return list(
            session.execute(text("SELECT stratum FROM trial.stratum_counter WHERE stratum LIKE '%S1'")).scalars()
        )


def _first_arm(house: House, stratum: str) -> str:
    with house.database.session() as session:
        allocation_list, counter = lock_next_counter(session, house.trial.id, "main", stratum, protocol_at(house))
        with strongroom(session):
            return take_seat(session, data_key_of(session, str(allocation_list.id)), allocation_list, counter, 1, {})


_GUARDED = ("sealed.slot", "sealed.kit_content", "trial.kit")


def _as_owner(owner_url: str, statement: str) -> None:
    """What an owner of the database can do: switch the triggers off and write."""
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        for table in _GUARDED:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute(statement)
        for table in _GUARDED:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sealed.slot SET content = set_byte(content, 40, get_byte(content, 40) # 1)",
        "UPDATE sealed.slot AS a SET content = b.content FROM sealed.slot AS b"
        " WHERE a.counter_id = b.counter_id AND a.position = 1 AND b.position = 2",
        "UPDATE sealed.slot AS a SET content = b.content, commitment = b.commitment FROM sealed.slot AS b"
        " WHERE a.counter_id <> b.counter_id AND a.position = b.position",
        "UPDATE sealed.slot SET commitment = set_byte(commitment, 3, get_byte(commitment, 3) # 1)",
        "DELETE FROM sealed.slot",
    ],
    ids=["tampered", "swapped within a stratum", "swapped between strata", "commitment changed", "removed"],
)
def test_a_slot_that_was_altered_or_swapped_stops_the_list_and_leaves_nothing(house: House, owner_url, statement):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    _as_owner(owner_url, statement)
    with pytest.raises(SealBroken):
        randomize(house, participant_id)
    assert true_arms(house) == {}


def test_a_counter_that_was_rolled_back_gives_no_slot_twice(house: House, owner_url: str):
    """As after a backup of one table: the slots behind the counter are taken, so nobody gets one of them again."""
    open_for_randomization(house)
    for _ in range(2):
        randomized(house)
    given, again = true_arms(house), ready_to_randomize(house)
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute("ALTER TABLE trial.stratum_counter DISABLE TRIGGER USER")
        connection.execute("UPDATE trial.stratum_counter SET next_position = 1")
        connection.execute("ALTER TABLE trial.stratum_counter ENABLE TRIGGER USER")
    with pytest.raises(ListRolledBack, match="put back to an older state"):
        randomize(house, again)
    assert true_arms(house) == given
    elsewhere = ready_to_randomize(house, "S2")
    randomize(house, elsewhere)


def test_contents_of_two_kits_that_were_swapped_are_refused(house: House, owner_url: str):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    _as_owner(
        owner_url,
        "UPDATE sealed.kit_content AS a SET content = b.content FROM sealed.kit_content AS b WHERE a.kit_id < b.kit_id",
    )
    with pytest.raises(SealBroken):
        randomize(house, participant_id)


def test_numbers_of_two_kits_that_were_swapped_are_refused(house: House, owner_url: str):
    """The content is bound to the number on the label: with another one nobody is randomized."""
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    with house.database.session() as session:
        found = session.exec(select(Kit).where(Kit.site_id == house.site_id("S1")).order_by(Kit.number).limit(2)).all()
    first, second = ((kit.id, kit.number) for kit in found)
    for (kit_id, _), number in ((first, "0"), (second, first[1]), (first, second[1])):
        _as_owner(owner_url, f"UPDATE trial.kit SET number = '{number}' WHERE id = '{kit_id}'")
    with pytest.raises(KitAltered, match=f"kit {first[1]} "):
        randomize(house, participant_id)
    assert true_arms(house) == {}


def test_kits_that_were_sealed_without_their_number_are_used_as_before(house: House, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(contents, "_part", lambda kit_id, _number: str(kit_id))
        open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    randomize(house, participant_id)
    assert len(arms_of_kits(house)) == 64


def test_a_kit_that_was_altered_is_named_and_the_site_goes_on_without_it(house: House, owner_url: str):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    with house.database.session() as session:
        kit = session.exec(select(Kit).where(Kit.site_id == house.site_id("S1"))).first()
    assert kit is not None
    changed = "UPDATE sealed.kit_content SET content = set_byte(content, 40, get_byte(content, 40) # 1)"
    _as_owner(owner_url, f"{changed} WHERE kit_id = '{kit.id}'")
    with pytest.raises(KitAltered, match=f"kit {kit.number} "):
        randomize(house, participant_id)
    assert true_arms(house) == {}
    with house.database.transaction() as session:
        command = SetAsideKit(trial_id=house.trial.id, number=kit.number, reason="altered in the database")
        set_aside_kit(session, house.actor(session, "coordinator", "S1"), command)
    randomize(house, participant_id)


def test_another_master_key_opens_nothing(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)

    class Other:
        def master_key(self) -> MasterKey:
            return MasterKey(b"o" * 32)

    stolen = Database(
        house.database.engine,
        Keyring(vault=house.database.keyring.vault, sealing=Other()),
        clock=house.clock,
        entropy=house.database.entropy,
    )
    right, house.database = house.database, stolen
    with pytest.raises(WrongKey):
        randomize(house, participant_id)
    house.database = right
    randomize(house, participant_id, key=str(uuid4()))


def test_no_row_that_the_blinded_role_can_read_differs_between_arms_but_by_chance(house: House):
    """Everything readable of an allocation, but ids, numbers and times, is the same for both arms."""
    open_for_randomization(house)
    for _ in range(6):
        randomized(house)
    arms = true_arms(house)
    assert set(arms.values()) == {"KET", "PBO"}
    with house.database.transaction() as session:
        rows = session.execute(
            text(
                "SELECT participant.code, kit.status, kit.use_by, shipment.number, allocation.stratum, allocation.stage"
                " FROM trial.allocation JOIN trial.participant ON participant.id = allocation.participant_id"
                " JOIN trial.kit ON kit.id = allocation.kit_id JOIN trial.shipment ON shipment.id = kit.shipment_id"
            )
        ).all()
    assert len({tuple(row)[1:] for row in rows}) == 1


def test_a_list_that_was_altered_is_held_as_a_whole_and_those_who_make_lists_are_told(house: House, owner_url: str):
    """One slot of one stratum; the people of the next stratum are not randomized from that list either."""
    open_for_randomization(house)
    first = ready_to_randomize(house, facts={("baseline", "pain_type"): "neuropathic"})
    other = ready_to_randomize(house, facts={("baseline", "pain_type"): "nociplastic"})
    _as_owner(
        owner_url,
        "DELETE FROM sealed.slot USING trial.stratum_counter AS counter WHERE counter.id = counter_id"
        " AND counter.stratum LIKE '%pain_type=neuropathic%'",
    )
    with open_doors(house) as doors, doors.client(doors.username("coordinator", "S1")) as coordinator:
        refused = [
            coordinator.post(
                f"/api/v1/trials/{house.trial.code}/participants/{participant(house, one).code}/randomization",
                json={"password": PASSWORD},
                headers={"X-CSRF-Token": coordinator.csrf, "Idempotency-Key": str(uuid4())},
            ).json()
            for one in (first, first, other)
        ]
    assert [one["code"] for one in refused] == ["list.altered", "list.held", "list.held"]
    assert true_arms(house) == {}
    with house.database.session() as session:
        told = session.exec(select(Alert).where(Alert.kind == AlertKind.LIST_HELD)).all()
    assert sorted(one.role for one in told) == ["sponsor", "statistician_randomization", "statistician_unblinded"]
    assert {one.sentence for one in told} == {
        "List 1 (main) is held because what is stored of it does not hold: it was altered, or put back to an older state."
    }
