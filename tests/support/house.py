"""A whole small trial for tests, made through the services that real use goes through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlmodel import select

from trial.access.accounts import Account, CreateAccount, create_account
from trial.access.actors import Actor, system_actor
from trial.access.grants import GrantRole, RoleGrant, actor_for, grant_role
from trial.access.passwords import LIGHT_FOR_SIMULATION, hash_password
from trial.access.signatures import Reauthenticated
from trial.clock import SetClock
from trial.conduct.sites import AddSite, Site, activate_site, add_site, sites_of
from trial.conduct.trials import CreateTrial, Trial, TrialKind, create_trial, start_trial
from trial.database.session import Database, TrialSession
from trial.protocol.loader import LoadedProtocol, load_shipped
from trial.protocol.versions import (
    AdoptVersion,
    ProtocolVersion,
    activate_version,
    add_version,
    adopt_version,
    versions_of,
)
from trial.reference.permissions import ROLES, role_scopes

PASSWORD = "correct horse battery"
_HASH = hash_password(PASSWORD, LIGHT_FOR_SIMULATION)
INSTALLER = system_actor("installer")


@dataclass
class House:
    """``people`` maps (role, site code or None) to the account that holds it."""

    database: Database
    clock: SetClock
    trial: Trial
    sites: dict[str, Site]
    version: ProtocolVersion
    people: dict[tuple[str, str | None], Account] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        database: Database,
        clock: SetClock,
        *,
        loaded: LoadedProtocol | None = None,
        sites: tuple[str, ...] = ("S1", "S2"),
        planned: int = 40,
    ) -> House:
        loaded = loaded or load_shipped("keta-pain")
        with database.transaction() as session:
            trial = create_trial(
                session,
                INSTALLER,
                CreateTrial(
                    code="TEST-1",
                    title="A test trial",
                    kind=TrialKind.SIMULATED,
                    planned_participants=planned,
                ),
            )
            version = add_version(session, INSTALLER, trial.id, loaded)
            made = {
                code: add_site(
                    session,
                    INSTALLER,
                    AddSite(trial_id=trial.id, code=code, name=f"Site {code}", country="CHE", zone="Europe/Zurich"),
                )
                for code in sites
            }
        house = cls(database, clock, trial, made, version)
        house._staff()
        house._open()
        return house

    @classmethod
    def reopen(cls, database: Database, clock: SetClock) -> House:
        """The trial that ``build`` set up in this database."""
        with database.reading() as session:
            trial = session.exec(select(Trial)).one()
            sites = {site.code: site for site in sites_of(session, trial.id)}
            house = cls(database, clock, trial, sites, versions_of(session, trial.id)[0])
            codes = {site.id: code for code, site in sites.items()}
            held = select(RoleGrant, Account).join(Account, Account.id == RoleGrant.account_id)  # type: ignore[arg-type]  # a column
            for grant, account in session.exec(held):
                house.people[(grant.role, codes[grant.site_id] if grant.site_id else None)] = account
        return house

    def _staff(self) -> None:
        with self.database.transaction() as session:
            for role in ROLES:
                places: tuple[str | None, ...] = tuple(self.sites) if "site" in role_scopes()[role] else (None,)
                for place in places:
                    self.hire(session, role, place)

    def hire(self, session: TrialSession, role: str, place: str | None = None, suffix: str = "") -> Account:
        """A new person in ``role``; remembered unless ``suffix`` makes them a further one."""
        username = "-".join(part for part in (role.replace("_", "-"), (place or "").lower(), suffix) if part)
        account = create_account(
            session,
            INSTALLER,
            CreateAccount(username=username, display_name=username.title(), password_hash=_HASH),
        )
        site_id = self.sites[place].id if place else None
        grant_role(
            session,
            INSTALLER,
            GrantRole(account_id=account.id, trial_id=self.trial.id, role=role, site_id=site_id),
        )
        if not suffix:
            self.people[(role, place)] = account
        return account

    def _open(self) -> None:
        """The sponsor activates the version and the sites; each site approves; the trial starts."""
        with self.database.transaction() as session:
            sponsor = self.actor(session, "sponsor")
            activate_version(session, sponsor, self.version.id)
            for site in self.sites.values():
                adopt_version(
                    session,
                    sponsor,
                    AdoptVersion(
                        trial_id=self.trial.id,
                        site_id=site.id,
                        version_id=self.version.id,
                        approved_on=date(2026, 1, 5),
                        approval_reference="EC 2026-1",
                    ),
                )
                activate_site(session, sponsor, site.id)
            self.trial = start_trial(session, sponsor, self.trial.id)

    def actor(self, session: TrialSession, role: str, site: str | None = None) -> Actor:
        """The person who holds ``role`` (at ``site``; at the first site when the role is a site's and none is named)."""
        if (role, site) not in self.people and site is None:
            site = next(iter(self.sites))
        return actor_for(session, self.people[(role, site)])

    def proof(self, role: str, site: str | None = None) -> Reauthenticated:
        """That this person just gave their password: for services under test, not for the doors."""
        if (role, site) not in self.people and site is None:
            site = next(iter(self.sites))
        return Reauthenticated(self.people[(role, site)].id, self.clock.now())

    def site_id(self, code: str) -> UUID:
        return self.sites[code].id
