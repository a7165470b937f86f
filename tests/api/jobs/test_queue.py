"""The queue: a job exists if and only if its transaction did, holds ids alone, and waits once."""

import pytest
from sqlalchemy import text

from api.jobs.queue import BY_THE_CLOCK, JobFailed, defer, tasks, work_off
from tests.support.board import Board
from tests.support.locking import cut_off
from trial.ids import new_id

_WAITING = text("SELECT task_name, args, queue_name FROM queue.procrastinate_jobs WHERE status = 'todo' ORDER BY id")


def waiting(database):
    with database.session() as session:
        return session.execute(_WAITING).all()


def test_a_job_of_a_transaction_that_fails_was_never_asked_for(house):
    with pytest.raises(RuntimeError, match="on purpose"), house.database.transaction() as session:
        defer(session, "build_dataset", {"lock_id": new_id(session.entropy)})
        raise RuntimeError("on purpose")
    assert waiting(house.database) == []


def test_a_job_holds_ids_and_no_more(house):
    with house.database.transaction() as session:
        lock_id = new_id(session.entropy)
        defer(session, "build_dataset", {"lock_id": lock_id, "mode": "naive"})
    ((name, args, _),) = waiting(house.database)
    assert name == "equipoise:build_dataset"
    assert args == {"lock_id": str(lock_id), "mode": "naive"}


def test_what_waits_already_is_not_asked_for_twice(house):
    for _ in range(2):
        with house.database.transaction() as session:
            defer(session, "write_anchor", {"trial": house.trial.id})
    assert len(waiting(house.database)) == 1


def test_a_job_that_fails_says_so_to_whoever_works_it_off(house, installation):
    with house.database.transaction() as session:
        nowhere = new_id(session.entropy)
        defer(session, "build_dataset", {"lock_id": nowhere, "mode": "naive", "asked_by": nowhere})
    with pytest.raises(JobFailed):
        work_off(installation)


def test_working_off_leaves_what_comes_round_by_the_clock(house, installation):
    Board(house)
    cut_off(house)
    work_off(installation)
    assert not installation.settings.anchor_path.exists()
    assert {queue for _, _, queue in waiting(house.database)} <= {BY_THE_CLOCK}


def test_every_task_is_named_once_and_belongs_to_the_house(installation):
    work_off(installation)
    names = set(tasks.tasks)
    assert {
        "equipoise:build_open_report",
        "equipoise:build_closed_report",
        "equipoise:build_dataset",
        "equipoise:write_anchor",
        "equipoise:send_alerts",
    } <= names
    assert not any(name.startswith("equipoise:equipoise") for name in names)
