"""The grant of the infusion domain: the sponsor gives it to a data manager or a blinded statistician, and takes it back.

Invariants
1. Only somebody who holds one of ``INFUSION_DOMAIN_ROLES`` in the trial is given it; without such a role it opens nothing.
2. It opens reading alone. Nobody writes in the infusion domain by a grant.
3. It is given with a reason and ended, never removed: who could read what on any past day stays readable.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from trial.access.accounts import get_account
from trial.access.actions import Action
from trial.access.actors import INFUSION_DOMAIN_ROLES, Actor
from trial.access.grants import grants_of
from trial.access.infusion_grants import InfusionDomainGrant, trials_with_infusion_domain
from trial.access.policies import authorize
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound


class InfusionDomainNotForRole(InvalidInput):
    code = "access.infusion_domain_not_for_role"


class InfusionDomainHeld(Conflict):
    code = "access.infusion_domain_held"


class InfusionGrantNotFound(NotFound):
    code = "access.infusion_grant_not_found"


class GrantInfusionDomain(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    account_id: UUID
    reason: str = Bounded(min_length=3, max_length=2000)


class EndInfusionDomain(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    grant_id: UUID
    reason: str = Bounded(min_length=3, max_length=2000)


def grant_infusion_domain(session: TrialSession, actor: Actor, command: GrantInfusionDomain) -> InfusionDomainGrant:
    """From now on the person reads the infusion domain. Raises ``InfusionDomainNotForRole``, ``InfusionDomainHeld``."""
    authorize(session, actor, Action.INFUSION_DOMAIN_GRANTED, trial_id=command.trial_id, reason=command.reason)
    account = get_account(session, command.account_id)
    session.refresh(account, with_for_update=True)
    held = {one.role for one in grants_of(session, account.id, session.now()) if one.trial_id == command.trial_id}
    if not held & INFUSION_DOMAIN_ROLES:
        sentence = f"{account.display_name} is neither data manager nor blinded statistician of this trial."
        raise InfusionDomainNotForRole(f"{sentence} Choose somebody who is.", fields={"account_id": sentence})
    if command.trial_id in trials_with_infusion_domain(session, account.id):
        raise InfusionDomainHeld(f"{account.display_name} reads the infusion domain already.")
    grant = InfusionDomainGrant(
        **session.stamp(), **command.model_dump(), granted_by=actor.account_id, starts_at=session.now()
    )
    session.add(grant)
    session.flush()
    return grant


def end_infusion_domain(session: TrialSession, actor: Actor, command: EndInfusionDomain) -> InfusionDomainGrant:
    """The person no longer reads it. Raises ``InfusionGrantNotFound``."""
    authorize(session, actor, Action.INFUSION_DOMAIN_GRANTED, trial_id=command.trial_id, reason=command.reason)
    grant = session.get(InfusionDomainGrant, command.grant_id)
    if grant is None or grant.trial_id != command.trial_id or grant.ends_at is not None:
        raise InfusionGrantNotFound("There is no such grant in force. Choose one from the list.")
    grant.ends_at = session.now()
    session.add(grant)
    session.flush()
    return grant
