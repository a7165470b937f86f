"""The board's reports as jobs: built for who may, from one snapshot, the closed one sealed, and never twice."""

import hashlib

import pytest
from sqlmodel import select

from api.jobs.queue import work_off
from api.jobs.reports import BuildReport, ask_for_report
from randomization.unblinding.documents import open_document
from randomization.unblinding.register import Unblinding, UnblindingKind
from tests.support.board import Board
from tests.support.locking import cut_off
from trial.audit.anchors import read_anchors
from trial.errors import NotPermitted
from trial.locks.snapshots import get_snapshot
from trial.oversight.meetings import CancelMeeting, MeetingKind, MeetingStateRefuses, cancel_meeting
from trial.oversight.papers import Paper, PaperKind, read_open_paper

STATISTICIAN = "statistician_unblinded"


@pytest.fixture
def board(house):
    return Board(house)


@pytest.fixture
def meeting(board):
    return board.convened(MeetingKind.PLANNED_LOOK, look=1)


@pytest.fixture
def cutoff(board, house):
    return cut_off(house)


def ask(house, meeting, cutoff, kind, role=STATISTICIAN):
    with house.database.transaction() as session:
        command = BuildReport(meeting_id=meeting.id, cutoff_id=cutoff.id, kind=kind)
        ask_for_report(session, house.actor(session, role), command)


def papers(house):
    with house.database.session() as session:
        return list(session.exec(select(Paper).order_by(Paper.kind)))


def register(house):
    with house.database.session() as session:
        return [one.kind for one in session.exec(select(Unblinding))]


def test_the_open_report_is_filed_with_its_bytes(house, installation, board, meeting, cutoff):
    ask(house, meeting, cutoff, PaperKind.OPEN)
    work_off(installation)
    (paper,) = papers(house)
    board.declare(meeting.id)
    with house.database.transaction() as session:
        content = read_open_paper(session, board.actor(session, "psychiatrist"), paper.id)
    assert content.startswith(b"%PDF-")
    assert hashlib.sha256(content).hexdigest() == paper.document_sha256
    assert register(house) == []


def test_the_closed_report_is_sealed_and_its_arms_are_asked_for_once(house, installation, meeting, cutoff):
    ask(house, meeting, cutoff, PaperKind.CLOSED)
    work_off(installation)
    (paper,) = papers(house)
    assert (paper.document_sha256, paper.document_size) == (None, None)
    assert register(house) == [UnblindingKind.CLOSED_FRAME]
    with house.database.transaction() as session:
        opened = open_document(session, house.actor(session, STATISTICIAN), paper.sealed_document_id)
    assert opened.content.startswith(b"%PDF-")


def test_a_report_asked_for_again_is_no_second_paper_and_opens_no_arm_again(house, installation, meeting, cutoff):
    for _ in range(2):
        ask(house, meeting, cutoff, PaperKind.CLOSED)
        work_off(installation)
    assert len(papers(house)) == 1
    assert register(house) == [UnblindingKind.CLOSED_FRAME]


def test_both_reports_of_a_snapshot_name_the_same_anchor(house, installation, meeting, cutoff):
    ask(house, meeting, cutoff, PaperKind.OPEN)
    ask(house, meeting, cutoff, PaperKind.CLOSED)
    work_off(installation)
    (anchor,) = read_anchors(installation.settings.anchor_path)
    with house.database.session() as session:
        assert anchor.facts["snapshot"] == get_snapshot(session, cutoff.snapshot_id).sha256


@pytest.mark.parametrize("role", ["data_manager", "statistician_blinded", "sponsor", "dsmb_chair", "administrator"])
def test_nobody_but_the_unblinded_statistician_has_a_closed_report_built(house, meeting, cutoff, role):
    with pytest.raises(NotPermitted):
        ask(house, meeting, cutoff, PaperKind.CLOSED, role)


def test_a_cancelled_meeting_gets_no_report(house, board, meeting, cutoff):
    with house.database.transaction() as session:
        command = CancelMeeting(meeting_id=meeting.id, reason="no quorum in sight")
        cancel_meeting(session, house.actor(session, STATISTICIAN), command)
    with pytest.raises(MeetingStateRefuses):
        ask(house, meeting, cutoff, PaperKind.OPEN)
