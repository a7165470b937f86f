"""The demo's trial, small: everything that its story promises happened, and through the services of real use."""

import csv
import hashlib
import json
import stat
from collections import Counter

import pytest
from sqlmodel import col, select

from api.cli.demo.roster import SEATS, roster, site_codes
from api.cli.demo.stage import NotASimulatedTrial, unsafe_simulated_proof
from randomization.kits.shipments import Shipment, ShipmentStatus
from randomization.ledger.allocation_lists import AllocationList, ListStatus
from randomization.ledger.allocations import Allocation
from randomization.unblinding.opening import is_opened
from randomization.unblinding.register import Unblinding, UnblindingAssessment, UnblindingKind
from reports.datasets.manifest import check_pack
from tests.support.demo import PARTICIPANTS, every
from trial.access.accounts import Account
from trial.access.signatures import signatures_on
from trial.audit.anchors import read_anchors
from trial.clock import local_date
from trial.conduct.consents import Consent
from trial.conduct.departures import StudyEnd
from trial.conduct.deviations import Deviation
from trial.conduct.guesses import BlindingGuess
from trial.conduct.infusion_courses import Infusion
from trial.conduct.outcomes import Outcome
from trial.conduct.participants import Participant, ParticipantStatus
from trial.conduct.queries import Query, QueryStatus
from trial.conduct.screening import NotEnrolledKind, ScreeningFailure
from trial.conduct.sites import Site, sites_of
from trial.conduct.trials import Trial, TrialKind, get_trial
from trial.conduct.visits import VisitRecord
from trial.locks.datasets import DatasetMode, LockedDataset
from trial.locks.lock import DataLock, LockAct, LockState, signings_of
from trial.oversight.decisions import Answer, Decision
from trial.oversight.meetings import Declaration, Meeting, MeetingState
from trial.oversight.papers import Paper, PaperKind
from trial.oversight.recommendations import Recommendation
from trial.oversight.votes import Vote
from trial.protocol.versions import ProtocolVersion, SiteAdoption
from trial.reference.permissions import ROLES
from trial.safety.adverse_events import AdverseEvent
from trial.safety.susars import latest_susar_assessment
from trial.safety.watch import due_reports


@pytest.fixture
def stage(demo):
    return demo[0].stage


@pytest.fixture
def session(stage):
    with stage.installation.database.session() as opened:
        yield opened


def test_as_many_are_randomized_as_planned_and_others_are_screened(session, stage):
    people = every(session, Participant)
    randomized = [one for one in people if one.randomized_at is not None]
    assert len(randomized) == len(every(session, Allocation)) == PARTICIPANTS
    assert len(people) > PARTICIPANTS
    assert {one.sex for one in people} == {"F", "M"}
    assert all(one.site_id in {place.id for place in stage.places.values()} for one in people)


def test_screening_ends_for_some_by_criteria_and_for_some_by_their_wish(session):
    failures = every(session, ScreeningFailure)
    kinds = {failure.kind for failure in failures}
    assert kinds == {NotEnrolledKind.NOT_ELIGIBLE, NotEnrolledKind.DECLINED}
    assert all(failure.reason for failure in failures)
    named = [failure.criteria for failure in failures if failure.kind is NotEnrolledKind.NOT_ELIGIBLE]
    assert all(named)


def test_randomization_follows_the_calendar(session):
    allocations = sorted(every(session, Allocation), key=lambda one: one.number)
    instants = [one.randomized_at for one in allocations]
    assert instants == sorted(instants)
    assert all(one.recorded_at == one.randomized_at for one in allocations)


def test_each_allocation_is_signed_by_the_site_that_made_it(session):
    for allocation in every(session, Allocation):
        (signature,) = signatures_on(session, allocation)
        assert signature.account_id == allocation.randomized_by
        account = session.get(Account, allocation.randomized_by)
        site = session.get(Site, allocation.site_id)
        assert account.username == f"coordinator.{site.code.lower()}"


def test_the_list_was_made_by_two_people_and_opened_by_two_after_the_lock(session, stage):
    (made,) = every(session, AllocationList)
    assert made.status is ListStatus.SEALED
    assert made.designed_by != made.confirmed_by
    assert is_opened(session, stage.trial.id)


def test_sites_open_on_different_days_and_receive_kits(session, stage):
    opened = [site.activated_on for site in sites_of(session, stage.trial.id)]
    assert len(set(opened)) == len(opened)
    shipments = every(session, Shipment)
    assert {one.site_id for one in shipments} == {place.id for place in stage.places.values()}
    assert all(one.status is ShipmentStatus.RECEIVED for one in shipments)


