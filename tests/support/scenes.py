"""Moments of a trial for the pages: a board with papers before it, a recommendation that waits, a locked dataset."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

from reportlab.pdfgen.canvas import Canvas

from randomization.unblinding.documents import DocumentKind, SealDocument, seal_document
from tests.support.board import QUORATE, Board
from tests.support.house import House
from tests.support.locking import cut_off, locked
from trial.access.actors import system_actor
from trial.locks.cutoffs import Cutoff
from trial.locks.datasets import DatasetMode, LockedDataset, RecordDataset, describe_files, record_dataset
from trial.oversight.meetings import Meeting, MeetingKind
from trial.oversight.papers import FilePaper, Paper, PaperKind, file_closed_paper, file_open_paper

BUILDER = "statistician_unblinded"


@dataclass(frozen=True)
class BoardScene:
    board: Board
    meeting: Meeting
    open_paper: Paper
    closed_paper: Paper
    open_bytes: bytes
    closed_bytes: bytes


def pdf(words: str) -> bytes:
    """One page of paper."""
    paper = io.BytesIO()
    canvas = Canvas(paper, invariant=1)
    canvas.drawString(72, 720, words)
    canvas.save()
    return paper.getvalue()


def board_scene(house: House, *, declared: tuple[str, ...] = QUORATE) -> BoardScene:
    """The first look's meeting, convened, with both papers filed; those of ``declared`` are present."""
    board = Board(house)
    meeting = board.convened(MeetingKind.PLANNED_LOOK, look=1)
    cutoff = cut_off(house)
    open_bytes, closed_bytes = pdf("Open report"), pdf("Closed report")
    with house.database.transaction() as session:
        builder = house.actor(session, BUILDER)
        command = _filing(
            meeting,
            cutoff,
            PaperKind.OPEN,
            document_sha256=hashlib.sha256(open_bytes).hexdigest(),
            document_size=len(open_bytes),
        )
        open_paper = file_open_paper(session, builder, command, open_bytes)
        sealing = SealDocument(
            trial_id=house.trial.id, kind=DocumentKind.CLOSED_REPORT, name="Closed report", content=closed_bytes
        )
        sealed = seal_document(session, builder, sealing)
        closed_paper = file_closed_paper(
            session, builder, _filing(meeting, cutoff, PaperKind.CLOSED, sealed_document_id=sealed)
        )
    board.declare(meeting.id, declared)
    return BoardScene(board, meeting, open_paper, closed_paper, open_bytes, closed_bytes)


def _filing(meeting: Meeting, cutoff: Cutoff, kind: PaperKind, **named_by: Any) -> FilePaper:
    return FilePaper(
        meeting_id=meeting.id,
        kind=kind,
        snapshot_id=cutoff.snapshot_id,
        **named_by,
        code_version="test",
    )


def pack(note: str = "No treatment variables.") -> dict[str, bytes]:
    """A small dataset with a manifest of the real shape."""
    files = {
        "adam/adsl.csv": b"USUBJID,SITEID,AGE\nTEST-1-P-0001,S1,54\nTEST-1-P-0002,S2,47\n",
        "adam/adsl.xpt": b"HEADER RECORD*******LIBRARY HEADER RECORD" + bytes(80),
        "sdtm/dm.csv": b"USUBJID,SITEID\nTEST-1-P-0001,S1\nTEST-1-P-0002,S2\n",
    }
    columns = [
        {"name": "USUBJID", "type": "text", "label": "Unique subject identifier"},
        {"name": "SITEID", "type": "text", "label": "Study site identifier"},
        {"name": "AGE", "type": "integer", "label": "Age"},
    ]
    manifest = {
        "format": "equipoise-pack/1",
        "treatments": "naive",
        "treatments_note": note,
        "withheld": ["infusion courses"],
        "protocol_versions": ["1.0"],
        "cut_off_at": "2026-03-02T09:00:00Z",
        "snapshot_hash": "0" * 64,
        "code_version": "test",
        "anchor": "214:9f86d081884c7d65",
        "files": {
            path: {
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "dataset": path.partition("/")[2].partition(".")[0].upper(),
                "rows": 2,
                "columns": columns,
            }
            for path, content in files.items()
        },
    }
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n"
    return {**files, "manifest.json": text.encode()}


def locked_dataset(house: House) -> LockedDataset:
    """The whole trial locked, and its dataset without treatments."""
    lock = locked(house)
    contents = pack()
    with house.database.transaction() as session:
        command = RecordDataset(
            lock_id=lock.id,
            mode=DatasetMode.NAIVE,
            manifest="manifest.json",
            files=describe_files(contents),
            code_version="test",
        )
        return record_dataset(session, system_actor("worker"), command, contents)
