"""Yesterday's backup restored over today: what was allocated since comes back from its receipts, to its own slot and kit."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr
from sqlmodel import select

from api.installation import Installation, Urls
from api.jobs.contexts import write_milestone
from api.jobs.restores import declare, hold_what_is_behind, look, notice_restore
from randomization.ledger.allocation_lists import ListHeld
from randomization.ledger.allocations import Allocation
from randomization.ledger.holds import (
    AllocationsStillMissing,
    HoldNeedsSecondPerson,
    HoldNotAsked,
    ListHold,
    ReleaseHold,
    ReleasesDiffer,
    ask_release,
    confirm_release,
    missing_numbers,
    open_holds,
    still_missing,
)
from randomization.ledger.linked_receipts import LinkReceipt, ReceiptNotTheirs, link_receipt
from randomization.ledger.receipts import ReceiptUnreadable
from randomization.ledger.reconciliation import reconcile_lists
from randomization.ledger.reseated_seats import ReceiptWaits
from randomization.ledger.reseating import (
    ReceiptBeforeMissing,
    ReceiptForged,
    ReceiptTakenAlready,
    take_receipts,
)
from tests.randomization.ledger.test_further_stages import at_week_two, duo
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, sealed_list, stocked, true_arms
from tests.support.restoring import Backups
from trial.access.actors import system_actor
from trial.access.alerts import Alert, AlertKind
from trial.audit.anchors import read_anchors
from trial.audit.verification import verify_audit
from trial.conduct.participants import AlreadyRandomized
from trial.protocol.loader import load_shipped
from trial.settings import Settings
from trial.vault import Vault

KEY = Ed25519PrivateKey.from_private_bytes(b"a" * 32)


@pytest.fixture
def backups(server, database_name):
    made = Backups(server, database_name)
    yield made
    made.remove()


def installed(house: House, app_url: str, folder) -> Installation:
    """The anchors lie beside the data directory: no restore of the database reaches them."""
    settings = Settings(data=folder / "data", database_url=SecretStr(app_url))
    return Installation(settings, Urls(None, app_url), house.database, KEY)


def take(house: House, *lines: str) -> int:
    with house.database.transaction() as session:
        return len(take_receipts(session, system_actor("restorer"), lines))


def seats(house: House) -> dict[str, tuple[object, ...]]:
    """By number: list, stratum's counter, position, kit, instant."""
    with house.database.transaction() as session:
        return {
            one.number: (one.list_id, one.counter_id, one.position, one.kit_id, one.randomized_at)
            for one in session.exec(select(Allocation))
        }


def the_hold(house: House) -> ListHold:
    with house.database.transaction() as session:
        (hold,) = open_holds(session)
        return hold


def release(house: House, act, role: str, *, without: bool = False) -> ListHold:
    command = ReleaseHold(hold_id=the_hold(house).id, reason="all receipts are in", without_receipts=without)
    with house.database.transaction() as session:
        return act(session, house.actor(session, role), house.proof(role), command)


def declared(installation: Installation) -> None:
    seen = look(installation)
    hold_what_is_behind(installation, seen)
    declare(installation, seen)


