"""The board's two reports, built from a cut-off's snapshot by the worker: one of the two places where treatments meet a report.

Invariants
1. The open report is built without any treatment. The closed one asks the strongroom for coded arms once, and the
   asking is recorded even when the build fails afterwards.
2. A report that is built for this meeting and snapshot already is not built again: a job may run twice.
3. The closed report's bytes are sealed before its paper is filed; outside the seal there is its hash alone.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from procrastinate import JobContext
from pydantic import BaseModel, ConfigDict
from sqlmodel import select

from api.installation import Installation
from api.jobs.contexts import anchor_of_snapshot, person_who_asked, report_context
from api.jobs.queue import defer, tasks
from api.product import product_version
from randomization.unblinding.coding import closed_frame
from randomization.unblinding.documents import DocumentKind, SealDocument, seal_document
from reports.documents.closed_session import closed_session
from reports.documents.open_session import open_session
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.database.session import TrialSession
from trial.locks.cutoffs import Cutoff, get_cutoff
from trial.locks.snapshots import Snapshot, get_snapshot, load_snapshot
from trial.oversight.meetings import Meeting, MeetingAct, check_can_act, get_meeting
from trial.oversight.papers import (
    FilePaper,
    Paper,
    PaperFromElsewhere,
    PaperKind,
    file_closed_paper,
    file_open_paper,
)
from trial.protocol.schema import Protocol
from trial.protocol.versions import get_version, protocol_of

BUILDS: dict[PaperKind, Permission] = {
    PaperKind.OPEN: Permission.REPORT_OPEN_BUILD,
    PaperKind.CLOSED: Permission.REPORT_CLOSED_BUILD,
}


class BuildReport(BaseModel):
    model_config = ConfigDict(frozen=True)

    meeting_id: UUID
    cutoff_id: UUID
    kind: PaperKind


def ask_for_report(session: TrialSession, actor: Actor, command: BuildReport) -> None:
    """Queue the build of a report for a meeting. Raises ``NotPermitted``, ``MeetingStateRefuses``, ``PaperFromElsewhere``."""
    meeting = get_meeting(session, command.meeting_id)
    check_may(actor, BUILDS[command.kind], meeting.trial_id)
    check_can_act(meeting, MeetingAct.FILE_PAPER)
    check_of_one_trial(meeting, get_cutoff(session, command.cutoff_id))
    defer(
        session,
        f"build_{command.kind.value}_report",
        {"meeting_id": meeting.id, "cutoff_id": command.cutoff_id, "asked_by": actor.account_id},
    )


def check_of_one_trial(meeting: Meeting, cutoff: Cutoff) -> None:
    """Raise ``PaperFromElsewhere``."""
    if meeting.trial_id != cutoff.trial_id:
        raise PaperFromElsewhere("The cut-off belongs to another trial. Choose one of this trial's cut-offs.")


@tasks.task(name="build_open_report", pass_context=True)
def build_open_report(context: JobContext, *, meeting_id: str, cutoff_id: str, asked_by: str) -> None:
    """The open session's PDF, filed with its bytes."""
    installation: Installation = context.additional_context["installation"]
    build = _Build(installation, UUID(meeting_id), UUID(cutoff_id), UUID(asked_by), PaperKind.OPEN)
    if not build.is_done():
        build.file_open()


@tasks.task(name="build_closed_report", pass_context=True)
def build_closed_report(context: JobContext, *, meeting_id: str, cutoff_id: str, asked_by: str) -> None:
    """The closed session's PDF, sealed, and its paper."""
    installation: Installation = context.additional_context["installation"]
    build = _Build(installation, UUID(meeting_id), UUID(cutoff_id), UUID(asked_by), PaperKind.CLOSED)
    if not build.is_done():
        build.file_closed()


class _Build:
    """One report for one meeting from one cut-off, for one person."""

    def __init__(
        self, installation: Installation, meeting_id: UUID, cutoff_id: UUID, asked_by: UUID, kind: PaperKind
    ) -> None:
        self.installation, self.database, self.kind, self.asked_by = (
            installation,
            installation.database,
            kind,
            asked_by,
        )
        with self.database.reading() as session:
            self.meeting = get_meeting(session, meeting_id)
            cutoff = get_cutoff(session, cutoff_id)
            check_of_one_trial(self.meeting, cutoff)
            self.snapshot: Snapshot = get_snapshot(session, cutoff.snapshot_id)

    def is_done(self) -> bool:
        with self.database.reading() as session:
            found = select(Paper.id).where(
                Paper.meeting_id == self.meeting.id,
                Paper.kind == self.kind,
                Paper.snapshot_sha256 == self.snapshot.sha256,
                Paper.code_version == product_version(),
            )
            return session.exec(found).first() is not None

    def file_open(self) -> None:
        anchor = anchor_of_snapshot(self.installation, self.snapshot)
        with self.database.reading() as session:
            check_may(self._actor(session), BUILDS[self.kind], self.meeting.trial_id)
            frames = load_snapshot(session, self.snapshot.id)
            context = report_context(session, self.snapshot, anchor, self.meeting)
        document = open_session(frames, context)
        with self.database.transaction() as session:
            named = self._paper(document_sha256=hashlib.sha256(document).hexdigest(), document_size=len(document))
            file_open_paper(session, self._actor(session), named, document)

    def file_closed(self) -> None:
        anchor = anchor_of_snapshot(self.installation, self.snapshot)
        with self.database.transaction() as session:
            actor = self._actor(session)
            check_may(actor, BUILDS[self.kind], self.meeting.trial_id)
            frames = load_snapshot(session, self.snapshot.id)
            context = report_context(session, self.snapshot, anchor, self.meeting)
            protocol = protocol_of(get_version(session, self.snapshot.protocol_version_id))
            purpose = f"Closed report for meeting {self.meeting.number}"
            treatments = closed_frame(session, actor, self.meeting.trial_id, purpose, until=self.snapshot.cut_off_at)
        document = closed_session(frames, context, treatments, labels=labels_of(protocol))
        with self.database.transaction() as session:
            actor = self._actor(session)
            sealed = seal_document(
                session,
                actor,
                SealDocument(
                    trial_id=self.meeting.trial_id,
                    kind=DocumentKind.CLOSED_REPORT,
                    name=f"Closed report, meeting {self.meeting.number}",
                    content=document,
                ),
            )
            file_closed_paper(session, actor, self._paper(sealed_document_id=sealed))

    def _actor(self, session: TrialSession) -> Actor:
        return person_who_asked(session, self.asked_by)

    def _paper(self, **named_by: Any) -> FilePaper:
        return FilePaper(
            meeting_id=self.meeting.id,
            kind=self.kind,
            snapshot_id=self.snapshot.id,
            **named_by,
            code_version=product_version(),
        )


def labels_of(protocol: Protocol) -> tuple[str, ...]:
    """How a closed report calls the arms: the protocol's labels, or letters where it does not name one for each."""
    shown = tuple(protocol.board.arms_shown_as)
    if len(shown) == len(protocol.arm_codes):
        return shown
    return tuple(chr(ord("A") + place) for place in range(len(protocol.arm_codes)))
