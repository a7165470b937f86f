"""From the ledger to the world: what is published of a real trial's lists convinces somebody who has one file only."""

import subprocess
import sys
from uuid import uuid4

import pytest

from randomization.ledger.generation import published_commitment
from randomization.unblinding.opening import OpenLists, open_list, opened_list
from randomization.verification import NotAsCommitted, as_file, commitment_document, verifier_text, verify_file
from tests.support.house import House
from tests.support.randomization import open_for_randomization, randomized, sealed_list
from trial.access.actions import Action
from trial.access.policies import declare
from trial.conduct.trials import Trial
from trial.protocol.loader import load_shipped


def lock_and_open(house: House) -> None:
    with house.database.transaction() as session:
        declare(session, house.actor(session, "sponsor"), Action.LOCK_SIGNED)
        trial = session.get(Trial, house.trial.id)
        trial.locked_at = session.now()
        session.add(trial)
    for role in ("sponsor", "statistician_unblinded"):
        command = OpenLists(trial_id=house.trial.id, idempotency_key=str(uuid4()))
        with house.database.transaction() as session:
            open_list(session, house.actor(session, role), house.proof(role, None), command)


def publish(house: House, made, directory) -> None:
    """The commitment, as it was published at the sealing; the opened list, as after the opening; and the one file."""
    with house.database.transaction() as session:
        commitment = published_commitment(session, made)
        laid_open = opened_list(session, house.actor(session, "statistician_unblinded"), made.id)
    (directory / "commitment.json").write_bytes(as_file(commitment_document(commitment)))
    (directory / "opened.json").write_bytes(laid_open.file)
    (directory / "verify_list.py").write_text(verifier_text(), encoding="utf-8")


@pytest.mark.parametrize("protocol", ["keta-pain", "second"])
def test_an_outsider_verifies_a_real_trial_s_list_in_an_empty_directory(database, clock, tmp_path, protocol):
    has_list = protocol == "keta-pain"
    house = House.build(database, clock, loaded=load_shipped(protocol))
    made = open_for_randomization(house, **({} if has_list else {"blocks": ()}))
    for _ in range(4):
        randomized(house)
    lock_and_open(house)
    publish(house, made, tmp_path)
    ran = subprocess.run(
        [sys.executable, "-I", "verify_list.py", "opened.json", "--commitment", "commitment.json", "--root", made.root],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={},
    )
    count = 24 * 12 if has_list else 4
    assert f"All {count} allocations" in ran.stdout
    assert verify_file(tmp_path / "opened.json", tmp_path / "commitment.json")[1] == count


def test_a_retired_list_is_opened_and_verified_like_the_one_in_its_place(house: House, tmp_path):
    first = open_for_randomization(house)
    randomized(house)
    second = sealed_list(house, retires=(first.id,), retirement_reason="Its blocks were chosen wrongly.")
    randomized(house)
    lock_and_open(house)
    for made, retires in ((first, None), (second, [str(first.id)])):
        publish(house, made, tmp_path)
        published, count = verify_file(tmp_path / "opened.json", tmp_path / "commitment.json", made.root)
        assert (published["list"], published.get("retires"), count) == (str(made.id), retires, 24 * 12)
    told = (tmp_path / "commitment.json").read_text()
    (tmp_path / "commitment.json").write_text(told.replace(str(first.id), str(house.trial.id)))
    with pytest.raises(NotAsCommitted):
        verify_file(tmp_path / "opened.json", tmp_path / "commitment.json")
