"""New credentials for somebody who lost theirs: the cheapest attack on the blind, so the best watched.

Invariants
1. An administrator requests; where the person can reach an arm in any trial, a second administrator must approve.
2. Nobody requests or approves a reset of their own credentials.
3. The password and the second factor change together; open sessions and tokens end; the person is told.
4. A request lapses after one day.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.accounts import CODE_PURPOSE, Account, get_account
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.codes import new_code_secret
from trial.access.grants import grants_of
from trial.access.login_sessions import LoginSession
from trial.access.policies import authorize
from trial.access.tokens import ApiToken
from trial.database.columns import instant, prose
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound, NotPermitted
from trial.reference.permissions import permissions

LAPSES_AFTER = timedelta(days=1)
# A person who holds a permission of these domains can learn an arm.
_ARM_DOMAINS: Final = frozenset({"strongroom", "unblinding"})


class SecondPersonNeeded(NotPermitted):
    code = "access.second_person_needed"


class ResetNotOpen(Conflict):
    code = "access.reset_not_open"


class ResetNotFound(NotFound):
    code = "access.reset_not_found"


class RequestReset(BaseModel):
    model_config = ConfigDict(frozen=True)

    account_id: UUID
    trial_id: UUID
    reason: str = Bounded(min_length=3)
    new_password_hash: str = Bounded(repr=False)


class CredentialReset(Record, table=True):
    __tablename__ = "credential_reset"
    __table_args__ = in_schema("access", secret=("new_password_hash",))

    account_id: UUID = Field(foreign_key="access.account.id", index=True)
    trial_id: UUID = Field(foreign_key="trial.trial.id")
    requested_by: UUID = Field(foreign_key="access.account.id")
    reason: str = prose()
    new_password_hash: str = Field(repr=False)
    second_person_needed: bool
    approved_by: UUID | None = Field(default=None, foreign_key="access.account.id")
    done_at: datetime | None = instant(default=None)


def can_reach_an_arm(session: TrialSession, account_id: UUID) -> bool:
    """Whether the person holds, in any trial, a role with a permission of the strongroom or of unblinding."""
    held = {grant.role for grant in grants_of(session, account_id, session.now())}
    return any(row.domain in _ARM_DOMAINS and held & row.holders.keys() for row in permissions().values())


def request_reset(session: TrialSession, actor: Actor, command: RequestReset) -> CredentialReset:
    """Ask for new credentials; done at once where no arm can be reached. Raises ``SecondPersonNeeded`` for oneself."""
    authorize(session, actor, Action.RESET_REQUESTED, trial_id=command.trial_id, reason=command.reason)
    if actor.account_id == command.account_id:
        raise SecondPersonNeeded("Nobody resets their own credentials this way. Ask another administrator.")
    account = get_account(session, command.account_id)
    reset = CredentialReset(
        **session.stamp(),
        account_id=account.id,
        trial_id=command.trial_id,
        requested_by=actor.account_id,
        reason=command.reason,
        new_password_hash=command.new_password_hash,
        second_person_needed=can_reach_an_arm(session, account.id),
    )
    session.add(reset)
    session.flush()
    raise_alert(
        session,
        AlertKind.CREDENTIALS_RESET,
        "administrator",
        f"New credentials were asked for {account.username}. Object at once if this is not right.",
        trial_id=command.trial_id,
    )
    if not reset.second_person_needed:
        _carry_out(session, reset, account)
    return reset


def approve_reset(session: TrialSession, actor: Actor, reset_id: UUID) -> CredentialReset:
    """The second administrator's word. Raises ``ResetNotFound``, ``ResetNotOpen``, ``SecondPersonNeeded``."""
    reset = session.get(CredentialReset, reset_id, with_for_update=True)
    if reset is None:
        raise ResetNotFound("There is no such request. Choose one from the open requests.")
    authorize(session, actor, Action.RESET_APPROVED, trial_id=reset.trial_id)
    if reset.done_at is not None or session.now() - reset.recorded_at > LAPSES_AFTER:
        raise ResetNotOpen("This request is done or has lapsed. Make a new one.")
    if actor.account_id in {reset.requested_by, reset.account_id}:
        raise SecondPersonNeeded(
            "A second administrator must approve: neither the one who asked nor the person concerned."
        )
    reset.approved_by = actor.account_id
    _carry_out(session, reset, get_account(session, reset.account_id))
    return reset


def open_resets(session: TrialSession, trial_id: UUID) -> list[CredentialReset]:
    """Requests that wait for a second person and have not lapsed, oldest first."""
    return list(
        session.exec(
            select(CredentialReset)
            .where(CredentialReset.trial_id == trial_id, col(CredentialReset.done_at).is_(None))
            .where(col(CredentialReset.recorded_at) > session.now() - LAPSES_AFTER)
            .order_by(col(CredentialReset.recorded_at), col(CredentialReset.id))
        )
    )


def _carry_out(session: TrialSession, reset: CredentialReset, account: Account) -> None:
    account.password_hash = reset.new_password_hash
    account.code_secret = session.vault.seal(
        new_code_secret(session.entropy), purpose=CODE_PURPOSE, record=account.id, entropy=session.entropy
    )
    account.failed_attempts, account.locked_until, account.last_code_step = 0, None, 0
    reset.done_at = session.now()
    session.add_all([account, reset])
    _end_everything_open(session, account.id)


def _end_everything_open(session: TrialSession, account_id: UUID) -> None:
    now = session.now()
    for login in session.exec(
        select(LoginSession).where(LoginSession.account_id == account_id, col(LoginSession.ended_at).is_(None))
    ):
        login.ended_at = now
        session.add(login)
    for token in session.exec(
        select(ApiToken).where(ApiToken.account_id == account_id, col(ApiToken.revoked_at).is_(None))
    ):
        token.revoked_at = now
        session.add(token)
