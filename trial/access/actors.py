"""Who acts: a person with roles, a participant behind a one-visit link, or a named part of the system.

Invariants
1. An actor is a value, made once per request from what was granted at that moment; services never look grants up again.
2. A token narrows what its owner may do and never widens it.
3. A system actor may do only the acts listed beside its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from trial.access.actions import Action


class ActorKind(StrEnum):
    PERSON = "person"
    PARTICIPANT = "participant"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that the actor holds now; ``site_id`` is ``None`` for a role held in the whole study."""

    role: str
    trial_id: UUID
    site_id: UUID | None = None


# Who may be given the infusion domain in a trial, by a grant of its own.
INFUSION_DOMAIN_ROLES: Final = frozenset({"data_manager", "statistician_blinded"})


@dataclass(frozen=True, slots=True)
class Actor:
    kind: ActorKind
    key: str
    display_name: str
    roles: tuple[HeldRole, ...] = ()
    token_permissions: frozenset[str] | None = None
    session_id: UUID | None = field(default=None, compare=False)
    infusion_domain_in: frozenset[UUID] = frozenset()

    @property
    def name(self) -> str:
        """As the audit writes it: ``person:<account id>``, ``participant:<id>``, ``system:<name>``."""
        return f"{self.kind.value}:{self.key}"

    @property
    def account_id(self) -> UUID:
        """The person's account. Raises ``ValueError`` for an actor that is no person."""
        if self.kind is not ActorKind.PERSON:
            raise ValueError(f"{self.name} has no account")
        return UUID(self.key)

    def reads_infusions_by_grant(self, trial_id: UUID | None) -> bool:
        """Whether the sponsor gave this person the infusion domain, and they still hold a role that may have it."""
        roles = {held.role for held in self.roles if held.trial_id == trial_id}
        return trial_id in self.infusion_domain_in and bool(roles & INFUSION_DOMAIN_ROLES)


def person(
    account_id: UUID,
    display_name: str,
    roles: tuple[HeldRole, ...] = (),
    infusion_domain_in: frozenset[UUID] = frozenset(),
) -> Actor:
    return Actor(ActorKind.PERSON, str(account_id), display_name, roles, infusion_domain_in=infusion_domain_in)


_SYSTEM_ACTS: Final[dict[str, frozenset[Action]]] = {
    # Sets an installation up: makes trials, the first administrator and the first grants.
    "installer": frozenset(
        {
            Action.TRIAL_CREATED,
            Action.ACCOUNT_CREATED,
            Action.ROLE_GRANTED,
            Action.SITE_ADDED,
            Action.PROTOCOL_VERSION_ADDED,
            Action.MEDDRA_LOADED,
        }
    ),
    # Watches sign-in: records failures and lockouts of people who are not signed in.
    "doorkeeper": frozenset({Action.SIGN_IN_FAILED, Action.ACCOUNT_LOCKED}),
    # Wraps the data keys again when the master key changes; sees nothing that they seal.
    "keyholder": frozenset({Action.KEYS_ROTATED}),
    # The screen of a treating physician to which an investigator sent a code: they have no account.
    "physician-screen": frozenset({Action.CODE_READ_ON_SCREEN}),
    # Sees that a backup was restored, holds the lists that it left behind, and takes receipts back.
    "restorer": frozenset({Action.LIST_HELD, Action.RECEIPT_TAKEN}),
    # Checks the bounds on harm; pauses recruitment where a pooled one says so.
    "bound-keeper": frozenset({Action.BOUNDS_CHECKED, Action.RECRUITMENT_PAUSED_FOR_HARM}),
    # Runs queued work.
    "worker": frozenset(
        {Action.DATASET_BUILT, Action.JOB_RUN, Action.ANCHOR_WRITTEN, Action.CLOCK_ESCALATED, Action.ALERT_MAILED}
    ),
}


def system_actor(name: str) -> Actor:
    """The named part of the system. Raises ``KeyError`` for a name that is not listed."""
    if name not in _SYSTEM_ACTS:
        raise KeyError(f"no system actor is called {name!r}")
    return Actor(ActorKind.SYSTEM, name, f"Equipoise ({name})")


def acts_of(actor: Actor) -> frozenset[Action]:
    """What a system actor may do."""
    return _SYSTEM_ACTS[actor.key]
