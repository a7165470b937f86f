"""Locked datasets: named by hashes, pulled by people who are recorded."""

import pytest
from pydantic import ValidationError

from tests.support.house import House
from tests.support.locking import MANAGER, STATISTICIAN, locked, sign_for_lock
from trial.access.actors import system_actor
from trial.errors import NotPermitted
from trial.locks.datasets import (
    DatasetFile,
    DatasetFileNotFound,
    DatasetFilesWrong,
    DatasetIsSealed,
    DatasetMode,
    DatasetWithoutLock,
    LockedDataset,
    RecordDataset,
    datasets_for,
    describe_files,
    pull_dataset,
    pull_file,
    pulls_of,
    record_dataset,
)
from trial.reference.permissions import ROLES, permissions

CONTENTS = {"manifest.json": b"{}", "adam/adsl.parquet": b"PAR1"}


def built(house: House, lock, mode: DatasetMode = DatasetMode.NAIVE, contents=CONTENTS, **changes) -> LockedDataset:
    with house.database.transaction() as session:
        command = RecordDataset(
            lock_id=lock.id,
            mode=mode,
            manifest="manifest.json",
            files=changes.get("files", describe_files(CONTENTS)),
            code_version="0.1.0",
        )
        return record_dataset(session, system_actor("worker"), command, contents)


def test_a_dataset_is_pulled_as_it_was_built_and_the_pull_is_recorded(house: House):
    dataset = built(house, locked(house))
    with house.database.transaction() as session:
        statistician = house.actor(session, STATISTICIAN)
        listing = pull_dataset(session, statistician, dataset.id).listing()
        assert {file.path: file.sha256 for file in listing} == {
            file.path: file.sha256 for file in describe_files(CONTENTS)
        }
        assert pull_file(session, statistician, dataset.id, "adam/adsl.parquet") == b"PAR1"
        with pytest.raises(DatasetFileNotFound):
            pull_file(session, statistician, dataset.id, "adam/adae.parquet")
        assert {pull.pulled_by for pull in pulls_of(session, dataset.id)} == {statistician.name}


def test_the_same_build_is_the_same_dataset(house: House):
    lock = locked(house)
    assert built(house, lock).id == built(house, lock).id


def test_there_is_no_dataset_of_a_lock_with_one_signature(house: House):
    lock = sign_for_lock(house, MANAGER)
    with pytest.raises(DatasetWithoutLock):
        built(house, lock)


@pytest.mark.parametrize(
    ("mode", "contents", "files"),
    [
        (DatasetMode.NAIVE, {**CONTENTS, "manifest.json": b"[]"}, None),
        (DatasetMode.NAIVE, {"manifest.json": b"{}"}, None),
        (DatasetMode.NAIVE, None, None),
        (DatasetMode.UNBLINDED, CONTENTS, None),
        (DatasetMode.NAIVE, {"adam/adsl.parquet": b"PAR1"}, describe_files({"adam/adsl.parquet": b"PAR1"})),
    ],
)
def test_files_that_are_not_what_the_list_says_are_refused(house: House, mode, contents, files):
    with pytest.raises(DatasetFilesWrong):
        built(house, locked(house), mode, contents, **({"files": files} if files else {}))


def test_an_unblinded_dataset_leaves_only_hashes_here(house: House):
    dataset = built(house, locked(house), DatasetMode.UNBLINDED, None)
    with house.database.session() as session, pytest.raises(DatasetIsSealed):
        pull_file(session, house.actor(session, "statistician_unblinded"), dataset.id, "manifest.json")


@pytest.mark.parametrize("path", ["../etc/passwd", "a/../b", "/abs", "a//b", "a/", "", "a b", ".", "./a", "a/.hidden"])
def test_a_path_that_could_leave_its_directory_or_hide_is_refused(path: str):
    with pytest.raises(ValidationError):
        DatasetFile(path=path, sha256="0" * 64, size=0)


@pytest.mark.parametrize("mode", list(DatasetMode))
def test_each_mode_is_pulled_by_the_roles_of_the_matrix_and_no_other(house: House, mode: DatasetMode):
    contents = None if mode is DatasetMode.UNBLINDED else CONTENTS
    dataset = built(house, locked(house), mode, contents)
    holders = permissions()[f"dataset:{mode.value}:pull"].holders
    for role in ROLES:
        with house.database.session() as session:
            actor = house.actor(session, role, "S1" if (role, "S1") in house.people else None)
            seen = [each.id for each in datasets_for(session, actor, house.trial.id)]
            assert seen == ([dataset.id] if role in holders else [])
            if role in holders:
                pull_dataset(session, actor, dataset.id)
            else:
                with pytest.raises(NotPermitted):
                    pull_dataset(session, actor, dataset.id)
