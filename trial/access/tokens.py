"""API tokens: how a script acts for its owner.

Invariants
1. A token is made by its owner after re-authentication, shown once, and kept as a SHA-256 only.
2. It names the permissions it carries, never more than its owner holds at the moment of use, and a day on which it ends.
3. No token carries a permission that signs, breaks a code or manages access.
"""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.accounts import get_account
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.grants import actor_for
from trial.access.login_sessions import new_token, token_digest
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may_somewhere
from trial.access.signatures import Reauthenticated, ReauthenticationNeeded
from trial.database.columns import document, instant
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput, NotAuthenticated

TOKEN_PREFIX = "eqp_"  # noqa: S105 - how a token looks, not one
LONGEST_DAYS = 366
GRANTABLE = frozenset(
    {
        Permission.DATASET_NAIVE_PULL,
        Permission.DATASET_DUMMY_PULL,
        Permission.DATASET_UNBLINDED_PULL,
        Permission.AUDIT_VERIFY,
        Permission.REPORT_OPEN_READ,
        Permission.SCREENING_READ,
        Permission.VISIT_READ,
    }
)


class TokenRefused(NotAuthenticated):
    code = "access.token_refused"


class TokenExpired(NotAuthenticated):
    code = "access.token_expired"


class TokenTooWide(InvalidInput):
    code = "access.token_too_wide"


class CreateToken(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    name: str = Bounded(min_length=1, max_length=80)
    permissions: tuple[Permission, ...] = Bounded(min_length=1)
    days: int = Bounded(default=90, ge=1, le=LONGEST_DAYS)


class ApiToken(Record, table=True):
    __tablename__ = "api_token"
    __table_args__ = in_schema("access", secret=("token_hash",), unrecorded=("last_used_at",))

    account_id: UUID = Field(foreign_key="access.account.id", index=True)
    trial_id: UUID = Field(foreign_key="trial.trial.id")
    name: str = Field(max_length=80)
    token_hash: str = Field(max_length=64, unique=True, repr=False)
    permissions: list[str] = document()
    expires_at: datetime = instant()
    last_used_at: datetime | None = instant(default=None)
    revoked_at: datetime | None = instant(default=None)


def create_token(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: CreateToken
) -> tuple[str, ApiToken]:
    """A new token; its text is in this answer and nowhere else. Raises ``TokenTooWide``, ``NotPermitted``."""
    authorize(session, actor, Action.TOKEN_CREATED)
    if proof.account_id != actor.account_id:
        raise ReauthenticationNeeded("Give your password again: only its owner makes a token.")
    if not GRANTABLE.issuperset(command.permissions):
        raise TokenTooWide(f"A token may carry only: {', '.join(sorted(GRANTABLE))}. Take the others out.")
    for permission in command.permissions:
        check_may_somewhere(actor, permission, command.trial_id)
    text = TOKEN_PREFIX + new_token(session, "api-token")
    token = ApiToken(
        **session.stamp(),
        account_id=actor.account_id,
        trial_id=command.trial_id,
        name=command.name,
        token_hash=token_digest(text),
        permissions=sorted(command.permissions),
        expires_at=session.now() + timedelta(days=command.days),
    )
    session.add(token)
    session.flush()
    return text, token


def resume_token(session: TrialSession, text: str) -> Actor:
    """The token's owner, narrowed to what the token carries. Raises ``TokenRefused``, ``TokenExpired``."""
    token = session.exec(select(ApiToken).where(ApiToken.token_hash == token_digest(text))).first()
    if token is None or token.revoked_at is not None:
        raise TokenRefused("This token is not known, or was revoked. Make a new one on your account page.")
    if token.expires_at <= session.now():
        raise TokenExpired(f"This token ended on {token.expires_at:%d %b %Y}. Make a new one on your account page.")
    account = get_account(session, token.account_id)
    if account.closed_at is not None:
        raise TokenRefused("This token's owner has no account any more. Ask the trial's administrator.")
    token.last_used_at = session.now()
    session.add(token)
    owner = actor_for(session, account)
    held = tuple(role for role in owner.roles if role.trial_id == token.trial_id)
    return Actor(owner.kind, owner.key, owner.display_name, held, frozenset(token.permissions))


def revoke_token(session: TrialSession, actor: Actor, token_id: UUID) -> None:
    """The token lets nobody in from now on. Raises ``TokenRefused`` for a token of somebody else."""
    authorize(session, actor, Action.TOKEN_REVOKED)
    token = session.get(ApiToken, token_id)
    if token is None or token.account_id != actor.account_id:
        raise TokenRefused("This is not a token of yours. Choose one from your account page.")
    token.revoked_at = session.now()
    session.add(token)


def tokens_of(session: TrialSession, account_id: UUID) -> list[ApiToken]:
    """Every token that the account ever made, the newest first."""
    found = select(ApiToken).where(ApiToken.account_id == account_id)
    return list(session.exec(found.order_by(col(ApiToken.recorded_at).desc(), col(ApiToken.id))))
