"""Alerts by e-mail: each minute's new alerts to the people who hold their role, where a mail server is configured.

Invariants
1. A mail says what the alert says, which names no arm, no participant and no value.
2. Without a mail server nothing is sent; every alert stands on the home page of its role all the same.

A minute that is done twice after a crash sends its mails twice: better than not at all.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from procrastinate import JobContext
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlmodel import col, or_, select

from api.installation import Installation
from api.jobs.queue import BY_THE_CLOCK, tasks
from trial.access.accounts import Account
from trial.access.alerts import Alert
from trial.access.grants import RoleGrant
from trial.database.session import TrialSession

PERIOD = timedelta(minutes=1)
SECONDS_TO_WAIT = 20


class MailSettings(BaseSettings):
    """The mail server, from the environment: ``EQUIPOISE_SMTP_HOST`` and the others. No host, no mail."""

    model_config = SettingsConfigDict(env_prefix="EQUIPOISE_SMTP_", extra="ignore", frozen=True)

    host: str | None = None
    port: int = 587
    user: str | None = None
    password: SecretStr | None = None
    sender: str = "equipoise@localhost"


@tasks.periodic(cron="* * * * *")
@tasks.task(name="send_alerts", pass_context=True, queue=BY_THE_CLOCK)
def send_alerts(context: JobContext, timestamp: int) -> None:
    """Send what was raised in the minute before ``timestamp``."""
    mail = MailSettings()
    if mail.host is None:
        return
    installation: Installation = context.additional_context["installation"]
    until = datetime.fromtimestamp(timestamp, UTC)
    with installation.database.reading() as session:
        messages = [
            message_for(alert, address, mail.sender)
            for alert in _raised(session, until - PERIOD, until)
            for address in _addresses(session, alert)
        ]
    if messages:
        _send(mail, messages)


def _raised(session: TrialSession, after: datetime, until: datetime) -> list[Alert]:
    found = select(Alert).where(col(Alert.recorded_at) > after, col(Alert.recorded_at) <= until)
    return list(session.exec(found.order_by(col(Alert.recorded_at), col(Alert.id))))


def _addresses(session: TrialSession, alert: Alert) -> list[str]:
    """Where the people are reached who hold the alert's role now, at its site where it names one."""
    now = session.now()
    held = (
        select(Account.email)
        .join(RoleGrant, col(RoleGrant.account_id) == col(Account.id))
        .where(RoleGrant.trial_id == alert.trial_id, RoleGrant.role == alert.role)
        .where(col(RoleGrant.starts_at) <= now)
        .where(or_(col(RoleGrant.ends_at).is_(None), col(RoleGrant.ends_at) > now))
        .where(col(Account.email).is_not(None), col(Account.closed_at).is_(None))
    )
    if alert.site_id is not None:
        held = held.where(or_(col(RoleGrant.site_id).is_(None), RoleGrant.site_id == alert.site_id))
    return sorted({address for address in session.exec(held) if address})


def message_for(alert: Alert, address: str, sender: str) -> EmailMessage:
    """The mail for one reader."""
    message = EmailMessage()
    message["Subject"] = f"Equipoise: {alert.kind.value.replace('_', ' ')}"
    message["From"], message["To"] = sender, address
    message.set_content(f"{alert.sentence}\n\nSign in to Equipoise to see it.\n")
    return message


def _send(mail: MailSettings, messages: Iterable[EmailMessage]) -> None:
    assert mail.host is not None, "asked by the caller"
    with smtplib.SMTP(mail.host, mail.port, timeout=SECONDS_TO_WAIT) as server:
        if mail.user is not None and mail.password is not None:
            server.starttls()
            server.login(mail.user, mail.password.get_secret_value())
        for message in messages:
            server.send_message(message)


def mail_at_once(session: TrialSession, mail: MailSettings, alerts: Iterable[Alert]) -> None:
    """What may stand in no table that others read: ``alerts`` are not kept, only mailed to who holds their roles."""
    if mail.host is None:
        return
    messages = [message_for(one, address, mail.sender) for one in alerts for address in _addresses(session, one)]
    if messages:
        _send(mail, messages)
