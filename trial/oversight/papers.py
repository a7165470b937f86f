"""Papers of a meeting: which report was built from what, by whom, and who has opened it.

Invariants
1. A paper names its snapshot, its document's SHA-256 and its builder; none of them ever changes.
2. An open paper's bytes are a blob. A closed paper's bytes are sealed in the strongroom: here is only their hash.
3. A member of the board opens no paper before declaring, and no closed paper with a conflict. Each opening is recorded.

What it does not do: build or decrypt a report.
"""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor, ActorKind
from trial.access.permissions import Permission
from trial.access.policies import authorize, may
from trial.database.blobs import read_blob, sha256_of, store_blob
from trial.database.columns import choice
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.locks.snapshots import get_snapshot
from trial.oversight.meetings import (
    DeclarationMissing,
    Meeting,
    MeetingAct,
    MemberRecused,
    check_can_act,
    check_declared,
    get_meeting,
)


class PaperKind(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


BUILT: dict[PaperKind, Action] = {
    PaperKind.OPEN: Action.OPEN_REPORT_BUILT,
    PaperKind.CLOSED: Action.CLOSED_REPORT_BUILT,
}
OPENED: dict[PaperKind, Action] = {
    PaperKind.OPEN: Action.REPORT_OPENED,
    PaperKind.CLOSED: Action.CLOSED_REPORT_OPENED,
}
READ: dict[PaperKind, Permission] = {
    PaperKind.OPEN: Permission.REPORT_OPEN_READ,
    PaperKind.CLOSED: Permission.REPORT_CLOSED_READ,
}


class PaperNotFound(NotFound):
    code = "paper.not_found"


class PaperFromElsewhere(InvalidInput):
    code = "paper.from_elsewhere"


class PaperIsSealed(Conflict):
    code = "paper.is_sealed"


class FilePaper(BaseModel):
    """An open paper is named by its bytes, a closed one by the strongroom's document.

    ``document_sha256`` is over the document's own bytes, before a signature is appended. A closed paper has none here:
    blinded people read this table, and whoever can build a report from a guess of the arms could try the guess on it.
    """

    model_config = ConfigDict(frozen=True)

    meeting_id: UUID
    kind: PaperKind
    snapshot_id: UUID
    document_sha256: str | None = Bounded(default=None, pattern=r"^[0-9a-f]{64}$")
    document_size: int | None = Bounded(default=None, ge=1)
    sealed_document_id: UUID | None = None
    code_version: str = Bounded(min_length=1, max_length=64)


class Paper(TrialRecord, table=True):
    __tablename__ = "paper"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("meeting_id", "document_sha256"),
        UniqueConstraint("meeting_id", "sealed_document_id"),
        CheckConstraint(
            "(kind = 'open') = (document_sha256 IS NOT NULL) AND (kind = 'open') = (document_size IS NOT NULL)"
            " AND (kind = 'closed') = (sealed_document_id IS NOT NULL)",
            name="named_by_kind",
        ),
    )

    meeting_id: UUID = Field(foreign_key="trial.meeting.id", index=True)
    kind: PaperKind = choice(PaperKind)
    snapshot_id: UUID
    snapshot_sha256: str = Field(max_length=64)
    document_sha256: str | None = Field(default=None, max_length=64)
    document_size: int | None = None
    sealed_document_id: UUID | None = None
    code_version: str = Field(max_length=64)
    built_by: str = Field(max_length=80)


class PaperOpening(TrialRecord, table=True):
    """That somebody opened a paper."""

    __tablename__ = "paper_opening"
    __table_args__ = in_schema("trial")

    paper_id: UUID = Field(foreign_key="trial.paper.id", index=True)
    opened_by: str = Field(max_length=80)


def file_open_paper(session: TrialSession, actor: Actor, command: FilePaper, document: bytes) -> Paper:
    """Keep an open report for a meeting, bytes and all. Raises ``PaperFromElsewhere``, ``MeetingStateRefuses``."""
    _check_kind(command, PaperKind.OPEN)
    if sha256_of(document) != command.document_sha256 or len(document) != command.document_size:
        raise PaperFromElsewhere("The document is not the one that its hash names. Build the report again.")
    paper = _file(session, actor, command)
    store_blob(session, document)
    return paper


def file_closed_paper(session: TrialSession, actor: Actor, command: FilePaper) -> Paper:
    """Say that a closed report was built; the caller has sealed its bytes. Raises as ``file_open_paper`` does."""
    _check_kind(command, PaperKind.CLOSED)
    return _file(session, actor, command)


def _check_kind(command: FilePaper, kind: PaperKind) -> None:
    if command.kind is not kind:
        raise PaperFromElsewhere(f"This is filed as the {command.kind.value} report; file it as what it is.")
    sealed = command.sealed_document_id is not None
    if sealed is not (kind is PaperKind.CLOSED) or sealed is not (command.document_sha256 is None):
        raise PaperFromElsewhere(
            "An open report is named by its bytes, a closed one by its sealed document. Name it so."
        )


