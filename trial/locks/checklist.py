"""What must be settled before data are locked.

Invariants
1. The list is complete or there is no lock: a stage is signed only over the items named in ``ITEMS``, each at zero.
2. It says how many and which, by participant code, and never an arm.
3. What happens above this room (unblindings that nobody has assessed) is counted there and handed in by the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.access.signatures import Signature, record_hash, table_name
from trial.clock import local_date
from trial.conduct.eligibility import EligibilityAssessment
from trial.conduct.participants import Participant
from trial.conduct.queries import Query, QueryStatus
from trial.conduct.schedules import VisitStanding
from trial.conduct.sites import Site, sites_of
from trial.conduct.visits import VisitRecord, VisitState, is_due, schedule_of
from trial.database.records import Record
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.locks.casebook_signatures import participants_signed
from trial.locks.cutoffs import visits_in
from trial.protocol.schema import Protocol
from trial.protocol.versions import newest_active_version, protocol_of
from trial.safety.adverse_events import AdverseEvent

UNBLINDINGS_UNASSESSED: Final = "unblindings_unassessed"
ITEMS: Final = (
    "queries_open",
    "eligibility_unsigned",
    "casebooks_unsigned",
    "saes_unsigned",
    "visits_missing",
    UNBLINDINGS_UNASSESSED,
)
_EXAMPLES: Final = 10


class ChecklistNotGreen(Conflict):
    code = "lock.checklist_not_green"


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One question; ``count`` things stand in the way, ``examples`` names the first of them."""

    code: str
    sentence: str
    count: int
    examples: tuple[str, ...] = ()

    @property
    def is_green(self) -> bool:
        return self.count == 0


def item(code: str, sentence: str, found: Sequence[str]) -> ChecklistItem:
    """An item over the names of what stands in the way."""
    return ChecklistItem(code, sentence, len(found), tuple(found[:_EXAMPLES]))


def checklist_for(
    session: TrialSession, actor: Actor, trial_id: UUID, stage: str, outside: Iterable[ChecklistItem]
) -> list[ChecklistItem]:
    """The list as it stands, for those who may lock. Raises ``NotPermitted``, ``ScopeUnknown``."""
    check_may(actor, Permission.DATA_LOCK, trial_id)
    return checklist(session, trial_id, stage, outside)


def checklist(
    session: TrialSession, trial_id: UUID, stage: str, outside: Iterable[ChecklistItem]
) -> list[ChecklistItem]:
    """Every item in the order of ``ITEMS``; ``outside`` brings those that are counted above this room."""
    protocol = protocol_of(newest_active_version(session, trial_id))
    visits = visits_in(protocol, stage)
    participants = _participants(session, trial_id)
    found = [
        _open_queries(session, trial_id, participants, visits),
        _unsigned_eligibility(session, trial_id, participants),
        _unsigned_casebooks(session, trial_id, participants, needed=_is_last(protocol, stage)),
        _unsigned_saes(session, trial_id, participants),
        _missing_visits(session, trial_id, participants, protocol, visits),
        *outside,
    ]
    by_code = {each.code: each for each in found}
    return [by_code[code] for code in ITEMS if code in by_code]


def check_green(items: Iterable[ChecklistItem]) -> None:
    """Raise ``ChecklistNotGreen`` unless every item was counted and is at zero."""
    counted = {each.code: each for each in items}
    missing = [code for code in ITEMS if code not in counted]
    if missing:
        raise ChecklistNotGreen(f"These items were not counted: {', '.join(missing)}. Build the checklist again.")
    red = [each for each in counted.values() if not each.is_green]
    if red:
        told = "; ".join(f"{each.sentence} ({each.count})" for each in red)
        raise ChecklistNotGreen(
            f"The data cannot be locked yet: {told}. Settle these, then sign.",
            fields={each.code: ", ".join(each.examples) or str(each.count) for each in red},
        )


def _is_last(protocol: Protocol, stage: str) -> bool:
    visits = visits_in(protocol, stage)
    return visits is None or visits == frozenset(protocol.visit_codes)


def _participants(session: TrialSession, trial_id: UUID) -> dict[UUID, Participant]:
    found = session.exec(select(Participant).where(Participant.trial_id == trial_id).order_by(col(Participant.code)))
    return {participant.id: participant for participant in found}


