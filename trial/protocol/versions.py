"""Versions of a trial's protocol, and the day on which each site adopts each.

Invariants
1. A version is immutable once the trial has activated it: its text and hash are refused any change by a trigger.
2. Exactly one version is in force at a site on a day: the one that the site approved last on or before that day. A site
   that has not approved an amendment goes on under its own version.
3. The first version is adopted by a site before it screens anybody.
"""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, bindparam
from sqlalchemy.orm import defer
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.database.columns import instant, prose
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.protocol.loader import LoadedProtocol, load_protocol
from trial.protocol.schema import Protocol


class VersionExists(Conflict):
    code = "protocol.version_exists"


class VersionNotFound(NotFound):
    code = "protocol.version_not_found"


class VersionNotActive(Conflict):
    code = "protocol.version_not_active"


class NoVersionAdopted(Conflict):
    code = "protocol.no_version_adopted"


class AdoptVersion(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    site_id: UUID
    version_id: UUID
    approved_on: date
    approval_reference: str = Bounded(min_length=2, max_length=120)


class ProtocolVersion(Record, table=True):
    __tablename__ = "protocol_version"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "label"))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    label: str = Field(max_length=32)
    text: str = prose()
    sha256: str = Field(max_length=64)
    activated_at: datetime | None = instant(default=None)


class SiteAdoption(Record, table=True):
    __tablename__ = "site_adoption"
    __table_args__ = in_schema("trial", UniqueConstraint("site_id", "version_id"))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    version_id: UUID = Field(foreign_key="trial.protocol_version.id")
    approved_on: date
    approval_reference: str = Field(max_length=120)


# The text is long and its content is known to the process after the first time: it is read when somebody asks for it.
_WITHOUT_TEXT = defer(ProtocolVersion.text)  # type: ignore[arg-type]  # SQLModel types a column as its value
_IN_FORCE = (
    select(ProtocolVersion)
    .options(_WITHOUT_TEXT)
    .join(SiteAdoption, col(SiteAdoption.version_id) == col(ProtocolVersion.id))
    .where(col(SiteAdoption.site_id) == bindparam("site_id"), col(SiteAdoption.approved_on) <= bindparam("day"))
    .order_by(col(SiteAdoption.approved_on).desc(), col(SiteAdoption.recorded_at).desc())
    .limit(1)
)
_PROTOCOLS: dict[str, Protocol] = {}


def add_version(session: TrialSession, actor: Actor, trial_id: UUID, loaded: LoadedProtocol) -> ProtocolVersion:
    """Store a validated protocol file as a version, not yet active. Raises ``VersionExists``."""
    authorize(session, actor, Action.PROTOCOL_VERSION_ADDED, trial_id=trial_id)
    label = loaded.protocol.identity.version
    known = select(ProtocolVersion).where(ProtocolVersion.trial_id == trial_id, ProtocolVersion.label == label)
    if session.exec(known).first() is not None:
        raise VersionExists(f"The trial has a version {label} already. Give the amendment its own version label.")
    version = ProtocolVersion(**session.stamp(), trial_id=trial_id, label=label, text=loaded.text, sha256=loaded.sha256)
    session.add(version)
    session.flush()
    return version


def activate_version(session: TrialSession, actor: Actor, version_id: UUID) -> ProtocolVersion:
    """From now on sites may adopt it, and nobody can change it. Raises ``VersionNotFound``."""
    version = get_version(session, version_id)
    authorize(session, actor, Action.PROTOCOL_ACTIVATED, trial_id=version.trial_id)
    version.activated_at = version.activated_at or session.now()
    session.add(version)
    return version


def adopt_version(session: TrialSession, actor: Actor, command: AdoptVersion) -> SiteAdoption:
    """Record that a site approved a version on a day. Raises ``VersionNotActive``, ``VersionExists``."""
    authorize(session, actor, Action.PROTOCOL_ADOPTED, trial_id=command.trial_id, site_id=command.site_id)
    version = get_version(session, command.version_id)
    if version.trial_id != command.trial_id or version.activated_at is None:
        raise VersionNotActive(
            f"Version {version.label} is not active. The sponsor activates it before sites adopt it."
        )
    known = select(SiteAdoption).where(
        SiteAdoption.site_id == command.site_id, SiteAdoption.version_id == command.version_id
    )
    if session.exec(known).first() is not None:
        raise VersionExists(f"The site has adopted version {version.label} already.")
    adoption = SiteAdoption(**session.stamp(), **command.model_dump())
    session.add(adoption)
    session.flush()
    return adoption


