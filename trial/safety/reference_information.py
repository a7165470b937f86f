"""Reference safety information: which versions there are, since when and where each is in force, what each expects.

Invariants
1. The protocol holds the document: a version of it comes into force at a site with the protocol version that brings it.
2. An assessment keeps the version that it was judged against; a newer version judges nothing again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may_somewhere
from trial.conduct.sites import sites_of
from trial.database.session import TrialSession
from trial.protocol.versions import (
    NoVersionAdopted,
    ProtocolVersion,
    protocol_of,
    version_in_force,
)
from trial.safety.causality import SponsorAssessment


@dataclass(frozen=True, slots=True)
class ReferenceVersion:
    """``brought_by`` is the protocol version; ``added`` and ``removed`` are terms, against the version before.

    ``sites`` are those where it is in force today, ``assessed`` how many assessments were judged against it.
    """

    document: str
    version: str
    brought_by: str
    activated_at: datetime
    expected_terms: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    sites: tuple[str, ...]
    assessed: int


def reference_versions(session: TrialSession, actor: Actor, trial_id: UUID, today: date) -> list[ReferenceVersion]:
    """The newest first. Raises ``NotPermitted``."""
    check_may_somewhere(actor, Permission.ADVERSE_EVENT_READ, trial_id)
    in_force = _in_force(session, trial_id, today)
    judged = _judged(session, trial_id)
    found: list[ReferenceVersion] = []
    for active in _active(session, trial_id):
        reference = protocol_of(active).adverse_events.reference_safety_information
        key = (reference.document, reference.version)
        if found and (found[-1].document, found[-1].version) == key:
            continue
        before = frozenset(found[-1].expected_terms) if found else frozenset()
        terms = tuple(sorted(reference.expected_terms))
        found.append(
            ReferenceVersion(
                *key,
                active.label,
                active.activated_at or active.recorded_at,
                terms,
                tuple(term for term in terms if found and term not in before),
                tuple(sorted(before - set(terms))),
                in_force.get(key, ()),
                judged[f"{reference.document}, version {reference.version}"],
            )
        )
    return found[::-1]


def _active(session: TrialSession, trial_id: UUID) -> list[ProtocolVersion]:
    wanted = select(ProtocolVersion).where(
        ProtocolVersion.trial_id == trial_id, col(ProtocolVersion.activated_at).is_not(None)
    )
    return list(session.exec(wanted.order_by(col(ProtocolVersion.activated_at), col(ProtocolVersion.recorded_at))))


def _in_force(session: TrialSession, trial_id: UUID, today: date) -> dict[tuple[str, str], tuple[str, ...]]:
    """The codes of the sites by the document and version that is in force there."""
    where: dict[tuple[str, str], tuple[str, ...]] = {}
    for site in sorted(sites_of(session, trial_id), key=lambda one: one.code):
        try:
            version = version_in_force(session, site.id, today)
        except NoVersionAdopted:
            continue
        reference = protocol_of(version).adverse_events.reference_safety_information
        key = (reference.document, reference.version)
        where[key] = (*where.get(key, ()), site.code)
    return where


def _judged(session: TrialSession, trial_id: UUID) -> Counter[str]:
    wanted = select(SponsorAssessment.reference_document).where(SponsorAssessment.trial_id == trial_id)
    return Counter(session.exec(wanted).all())
