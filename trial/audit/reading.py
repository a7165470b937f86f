"""The audit as a reader sees it: entries of the domains that the reader's roles may read, at the reader's own sites.

Invariants
1. Every audited table has its readers here; a table that is not named is read by nobody, and a test proves that all are.
2. A reader needs every permission that stands beside the table, at the entry's own site where the role is a site's.
3. What tells an arm (the schema ``sealed``, the pharmacy's work) is read by those who may read allocations, and by the
   inspector once the trial is locked.
4. Reading changes nothing and shows nothing that the triggers redacted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may_somewhere, may, sites_where
from trial.access.signatures import Signature
from trial.conduct.trials import Trial
from trial.database.session import TrialSession

_ALWAYS = (Permission.AUDIT_READ,)
_SCREENING = (Permission.SCREENING_READ,)
_VISITS = (Permission.VISIT_READ,)
_INFUSION = (Permission.INFUSION_READ,)
# The detail of an event can reveal the arm, as a form of an infusion day can.
_EVENTS = (Permission.ADVERSE_EVENT_READ, Permission.INFUSION_READ)
_EFFICACY = (Permission.EFFICACY_READ,)
_KITS = (Permission.KIT_ACCOUNT,)
_STUDY = (Permission.REPORT_OPEN_READ,)
_ACCESS = (Permission.ACCESS_HISTORY_READ,)

READERS: Final[Mapping[str, tuple[Permission, ...]]] = {
    "access.account": _ACCESS,
    "access.role_grant": _ACCESS,
    "access.infusion_domain_grant": _ACCESS,
    "access.credential_reset": _ACCESS,
    "access.login_session": _ACCESS,
    "access.api_token": _ACCESS,
    "access.alert": (Permission.UNBLINDING_REGISTER_READ,),
    "access.signature": _ALWAYS,
    "identity.participant_identity": (Permission.IDENTITY_READ,),
    "trial.trial": _ALWAYS,
    "trial.site": _ALWAYS,
    "trial.recruitment_decision": _STUDY,
    "trial.planned_number_change": _STUDY,
    "trial.protocol_version": _ALWAYS,
    "trial.site_adoption": _ALWAYS,
    "trial.participant": _SCREENING,
    "trial.consent": _SCREENING,
    "trial.consent_withdrawal": _SCREENING,
    "trial.eligibility_assessment": _SCREENING,
    "trial.screening_failure": _SCREENING,
    "trial.participant_replacement": _SCREENING,
    "trial.factor_value": _SCREENING,
    "trial.query": (*_SCREENING, *_VISITS),
    "trial.visit": _VISITS,
    "trial.treatment_end": _VISITS,
    "trial.study_end": _VISITS,
    "trial.attendance": _VISITS,
    "trial.deviation": _VISITS,
    "trial.randomization_error": _VISITS,
    "trial.casebook_signature": _VISITS,
    "trial.concomitant_treatment": (*_VISITS, *_INFUSION),
    "trial.form_record": (*_VISITS, *_INFUSION),
    "trial.infusion": _INFUSION,
    "trial.infusion_order": _INFUSION,
    "trial.outcome": _EFFICACY,
    "trial.blinding_guess": _EFFICACY,
    "trial.adverse_event": _EVENTS,
    "trial.adverse_event_version": _EVENTS,
    "trial.coding_review": _EVENTS,
    "trial.harm_pause": _STUDY,
    "trial.harm_pause_release": _STUDY,
    "trial.bound_check": _STUDY,
    "trial.meddra_coding": _EVENTS,
    "trial.meddra_release": _ALWAYS,
    "trial.event_attachment": _EVENTS,
    "trial.special_situation": _EVENTS,
    "trial.special_situation_version": _EVENTS,
    # What the sponsor's side judged stays apart from the investigator's.
    "trial.sponsor_assessment": (*_EVENTS, *_STUDY),
    "trial.susar_assessment": (*_EVENTS, *_STUDY),
    "trial.case_narrative": (*_EVENTS, *_STUDY),
    "trial.expedited_report": _STUDY,
    "trial.regulator_copy": (Permission.UNBLINDING_REGISTER_READ,),
    "trial.clock_step": _STUDY,
    "trial.safety_letter": (Permission.SAE_CLOCK_READ,),
    "trial.letter_acknowledgement": (Permission.SAE_CLOCK_READ,),
    "trial.safety_listing": (Permission.SUSAR_ASSESS,),
    "trial.listing_difference": (Permission.SUSAR_ASSESS,),
    "trial.difference_answer": (Permission.SUSAR_ASSESS,),
    "trial.unblinding": (Permission.UNBLINDING_REGISTER_READ,),
    "trial.unblinding_assessment": (Permission.UNBLINDING_REGISTER_READ,),
    "trial.code_handover": (Permission.UNBLINDING_REGISTER_READ,),
    "trial.allocation": (*_SCREENING, *_KITS),
    "trial.kit": _KITS,
    "trial.shipment": _KITS,
    "trial.dispensing": _KITS,
    "trial.kit_replacement": _KITS,
    "trial.kit_return": _KITS,
    "trial.depot_return": _KITS,
    "trial.storage_excursion": _KITS,
    "trial.quarantine_verdict": _KITS,
    "trial.destruction": _KITS,
    "trial.destruction_witness": _KITS,
    "trial.stock_count": _KITS,
    "trial.supply_plan": (Permission.KIT_MANAGE,),
    "trial.supply_review": (Permission.KIT_MANAGE,),
    "trial.stock_reading": (Permission.KIT_MANAGE,),
    "trial.kit_reservation": (Permission.ENVELOPE_PRINT,),
    "trial.envelope": (Permission.ENVELOPE_PRINT,),
    "trial.envelope_opening": _KITS,
    "trial.list_hold": _STUDY,
    "trial.hold_signing": _STUDY,
    "trial.reseated_seat": (*_SCREENING, *_KITS),
    "trial.bag_handover": (*_INFUSION, Permission.PHARMACY_PREPARE),
    "trial.allocation_list": _STUDY,
    "trial.stratum_counter": _STUDY,
    # Why a list was retired may tell of block sizes: for who confirms lists.
    "trial.list_retirement": (Permission.LIST_CONFIRM,),
    "trial.list_opening": _STUDY,
    "trial.preparation": (Permission.PHARMACY_PREPARE,),
    "trial.worksheet_reading": (Permission.PHARMACY_PREPARE,),
    "trial.meeting": _STUDY,
    "trial.board_member": _STUDY,
    "trial.board_declaration": (Permission.BOARD_VOTE,),
    "trial.board_vote": (Permission.BOARD_VOTE,),
    "trial.paper": (Permission.REPORT_CLOSED_READ,),
    "trial.paper_opening": (Permission.REPORT_CLOSED_READ,),
    "trial.recommendation": (Permission.RECOMMENDATION_READ,),
    "trial.decision": (Permission.RECOMMENDATION_READ,),
    "trial.cutoff": _STUDY,
    "trial.snapshot": _STUDY,
    "trial.freeze": _STUDY,
    "trial.data_lock": _STUDY,
    "trial.lock_signing": _STUDY,
    "trial.locked_dataset": (Permission.DATASET_NAIVE_PULL,),
    "trial.dataset_pull": (Permission.DATASET_NAIVE_PULL,),
    "sealed.data_key": (Permission.ALLOCATION_READ,),
    "sealed.list_matter": (Permission.ALLOCATION_READ,),
    "sealed.contribution": (Permission.ALLOCATION_READ,),
    "sealed.draw": (Permission.ALLOCATION_READ,),
    "sealed.running_total": (Permission.ALLOCATION_READ,),
    "sealed.prepared_content": (Permission.ALLOCATION_READ,),
    "sealed.drawn_lot": (Permission.ALLOCATION_READ,),
    "sealed.kit_content": (Permission.ALLOCATION_READ,),
    "sealed.situation_account": (Permission.ALLOCATION_READ,),
    "sealed.arm_coding": (Permission.ALLOCATION_READ,),
    "sealed.document": (Permission.ALLOCATION_READ,),
    "sealed.bound_findings": (Permission.ALLOCATION_READ,),
    "sealed.expedition": (Permission.ALLOCATION_READ,),
}
TELLS_ARMS: Final = frozenset(
    {
        *(name for name in READERS if name.startswith("sealed.")),
        "trial.preparation",
        "trial.worksheet_reading",
        "trial.list_retirement",
    }
)
_INSPECTOR: Final = "inspector"
_COLUMNS: Final = (
    "SELECT id, occurred_at, actor, action, table_name, record_id, site_id, content FROM audit.entry"
    " WHERE trial_id = :trial_id AND (table_name = ANY(:study) OR (table_name || '@' || site_id::text) = ANY(:own))"
)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is asked for; ``before`` pages backwards through the positions of entries."""

    actor: str = ""
    action: str = ""
    table: str = ""
    record_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One recorded change."""

    id: int
    at: datetime
    actor: str
    action: str
    table: str
    record_id: UUID
    site_id: UUID | None
    operation: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def readable_tables(actor: Actor, trial: Trial) -> tuple[frozenset[str], frozenset[str]]:
    """The tables that ``actor`` reads in the whole trial, and ``table@site`` for those read at single sites."""
    study: set[str] = set()
    own: set[str] = set()
    for table, needed in READERS.items():
        sites = _sites(actor, trial, table, needed)
        if sites is None:
            study.add(table)
        else:
            own.update(f"{table}@{site}" for site in sites)
    return frozenset(study), frozenset(own)


def _sites(actor: Actor, trial: Trial, table: str, needed: tuple[Permission, ...]) -> frozenset[UUID] | None:
    """Where the actor reads entries of the table; ``None`` for everywhere."""
    if table in TELLS_ARMS and trial.locked_at is not None and _inspects(actor, trial):
        return None
    reach: frozenset[UUID] | None = sites_where(actor, Permission.AUDIT_READ, trial.id)
    for permission in needed:
        more = sites_where(actor, permission, trial.id)
        if more is not None:
            reach = more if reach is None else reach & more
    return reach


def _inspects(actor: Actor, trial: Trial) -> bool:
    roles = {held.role for held in actor.roles if held.trial_id == trial.id}
    return _INSPECTOR in roles and may(actor, Permission.AUDIT_READ, trial.id)


def read_audit(session: TrialSession, actor: Actor, trial: Trial, wanted: AuditFilter) -> list[AuditEntry]:
    """The newest entries first. Raises ``NotPermitted`` for somebody who reads none anywhere."""
    check_may_somewhere(actor, Permission.AUDIT_READ, trial.id)
    study, own = readable_tables(actor, trial)
    query, parameters = _query(wanted)
    scope = {"trial_id": trial.id, "study": sorted(study), "own": sorted(own)}
    return [_entry(row) for row in session.execute(query, scope | parameters)]


def _query(wanted: AuditFilter) -> tuple[TextClause, dict[str, Any]]:
    """The statement of fixed pieces, and the values that they name."""
    pieces = {
        "actor": (wanted.actor, " AND actor = :actor"),
        "action": (wanted.action, " AND action = :action"),
        "table_name": (wanted.table, " AND table_name = :table_name"),
        "record_id": (wanted.record_id, " AND record_id = :record_id"),
        "since": (wanted.since, " AND occurred_at >= :since"),
        "until": (wanted.until, " AND occurred_at < :until"),
        "before": (wanted.before, " AND id < :before"),
    }
    chosen = {name: value for name, (value, _) in pieces.items() if value}
    where = "".join(pieces[name][1] for name in chosen)
    return text(f"{_COLUMNS}{where} ORDER BY id DESC LIMIT :limit"), {**chosen, "limit": wanted.limit}


def _entry(row: Any) -> AuditEntry:
    content = json.loads(row.content)
    return AuditEntry(
        id=row.id,
        at=row.occurred_at,
        actor=row.actor,
        action=row.action,
        table=row.table_name,
        record_id=row.record_id,
        site_id=row.site_id,
        operation=content["operation"],
        reason=content["reason"] or "",
        before=content["before"] or {},
        after=content["after"] or {},
    )


def read_signatures(session: TrialSession, actor: Actor, trial: Trial) -> list[Signature]:
    """Signatures on records that ``actor`` reads in the whole trial, the newest first. Raises ``NotPermitted``."""
    check_may_somewhere(actor, Permission.AUDIT_READ, trial.id)
    study, _ = readable_tables(actor, trial)
    return list(
        session.exec(
            select(Signature)
            .where(Signature.trial_id == trial.id, col(Signature.record_table).in_(study))
            .order_by(col(Signature.signed_at).desc(), col(Signature.id))
        )
    )
