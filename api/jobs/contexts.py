"""What a report is told beside its snapshot, gathered from the trial once, for every job that builds one.

Invariants
1. The same snapshot gives the same context, whenever and however often a job runs: instants come from the snapshot and
   from the anchor that was written for it, never from the clock.
2. Nothing here tells an arm.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlmodel import col, select

from api.installation import Installation
from api.product import product_version
from randomization.ledger.allocation_lists import list_facts
from randomization.ledger.planned_numbers import planned_at, planned_by_design
from reports.context import ReportContext
from reports.plan import plan_from_protocol
from trial.access.accounts import get_account
from trial.access.actors import Actor
from trial.access.grants import actor_for
from trial.audit.anchors import Anchor, read_anchors
from trial.conduct.trials import get_trial
from trial.database.session import TrialSession
from trial.locks.snapshots import Snapshot, load_snapshot
from trial.oversight.decisions import Decision
from trial.oversight.looks import full_information, information_in
from trial.oversight.meetings import Meeting, MeetingState, meetings_of
from trial.oversight.papers import Paper, PaperKind
from trial.oversight.recommendations import Recommendation
from trial.protocol.schema import Protocol
from trial.protocol.versions import ProtocolVersion, SiteAdoption, get_version, protocol_of


def person_who_asked(session: TrialSession, account_id: UUID) -> Actor:
    """The person for whom a job runs, with the roles held now: a role that has ended since does nothing any more."""
    return actor_for(session, get_account(session, account_id))


def write_milestone(installation: Installation, reason: str, **facts: Any) -> Anchor:
    """An anchor that says why it was written, with the commitments and positions of every list."""
    with installation.database.reading() as session:
        lists = list_facts(session)
    return installation.anchor({"reason": reason, "lists": lists, **facts})


def anchor_of_snapshot(installation: Installation, snapshot: Snapshot) -> Anchor:
    """The first anchor that was written over this snapshot; written now where there is none."""
    found = _anchor_naming(installation, snapshot.sha256)
    if found is None:
        write_milestone(installation, "snapshot", snapshot=snapshot.sha256)
        # Two workers may have written at once: both then name the first.
        found = _anchor_naming(installation, snapshot.sha256)
    assert found is not None, "it was written just above"
    return found


def _anchor_naming(installation: Installation, snapshot_sha256: str) -> Anchor | None:
    anchors = read_anchors(installation.settings.anchor_path)
    return next((anchor for anchor in anchors if anchor.facts.get("snapshot") == snapshot_sha256), None)


def report_context(
    session: TrialSession, snapshot: Snapshot, anchor: Anchor | None = None, meeting: Meeting | None = None
) -> ReportContext:
    """The context of a report or a dataset over ``snapshot``; without an anchor of a paper that names none."""
    trial = get_trial(session, snapshot.trial_id)
    protocol = protocol_of(get_version(session, snapshot.protocol_version_id))
    designed = planned_by_design(session, trial)
    return ReportContext(
        trial=trial.code,
        title=trial.title,
        kind=trial.kind.value,
        protocol_versions=_versions_in_use(session, snapshot),
        cut_off_at=snapshot.cut_off_at,
        snapshot_hash=snapshot.sha256,
        code_version=product_version(),
        anchor=str(anchor.head) if anchor else "",
        built_at=anchor.at if anchor else snapshot.cut_off_at,
        plan=plan_from_protocol(protocol),
        meeting=meeting.number if meeting else None,
        look=meeting.look if meeting else None,
        past_fractions=_past_fractions(session, meeting, protocol, designed) if meeting else (),
        planned_participants=planned_at(session, trial, snapshot.cut_off_at),
        designed_participants=designed,
        actions_since=_decisions_before(session, snapshot),
    )


def _versions_in_use(session: TrialSession, snapshot: Snapshot) -> tuple[str, ...]:
    """The versions that some site had adopted by the cut-off, in the order of their activation."""
    found = session.exec(
        select(ProtocolVersion)
        .join(SiteAdoption, col(SiteAdoption.version_id) == col(ProtocolVersion.id))
        .where(ProtocolVersion.trial_id == snapshot.trial_id)
        .where(SiteAdoption.recorded_at <= snapshot.cut_off_at)
        .order_by(col(ProtocolVersion.activated_at), ProtocolVersion.label)
    )
    return tuple(dict.fromkeys(version.label for version in found))


def _past_fractions(session: TrialSession, meeting: Meeting, protocol: Protocol, planned: int) -> tuple[float, ...]:
    """The information at the earlier looks, as it was in the snapshots that they were read from."""
    if meeting.look is None:
        return ()
    earlier = [
        one
        for one in meetings_of(session, meeting.trial_id)
        if one.look is not None and one.look < meeting.look and one.state is not MeetingState.CANCELLED
    ]
    whole = full_information(protocol, planned)
    return tuple(
        information_in(load_snapshot(session, paper.snapshot_id), protocol) / whole
        for one in sorted(earlier, key=lambda held: held.look or 0)
        if (paper := _closed_paper(session, one)) is not None
    )


def _closed_paper(session: TrialSession, meeting: Meeting) -> Paper | None:
    found = select(Paper).where(Paper.meeting_id == meeting.id, Paper.kind == PaperKind.CLOSED)
    return session.exec(found.order_by(col(Paper.recorded_at).desc(), col(Paper.id))).first()


def _decisions_before(session: TrialSession, snapshot: Snapshot) -> tuple[str, ...]:
    """What the sponsor decided before the cut-off, in words that the board may read."""
    found = session.exec(
        select(Decision, Recommendation, Meeting)
        .join(Recommendation, col(Recommendation.id) == col(Decision.recommendation_id))
        .join(Meeting, col(Meeting.id) == col(Recommendation.meeting_id))
        .where(Decision.trial_id == snapshot.trial_id, Decision.recorded_at <= snapshot.cut_off_at)
        .order_by(col(Decision.recorded_at))
    )
    past = {"accept": "accepted", "modify": "modified", "reject": "rejected"}
    return tuple(
        f"Meeting {meeting.number}: the board recommended to {recommendation.recommendation.replace('_', ' ')};"
        f" the sponsor {past[decision.answer.value]} it."
        for decision, recommendation, meeting in found
    )