def test_a_restored_backup_gets_its_allocations_back_from_their_receipts(house, app_url, tmp_path, backups, clock):
    installation = installed(house, app_url, tmp_path)
    open_for_randomization(house)
    for _ in range(2):
        randomize(house, ready_to_randomize(house))
    waiting = [ready_to_randomize(house) for _ in range(4)]
    write_milestone(installation, "by the clock")
    backups.take(house.database)

    clock.advance(timedelta(hours=3))
    lines = [randomize(house, one).line for one in waiting[:2]]
    newcomer = ready_to_randomize(house)
    lines.append(randomize(house, newcomer).line)
    write_milestone(installation, "by the clock")
    lines.append(randomize(house, waiting[2]).line)  # no anchor knows of this one
    before, arms = seats(house), true_arms(house)
    assert not any(arm in line.split() for line in lines for arm in arms.values())

    clock.advance(timedelta(hours=2))
    backups.restore(house.database)
    assert len(seats(house)) == 2
    with house.database.transaction() as session:
        assert not verify_audit(session, read_anchors(installation.settings.anchor_path)).is_whole
    assert notice_restore(installation)
    assert notice_restore(installation), "it is held once, and told until somebody declares it"
    hold = the_hold(house)
    with house.database.transaction() as session:
        assert sum(one.count for one in still_missing(session, hold)) == 3
        assert missing_numbers(session, hold) == ["R0003", "R0004", "R0005"]
        told = session.exec(select(Alert.role).where(Alert.kind == AlertKind.LIST_HELD)).all()
        assert sorted(told) == ["sponsor", "statistician_randomization", "statistician_unblinded"]
    with pytest.raises(ListHeld):
        randomize(house, waiting[3])
    declared(installation)
    with house.database.transaction() as session:
        seen = verify_audit(session, read_anchors(installation.settings.anchor_path))
    assert seen.is_whole
    assert len(seen.restored) == 1

    forged = lines[0].replace("R0003", "R0007")
    house.database.keyring = replace(house.database.keyring, vault=Vault(b"w" * 32))
    with pytest.raises(ReceiptForged):
        take(house, lines[0])
    house.database.keyring = replace(house.database.keyring, vault=Vault(b"v" * 32))
    for refused, given in (
        (ReceiptForged, [forged]),
        (ReceiptForged, [*lines, forged]),
        (ReceiptUnreadable, ["R0003, kit 1234567"]),
        (ReceiptBeforeMissing, [lines[1]]),
        (ReceiptTakenAlready, [*lines, lines[1]]),
    ):
        with pytest.raises(refused):
            take(house, *given)
    with pytest.raises(AllocationsStillMissing):
        release(house, ask_release, "statistician_randomization")
    assert take(house, *reversed(lines)) == 4
    with pytest.raises(ReceiptTakenAlready):
        take(house, lines[0])

    with house.database.transaction() as session:
        findings = reconcile_lists(session, house.actor(session, "data_manager"), house.trial.id).findings
    assert len(findings) == 4
    assert all("receipt" in finding for finding in findings)
    with pytest.raises(HoldNotAsked):
        release(house, confirm_release, "statistician_unblinded")
    release(house, ask_release, "statistician_randomization")
    with pytest.raises(HoldNeedsSecondPerson):
        release(house, ask_release, "statistician_randomization")
    with pytest.raises(ReleasesDiffer):
        release(house, confirm_release, "statistician_unblinded", without=True)
    release(house, confirm_release, "statistician_unblinded")

    # Who was registered before the backup is known by the code; the newcomer is registered and screened again.
    assert randomize(house, waiting[0]).line == lines[0]
    again = ready_to_randomize(house)
    with pytest.raises(ReceiptWaits):
        randomize(house, again)
    with house.database.transaction() as session:
        coordinator = house.actor(session, "coordinator", "S1")
        link = LinkReceipt(trial_id=house.trial.id, number="R0005", participant_id=again, reason="the same person")
        link_receipt(session, coordinator, link)
        with pytest.raises(ReceiptNotTheirs):
            link_receipt(session, coordinator, link)
    for one in (again, waiting[2], waiting[1]):
        randomize(house, one)
    follows = randomize(house, waiting[3])
    after = seats(house)
    assert follows.randomization_number == "R0007"
    assert after.pop("R0007")[2] == 7
    assert {number: seat[:4] for number, seat in after.items()} == {number: seat[:4] for number, seat in before.items()}
    assert list(true_arms(house).values())[:6] == list(arms.values())
    with house.database.transaction() as session:
        assert verify_audit(session, read_anchors(installation.settings.anchor_path)).is_whole
        assert not reconcile_lists(session, house.actor(session, "data_manager"), house.trial.id).findings
    assert not notice_restore(installation)


def test_receipts_that_are_lost_are_passed_over_by_two_people_and_their_slots_stay_unused(
    house, app_url, tmp_path, backups, clock
):
    installation = installed(house, app_url, tmp_path)
    open_for_randomization(house)
    backups.take(house.database)
    randomize(house, ready_to_randomize(house))
    write_milestone(installation, "by the clock")
    clock.advance(timedelta(hours=2))
    backups.restore(house.database)
    declared(installation)
    for act, role in ((ask_release, "statistician_randomization"), (confirm_release, "statistician_unblinded")):
        release(house, act, role, without=True)
    assert randomize(house, ready_to_randomize(house)).randomization_number == "R0002"
    assert [seat[2] for seat in seats(house).values()] == [2]


def test_minimization_comes_back_too_and_goes_on_as_if_nothing_had_happened(
    database, app_url, tmp_path, backups, clock
):
    house = House.build(database, clock, loaded=load_shipped("second"))
    installation = installed(house, app_url, tmp_path)
    open_for_randomization(house, blocks=())
    stocked(house)
    waiting = [ready_to_randomize(house, "S1" if number % 2 else "S2") for number in range(7)]
    randomize(house, waiting[0])
    backups.take(house.database)
    lines = [randomize(house, one).line for one in waiting[1:6]]
    randomize(house, waiting[6])
    write_milestone(installation, "by the clock")
    arms = true_arms(house)
    clock.advance(timedelta(hours=1))
    backups.restore(house.database)
    declared(installation)
    with pytest.raises(ReceiptBeforeMissing):
        take(house, *lines[1:])
    assert take(house, *lines) == 5
    for one in reversed(waiting[1:6]):
        randomize(house, one)
    with pytest.raises(ListHeld):
        randomize(house, waiting[6])
    assert list(true_arms(house).values()) == list(arms.values())[:6]
    with house.database.transaction() as session:
        done = session.exec(select(Allocation)).all()
        assert sorted(one.position for one in done) == [1, 2, 3, 4, 5, 6]
        assert {one.participant_id for one in done} == set(waiting[:6])


def test_a_further_stage_comes_back_too_and_nobody_gets_a_second_slot_of_it(
    database, app_url, tmp_path, backups, clock
):
    house = House.build(database, clock, loaded=duo(), sites=("S1",), planned=40)
    installation = installed(house, app_url, tmp_path)
    for stage in ("main", "second"):
        sealed_list(house, blocks=(), stage=stage)
    stocked(house)
    someone = at_week_two(house)
    write_milestone(installation, "by the clock")
    backups.take(house.database)
    line = randomize(house, someone, stage="second").line
    write_milestone(installation, "by the clock")
    before = seats(house)
    backups.restore(house.database)
    assert notice_restore(installation)
    declared(installation)
    assert take(house, line) == 1
    assert randomize(house, someone, stage="second").line == line
    assert seats(house) == before
    with pytest.raises(AlreadyRandomized):
        randomize(house, someone, stage="second")
