"""How a demo trial ends: data settled, locked by two, datasets built, the lists opened by two, everything verified."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from api.cli.demo.board import keep
from api.cli.demo.calendar import at, working_day
from api.cli.demo.incidents import answer_all_at, close_all_at
from api.cli.demo.measuring import Measure
from api.cli.demo.stage import Place, Stage
from api.cli.demo.timeline import Story
from api.jobs.contexts import anchor_of_snapshot, write_milestone
from api.jobs.datasets import BuildDataset, ask_for_dataset
from api.jobs.queue import work_off
from randomization.unblinding.documents import find_document, open_document
from randomization.unblinding.opening import OpenLists, open_list, opened_list, sealed_lists
from randomization.unblinding.register import assessments_due
from trial.audit.anchors import read_anchors
from trial.audit.verification import AuditVerification, check_audit
from trial.conduct.participant_readers import participants_of
from trial.conduct.visits import MissVisit, due_visits, miss_visit
from trial.database.session import TrialSession
from trial.locks.casebook_signatures import SignCasebook, sign_casebook
from trial.locks.checklist import UNBLINDINGS_UNASSESSED, ChecklistItem, item
from trial.locks.datasets import DatasetMode, datasets_for, pull_file
from trial.locks.lock import DataLock, SignLock, sign_lock
from trial.locks.snapshots import get_snapshot

STATISTICIAN, UNBLINDED = "statistician.blinded", "statistician.unblinded"
# Each opening of a sealed file is entered in the register of unblindings, so the copy has one format alone.
_UNBLINDED_KEPT = (".parquet", ".json")
PULLED_BY = {
    DatasetMode.NAIVE: STATISTICIAN,
    DatasetMode.DUMMY: STATISTICIAN,
    DatasetMode.UNBLINDED: UNBLINDED,
}


def closing(stage: Stage, measure: Measure, folder: Path) -> Story:
    """The last two weeks, and what is pulled at their end."""
    zone = stage.gathering_zone
    day = working_day(stage.clock.now().date() + timedelta(days=2))
    session = yield at(day, 9, 0, zone)
    for place in stage.places.values():
        _tidy(stage, session, place.code)
        answer_all_at(stage, session, place)
    session = yield at(working_day(day + timedelta(days=1)), 9, 30, zone)
    for place in stage.places.values():
        close_all_at(stage, session, place)
    for hour, place in enumerate(stage.places.values(), 8):
        session = yield at(working_day(day + timedelta(days=2)), hour, 15, place.zone)
        with measure.step(f"Casebooks signed at {place.code}"):
            _sign_casebooks(stage, session, place)
    day = working_day(day + timedelta(days=5))
    session = yield at(day, 10, 0, zone)
    with measure.step("Lock: first signature"):
        _sign(stage, session, "data-manager")
    session = yield at(day, 15, 30, zone)
    with measure.step("Lock: second signature and snapshot"):
        lock = _sign(stage, session, STATISTICIAN)
    stage.timeline.afterwards(lambda: _anchor(stage, lock))
    for minute, mode in ((35, DatasetMode.NAIVE), (40, DatasetMode.DUMMY)):
        session = yield at(day, 15, minute, zone)
        _ask(stage, session, measure, lock, mode)
    day = working_day(day + timedelta(days=1))
    session = yield at(day, 9, 0, zone)
    _open(stage, session, UNBLINDED)
    session = yield at(day, 11, 0, zone)
    _open(stage, session, "sponsor")
    session = yield at(day, 11, 20, zone)
    with measure.step("Lists opened: commitments checked"):
        for made in sealed_lists(session, stage.trial.id):
            opened_list(session, stage.person(UNBLINDED), made.id)
    session = yield at(day, 11, 30, zone)
    _ask(stage, session, measure, lock, DatasetMode.UNBLINDED)
    session = yield at(day, 14, 0, zone)
    with measure.step("Datasets pulled"):
        for mode, username in PULLED_BY.items():
            _pull(stage, session, mode, username, folder)
    stage.timeline.afterwards(lambda: _milestone(stage))


def _tidy(stage: Stage, session: TrialSession, site: str) -> None:
    """What is due in the past and was never recorded is recorded as missed, with its reason."""
    place = stage.places[site]
    coordinator = stage.at("coordinator", place)
    for state in due_visits(session, coordinator, stage.trial.id, site_id=place.id):
        if state.participant.randomized_at is not None:
            command = MissVisit(
                participant_id=state.participant.id, visit=state.planned.visit.code, reason="Not recorded in time"
            )
            miss_visit(session, coordinator, command)


def _sign_casebooks(stage: Stage, session: TrialSession, place: Place) -> None:
    """The investigator's signature on everybody's casebook, when nothing in it changes any more."""
    investigator = stage.at("investigator", place)
    for participant in participants_of(session, investigator, stage.trial.id, site_id=place.id):
        if participant.randomized_at is not None:
            command = SignCasebook(participant_id=participant.id, idempotency_key=stage.key())
            sign_casebook(session, investigator, stage.proof(investigator), command)


def outside_items(stage: Stage, session: TrialSession) -> Iterable[ChecklistItem]:
    """What the checklist counts above its own room."""
    waiting = assessments_due(session, stage.person("data-manager"), stage.trial.id)
    named = [f"{entry.kind.value} of {entry.opened_at:%Y-%m-%d}" for entry in waiting]
    return (item(UNBLINDINGS_UNASSESSED, "Unblindings whose meaning nobody has assessed", named),)


def _sign(stage: Stage, session: TrialSession, username: str) -> DataLock:
    actor = stage.person(username)
    last = stage.protocol.lock_stages[-1].code
    command = SignLock(idempotency_key=stage.key(), trial_id=stage.trial.id, stage=last)
    return sign_lock(session, actor, stage.proof(actor), command, outside_items(stage, session))


def _anchor(stage: Stage, lock: DataLock) -> None:
    assert lock.snapshot_id is not None, "signed twice"
    with stage.installation.database.reading() as session:
        snapshot = get_snapshot(session, lock.snapshot_id)
    anchor_of_snapshot(stage.installation, snapshot)


def _ask(stage: Stage, session: TrialSession, measure: Measure, lock: DataLock, mode: DatasetMode) -> None:
    ask_for_dataset(session, stage.person(PULLED_BY[mode]), BuildDataset(lock_id=lock.id, mode=mode))

    def build() -> None:
        with measure.step(f"Dataset: {mode.value}"):
            work_off(stage.installation)

    stage.timeline.afterwards(build)


def _open(stage: Stage, session: TrialSession, username: str) -> None:
    actor = stage.person(username)
    command = OpenLists(trial_id=stage.trial.id, idempotency_key=stage.key())
    open_list(session, actor, stage.proof(actor), command)


def _pull(stage: Stage, session: TrialSession, mode: DatasetMode, username: str, folder: Path) -> None:
    actor = stage.person(username)
    dataset = next(one for one in datasets_for(session, actor, stage.trial.id) if one.mode is mode)
    for file in dataset.listing():
        if mode is DatasetMode.UNBLINDED and not file.path.endswith(_UNBLINDED_KEPT):
            continue
        content = (
            _open_sealed(stage, session, file.sha256)
            if mode is DatasetMode.UNBLINDED
            else pull_file(session, actor, dataset.id, file.path)
        )
        keep(folder / mode.value / file.path, content)


def _open_sealed(stage: Stage, session: TrialSession, sha256: str) -> bytes:
    document_id = find_document(session, stage.trial.id, sha256)
    assert document_id is not None, "the files of an unblinded dataset are sealed before it is recorded"
    return open_document(session, stage.person(UNBLINDED), document_id).content


def _milestone(stage: Stage) -> None:
    write_milestone(stage.installation, "end of the trial")


def verify(stage: Stage) -> AuditVerification:
    """The audit against its anchors and the records. Raises ``AuditBroken``."""
    installation = stage.installation
    with installation.database.reading() as session:
        return check_audit(session, read_anchors(installation.settings.anchor_path))
