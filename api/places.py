"""Where a request is: the trial that its address names, and the sites that the caller's roles reach there.

A trial stands in the path, ``/t/{trial}/…`` for pages and ``/api/v1/trials/{trial}/…`` for programs, by its code. A site
is chosen by ``?site=CODE``; a person of one site has it chosen for them.

Invariants
1. A trial in which the caller holds no role is answered as one that does not exist.
2. A place is a value, found once a request by the gate (``api.gate``); handlers take it as ``Here``.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from sqlmodel import col, select

from api.dependencies import Caller
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import holds_anywhere, may
from trial.conduct.sites import Site, SiteNotFound, find_trial_with_sites
from trial.conduct.trials import Trial, no_such_trial
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol
from trial.protocol.versions import (
    NoVersionAdopted,
    ProtocolVersion,
    VersionNotActive,
    newest_active_version,
    protocol_of,
    version_in_force,
)

TRIAL_PARAMETER = "trial"
SITE_PARAMETER = "site"


@dataclass(frozen=True)
class Place:
    """``sites`` are those that the caller's roles reach; ``site`` is the one chosen, or the only one, or ``None``.

    Programs are placed without the version in force: only pages show it.
    """

    caller: Caller
    trial: Trial
    sites: tuple[Site, ...]
    site: Site | None = None
    version: ProtocolVersion | None = None
    has_version: bool = True

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    @property
    def zone(self) -> str:
        """The zone in which times are shown: the site's, or UTC where no site is chosen."""
        return self.site.zone if self.site else "UTC"

    @property
    def protocol(self) -> Protocol | None:
        """The protocol in force here, or ``None`` before any version is. For pages: a program's place has not read it."""
        assert self.has_version, "ask the service for the version in force"
        return protocol_of(self.version) if self.version else None

    def may(self, permission: Permission | str) -> bool:
        """Whether the caller holds the permission here: at the chosen site, or anywhere in the trial without one."""
        if self.site is not None:
            return may(self.actor, permission, self.trial.id, self.site.id)
        return holds_anywhere(self.actor, permission, self.trial.id)

    def url(self, *parts: object) -> str:
        """``/t/KETA-PAIN/participants/P-0001``; each part is one step of the path."""
        return "/".join(["/t", quote(self.trial.code), *(quote(str(part), safe="") for part in parts)])


def locate(
    session: TrialSession, caller: Caller, trial_code: str, site_code: str | None = None, *, with_version: bool = True
) -> Place:
    """The place that a request names. Raises ``TrialNotFound``, ``SiteNotFound``."""
    trial, all_sites = find_trial_with_sites(session, trial_code)
    held = [role for role in caller.actor.roles if role.trial_id == trial.id]
    if not held:
        raise no_such_trial(trial_code)
    own = {role.site_id for role in held}
    sites = tuple(site for site in all_sites if None in own or site.id in own)
    site = _chosen(sites, site_code)
    version = _version(session, trial, site) if with_version else None
    return Place(caller, trial, sites, site, version, with_version)


def _chosen(sites: tuple[Site, ...], code: str | None) -> Site | None:
    if code:
        for site in sites:
            if site.code == code:
                return site
        raise SiteNotFound(f"There is no site {code} for you in this trial. Choose one from the list of sites.")
    return sites[0] if len(sites) == 1 else None


def _version(session: TrialSession, trial: Trial, site: Site | None) -> ProtocolVersion | None:
    """The version in force at the site today; without a site the one that was activated last."""
    try:
        found = _in_force(session, trial, site)
    except (NoVersionAdopted, VersionNotActive):
        return None
    # Parsed while the text can still be read: a place outlives its transaction.
    protocol_of(found)
    return found


def _in_force(session: TrialSession, trial: Trial, site: Site | None) -> ProtocolVersion:
    if site is None:
        return newest_active_version(session, trial.id)
    return version_in_force(session, site.id, session.now().date())


def trials_of(session: TrialSession, actor: Actor) -> list[Trial]:
    """The trials in which the actor holds a role, by code."""
    ids = {role.trial_id for role in actor.roles}
    return list(session.exec(select(Trial).where(col(Trial.id).in_(ids)).order_by(Trial.code)))


async def _here(request: Request) -> Place:
    place: Place = request.state.place
    return place


Here = Annotated[Place, Depends(_here)]
"""The place of a route whose path holds ``{trial}``."""
