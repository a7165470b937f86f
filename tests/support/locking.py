"""A trial brought to its lock, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid4

from tests.support.house import House
from trial.access.actors import Actor
from trial.access.signatures import Reauthenticated
from trial.conduct.participant_readers import participants_of
from trial.conduct.visits import MissVisit, due_visits, miss_visit
from trial.locks.casebook_signatures import SignCasebook, sign_casebook
from trial.locks.checklist import UNBLINDINGS_UNASSESSED, ChecklistItem
from trial.locks.cutoffs import Cutoff, TakeCutoff, take_cutoff
from trial.locks.lock import DataLock, SignLock, SignUnlock, sign_lock, sign_unlock

OUTSIDE = (ChecklistItem(UNBLINDINGS_UNASSESSED, "Unblindings that nobody has assessed", 0),)
MANAGER, STATISTICIAN, SPONSOR = "data_manager", "statistician_blinded", "sponsor"
UNLOCKERS = (MANAGER, SPONSOR)
LAST_STAGE = "FINAL"


def cut_off(house: House, scope: str = "whole", key: str | None = None) -> Cutoff:
    with house.database.transaction() as session:
        command = TakeCutoff(
            idempotency_key=key or str(uuid4()), trial_id=house.trial.id, purpose="Safety review", scope=scope
        )
        return take_cutoff(session, house.actor(session, MANAGER), command)


def sign_for_lock(
    house: House,
    role: str,
    stage: str = LAST_STAGE,
    *,
    outside: Iterable[ChecklistItem] = OUTSIDE,
    key: str | None = None,
) -> DataLock:
    with house.database.transaction() as session:
        command = SignLock(idempotency_key=key or str(uuid4()), trial_id=house.trial.id, stage=stage)
        return sign_lock(session, house.actor(session, role), house.proof(role), command, outside)


def sign_for_unlock(
    house: House, lock_id: UUID, role: str, actor: tuple[Actor, Reauthenticated] | None = None
) -> DataLock:
    with house.database.transaction() as session:
        command = SignUnlock(idempotency_key=str(uuid4()), lock_id=lock_id, reason="a late serious event")
        who, proof = actor or (house.actor(session, role), house.proof(role))
        return sign_unlock(session, who, proof, command)


def locked(house: House, stage: str = LAST_STAGE) -> DataLock:
    """Both signatures."""
    sign_for_lock(house, MANAGER, stage)
    return sign_for_lock(house, STATISTICIAN, stage)


def sign_casebooks(house: House, site: str = "S1") -> None:
    """Every casebook of the site, signed as it stands."""
    with house.database.transaction() as session:
        investigator = house.actor(session, "investigator", site)
        for one in participants_of(session, investigator, house.trial.id, site_id=house.site_id(site)):
            command = SignCasebook(idempotency_key=str(uuid4()), participant_id=one.id)
            sign_casebook(session, investigator, house.proof("investigator", site), command)


def miss_what_is_due(house: House, site: str = "S1") -> None:
    """Every visit that is due, missed with a reason."""
    with house.database.transaction() as session:
        coordinator = house.actor(session, "coordinator", site)
        for state in due_visits(session, coordinator, house.trial.id, site_id=house.site_id(site)):
            command = MissVisit(
                participant_id=state.participant.id, visit=state.planned.visit.code, reason="did not come"
            )
            miss_visit(session, coordinator, command)
