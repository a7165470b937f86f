"""Alerts by e-mail: each minute, what was not mailed yet goes to the people who hold its role, where there is a mail server.

Invariants
1. A mail says what the alert says, which names no arm, no participant and no value.
2. Without a mail server nothing is sent; every alert stands on the home page of its role all the same.
3. An alert is marked when the mail server has taken or refused it, in a transaction of its own: what a crash, or a mail
   server that was away, kept back goes out at the next run. A mail may come twice after a crash; none is lost.
4. What is older than three days is not mailed any more: whoever sets a mail server up gets no flood.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.message import EmailMessage

from procrastinate import JobContext
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlmodel import col, or_, select

from api.installation import Installation
from api.jobs.queue import BY_THE_CLOCK, tasks
from api.logs import log
from trial.access.accounts import Account
from trial.access.actors import system_actor
from trial.access.alerts import Alert, mark_mailed, unsent_alerts
from trial.access.grants import RoleGrant
from trial.database.session import TrialSession

NOT_OLDER_THAN = timedelta(days=3)
SECONDS_TO_WAIT = 20
_REFUSED = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)


class MailSettings(BaseSettings):
    """The mail server, from the environment: ``EQUIPOISE_SMTP_HOST`` and the others. No host, no mail."""

    model_config = SettingsConfigDict(env_prefix="EQUIPOISE_SMTP_", extra="ignore", frozen=True)

    host: str | None = None
    port: int = 587
    user: str | None = None
    password: SecretStr | None = None
    sender: str = "equipoise@localhost"


@tasks.periodic(cron="* * * * *")
@tasks.task(name="send_alerts", pass_context=True, queue=BY_THE_CLOCK, queueing_lock="send_alerts")
def send_alerts(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate's signature
    """Send what was not sent yet."""
    installation: Installation = context.additional_context["installation"]
    mail_alerts(installation, MailSettings())


def mail_alerts(installation: Installation, mail: MailSettings) -> int:
    """How many alerts were handed to the mail server."""
    if mail.host is None:
        return 0
    with installation.database.reading() as session:
        waiting = [
            (alert, [message_for(alert, address, mail.sender) for address in _addresses(session, alert)])
            for alert in unsent_alerts(session, session.now() - NOT_OLDER_THAN)
        ]
    waiting = [(alert, messages) for alert, messages in waiting if messages]
    if not waiting:
        return 0
    with _connected(mail) as server:
        for alert, messages in waiting:
            for message in messages:
                _send(server, message)
            with installation.database.transaction() as session:
                mark_mailed(session, system_actor("worker"), alert)
    return len(waiting)


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


def _send(server: smtplib.SMTP, message: EmailMessage) -> None:
    """A reader whom the mail server does not know keeps nobody else from theirs."""
    try:
        server.send_message(message)
    except _REFUSED as refused:
        log.error("mail.refused", problem=type(refused).__name__)


@contextmanager
def _connected(mail: MailSettings) -> Iterator[smtplib.SMTP]:
    assert mail.host is not None, "asked by the caller"
    with smtplib.SMTP(mail.host, mail.port, timeout=SECONDS_TO_WAIT) as server:
        if mail.user is not None and mail.password is not None:
            server.starttls()
            server.login(mail.user, mail.password.get_secret_value())
        yield server


def mail_at_once(session: TrialSession, mail: MailSettings, alerts: Iterable[Alert]) -> None:
    """What may stand in no table and no log that others read: ``alerts`` are only mailed to who holds their roles.

    Raises ``OSError``, ``SMTPException`` where the server is away; a reader whom it refuses keeps nobody else from theirs.
    """
    if mail.host is None:
        return
    messages = [message_for(one, address, mail.sender) for one in alerts for address in _addresses(session, one)]
    if not messages:
        return
    with _connected(mail) as server:
        for message in messages:
            with suppress(*_REFUSED):
                server.send_message(message)