def test_infusions_are_given_with_readings_each_in_one_record(session):
    infusions = every(session, Infusion)
    given = [one for one in infusions if one.started_at is not None]
    assert len(given) >= 4 * PARTICIPANTS
    for one in given:
        assert len(one.readings) == 9
        assert one.kit


def test_promis_is_answered_twice_at_baseline_and_at_every_later_visit(session):
    found = Counter((one.visit, one.repeat) for one in every(session, Outcome) if one.instrument == "PROMIS-29")
    assert found["BL", 1] >= found["BL", 2] >= PARTICIPANTS
    for visit in ("EOI", "M1", "M3", "M6"):
        assert found[visit, 1] >= PARTICIPANTS // 2
    assert {"PCS", "PSEQ", "PGIC", "SATISFACTION-ROLES", "C-SSRS"} <= {
        one.instrument for one in every(session, Outcome)
    }


def test_participants_nurses_and_assessors_guess(session):
    asked = {(one.occasion, one.guesser.value) for one in every(session, BlindingGuess)}
    assert {("INF1", "participant"), ("INF5", "infusion_nurse"), ("M3", "assessor")} <= asked


def test_adverse_events_happen_and_exactly_one_is_serious(session, stage):
    events = every(session, AdverseEvent)
    assert len(events) > 3
    (serious,) = [event for event in events if event.serious]
    given = signatures_on(session, serious)
    assert len(given) == 2
    assert given[0].record_hash != given[1].record_hash
    assert serious.causality == "possible"
    assert latest_susar_assessment(session, serious.id).is_susar
    due = due_reports(session, stage.person("medical-monitor"), serious.id)
    assert not due.provisional
    assert {"site_to_sponsor", "fda_15", "eu_15"} <= {one.clock_id for one in due.reports}
    assert all(one.sent_at and not one.was_late for one in due.reports if one.clock_id in {"fda_15", "eu_15"})


def test_one_code_is_broken_and_its_meaning_assessed(session):
    (broken,) = [one for one in every(session, Unblinding) if one.kind is UnblindingKind.EMERGENCY]
    (assessed,) = [one for one in every(session, UnblindingAssessment) if one.unblinding_id == broken.id]
    assert assessed.recorded_at > broken.opened_at
    assert signatures_on(session, broken)


def test_the_code_is_broken_for_another_than_the_one_with_the_serious_event(session):
    (broken,) = [one for one in every(session, Unblinding) if one.kind is UnblindingKind.EMERGENCY]
    (serious,) = [event for event in every(session, AdverseEvent) if event.serious]
    assert broken.participant_id != serious.participant_id


def test_two_sites_adopt_the_amendment_on_different_days_and_their_people_consent_again(session, stage):
    amended = next(one for one in every(session, ProtocolVersion) if one.label == "1.1")
    adoptions = [one for one in every(session, SiteAdoption) if one.version_id == amended.id]
    assert len({one.site_id for one in adoptions}) == len({one.approved_on for one in adoptions}) == 2
    again = [one for one in every(session, Consent) if one.again]
    assert again
    assert {one.protocol_version_id for one in again} == {amended.id}
    assert {one.site_id for one in again} <= {one.site_id for one in adoptions}


def test_data_are_asked_about_and_every_question_is_settled(session):
    queries = every(session, Query)
    assert any(query.raised_by is not None for query in queries)
    assert all(query.answer and query.status is QueryStatus.CLOSED for query in queries)


def test_deviations_are_recorded(session):
    assert len({one.category for one in every(session, Deviation)}) >= 2


def test_everybody_comes_to_an_end(session):
    people = [one for one in every(session, Participant) if one.randomized_at is not None]
    left = {ParticipantStatus.COMPLETED, ParticipantStatus.WITHDRAWN, ParticipantStatus.LOST}
    assert {one.status for one in people} <= left
    assert len(every(session, StudyEnd)) == PARTICIPANTS
    assert any(one.status is ParticipantStatus.COMPLETED for one in people)


def test_the_board_looked_once_recommended_and_the_sponsor_decided(session):
    (meeting,) = every(session, Meeting)
    assert (meeting.look, meeting.state) == (1, MeetingState.DECIDED)
    assert len(every(session, Declaration)) == len(every(session, Vote)) == len(SEATS)
    (recommendation,) = every(session, Recommendation)
    assert recommendation.recommendation == "continue"
    chair = session.get(Account, recommendation.signed_by)
    assert chair.username == "board.chair"
    (decision,) = every(session, Decision)
    assert decision.answer is Answer.ACCEPT
    assert {paper.kind for paper in every(session, Paper)} == {PaperKind.OPEN, PaperKind.CLOSED}


