"""Accounts: one person each, never reassigned, never deleted.

Invariants
1. A user name is lower-case, unique and is never given to another person.
2. The password is kept as an Argon2id hash and the second factor's secret encrypted; neither enters the audit.
3. An account is closed, not removed: what its owner did keeps its author.

What it does not do: say what a person may do (``grants``) or let one in (``sign_in``).
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.codes import new_code_secret
from trial.access.policies import authorize
from trial.database.columns import instant
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound

CODE_PURPOSE = "second-factor"


class UserNameTaken(Conflict):
    code = "access.user_name_taken"


class AccountNotFound(NotFound):
    code = "access.account_not_found"


class CreateAccount(BaseModel):
    """``password_hash`` comes from ``passwords.hash_password``, made before the transaction."""

    model_config = ConfigDict(frozen=True)

    username: str = Bounded(min_length=3, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    display_name: str = Bounded(min_length=1, max_length=120)
    email: str | None = Bounded(default=None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    password_hash: str = Bounded(repr=False)
    trial_id: UUID | None = None


class Account(Record, table=True):
    __tablename__ = "account"
    __table_args__ = in_schema(
        "access",
        secret=("password_hash", "code_secret", "email"),
        unrecorded=("last_code_step",),
    )

    username: str = Field(max_length=64, unique=True)
    display_name: str = Field(max_length=120)
    email: str | None = Field(default=None, max_length=254)
    password_hash: str = Field(repr=False)
    code_secret: str = Field(repr=False)
    last_code_step: int = 0
    failed_attempts: int = 0
    locked_until: datetime | None = instant(default=None)
    closed_at: datetime | None = instant(default=None)


def find_account(session: TrialSession, username: str) -> Account | None:
    return session.exec(select(Account).where(Account.username == username.strip().lower())).first()


def get_account(session: TrialSession, account_id: UUID) -> Account:
    """Raises ``AccountNotFound``."""
    found = session.get(Account, account_id)
    if found is None:
        raise AccountNotFound("There is no such account. Choose one from the list of people.")
    return found


def create_account(session: TrialSession, actor: Actor, command: CreateAccount) -> Account:
    """A new account with a second factor of its own. Raises ``UserNameTaken``."""
    authorize(session, actor, Action.ACCOUNT_CREATED, trial_id=command.trial_id)
    if find_account(session, command.username) is not None:
        raise UserNameTaken("This user name belongs to somebody already. Choose another; names are never reused.")
    account_id = session.new_id()
    account = Account(
        id=account_id,
        recorded_at=session.now(),
        username=command.username,
        display_name=command.display_name,
        email=command.email,
        password_hash=command.password_hash,
        code_secret=session.vault.seal(
            new_code_secret(session.entropy), purpose=CODE_PURPOSE, record=account_id, entropy=session.entropy
        ),
    )
    session.add(account)
    session.flush()
    return account


def code_secret(session: TrialSession, account: Account) -> str:
    """The second factor's secret in base32: shown once to its owner, never to anybody else."""
    return session.vault.open(account.code_secret, purpose=CODE_PURPOSE, record=account.id)


def close_account(session: TrialSession, actor: Actor, account_id: UUID, trial_id: UUID, reason: str) -> Account:
    """No sign-in from now on; everything the person did stays. Raises ``AccountNotFound``."""
    authorize(session, actor, Action.ACCOUNT_CLOSED, trial_id=trial_id, reason=reason)
    account = get_account(session, account_id)
    account.closed_at = session.now()
    session.add(account)
    return account


def accounts_by_id(session: TrialSession, ids: Iterable[UUID]) -> dict[UUID, Account]:
    """The accounts of these ids, in one question to the database."""
    found = session.exec(select(Account).where(col(Account.id).in_(set(ids))))
    return {account.id: account for account in found}


def names_of_actors(session: TrialSession, actors: Iterable[str]) -> dict[str, str]:
    """Display names for actors as the audit writes them; what is no person keeps its own words."""
    wanted = set(actors)
    ids = {UUID(name.removeprefix("person:")) for name in wanted if name.startswith("person:")}
    people = {f"person:{key}": account.display_name for key, account in accounts_by_id(session, ids).items()}
    return {name: people.get(name, name.replace(":", " ")) for name in wanted}
