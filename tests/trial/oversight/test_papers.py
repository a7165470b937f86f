"""Papers of a meeting: what they were built from, and who opened them."""

from uuid import NAMESPACE_OID, UUID, uuid5

import pytest

from tests.support.board import CHAIR, Board
from tests.support.house import House
from tests.support.locking import cut_off
from trial.database.blobs import BlobNotFound, read_blob, sha256_of
from trial.errors import NotPermitted
from trial.locks.snapshots import get_snapshot
from trial.oversight.meetings import DeclarationMissing, Meeting, MeetingStateRefuses, MemberRecused
from trial.oversight.papers import (
    FilePaper,
    Paper,
    PaperFromElsewhere,
    PaperIsSealed,
    PaperKind,
    file_closed_paper,
    file_open_paper,
    open_paper,
    openings_of,
    papers_for,
    read_open_paper,
)

PDF = b"%PDF-1.7 open"


@pytest.fixture
def board(house: House) -> Board:
    return Board(house)


@pytest.fixture
def meeting(board: Board) -> Meeting:
    return board.convened()


def command(house: House, meeting_id: UUID, kind: PaperKind, document: bytes = PDF) -> FilePaper:
    sealed = kind is PaperKind.CLOSED
    return FilePaper(
        meeting_id=meeting_id,
        kind=kind,
        snapshot_id=cut_off(house).snapshot_id,
        document_sha256=None if sealed else sha256_of(document),
        document_size=None if sealed else len(document),
        sealed_document_id=uuid5(NAMESPACE_OID, document.hex()) if sealed else None,
        code_version="0.1.0",
    )


def filed(house: House, meeting: Meeting, kind: PaperKind, document: bytes = PDF) -> Paper:
    wanted = command(house, meeting.id, kind, document)
    with house.database.transaction() as session:
        builder = house.actor(session, "statistician_unblinded")
        if kind is PaperKind.OPEN:
            return file_open_paper(session, builder, wanted, document)
        return file_closed_paper(session, builder, wanted)


def test_a_paper_names_its_snapshot_its_hash_and_its_builder(house: House, meeting: Meeting):
    paper = filed(house, meeting, PaperKind.OPEN)
    with house.database.session() as session:
        assert paper.snapshot_sha256 == get_snapshot(session, paper.snapshot_id).sha256
        assert paper.built_by == house.actor(session, "statistician_unblinded").name
        assert read_blob(session, paper.document_sha256) == PDF


def test_a_closed_papers_bytes_are_not_here(house: House, board: Board, meeting: Meeting):
    paper = filed(house, meeting, PaperKind.CLOSED, b"%PDF closed")
    board.declare(meeting.id, [CHAIR])
    with house.database.session() as session:
        with pytest.raises(BlobNotFound):
            read_blob(session, sha256_of(b"%PDF closed"))
        assert sha256_of(b"%PDF closed") not in paper.model_dump_json()
        with pytest.raises(PaperIsSealed):
            read_open_paper(session, board.actor(session, CHAIR), paper.id)


def test_a_member_declares_before_opening_any_paper(house: House, board: Board, meeting: Meeting):
    papers = [filed(house, meeting, kind, kind.encode()) for kind in PaperKind]
    for paper in papers:
        with house.database.session() as session, pytest.raises(DeclarationMissing):
            open_paper(session, board.actor(session, "statistician"), paper.id)
    board.declare(meeting.id, ["statistician"])
    for paper in papers:
        with house.database.transaction() as session:
            member = board.actor(session, "statistician")
            open_paper(session, member, paper.id)
            assert [opening.opened_by for opening in openings_of(session, paper.id)] == [member.name]


def test_a_member_with_a_conflict_opens_none(house: House, board: Board, meeting: Meeting):
    paper = filed(house, meeting, PaperKind.CLOSED)
    board.declare(meeting.id, ["statistician"], has_conflict=True)
    with house.database.session() as session, pytest.raises(MemberRecused):
        open_paper(session, board.actor(session, "statistician"), paper.id)


def test_the_sponsor_reads_the_open_report_and_never_the_closed_one(house: House, meeting: Meeting):
    open_one, closed_one = filed(house, meeting, PaperKind.OPEN), filed(house, meeting, PaperKind.CLOSED, b"closed")
    with house.database.session() as session:
        for role in ("sponsor", "data_manager", "statistician_blinded", "inspector"):
            reader = house.actor(session, role)
            assert read_open_paper(session, reader, open_one.id) == PDF
            assert [paper.id for paper in papers_for(session, reader, meeting.id)] == [open_one.id]
            with pytest.raises(NotPermitted):
                open_paper(session, reader, closed_one.id)


def test_the_same_report_built_again_is_the_same_paper(house: House, meeting: Meeting):
    assert filed(house, meeting, PaperKind.OPEN).id == filed(house, meeting, PaperKind.OPEN).id


def test_bytes_that_are_not_the_named_ones_are_refused(house: House, meeting: Meeting):
    wanted = command(house, meeting.id, PaperKind.OPEN)
    with house.database.session() as session:
        builder = house.actor(session, "statistician_unblinded")
        with pytest.raises(PaperFromElsewhere):
            file_open_paper(session, builder, wanted, b"other bytes")
        with pytest.raises(PaperFromElsewhere):
            file_closed_paper(session, builder, wanted)


def test_who_may_not_build_a_closed_report_files_none(house: House, meeting: Meeting):
    wanted = command(house, meeting.id, PaperKind.CLOSED)
    with house.database.session() as session, pytest.raises(NotPermitted):
        file_closed_paper(session, house.actor(session, "data_manager"), wanted)


def test_nothing_is_filed_once_the_meeting_is_concluded(house: House, board: Board):
    made = board.recommended()
    with pytest.raises(MeetingStateRefuses):
        filed(house, type("Held", (), {"id": made.meeting_id})(), PaperKind.OPEN)