def _file(session: TrialSession, actor: Actor, command: FilePaper) -> Paper:
    meeting = get_meeting(session, command.meeting_id)
    authorize(session, actor, BUILT[command.kind], trial_id=meeting.trial_id)
    session.refresh(meeting, with_for_update={"key_share": True})
    check_can_act(meeting, MeetingAct.FILE_PAPER)
    snapshot = get_snapshot(session, command.snapshot_id)
    if snapshot.trial_id != meeting.trial_id:
        raise PaperFromElsewhere("The report was built from another trial's snapshot. Build it from this trial's.")
    same = _paper_with(session, meeting, command)
    if same is not None:
        return same
    paper = Paper(
        **session.stamp(),
        **command.model_dump(),
        trial_id=meeting.trial_id,
        protocol_version_id=meeting.protocol_version_id,
        snapshot_sha256=snapshot.sha256,
        built_by=actor.name,
    )
    session.add(paper)
    session.flush()
    return paper


def _paper_with(session: TrialSession, meeting: Meeting, command: FilePaper) -> Paper | None:
    """The paper of these very bytes: a report built again is no second paper."""
    return session.exec(
        select(Paper).where(
            Paper.meeting_id == meeting.id,
            Paper.kind == command.kind,
            col(Paper.document_sha256).is_not_distinct_from(command.document_sha256),
            col(Paper.sealed_document_id).is_not_distinct_from(command.sealed_document_id),
        )
    ).first()


def open_paper(session: TrialSession, actor: Actor, paper_id: UUID) -> Paper:
    """That ``actor`` opens the paper now. Raises ``DeclarationMissing``, ``MemberRecused``, ``NotPermitted``.

    Whoever hands out bytes, of either kind, calls this first, in the same transaction.
    """
    paper = get_paper(session, paper_id)
    authorize(session, actor, OPENED[paper.kind], trial_id=paper.trial_id)
    check_papers_open(session, actor, paper.trial_id, paper.meeting_id)
    opening = PaperOpening(
        **session.stamp(),
        trial_id=paper.trial_id,
        protocol_version_id=paper.protocol_version_id,
        paper_id=paper.id,
        opened_by=actor.name,
    )
    session.add(opening)
    session.flush()
    return paper


def check_papers_open(session: TrialSession, actor: Actor, trial_id: UUID, meeting_id: UUID) -> None:
    """A member of the board declares first. Raises ``DeclarationMissing``, ``MemberRecused``."""
    if _sits_on_board(actor, trial_id):
        check_declared(session, meeting_id, actor.account_id)


def can_open_papers(session: TrialSession, actor: Actor, trial_id: UUID, meeting_id: UUID) -> bool:
    try:
        check_papers_open(session, actor, trial_id, meeting_id)
    except (DeclarationMissing, MemberRecused):
        return False
    return True


def read_open_paper(session: TrialSession, actor: Actor, paper_id: UUID) -> bytes:
    """The bytes of an open report. Raises ``PaperIsSealed`` for a closed one."""
    paper = open_paper(session, actor, paper_id)
    if paper.document_sha256 is None:
        raise PaperIsSealed("A closed report is read through the closed session's own page.")
    return read_blob(session, paper.document_sha256)


def _sits_on_board(actor: Actor, trial_id: UUID) -> bool:
    return actor.kind is ActorKind.PERSON and may(actor, Permission.BOARD_VOTE, trial_id)


def get_paper(session: TrialSession, paper_id: UUID) -> Paper:
    """Raises ``PaperNotFound``."""
    found = session.get(Paper, paper_id)
    if found is None:
        raise PaperNotFound("There is no such paper. Choose one from the meeting.")
    return found


def papers_for(session: TrialSession, actor: Actor, meeting_id: UUID) -> list[Paper]:
    """The meeting's papers of the kinds that ``actor`` may read, oldest first."""
    meeting = get_meeting(session, meeting_id)
    kinds = [kind for kind in PaperKind if may(actor, READ[kind], meeting.trial_id)]
    return list(
        session.exec(
            select(Paper)
            .where(Paper.meeting_id == meeting_id, col(Paper.kind).in_(kinds))
            .order_by(col(Paper.recorded_at), col(Paper.id))
        )
    )


def openings_of(session: TrialSession, paper_id: UUID) -> list[PaperOpening]:
    """Who has opened the paper, and when, oldest first."""
    found = select(PaperOpening).where(PaperOpening.paper_id == paper_id)
    return list(session.exec(found.order_by(col(PaperOpening.recorded_at), col(PaperOpening.id))))
