"""The interim look: cut-off, meeting, the two reports by queued jobs, declarations, votes, recommendation, decision."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from api.cli.demo.calendar import LAST_PRIMARY_WEEK, at, working_day
from api.cli.demo.gatherings import gathering
from api.cli.demo.measuring import Measure
from api.cli.demo.roster import CHAIR, SEATS
from api.cli.demo.stage import Stage
from api.cli.demo.timeline import Story
from api.jobs.bounds import check_trial
from api.jobs.contexts import anchor_of_snapshot
from api.jobs.queue import work_off
from api.jobs.reports import BuildReport, ask_for_report
from randomization.unblinding.documents import open_document
from trial.database.session import TrialSession
from trial.locks.cutoffs import Cutoff, TakeCutoff, take_cutoff
from trial.locks.snapshots import get_snapshot
from trial.oversight.decisions import Answer, DecideOnRecommendation, decide_on_recommendation
from trial.oversight.looks import information_now, planned_looks
from trial.oversight.meetings import (
    ConveneMeeting,
    DeclareConflict,
    Meeting,
    MeetingKind,
    convene_meeting,
    declare_conflict,
)
from trial.oversight.papers import PaperKind, papers_for, read_open_paper
from trial.oversight.recommendations import SignRecommendation, sign_recommendation
from trial.oversight.votes import CastVote, cast_vote

LOOK = 1


def _needed(stage: Stage) -> int:
    """Participants with the primary endpoint at which the first look is due."""
    return planned_looks(stage.protocol, stage.planned)[LOOK - 1].needed


def interim_look(stage: Stage, measure: Measure, folder: Path) -> Story:
    """From the cut-off to the sponsor's decision, over three weeks.

    The cut-off is taken on the first Monday on which the information is there, or when no more of it will come.
    """
    zone, mondays = stage.gathering_zone, stage.calendar.mondays(last=LAST_PRIMARY_WEEK)
    for monday in mondays:
        session = yield gathering(stage, monday)
        if monday == mondays[-1] or information_now(session, stage.trial.id, stage.protocol) >= _needed(stage):
            break
    with measure.step("Interim look: cut-off and snapshot"):
        cutoff = _cut_off(stage, session)
    stage.look_begun = True
    stage.timeline.afterwards(lambda: _anchor(stage, cutoff))
    stage.timeline.afterwards(lambda: _check_bounds(stage, measure))
    day = stage.clock.now().date()
    session = yield at(day, 9, 0, zone)
    meeting = _convene(stage, session, day + timedelta(days=12))
    for minute, kind in ((10, PaperKind.OPEN), (40, PaperKind.CLOSED)):
        session = yield at(day, 9, minute, zone)
        command = BuildReport(meeting_id=meeting.id, cutoff_id=cutoff.id, kind=kind)
        ask_for_report(session, stage.person("statistician.unblinded"), command)
        stage.timeline.afterwards(lambda kind=kind: _build(stage, measure, kind))  # type: ignore[misc]  # a lambda's default needs no annotation
    session = yield at(meeting.planned_on, 13, 0, zone)
    _declare(stage, session, meeting.id)
    _read(stage, session, meeting.id, folder)
    session = yield at(meeting.planned_on, 15, 20, zone)
    _vote(stage, session, meeting.id)
    session = yield at(meeting.planned_on, 15, 50, zone)
    recommendation_id = _recommend(stage, session, meeting.id)
    session = yield at(working_day(meeting.planned_on + timedelta(days=3)), 10, 0, zone)
    _decide(stage, session, recommendation_id)


def _cut_off(stage: Stage, session: TrialSession) -> Cutoff:
    command = TakeCutoff(idempotency_key=stage.key(), trial_id=stage.trial.id, purpose="First interim analysis")
    return take_cutoff(session, stage.person("data-manager"), command)


def _anchor(stage: Stage, cutoff: Cutoff) -> None:
    with stage.installation.database.reading() as session:
        snapshot = get_snapshot(session, cutoff.snapshot_id)
    anchor_of_snapshot(stage.installation, snapshot)


def _convene(stage: Stage, session: TrialSession, planned_on: object) -> Meeting:
    command = ConveneMeeting.model_validate(
        {"trial_id": stage.trial.id, "kind": MeetingKind.PLANNED_LOOK, "planned_on": planned_on, "look": LOOK}
    )
    return convene_meeting(session, stage.person("statistician.unblinded"), command)


def _build(stage: Stage, measure: Measure, kind: PaperKind) -> None:
    with measure.step(f"Interim look: {kind.value} report (PDF)"):
        work_off(stage.installation)


def _check_bounds(stage: Stage, measure: Measure) -> None:
    """As the worker does each minute; here once, for the chair to see where each bound stands."""
    with measure.step("Interim look: bounds on harm"):
        check_trial(stage.installation, stage.trial.id)


def _declare(stage: Stage, session: TrialSession, meeting_id: UUID) -> None:
    for username in SEATS:
        command = DeclareConflict(
            meeting_id=meeting_id, has_conflict=False, statement="I have no conflict of interest."
        )
        declare_conflict(session, stage.person(username), command)


def _read(stage: Stage, session: TrialSession, meeting_id: UUID, folder: Path) -> None:
    """The chair opens both papers; what the chair reads is kept beside the demo's data for whoever runs it."""
    chair = stage.person(CHAIR)
    for paper in papers_for(session, chair, meeting_id):
        if paper.kind is PaperKind.OPEN:
            content = read_open_paper(session, chair, paper.id)
        else:
            assert paper.sealed_document_id is not None, "a closed paper is filed after its bytes are sealed"
            content = open_document(session, chair, paper.sealed_document_id).content
        keep(folder / f"interim-look-{LOOK}-{paper.kind.value}.pdf", content)


def keep(path: Path, content: bytes) -> None:
    """Write a copy that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(content)


def _vote(stage: Stage, session: TrialSession, meeting_id: UUID) -> None:
    for username in SEATS:
        cast_vote(session, stage.person(username), CastVote(meeting_id=meeting_id, recommendation="continue"))


def _recommend(stage: Stage, session: TrialSession, meeting_id: UUID) -> UUID:
    chair = stage.person(CHAIR)
    command = SignRecommendation(
        idempotency_key=stage.key(),
        meeting_id=meeting_id,
        recommendation="continue",
        text="The board recommends to continue the trial as planned. Follow-up at month 3 deserves the sites' attention.",
    )
    return sign_recommendation(session, chair, stage.proof(chair), command).id


def _decide(stage: Stage, session: TrialSession, recommendation_id: UUID) -> None:
    command = DecideOnRecommendation(
        idempotency_key=stage.key(),
        recommendation_id=recommendation_id,
        answer=Answer.ACCEPT,
        reason="The trial continues. Sites were reminded of the month 3 visit.",
    )
    decide_on_recommendation(session, stage.person("sponsor"), command)