def _open_queries(
    session: TrialSession,
    trial_id: UUID,
    participants: dict[UUID, Participant],
    visits: Collection[str] | None,
) -> ChecklistItem:
    queries = session.exec(select(Query).where(Query.trial_id == trial_id, Query.status != QueryStatus.CLOSED))
    codes = [
        participants[query.participant_id].code
        for query in queries
        if visits is None or query.visit is None or query.visit in visits
    ]
    return item("queries_open", "Queries that are not closed", sorted(codes))


def _unsigned_eligibility(
    session: TrialSession, trial_id: UUID, participants: dict[UUID, Participant]
) -> ChecklistItem:
    """Randomized participants without a signed assessment that still is what was signed."""
    signed = holding(session, trial_id, EligibilityAssessment)
    waiting = [
        participant.code
        for participant in participants.values()
        if participant.randomized_at is not None and participant.id not in signed
    ]
    return item("eligibility_unsigned", "Randomized participants whose eligibility is not signed", waiting)


def _unsigned_casebooks(
    session: TrialSession, trial_id: UUID, participants: dict[UUID, Participant], *, needed: bool
) -> ChecklistItem:
    """Randomized participants whose casebook is not signed as it stands; casebooks are complete at the last stage only."""
    signed = participants_signed(session, trial_id) if needed else set()
    waiting = [
        participant.code
        for participant in participants.values()
        if needed and participant.randomized_at is not None and participant.id not in signed
    ]
    return item("casebooks_unsigned", "Randomized participants whose casebook is not signed as it stands", waiting)


def _unsigned_saes(session: TrialSession, trial_id: UUID, participants: dict[UUID, Participant]) -> ChecklistItem:
    serious = session.exec(
        select(AdverseEvent).where(AdverseEvent.trial_id == trial_id, col(AdverseEvent.serious).is_(True))
    ).all()
    hashes = _signed_hashes(session, trial_id, AdverseEvent)
    waiting = sorted(
        f"{participants[event.participant_id].code} event {event.number}"
        for event in serious
        if record_hash(event) not in hashes.get(event.id, ())
    )
    return item("saes_unsigned", "Serious events without an investigator's signature that holds", waiting)


def _missing_visits(
    session: TrialSession,
    trial_id: UUID,
    participants: dict[UUID, Participant],
    protocol: Protocol,
    visits: Collection[str] | None,
) -> ChecklistItem:
    """Visits of randomized participants that are due and not recorded, or missed without a reason."""
    sites = {site.id: site for site in sites_of(session, trial_id)}
    records: dict[UUID, list[VisitRecord]] = {}
    for record in session.exec(select(VisitRecord).where(VisitRecord.trial_id == trial_id)):
        records.setdefault(record.participant_id, []).append(record)
    waiting = [
        f"{participant.code} {state.planned.visit.code}"
        for participant in participants.values()
        if participant.randomized_at is not None
        for state in schedule_of(
            protocol, participant, sites[participant.site_id].zone, records.get(participant.id, [])
        )
        if (visits is None or state.planned.visit.code in visits)
        and _stands_in_the_way(session, state, sites[participant.site_id])
    ]
    return item("visits_missing", "Visits that are neither recorded nor missed with a reason", waiting)


def _stands_in_the_way(session: TrialSession, state: VisitState, site: Site) -> bool:
    if state.standing is VisitStanding.MISSED:
        return state.record is None or not state.record.missed_reason
    return is_due(state, local_date(session.now(), site.zone))


def holding(session: TrialSession, trial_id: UUID, kind: Any) -> set[UUID]:
    """The participants who have a record of ``kind`` under a signature that still holds."""
    hashes = _signed_hashes(session, trial_id, kind)
    records = session.exec(select(kind).where(kind.trial_id == trial_id, col(kind.id).in_(list(hashes))))
    return {record.participant_id for record in records if record_hash(record) in hashes[record.id]}


def _signed_hashes(session: TrialSession, trial_id: UUID, kind: type[Record]) -> dict[UUID, set[str]]:
    found = session.exec(
        select(Signature.record_id, Signature.record_hash).where(
            Signature.trial_id == trial_id, Signature.record_table == table_name(kind)
        )
    )
    hashes: dict[UUID, set[str]] = {}
    for record_id, signed in found:
        hashes.setdefault(record_id, set()).add(signed)
    return hashes
