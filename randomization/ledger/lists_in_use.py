"""Which lists those to come are taken from, once an amendment has changed how participants are allocated.

Sites adopt an amendment on days of their own: until then a site goes on from the list of its version. What a list holds
that no site takes from any more is left over; nobody skips it silently, and no list changes.

Invariants
1. A list counts for a site where the version under which it was designed allocates like the one in force there today, or
   like an active one that the site may still adopt (``Protocol.allocates_like``).
2. Strata and versions alone are compared: no slot is opened, no position looked at.
3. A list that was retired counts for nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select

from randomization.ledger.allocation_lists import ENVELOPE_STAGES, AllocationList, ListStatus, StratumCounter
from randomization.ledger.designs import SITE
from randomization.lists import stratum_levels
from trial.clock import local_date
from trial.conduct.sites import Site, sites_of
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import MAIN_STAGE
from trial.protocol.versions import ProtocolVersion, adoptions_of, get_version, protocol_with


@dataclass(frozen=True, slots=True)
class SiteVersions:
    """``now`` is what the site works under, ``None`` before its first adoption; ``later`` are the active ones it may adopt."""

    code: str
    is_open: bool
    now: Protocol | None
    later: tuple[Protocol, ...]

    @property
    def to_come(self) -> tuple[Protocol, ...]:
        return (self.now, *self.later) if self.now else self.later


@dataclass(frozen=True, slots=True)
class ListMissing:
    """Sites that no sealed list of a version serves. ``in_force`` is whether they work or begin under it; otherwise they still
    work under another one."""

    version: str
    sites: tuple[str, ...]
    in_force: bool


@dataclass(frozen=True, slots=True)
class VersionsInUse:
    """The trial's versions as its sites follow them: ``designed`` holds every one by its id, ``active`` the active ones, the
    newest last."""

    sites: tuple[SiteVersions, ...]
    designed: dict[UUID, Protocol]
    active: tuple[UUID, ...]

    def users(self, made: AllocationList, stratum: str) -> list[SiteVersions]:
        """The sites that a stratum of a list is for: the one that it names, or every open one."""
        named = stratum_levels(stratum).get(SITE)
        if named is not None:
            return [site for site in self.sites if site.code == named]
        if made.stage.startswith(ENVELOPE_STAGES):
            code = made.stage.removeprefix(ENVELOPE_STAGES)
            return [site for site in self.sites if site.code.lower() == code]
        return [site for site in self.sites if site.is_open]

    def version_for(self, made: AllocationList, stratum: str) -> Protocol | None:
        """The version under which those to come are taken from the stratum; ``None`` where an amendment superseded it."""
        designed = self.designed[made.protocol_version_id]
        users = self.users(made, stratum)
        if not users:
            return designed
        following = (version for site in users for version in site.to_come)
        return next((version for version in following if version.allocates_like(designed, made.stage)), None)

    def superseded_by(self, made: AllocationList, stratum: str) -> tuple[str, ...]:
        """The versions that are in force where the stratum was for; none as long as somebody may be taken from it."""
        if self.version_for(made, stratum) is not None:
            return ()
        return tuple(dict.fromkeys(site.now.version for site in self.users(made, stratum) if site.now))


def versions_in_use(session: TrialSession, trial_id: UUID) -> VersionsInUse:
    """Every version of the trial, and which of them each site follows today."""
    rows = session.execute(
        select(ProtocolVersion.id, ProtocolVersion.sha256, ProtocolVersion.activated_at)
        .where(ProtocolVersion.trial_id == trial_id)
        .order_by(col(ProtocolVersion.activated_at), col(ProtocolVersion.recorded_at))
    ).all()
    designed = {row.id: _parsed(session, row.id, row.sha256) for row in rows}
    active = [row.id for row in rows if row.activated_at is not None]
    adopted: dict[UUID, list[tuple[date, datetime, UUID]]] = defaultdict(list)
    for one in adoptions_of(session, trial_id):
        adopted[one.site_id].append((one.approved_on, one.recorded_at, one.version_id))
    found = [_follows(site, adopted[site.id], active, designed, session.now()) for site in sites_of(session, trial_id)]
    return VersionsInUse(tuple(found), designed, tuple(active))


def _parsed(session: TrialSession, version_id: UUID, sha256: str) -> Protocol:
    return protocol_with(sha256, lambda: get_version(session, version_id))


def _follows(
    site: Site,
    adopted: Iterable[tuple[date, datetime, UUID]],
    active: list[UUID],
    designed: dict[UUID, Protocol],
    now: datetime,
) -> SiteVersions:
    today = local_date(now, site.zone)
    by_now = max((one for one in adopted if one[0] <= today), default=None)
    later = active[active.index(by_now[2]) + 1 :] if by_now else active
    in_force = designed[by_now[2]] if by_now else None
    return SiteVersions(site.code, site.closed_on is None, in_force, tuple(designed[one] for one in later))


def sealed_counters(
    session: TrialSession, trial_id: UUID, stage: str | None = None, *, stratum: str | None = None
) -> list[tuple[AllocationList, StratumCounter]]:
    """Every stratum of the sealed lists, or of a stage's, or one of them; the earlier list first."""
    wanted = (
        select(AllocationList, StratumCounter)
        .join(StratumCounter, col(StratumCounter.list_id) == col(AllocationList.id))
        .where(AllocationList.trial_id == trial_id, AllocationList.status == ListStatus.SEALED)
        .order_by(AllocationList.stage, col(AllocationList.ordinal), col(StratumCounter.stratum))
    )
    if stage is not None:
        wanted = wanted.where(AllocationList.stage == stage)
    if stratum is not None:
        wanted = wanted.where(StratumCounter.stratum == stratum)
    return list(session.exec(wanted))


def counters_in_use(
    session: TrialSession, trial_id: UUID, stage: str, *, stratum: str | None = None
) -> list[tuple[AllocationList, StratumCounter]]:
    """``sealed_counters`` without those of retired lists."""
    found = sealed_counters(session, trial_id, stage, stratum=stratum)
    return [(made, counter) for made, counter in found if counter.retired_at is None]


def lists_missing(session: TrialSession, trial_id: UUID, stage: str = MAIN_STAGE) -> list[ListMissing]:
    """The open sites without a sealed list, by version: the one in force there, and the newest where they may adopt it."""
    known = versions_in_use(session, trial_id)
    counters = counters_in_use(session, trial_id, stage)
    missing: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for site in (one for one in known.sites if one.is_open):
        for version in _asked(site, stage):
            if not _serves(known, counters, site, version):
                missing[version.version, site.now is None or site.now is version].append(site.code)
    return [ListMissing(version, tuple(codes), in_force) for (version, in_force), codes in missing.items()]


def _asked(site: SiteVersions, stage: str) -> Iterator[Protocol]:
    """What the site works under, and the newest version that is still to come to it, where that one allocates otherwise."""
    if site.now is not None:
        yield site.now
    for newest in site.later[-1:]:
        if site.now is None or not newest.allocates_like(site.now, stage):
            yield newest


def _serves(
    known: VersionsInUse,
    counters: list[tuple[AllocationList, StratumCounter]],
    site: SiteVersions,
    version: Protocol,
) -> bool:
    agreeing = (
        stratum
        for made, stratum in ((made, counter.stratum) for made, counter in counters)
        if known.designed[made.protocol_version_id].allocates_like(version, made.stage)
    )
    return any(stratum_levels(stratum).get(SITE, site.code) == site.code for stratum in agreeing)
