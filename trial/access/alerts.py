"""Alerts: what somebody in a role must hear of at once, shown on their home page and sent by the worker.

Invariants
1. An alert names a role and a place, never an arm, a participant's name or a value.
2. It stays until a person of that role says that they have seen it.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.database.columns import choice, instant, prose
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import NotFound


class AlertNotFound(NotFound):
    code = "alert.not_found"


class AlertKind(StrEnum):
    ACCOUNT_LOCKED = "account_locked"
    CREDENTIALS_RESET = "credentials_reset"
    CODE_BROKEN = "code_broken"
    SERIOUS_EVENT = "serious_event"
    STOCK_LOW = "stock_low"
    COUNT_DIFFERS = "count_differs"
    HARM_BOUND = "harm_bound"
    RECOMMENDATION = "recommendation"
    TO_PREPARE = "to_prepare"
    LIST_HELD = "list_held"
    STRATUM_LOW = "stratum_low"
    REPORT_DUE = "report_due"
    SAFETY_LETTER = "safety_letter"


class Alert(Record, table=True):
    __tablename__ = "alert"
    __table_args__ = in_schema("access")

    kind: AlertKind = choice(AlertKind)
    role: str = Field(max_length=48, index=True)
    trial_id: UUID | None = Field(default=None, foreign_key="trial.trial.id", index=True)
    site_id: UUID | None = Field(default=None, foreign_key="trial.site.id")
    sentence: str = prose()
    seen_at: datetime | None = instant(default=None)
    seen_by: UUID | None = Field(default=None, foreign_key="access.account.id")


class AlertMail(Record, table=True):
    """That an alert was handed to the mail server. One row an alert; nothing of to whom."""

    __tablename__ = "alert_mail"
    __table_args__ = in_schema("access", unaudited="the alert that it marks as sent is audited")

    alert_id: UUID = Field(foreign_key="access.alert.id", unique=True)


def unsent_alerts(session: TrialSession, since: datetime) -> list[Alert]:
    """Alerts raised after ``since`` that were not mailed yet, oldest first."""
    mailed = select(AlertMail.alert_id)
    found = select(Alert).where(col(Alert.recorded_at) > since, col(Alert.id).not_in(mailed))
    return list(session.exec(found.order_by(col(Alert.recorded_at), col(Alert.id))))


def mark_mailed(session: TrialSession, actor: Actor, alert: Alert) -> None:
    """After the mail server took it."""
    authorize(session, actor, Action.ALERT_MAILED)
    session.add(AlertMail(**session.stamp(), alert_id=alert.id))


def raise_alert(
    session: TrialSession,
    kind: AlertKind,
    role: str,
    sentence: str,
    *,
    trial_id: UUID | None,
    site_id: UUID | None = None,
) -> Alert:
    """Part of the act that causes it: written in its transaction, under its actor."""
    alert = Alert(**session.stamp(), kind=kind, role=role, sentence=sentence, trial_id=trial_id, site_id=site_id)
    session.add(alert)
    return alert


def alerts_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[Alert]:
    """The alerts in this trial that nobody has seen yet, for the roles and sites that ``actor`` holds."""
    places = {(held.role, held.site_id) for held in actor.roles if held.trial_id == trial_id}
    open_ones = session.exec(
        select(Alert)
        .where(
            Alert.trial_id == trial_id,
            col(Alert.seen_at).is_(None),
            col(Alert.role).in_({role for role, _ in places}),
        )
        .order_by(col(Alert.recorded_at), col(Alert.id))
    )
    return [
        alert
        for alert in open_ones
        if alert.site_id is None or places & {(alert.role, alert.site_id), (alert.role, None)}
    ]


def mark_seen(session: TrialSession, actor: Actor, trial_id: UUID, alert_id: UUID) -> Alert:
    """``actor`` has seen the alert, for everybody in that role. Raises ``AlertNotFound`` for one that is not theirs."""
    authorize(session, actor, Action.ALERT_SEEN)
    for alert in alerts_for(session, actor, trial_id):
        if alert.id == alert_id:
            alert.seen_at, alert.seen_by = session.now(), actor.account_id
            session.add(alert)
            return alert
    raise AlertNotFound("This alert has been seen already, or is not for your role.")
