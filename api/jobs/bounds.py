"""Bounds on harm, checked by the clock: each minute in which a record that they count was added or changed.

Invariants
1. Bounds by arm are counted with the treatments and told to the board's chair and the unblinded statistician alone, by
   mail and on a page of theirs. They pause nothing.
2. A pooled bound that everybody may see is told to those who act on it; one that pauses recruitment pauses it. Both in the
   transaction of the check.
3. The same figures as a closed report over the same records: the same datasets, the same analysis.
4. A mail leaves no trace in the database, the queue or the log, sent or not: what was mailed is known to the worker alone.
   A worker that starts mails what is reached again; a mail server that is away is asked again each minute.
5. A trial whose bounds cannot be counted keeps no other from being checked.
"""

from __future__ import annotations

from smtplib import SMTPException
from typing import Final, TypeAlias
from uuid import UUID
from weakref import WeakKeyDictionary

import polars as pl
from procrastinate import JobContext
from sqlalchemy import text
from sqlmodel import col, select

from api.installation import Installation
from api.jobs.alerts import MailSettings, mail_at_once
from api.jobs.queue import BY_THE_CLOCK, tasks
from api.jobs.reports import labels_of
from api.logs import log
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
from trial.access.actors import Actor, system_actor
from trial.access.alerts import Alert, AlertKind, raise_alert
from trial.conduct.trials import Trial
from trial.database.session import Database, TrialSession
from trial.errors import DomainError
from trial.locks.cutoffs import WHOLE
from trial.locks.snapshots import read_tables
from trial.oversight.harm_pauses import PauseForHarm, pause_for_harm
from trial.protocol.schema import Protocol
from trial.protocol.versions import newest_active_version, protocol_of

READERS: Final = ("dsmb_chair", "statistician_unblinded")
"""Who holds ``board:convene``; a test compares."""
TOLD_OF_POOLED: Final = ("sponsor", "medical_monitor", "dsmb_chair")
SENTENCE: Final = "A bound on harm has been reached. Sign in to see it; nothing was paused, and nobody else was told."
# Positions of the chain follow the commits; ids of entries do not, and one that commits late would be passed over.
_MARKER: Final = text(
    "SELECT max(link.position) FROM audit.link AS link JOIN audit.entry AS entry ON entry.id = link.entry_id"
    " WHERE link.position > :since AND entry.trial_id = :trial AND entry.table_name IN"
    " ('trial.adverse_event', 'trial.sponsor_assessment', 'trial.infusion', 'trial.participant', 'trial.allocation')"
)
_Reached: TypeAlias = frozenset[tuple[str, str]]
_MAILED: WeakKeyDictionary[Database, dict[UUID, _Reached]] = WeakKeyDictionary()
"""What this worker has mailed of each trial: rules with the group that reached them."""


@tasks.periodic(cron="* * * * *")
@tasks.task(name="check_bounds", pass_context=True, queue=BY_THE_CLOCK, queueing_lock="check_bounds")
def check_bounds(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate's signature
    """Check the bounds of every trial that is under way."""
    installation: Installation = context.additional_context["installation"]
    with installation.database.reading() as session:
        under_way = select(Trial.id).where(col(Trial.started_at).is_not(None), col(Trial.locked_at).is_(None))
        trials = list(session.exec(under_way.order_by(Trial.code)))
    for trial_id in trials:
        try:
            check_trial(installation, trial_id)
        except DomainError as problem:
            log.error("bounds.not_checked", code=problem.code)
        else:
            mail_reached(installation, trial_id)


def check_trial(installation: Installation, trial_id: UUID) -> tuple[RuleState, ...] | None:
    """Where every bound of the trial stands; ``None`` where nothing that counts has changed since the last check."""
    with installation.database.transaction() as session:
        session.exec(select(Trial.id).where(Trial.id == trial_id).with_for_update(key_share=True)).one()
        since = checked_marker(session, trial_id)
        marker = session.execute(_MARKER, {"trial": trial_id, "since": since}).scalar_one()
        if marker is None:
            return None
        version = newest_active_version(session, trial_id)
        protocol = protocol_of(version)
        states = _states(session, trial_id, protocol)
        before = latest_findings(session, trial_id)
        keep_findings(session, _keeper(), trial_id, version.id, marker, [_finding(state) for state in states])
        known = {one.rule for one in before.reached} if before else set()
        for state in states:
            if state.reached and not state.rule.board_only:
                _act(session, trial_id, version.id, state, known)
    return states


def mail_reached(installation: Installation, trial_id: UUID) -> None:
    """Mail the two readers of what is for the board alone and was reached since their last mail."""
    mailed = _MAILED.setdefault(installation.database, {})
    with installation.database.reading() as session:
        rules = protocol_of(newest_active_version(session, trial_id)).stopping_rules
        for_the_board = {rule.id for rule in rules if rule.seen_by == "board"}
        seen = latest_findings(session, trial_id)
        found = (
            frozenset((one.rule, one.group) for one in seen.reached if one.rule in for_the_board)
            if seen
            else frozenset()
        )
        if not found - mailed.get(trial_id, frozenset()) or _mail(session, trial_id):
            mailed[trial_id] = found


def _keeper() -> Actor:
    return system_actor("bound-keeper")


def _states(session: TrialSession, trial_id: UUID, protocol: Protocol) -> tuple[RuleState, ...]:
    trial = session.get_one(Trial, trial_id)
    plan = plan_from_protocol(protocol)
    tables = read_tables(session, trial, newest_active_version(session, trial_id), session.now(), WHOLE, None)
    # The tables are of an instant before: who was randomized since is not in them yet.
    known = tables["participants"].filter(pl.col("randomized_at").is_not_null())["participant"]
    treatments = frame_for_bounds(session, _keeper(), trial_id).filter(pl.col("participant").is_in(known.implode()))
    domains = build_sdtm(tables, "unblinded", treatments, salt="")
    frames = {**domains, **build_adam(domains, tables, plan, "unblinded")}
    return harm_rule_states(frames, plan, by_arm(labels_of(protocol)))


def _finding(state: RuleState) -> Finding:
    rule = state.rule
    return Finding(
        rule.name, state.group, state.at_risk, state.observed, state.reached, state.probability, state.lower_limit
    )


def _act(session: TrialSession, trial_id: UUID, version_id: UUID, state: RuleState, known: set[str]) -> None:
    """What follows from a pooled bound that everybody may see; ``known`` were reached at the check before."""
    rule = state.rule
    if rule.pauses_recruitment:
        command = PauseForHarm(
            trial_id=trial_id, protocol_version_id=version_id, rule=rule.name, text=rule.text,
            observed=state.observed, at_risk=state.at_risk,
        )  # fmt: skip
        pause_for_harm(session, _keeper(), command)
    elif rule.name not in known:
        for role in TOLD_OF_POOLED:
            raise_alert(
                session, AlertKind.HARM_BOUND, role, f"A bound on harm is reached: {rule.text}.", trial_id=trial_id
            )


def _mail(session: TrialSession, trial_id: UUID) -> bool:
    """Whether the two readers were written to, or need not be because no mail server is configured."""
    stamp = session.stamp()
    alerts = [
        Alert(**stamp, kind=AlertKind.HARM_BOUND, role=role, sentence=SENTENCE, trial_id=trial_id) for role in READERS
    ]
    try:
        mail_at_once(session, MailSettings(), alerts)
    except (OSError, SMTPException):
        return False
    return True