def test_the_look_comes_at_half_of_the_information(session, stage):
    (meeting,) = every(session, Meeting)
    scored = [
        one
        for one in every(session, Outcome)
        if (one.visit, one.instrument) == ("M3", "PROMIS-29") and one.recorded_at <= meeting.recorded_at
    ]
    assert len(scored) >= 5  # half of 12 less the 15 % who are expected to be missing
    assert len(scored) < PARTICIPANTS


def test_copies_of_both_papers_are_real_pdf_for_their_owner_alone(demo):
    board = demo[1].folder / "board"
    papers = sorted(board.glob("*.pdf"))
    assert [paper.name for paper in papers] == ["interim-look-1-closed.pdf", "interim-look-1-open.pdf"]
    for paper in papers:
        content = paper.read_bytes()
        assert content.startswith(b"%PDF-")
        assert stat.S_IMODE(paper.stat().st_mode) == 0o600
    with demo[0].stage.installation.database.session() as session:
        paper = session.exec(select(Paper).where(Paper.kind == PaperKind.OPEN)).one()
    assert hashlib.sha256((board / "interim-look-1-open.pdf").read_bytes()).hexdigest() == paper.document_sha256


def test_the_whole_trial_is_locked_by_two_people(session, stage):
    trial = get_trial(session, stage.trial.id)
    assert trial.kind is TrialKind.SIMULATED
    assert trial.locked_at is not None
    (lock,) = every(session, DataLock)
    assert lock.state is LockState.LOCKED
    assert len({one.account_id for one in signings_of(session, lock.id, LockAct.LOCK)}) == 2


def test_three_datasets_are_built_from_the_lock_and_copies_agree_with_their_manifests(session, demo):
    stage, folder = demo[0].stage, demo[1].folder / "datasets"
    assert {one.mode for one in every(session, LockedDataset)} == set(DatasetMode)
    for mode in (DatasetMode.NAIVE, DatasetMode.DUMMY):
        root = folder / mode.value
        pack = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        check_pack(pack)
    listed = json.loads((folder / "unblinded" / "manifest.json").read_bytes())["files"]
    for path in (folder / "unblinded").rglob("*.parquet"):
        name = str(path.relative_to(folder / "unblinded"))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name]["sha256"]
    assert stage.trial.code in (folder / "naive" / "manifest.json").read_text()


def test_the_audit_is_whole_and_anchored_at_each_milestone(demo):
    conducted, directory = demo
    assert conducted.audit.is_whole
    anchors = read_anchors(directory.settings.anchor_path)
    reasons = [anchor.facts["reason"] for anchor in anchors]
    assert reasons == ["allocation list sealed", "snapshot", "snapshot", "end of the trial"]
    assert [anchor.head.position for anchor in anchors] == sorted(anchor.head.position for anchor in anchors)
    assert conducted.audit.unanchored == 0


def test_every_person_can_sign_in_with_what_the_credentials_file_says(demo, session):
    _, directory = demo
    assert stat.S_IMODE(directory.credentials.stat().st_mode) == 0o600
    with directory.credentials.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["username"] for row in rows} == {account.username for account in every(session, Account)}
    assert all(row["code_secret"] and row["password"] for row in rows)


def test_the_roster_has_every_role_and_the_numbers_that_the_walk_needs():
    people = roster(site_codes(4))
    held = Counter(person.role for person in people)
    assert set(held) == set(ROLES)
    assert held["pharmacist_unblinded"] == 2 * 4
    assert held["dsmb_member"] + held["dsmb_chair"] == 5
    assert held["dsmb_chair"] == 1
    assert held["administrator"] == 2
    assert "statistician" in SEATS.values()


def test_records_are_made_in_calendar_order(session, stage):
    """The order of recording is the order of the participants' codes, and no visit lies after its record."""
    people = sorted(every(session, Participant), key=lambda one: one.code)
    assert [one.recorded_at for one in people] == sorted(one.recorded_at for one in people)
    zones = {place.id: place.zone for place in stage.places.values()}
    for visit in every(session, VisitRecord):
        if visit.happened_on is not None:
            assert visit.happened_on <= local_date(visit.recorded_at, zones[visit.site_id])


def test_a_proof_without_a_password_is_refused_for_a_trial_that_is_not_simulated(stage):
    real = Trial.model_validate({**stage.trial.model_dump(), "kind": TrialKind.PRACTICE})
    with pytest.raises(NotASimulatedTrial):
        unsafe_simulated_proof(real, stage.person("sponsor"), stage.clock.now())


def test_people_act_at_their_own_sites_alone(session, stage):
    """Whoever recorded an outcome or a consent holds the role at that very site."""
    by_account = {account.id: account.username for account in every(session, Account)}
    codes = {place.id: place.code.lower() for place in stage.places.values()}
    for consent in session.exec(select(Consent).order_by(col(Consent.id))):
        assert by_account[consent.taken_by] == f"investigator.{codes[consent.site_id]}"
