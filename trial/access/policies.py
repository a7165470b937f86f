"""Whether an actor may do an act at a place, and the one way in which a transaction says who acts.

Invariants
1. ``authorize`` both checks and declares: it sets the transaction-local settings from which the audit triggers write.
   A service that forgets it cannot write at all, because the triggers refuse a write that names no actor.
2. The matrix decides. A role that holds a permission at its sites needs the site; one that holds it in the study does not.
3. A refusal says which permission is missing and nothing about the record that was asked for.
"""

from __future__ import annotations

from uuid import UUID

from trial.access.actions import PERMISSION_OF, Action, NoPermission
from trial.access.actors import Actor, ActorKind, acts_of
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.errors import NotPermitted
from trial.reference.permissions import permissions

_DECLARE = (
    "SELECT set_config('equipoise.actor', %(actor)s, true) AS actor,"
    " set_config('equipoise.action', %(action)s, true) AS action,"
    " set_config('equipoise.at', %(at)s, true) AS at, set_config('equipoise.reason', %(reason)s, true) AS reason"
)


def may(actor: Actor, permission: Permission | str, trial_id: UUID | None, site_id: UUID | None = None) -> bool:
    """Whether ``actor`` holds ``permission`` in the trial, at ``site_id`` where the matrix asks for a site."""
    if actor.token_permissions is not None and str(permission) not in actor.token_permissions:
        return False
    if permission == Permission.INFUSION_READ and actor.reads_infusions_by_grant(trial_id):
        return True
    holders = permissions()[str(permission)].holders
    for held in actor.roles:
        scope = holders.get(held.role)
        if held.trial_id != trial_id or scope is None:
            continue
        if scope == "study" or (site_id is not None and held.site_id == site_id):
            return True
    return False


def sites_where(actor: Actor, permission: Permission | str, trial_id: UUID) -> frozenset[UUID] | None:
    """The sites at which ``actor`` holds ``permission``; ``None`` stands for every site of the trial."""
    if may(actor, permission, trial_id):
        return None
    return frozenset(
        held.site_id
        for held in actor.roles
        if held.site_id is not None and may(actor, permission, trial_id, held.site_id)
    )


def holds_anywhere(actor: Actor, permission: Permission | str, trial_id: UUID) -> bool:
    """Whether ``actor`` holds ``permission`` in the study or at any site of it."""
    found = sites_where(actor, permission, trial_id)
    return found is None or bool(found)


def check_may(actor: Actor, permission: Permission | str, trial_id: UUID | None, site_id: UUID | None = None) -> None:
    """Raise ``NotPermitted`` unless ``may``."""
    if not may(actor, permission, trial_id, site_id):
        raise NotPermitted(
            f"Your roles do not include “{permission}” here. Ask the trial's administrator if you should have it."
        )


def check_may_somewhere(actor: Actor, permission: Permission | str, trial_id: UUID) -> None:
    """Raise ``NotPermitted`` unless ``holds_anywhere``."""
    if not holds_anywhere(actor, permission, trial_id):
        check_may(actor, permission, trial_id)


def authorize(
    session: TrialSession,
    actor: Actor,
    action: Action,
    *,
    trial_id: UUID | None = None,
    site_id: UUID | None = None,
    reason: str | None = None,
) -> None:
    """Check that ``actor`` may do ``action`` there, and declare it to the database for this transaction.

    Raises ``NotPermitted``. What is written afterwards is recorded under this actor, action and reason.
    """
    _check_act(actor, action, trial_id, site_id)
    declare(session, actor, action, reason=reason)


def _check_act(actor: Actor, action: Action, trial_id: UUID | None, site_id: UUID | None) -> None:
    needed = PERMISSION_OF[action]
    if actor.kind is ActorKind.SYSTEM:
        allowed = action in acts_of(actor)
    elif needed is NoPermission.SELF:
        allowed = actor.kind is ActorKind.PERSON
    elif needed is NoPermission.PARTICIPANT:
        allowed = actor.kind is ActorKind.PARTICIPANT
    elif isinstance(needed, Permission) and actor.kind is ActorKind.PERSON:
        check_may(actor, needed, trial_id, site_id)
        allowed = True
    else:
        allowed = False
    if not allowed:
        raise NotPermitted(f"{actor.display_name} may not do “{action.value}”. Sign in as someone whose task it is.")


def declare(session: TrialSession, actor: Actor, action: Action, *, reason: str | None = None) -> None:
    """Tell the database who acts, without a check: for ``authorize`` and for acts that follow from an authorized one."""
    session.flush()
    session.run_sql(_DECLARE, actor=actor.name, action=action.value, at=session.now().isoformat(), reason=reason or "")
