"""The reporting checklist of a cut-off: what a door gathers for it, without any treatment.

Invariants
1. The same cut-off, roles and seats give the same bytes; nothing is written by asking.
2. No list, seed, block size or arm is read: the checklist of a blinded person and of anybody else are the same bytes.
"""

from __future__ import annotations

import polars as pl
from sqlmodel import col, select

from api.jobs.contexts import report_context
from reports.documents.checklist import RoleHolder, VersionFact, checklist_facts, reporting_checklist
from reports.tables.words import day
from trial.access.accounts import accounts_by_id
from trial.access.grants import grants_at
from trial.conduct.sites import Site
from trial.database.session import TrialSession
from trial.locks.cutoffs import Cutoff
from trial.locks.snapshots import get_snapshot, load_snapshot
from trial.oversight.members import members_of
from trial.protocol.versions import ProtocolVersion, get_version, protocol_of


def checklist_of(
    session: TrialSession, cutoff: Cutoff, *, treatments: pl.DataFrame | None = None, reference: str | None = None
) -> bytes:
    """The checklist as PDF. ``treatments`` (participant, arm) is given by who has it already; nothing here looks it up."""
    snapshot = get_snapshot(session, cutoff.snapshot_id)
    facts = checklist_facts(
        protocol_of(get_version(session, snapshot.protocol_version_id)),
        report_context(session, snapshot),
        load_snapshot(session, snapshot.id),
        people=_people(session, cutoff),
        seats=_seats(session, cutoff),
        versions=_versions(session, cutoff),
        treatments=treatments,
        reference=reference,
    )
    return reporting_checklist(facts)


def _people(session: TrialSession, cutoff: Cutoff) -> tuple[RoleHolder, ...]:
    """Who held which role at the cut-off."""
    grants = grants_at(session, cutoff.trial_id, cutoff.cut_off_at)
    names = accounts_by_id(session, {grant.account_id for grant in grants})
    sites = {site.id: site.code for site in session.exec(select(Site).where(Site.trial_id == cutoff.trial_id))}
    found = {
        (grant.role, names[grant.account_id].display_name, sites[grant.site_id] if grant.site_id else "")
        for grant in grants
    }
    return tuple(RoleHolder(*one) for one in sorted(found))


def _seats(session: TrialSession, cutoff: Cutoff) -> tuple[tuple[str, str], ...]:
    members = members_of(session, cutoff.trial_id)
    names = accounts_by_id(session, {one.account_id for one in members})
    return tuple((one.seat, names[one.account_id].display_name) for one in members)


def _versions(session: TrialSession, cutoff: Cutoff) -> tuple[VersionFact, ...]:
    """The versions that were active at the cut-off, in their order."""
    found = session.exec(
        select(ProtocolVersion)
        .where(ProtocolVersion.trial_id == cutoff.trial_id, col(ProtocolVersion.activated_at) <= cutoff.cut_off_at)
        .order_by(col(ProtocolVersion.activated_at), ProtocolVersion.label)
    )
    told = [(one, protocol_of(one).identity) for one in found]
    return tuple(VersionFact(one.label, day(said.dated), said.summary_of_changes, one.sha256) for one, said in told)
