"""Roles given to people, from one day to another: the cumulative record of who could do what.

Invariants
1. A role is held in one trial, at one site where the role is a site's, from ``starts_at`` until ``ends_at``.
2. Two roles that the conflict table pairs are never held by one person in one trial at overlapping times.
3. A grant is ended, never removed: who could do what on any past day stays readable.
"""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import bindparam, or_
from sqlmodel import Field, col, select

from trial.access.accounts import Account, get_account
from trial.access.actions import Action
from trial.access.actors import INFUSION_DOMAIN_ROLES, Actor, HeldRole, person
from trial.access.infusion_grants import trials_with_infusion_domain
from trial.access.policies import authorize
from trial.database.columns import instant
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.reference.permissions import ROLES, role_conflicts, role_scopes


class RolesConflict(Conflict):
    code = "access.roles_conflict"


class UnknownRole(InvalidInput):
    code = "access.unknown_role"


class RoleNeedsSite(InvalidInput):
    code = "access.role_needs_site"


class GrantNotFound(NotFound):
    code = "access.grant_not_found"


class GrantRole(BaseModel):
    model_config = ConfigDict(frozen=True)

    account_id: UUID
    trial_id: UUID
    role: str
    site_id: UUID | None = None
    ends_at: datetime | None = None


class EndRole(BaseModel):
    model_config = ConfigDict(frozen=True)

    grant_id: UUID
    reason: str


class RoleGrant(Record, table=True):
    __tablename__ = "role_grant"
    __table_args__ = in_schema("access")

    account_id: UUID = Field(foreign_key="access.account.id", index=True)
    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    site_id: UUID | None = Field(default=None, foreign_key="trial.site.id")
    role: str = Field(max_length=48)
    starts_at: datetime = instant()
    ends_at: datetime | None = instant(default=None)


_HELD = (
    select(RoleGrant)
    .where(col(RoleGrant.account_id) == bindparam("account_id"))
    .where(col(RoleGrant.starts_at) <= bindparam("at"))
    .where(or_(col(RoleGrant.ends_at).is_(None), col(RoleGrant.ends_at) > bindparam("at")))
    .order_by(col(RoleGrant.role), col(RoleGrant.id))
)


def grants_of(session: TrialSession, account_id: UUID, at: datetime) -> list[RoleGrant]:
    """The roles that a person holds at an instant, in every trial."""
    return list(session.execute(_HELD, {"account_id": account_id, "at": at}).scalars())


def grants_at(session: TrialSession, trial_id: UUID, at: datetime) -> list[RoleGrant]:
    """Who held what in the trial at an instant, by role."""
    return list(
        session.exec(
            select(RoleGrant)
            .where(RoleGrant.trial_id == trial_id, col(RoleGrant.starts_at) <= at)
            .where(or_(col(RoleGrant.ends_at).is_(None), col(RoleGrant.ends_at) > at))
            .order_by(RoleGrant.role, col(RoleGrant.starts_at), col(RoleGrant.id))
        )
    )


def grants_ever(session: TrialSession, trial_id: UUID, account_id: UUID | None = None) -> list[RoleGrant]:
    """Every grant of the trial, or one person's, the newest first; ended ones too."""
    found = select(RoleGrant).where(RoleGrant.trial_id == trial_id)
    if account_id is not None:
        found = found.where(RoleGrant.account_id == account_id)
    return list(session.exec(found.order_by(col(RoleGrant.starts_at).desc(), col(RoleGrant.id))))


def actor_for(session: TrialSession, account: Account) -> Actor:
    """The account's owner with the roles held now."""
    grants = grants_of(session, account.id, session.now())
    held = tuple(HeldRole(grant.role, grant.trial_id, grant.site_id) for grant in grants)
    return actor_with(session, account.id, account.display_name, held)


def actor_with(session: TrialSession, account_id: UUID, display_name: str, held: tuple[HeldRole, ...]) -> Actor:
    """The account's owner with these roles, which the caller has read."""
    may_be_given = any(role.role in INFUSION_DOMAIN_ROLES for role in held)
    given = trials_with_infusion_domain(session, account_id) if may_be_given else frozenset()
    return person(account_id, display_name, held, given)


def check_role_fits(role: str, site_id: UUID | None) -> None:
    """Raise ``UnknownRole`` or ``RoleNeedsSite``."""
    if role not in ROLES:
        raise UnknownRole(f"There is no role “{role}”. Choose one of: {', '.join(ROLES)}.")
    if role_scopes()[role] == {"site"} and site_id is None:
        raise RoleNeedsSite(f"The role “{role}” is held at a site. Name the site.")


def check_no_conflict(session: TrialSession, account_id: UUID, trial_id: UUID, role: str) -> None:
    """Raise ``RolesConflict`` when the person holds, now or later, a role that may not meet this one."""
    held = session.exec(
        select(RoleGrant.role)
        .where(RoleGrant.account_id == account_id, RoleGrant.trial_id == trial_id)
        .where(or_(col(RoleGrant.ends_at).is_(None), col(RoleGrant.ends_at) > session.now()))
    )
    for other in sorted(set(held)):
        conflict = role_conflicts().get(frozenset({role, other}))
        if conflict is not None:
            raise RolesConflict(
                f"One person may not be {role} and {other} in the same trial: {conflict.why}. Give one of the roles to"
                " somebody else."
            )


def grant_role(session: TrialSession, actor: Actor, command: GrantRole) -> RoleGrant:
    """Give a role from now on. Raises ``UnknownRole``, ``RoleNeedsSite``, ``RolesConflict``, ``AccountNotFound``."""
    authorize(session, actor, Action.ROLE_GRANTED, trial_id=command.trial_id)
    check_role_fits(command.role, command.site_id)
    # One grant at a time for a person: two administrators at once cannot give two roles that conflict.
    session.refresh(get_account(session, command.account_id), with_for_update=True)
    check_no_conflict(session, command.account_id, command.trial_id, command.role)
    grant = RoleGrant(
        **session.stamp(),
        account_id=command.account_id,
        trial_id=command.trial_id,
        site_id=command.site_id,
        role=command.role,
        starts_at=session.now(),
        ends_at=command.ends_at,
    )
    session.add(grant)
    session.flush()
    return grant


def end_role(session: TrialSession, actor: Actor, command: EndRole) -> RoleGrant:
    """The role is no longer held from now on. Raises ``GrantNotFound``."""
    grant = session.get(RoleGrant, command.grant_id)
    if grant is None:
        raise GrantNotFound("There is no such grant. Choose one from the person's roles.")
    authorize(session, actor, Action.ROLE_ENDED, trial_id=grant.trial_id, reason=command.reason)
    grant.ends_at = session.now()
    session.add(grant)
    return grant
