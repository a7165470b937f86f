"""Bounds on harm, checked by the clock: each minute in which a record that they count was added or changed.

Invariants
1. Bounds by arm are counted with the treatments and told to the board's chair and the unblinded statistician alone, by
   mail and on a page of theirs. They pause nothing.
2. A pooled bound that pauses recruitment does so in the transaction of the check.
3. The same figures as a closed report over the same records: the same datasets, the same analysis.
4. A mail goes out before the check is recorded: a crash may send it twice, and never not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from procrastinate import JobContext
from sqlalchemy import text
from sqlmodel import col, select

from api.installation import Installation
from api.jobs.alerts import MailSettings, mail_at_once
from api.jobs.queue import BY_THE_CLOCK, tasks
from api.jobs.reports import labels_of
from randomization.unblinding.bounds import (
    Finding,
    checked_marker,
    frame_for_bounds,
    keep_findings,
    latest_findings,
)
from reports.analyses.groups import by_arm
from reports.analyses.stopping import RuleState, harm_rule_states
from reports.datasets.adam import build_adam
from reports.datasets.sdtm import build_sdtm
from reports.plan import plan_from_protocol
from trial.access.actors import system_actor
from trial.access.alerts import Alert, AlertKind
from trial.conduct.trials import Trial
from trial.database.session import TrialSession
from trial.locks.cutoffs import WHOLE
from trial.locks.snapshots import read_tables
from trial.locks.versions import newest_active_version
from trial.oversight.harm_pauses import PauseForHarm, pause_for_harm
from trial.protocol.schema import Protocol
from trial.protocol.versions import protocol_of

READERS: Final = ("dsmb_chair", "statistician_unblinded")
"""Who holds ``board:convene``; a test compares."""
SENTENCE: Final = (
    "A bound on harm by arm has been reached. Sign in to see it; nothing was paused, and nobody else was told."
)
_MARKER: Final = text(
    "SELECT coalesce(max(id), 0) FROM audit.entry WHERE trial_id = :trial AND table_name IN"
    " ('trial.adverse_event', 'trial.sponsor_assessment', 'trial.infusion', 'trial.participant', 'trial.allocation')"
)


@tasks.periodic(cron="* * * * *")
@tasks.task(name="check_bounds", pass_context=True, queue=BY_THE_CLOCK, queueing_lock="check_bounds")
def check_bounds(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate's signature
    """Check the bounds of every trial that is under way."""
    installation: Installation = context.additional_context["installation"]
    with installation.database.reading() as session:
        under_way = select(Trial.id).where(col(Trial.started_at).is_not(None), col(Trial.locked_at).is_(None))
        trials = list(session.exec(under_way.order_by(Trial.code)))
    for trial_id in trials:
        check_trial(installation, trial_id)


def check_trial(installation: Installation, trial_id: UUID) -> tuple[RuleState, ...] | None:
    """Where every bound of the trial stands; ``None`` where nothing that counts has changed since the last check."""
    with installation.database.transaction() as session:
        session.exec(select(Trial.id).where(Trial.id == trial_id).with_for_update(key_share=True)).one()
        marker = int(session.execute(_MARKER, {"trial": trial_id}).scalar_one())
        if marker <= checked_marker(session, trial_id):
            return None
        version = newest_active_version(session, trial_id)
        protocol = protocol_of(version)
        states = _states(session, trial_id, protocol)
        before = latest_findings(session, trial_id)
        findings = [_finding(state) for state in states if state.rule.board_only]
        known = {(one.rule, one.group) for one in before.reached} if before else set()
        if any(one.reached and (one.rule, one.group) not in known for one in findings):
            _tell(session, trial_id)
        keep_findings(session, system_actor("bound-keeper"), trial_id, version.id, marker, findings)
        _pause(session, trial_id, version.id, states)
    return states


def _states(session: TrialSession, trial_id: UUID, protocol: Protocol) -> tuple[RuleState, ...]:
    trial = session.get_one(Trial, trial_id)
    plan = plan_from_protocol(protocol)
    tables = read_tables(session, trial, newest_active_version(session, trial_id), session.now(), WHOLE, None)
    treatments = frame_for_bounds(session, system_actor("bound-keeper"), trial_id)
    domains = build_sdtm(tables, "unblinded", treatments, salt="")
    frames = {**domains, **build_adam(domains, tables, plan, "unblinded")}
    return harm_rule_states(frames, plan, by_arm(labels_of(protocol)))


def _finding(state: RuleState) -> Finding:
    rule = state.rule
    return Finding(
        rule.name, state.group, state.at_risk, state.observed, state.reached, state.probability, state.lower_limit
    )


def _pause(session: TrialSession, trial_id: UUID, version_id: UUID, states: Sequence[RuleState]) -> None:
    for state in states:
        rule = state.rule
        if state.reached and rule.pauses_recruitment:
            command = PauseForHarm(
                trial_id=trial_id, protocol_version_id=version_id, rule=rule.name, text=rule.text,
                observed=state.observed, at_risk=state.at_risk,
            )  # fmt: skip
            pause_for_harm(session, system_actor("bound-keeper"), command)


def _tell(session: TrialSession, trial_id: UUID) -> None:
    """A mail to each of the two readers, where a mail server is configured. In no table: others read those."""
    stamp = session.stamp()
    alerts = [
        Alert(**stamp, kind=AlertKind.HARM_BOUND, role=role, sentence=SENTENCE, trial_id=trial_id) for role in READERS
    ]
    mail_at_once(session, MailSettings(), alerts)