def get_version(session: TrialSession, version_id: UUID) -> ProtocolVersion:
    """Raises ``VersionNotFound``."""
    found = session.get(ProtocolVersion, version_id)
    if found is None:
        raise VersionNotFound("There is no such version of the protocol. Choose one from the list of versions.")
    return found


def versions_of(session: TrialSession, trial_id: UUID) -> list[ProtocolVersion]:
    """Every version of the trial, oldest first."""
    return list(
        session.exec(
            select(ProtocolVersion)
            .where(ProtocolVersion.trial_id == trial_id)
            .order_by(col(ProtocolVersion.recorded_at), col(ProtocolVersion.label))
        )
    )


def adoptions_of(session: TrialSession, trial_id: UUID) -> list[SiteAdoption]:
    """Every site's approvals, in the order of their dates."""
    return list(
        session.exec(
            select(SiteAdoption)
            .where(SiteAdoption.trial_id == trial_id)
            .order_by(col(SiteAdoption.approved_on), col(SiteAdoption.id))
        )
    )


def version_in_force(session: TrialSession, site_id: UUID, on: date) -> ProtocolVersion:
    """The version that the site works under on a day. Raises ``NoVersionAdopted``."""
    found: ProtocolVersion | None = session.execute(_IN_FORCE, {"site_id": site_id, "day": on}).scalar()
    if found is None:
        raise NoVersionAdopted("The site has not adopted any version of the protocol. Record its approval first.")
    return found


def newest_active_version(session: TrialSession, trial_id: UUID) -> ProtocolVersion:
    """The version that the sponsor activated last, under which the trial as a whole acts: board, cut-offs and locks have
    no site. Raises ``VersionNotActive``."""
    found = session.exec(
        select(ProtocolVersion)
        .options(_WITHOUT_TEXT)
        .where(ProtocolVersion.trial_id == trial_id, col(ProtocolVersion.activated_at).is_not(None))
        .order_by(col(ProtocolVersion.activated_at).desc(), col(ProtocolVersion.recorded_at).desc())
        .limit(1)
    ).first()
    if found is None:
        raise VersionNotActive("The trial has no active version of its protocol. The sponsor activates one.")
    return found


def active_version(session: TrialSession, trial_id: UUID, label: str | None = None) -> ProtocolVersion:
    """The active version of this label, by itself the newest. Raises ``VersionNotFound``, ``VersionNotActive``."""
    if label is None:
        return newest_active_version(session, trial_id)
    wanted = select(ProtocolVersion).where(ProtocolVersion.trial_id == trial_id, ProtocolVersion.label == label)
    found = session.exec(wanted).first()
    if found is None:
        raise VersionNotFound("There is no such version of the protocol. Choose one from the list of versions.")
    if found.activated_at is None:
        raise VersionNotActive(f"Version {label} is not active. The sponsor activates it first.")
    return found


def active_protocols(session: TrialSession, trial_id: UUID) -> list[Protocol]:
    """The content of every active version, the newest first."""
    rows = session.exec(
        select(ProtocolVersion.id, ProtocolVersion.sha256)
        .where(ProtocolVersion.trial_id == trial_id, col(ProtocolVersion.activated_at).is_not(None))
        .order_by(col(ProtocolVersion.activated_at).desc(), col(ProtocolVersion.recorded_at).desc())
    )
    return [protocol_with(sha256, partial(get_version, session, version_id)) for version_id, sha256 in rows]


def protocol_of(version: ProtocolVersion) -> Protocol:
    """The version's content, parsed once in a process: equal hashes are equal texts."""
    return protocol_with(version.sha256, lambda: version)


def protocol_with(sha256: str, read: Callable[[], ProtocolVersion]) -> Protocol:
    """The content that has this hash; ``read`` gives a version that has it, asked for the first time only."""
    if sha256 not in _PROTOCOLS:
        _PROTOCOLS[sha256] = load_protocol(read().text).protocol
    return _PROTOCOLS[sha256]
