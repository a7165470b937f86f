"""Locked datasets as jobs: without treatments for the blinded, unblinded only after the lists are open."""

import hashlib
from uuid import uuid4

import pytest
from sqlmodel import select

from api.jobs.datasets import BuildDataset, ask_for_dataset
from api.jobs.queue import work_off
from randomization.unblinding.documents import find_document, open_document
from randomization.unblinding.opening import ListsNotOpened, OpenLists, open_list
from reports.datasets.manifest import check_pack
from tests.support.locking import locked, sign_for_lock
from trial.database.blobs import BlobNotFound, read_blob
from trial.errors import NotPermitted
from trial.locks.datasets import DatasetMode, DatasetWithoutLock, LockedDataset

BLINDED, UNBLINDED = "statistician_blinded", "statistician_unblinded"


def ask(house, lock, mode, role):
    with house.database.transaction() as session:
        ask_for_dataset(session, house.actor(session, role), BuildDataset(lock_id=lock.id, mode=mode))


def built(house):
    with house.database.session() as session:
        return list(session.exec(select(LockedDataset)))


def open_lists(house):
    for role in (UNBLINDED, "sponsor"):
        with house.database.transaction() as session:
            command = OpenLists(trial_id=house.trial.id, idempotency_key=str(uuid4()))
            open_list(session, house.actor(session, role), house.proof(role), command)


@pytest.mark.parametrize("mode", [DatasetMode.NAIVE, DatasetMode.DUMMY])
def test_a_blinded_dataset_agrees_with_its_manifest(house, installation, mode):
    ask(house, locked(house), mode, BLINDED)
    work_off(installation)
    (dataset,) = built(house)
    assert dataset.mode is mode
    with house.database.session() as session:
        check_pack({file.path: read_blob(session, file.sha256) for file in dataset.listing()})


def test_a_dataset_that_is_built_already_is_not_built_again(house, installation):
    lock = locked(house)
    for _ in range(2):
        ask(house, lock, DatasetMode.NAIVE, BLINDED)
        work_off(installation)
    assert len(built(house)) == 1


def test_an_unblinded_dataset_waits_for_the_opening_of_the_lists(house):
    lock = locked(house)
    with pytest.raises(ListsNotOpened):
        ask(house, lock, DatasetMode.UNBLINDED, UNBLINDED)


def test_an_unblinded_dataset_is_kept_under_seal_alone(house, installation):
    lock = locked(house)
    open_lists(house)
    ask(house, lock, DatasetMode.UNBLINDED, UNBLINDED)
    work_off(installation)
    (dataset,) = built(house)
    manifest = next(file for file in dataset.listing() if file.path == dataset.manifest_path)
    with house.database.transaction() as session:
        with pytest.raises(BlobNotFound):
            read_blob(session, manifest.sha256)
        document_id = find_document(session, house.trial.id, manifest.sha256)
        opened = open_document(session, house.actor(session, UNBLINDED), document_id)
    assert hashlib.sha256(opened.content).hexdigest() == dataset.manifest_sha256


@pytest.mark.parametrize("role", [BLINDED, "sponsor", "data_manager", "dsmb_chair"])
def test_nobody_but_the_unblinded_statistician_has_an_unblinded_dataset_built(house, role):
    lock = locked(house)
    with pytest.raises(NotPermitted):
        ask(house, lock, DatasetMode.UNBLINDED, role)


def test_a_lock_with_one_signature_has_no_dataset(house):
    lock = sign_for_lock(house, "data_manager")
    with pytest.raises(DatasetWithoutLock):
        ask(house, lock, DatasetMode.NAIVE, BLINDED)
