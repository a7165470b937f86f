"""Reads the live tables into the rows that a snapshot freezes: one bulk query a table, in the columns' declared order.

Invariants
1. Each query gives the columns of ``SNAPSHOT_TABLES`` in their order, for rows recorded up to the cut-off.
2. No query names a sealed table, an identity or a kit's content.
3. Where a scope ends at a visit, tables that name visits hold none after it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text
from sqlmodel import Session, col, select

from trial.conduct.participants import Participant
from trial.conduct.sites import Site
from trial.conduct.trials import Trial
from trial.conduct.visits import VisitRecord, VisitState, schedule_of
from trial.locks.snapshot_tables import SNAPSHOT_TABLES
from trial.protocol.schema import Protocol
from trial.protocol.versions import ProtocolVersion, SiteAdoption, protocol_of

Row = tuple[Any, ...]

_OF_PARTICIPANT: Final = (
    "JOIN trial.participant AS p ON p.id = r.participant_id WHERE r.trial_id = :trial AND r.recorded_at <= :cut_off"
)
_QUERIES: Final[dict[str, str]] = {
    "trial": (
        "SELECT code, title, kind, CAST(:version AS text), CAST(:cut_off AS timestamptz), CAST(:scope AS text),"
        " planned_participants FROM trial.trial WHERE id = :trial"
    ),
    "sites": (
        "SELECT code, name, country, zone, activated_on FROM trial.site"
        " WHERE trial_id = :trial AND recorded_at <= :cut_off"
    ),
    "adoptions": """
        SELECT site.code, version.label, r.approved_on FROM trial.site_adoption AS r
        JOIN trial.site AS site ON site.id = r.site_id
        JOIN trial.protocol_version AS version ON version.id = r.version_id
        WHERE r.trial_id = :trial AND r.recorded_at <= :cut_off
    """,
    "participants": """
        SELECT p.code, site.code, p.status, version.label, p.sex,
            CAST(extract(year FROM p.assessed_on) AS int) - p.birth_year, p.race, p.ethnicity,
            p.assessed_on, p.consented_on,
            CASE WHEN failure.kind = 'not_eligible' THEN false WHEN p.eligibility_signed_at IS NOT NULL THEN true
                ELSE assessment.eligible END,
            failure.kind,
            CASE WHEN jsonb_array_length(failure.criteria) > 0
                THEN (SELECT string_agg(named, ', ' ORDER BY named) FROM jsonb_array_elements_text(failure.criteria) AS named)
                ELSE failure.reason END,
            p.eligibility_signed_at, p.randomized_at, p.randomization_number, p.stratum,
            p.first_dose_at, p.last_dose_at,
            greatest(coalesce(doses.given, 0), CASE WHEN p.first_dose_at IS NULL THEN 0 ELSE 1 END),
            treatment.ended_on, treatment.kind, treatment.reason, study.ended_on, study.kind, study.reason, study.died_on
        FROM trial.participant AS p
        JOIN trial.site AS site ON site.id = p.site_id
        JOIN trial.protocol_version AS version ON version.id = p.protocol_version_id
        LEFT JOIN (SELECT DISTINCT ON (participant_id) participant_id, eligible FROM trial.eligibility_assessment
            WHERE trial_id = :trial AND recorded_at <= :cut_off
            ORDER BY participant_id, number DESC) AS assessment ON assessment.participant_id = p.id
        LEFT JOIN trial.screening_failure AS failure ON failure.participant_id = p.id AND failure.recorded_at <= :cut_off
        LEFT JOIN (SELECT participant_id, CAST(count(*) AS int) AS given FROM trial.infusion
            WHERE trial_id = :trial AND recorded_at <= :cut_off AND status IN ('given', 'partial')
            GROUP BY participant_id) AS doses ON doses.participant_id = p.id
        LEFT JOIN trial.treatment_end AS treatment ON treatment.participant_id = p.id AND treatment.recorded_at <= :cut_off
        LEFT JOIN trial.study_end AS study ON study.participant_id = p.id AND study.recorded_at <= :cut_off
        WHERE p.trial_id = :trial AND p.recorded_at <= :cut_off
    """,
    "factors": "SELECT p.code, r.factor, r.value, r.corrected FROM trial.factor_value AS r @of_participant",
    "criteria": """
        SELECT p.code, answer.key, CAST(:kinds AS jsonb) ->> answer.key, CAST(answer.value AS boolean)
        FROM (SELECT DISTINCT ON (participant_id) participant_id, answers FROM trial.eligibility_assessment
            WHERE trial_id = :trial AND recorded_at <= :cut_off ORDER BY participant_id, number DESC) AS r
        JOIN trial.participant AS p ON p.id = r.participant_id
        CROSS JOIN LATERAL jsonb_each_text(r.answers) AS answer
    """,
    "scores": """
        SELECT p.code, r.visit, r.instrument, r.instrument_version, s.domain, s.raw, s.score, s.unit, r.answered_on, r.repeat
        FROM trial.outcome AS r CROSS JOIN LATERAL
            jsonb_to_recordset(r.scores) AS s(domain text, raw float8, score float8, unit text)
        @of_participant
    """,
    "answers": """
        SELECT p.code, r.visit, r.instrument, answer.key, answer.value, r.answered_on, r.repeat
        FROM trial.outcome AS r CROSS JOIN LATERAL jsonb_each_text(r.answers) AS answer @of_participant
    """,
    "infusions": """
        SELECT p.code, r.infusion, r.planned_on, r.status, r.started_at, r.ended_at, o.weight_kg, o.dose_weight_kg,
            o.dose_mg, r.infused_volume_ml, r.planned_volume_ml, r.interrupted_min, r.stopped_reason, r.missed_reason,
            r.kit, r.discharged_at
        FROM trial.infusion AS r LEFT JOIN trial.infusion_order AS o ON o.id = r.order_id
        JOIN trial.participant AS p ON p.id = r.participant_id
        WHERE r.trial_id = :trial AND r.recorded_at <= :cut_off
    """,
    "readings": """
        SELECT p.code, r.infusion, CAST(at.key AS int), taken.key, CAST(taken.value AS float8),
            CAST(:units AS jsonb) ->> taken.key
        FROM trial.infusion AS r CROSS JOIN LATERAL jsonb_each(r.readings) AS at
        CROSS JOIN LATERAL jsonb_each_text(at.value) AS taken @of_participant
    """,
    "checklists": """
        SELECT p.code, r.visit, CAST(CAST(:doses AS jsonb) ->> r.visit AS int), r.performed_on
        FROM trial.form_record AS r
        @of_participant AND r.form = CAST(:checklist AS text) AND r.visit = ANY(:asked_at)
        UNION ALL
        SELECT p.code, r.visit, CAST(CAST(:doses AS jsonb) ->> r.visit AS int), r.happened_on
        FROM trial.visit AS r
        @of_participant AND CAST(:checklist AS text) IS NULL AND r.standing = 'done' AND r.visit = ANY(:asked_at)
    """,
    "deviations": """
        SELECT p.code, r.number, r.category, r.importance, r.description, r.happened_on
        FROM trial.deviation AS r @of_participant
    """,
    "randomization_errors": """
        SELECT p.code, r.number, r.kind, r.reason, r.found_on, r.factor, r.as_used, r.corrected
        FROM trial.randomization_error AS r @of_participant
    """,
    "replacements": """
        SELECT p.code, gone.code
        FROM (SELECT DISTINCT ON (participant_id) participant_id, replaced_id FROM trial.participant_replacement
            WHERE trial_id = :trial AND recorded_at <= :cut_off ORDER BY participant_id, number DESC) AS r
        JOIN trial.participant AS p ON p.id = r.participant_id
        JOIN trial.participant AS gone ON gone.id = r.replaced_id
        WHERE p.randomized_at IS NOT NULL OR p.status IN ('screening', 'eligible')
    """,
    "guesses": """
        SELECT p.code, r.occasion, r.guesser, r.guess, r.certainty, r.reason FROM trial.blinding_guess AS r @of_participant
    """,
    # Recorded treatments, and the recorded fields that endpoints are made of (such as a daily opioid dose).
    "concomitant": """
        SELECT p.code, r.visit, r.name, r.value, r.unit, r.indication, r.started, r.ended
        FROM trial.concomitant_treatment AS r @of_participant
        UNION ALL
        SELECT p.code, r.visit, used.field, CAST(r.answers ->> used.field AS float8), used.unit, NULL, NULL, NULL
        FROM trial.form_record AS r
        JOIN jsonb_to_recordset(CAST(:fields AS jsonb)) AS used(form text, field text, unit text)
            ON used.form = r.form AND jsonb_typeof(r.answers -> used.field) = 'number'
        @of_participant
    """,
    "attendance": (
        "SELECT p.code, r.session, r.held_on, r.kind, r.attended FROM trial.attendance AS r @of_participant"
    ),
    "adverse_events": """
        SELECT p.code, r.number, r.verbatim, r.term, r.soc, r.llt_code, r.dictionary, r.grade, r.serious, r.death,
            r.life_threatening, r.hospitalization, r.disability, r.congenital_anomaly, r.medically_important, r.aesi,
            r.ascertainment, r.onset, r.onset_at, r.ended, r.outcome, r.action_taken, r.causality, s.causality,
            CASE WHEN r.causality IS NULL AND s.causality IS NULL THEN NULL
                ELSE coalesce(r.causality = ANY(:related), false) OR coalesce(s.causality = ANY(:related), false) END,
            s.expected, r.infusion, r.onset_minute, r.led_to_withdrawal, r.recorded_at, r.severity,
            coalesce(CAST(r.course -> 0 ->> 'grade' AS int), r.grade),
            (SELECT string_agg(named, ', ') FROM jsonb_array_elements_text(r.treatments) AS named), r.recurrence_of
        FROM trial.adverse_event AS r JOIN trial.participant AS p ON p.id = r.participant_id
        LEFT JOIN (SELECT DISTINCT ON (event_id) event_id, causality, expected FROM trial.sponsor_assessment
            WHERE trial_id = :trial AND recorded_at <= :cut_off
            ORDER BY event_id, recorded_at DESC, id DESC) AS s ON s.event_id = r.id
        WHERE r.trial_id = :trial AND r.recorded_at <= :cut_off
    """,
    "special_situations": """
        SELECT p.code, r.number, r.kind, r.happened, e.number,
            CASE r.kind WHEN 'overdose' THEN CAST(r.facts ->> 'symptoms' AS boolean)
                WHEN 'medication_error' THEN CASE r.facts ->> 'harm' WHEN 'harm' THEN true WHEN 'none' THEN false END END,
            r.facts ->> 'outcome', r.closed_at IS NOT NULL, r.recorded_at
        FROM trial.special_situation AS r JOIN trial.participant AS p ON p.id = r.participant_id
        LEFT JOIN trial.adverse_event AS e ON e.id = r.event_id
        WHERE r.trial_id = :trial AND r.recorded_at <= :cut_off
    """,
    "event_courses": """
        SELECT p.code, r.number, CAST(period.ordinality AS int), CAST(period.value ->> 'grade' AS int),
            period.value ->> 'since'
        FROM trial.adverse_event AS r CROSS JOIN LATERAL jsonb_array_elements(
            CASE WHEN jsonb_array_length(r.course) > 0 THEN r.course
                ELSE jsonb_build_array(jsonb_build_object('grade', r.grade, 'since', r.onset)) END
        ) WITH ORDINALITY AS period @of_participant
    """,
    "event_relations": """
        SELECT p.code, r.number, judged.component, coalesce(CAST(:components AS jsonb) ->> judged.component, judged.component),
            r.relations ->> judged.component, s.relations ->> judged.component,
            coalesce(r.relations ->> judged.component = ANY(:related), false)
                OR coalesce(s.relations ->> judged.component = ANY(:related), false)
        FROM trial.adverse_event AS r JOIN trial.participant AS p ON p.id = r.participant_id
        LEFT JOIN (SELECT DISTINCT ON (event_id) event_id, relations FROM trial.sponsor_assessment
            WHERE trial_id = :trial AND recorded_at <= :cut_off
            ORDER BY event_id, recorded_at DESC, id DESC) AS s ON s.event_id = r.id
        CROSS JOIN LATERAL jsonb_object_keys(r.relations || coalesce(s.relations, '{}')) AS judged(component)
        WHERE r.trial_id = :trial AND r.recorded_at <= :cut_off
    """,
    "event_codings": """
        SELECT p.code, r.number, m.release, m.llt_code, m.llt, m.pt_code, m.pt, m.soc_code, m.soc, m.ground
        FROM (SELECT DISTINCT ON (event_id) * FROM trial.meddra_coding WHERE trial_id = :trial AND recorded_at <= :cut_off
            ORDER BY event_id, recorded_at DESC, id DESC) AS m
        JOIN trial.adverse_event AS r ON r.id = m.event_id AND r.verbatim = m.verbatim AND r.term = m.term
        JOIN trial.participant AS p ON p.id = r.participant_id
    """,
}

# ``@of_participant`` stands for what most queries end with.
QUERIES: Final = {name: query.replace("@of_participant", _OF_PARTICIPANT) for name, query in _QUERIES.items()}


class SnapshotReader:
    """The rows of each snapshot table, as one connection's view of the database shows them."""

    def __init__(
        self,
        connection: Connection,
        trial: Trial,
        version: ProtocolVersion,
        cut_off_at: datetime,
        scope: str,
        visits: Collection[str] | None,
    ) -> None:
        self._connection = connection
        self._trial = trial
        self._visits = visits
        self._cut_off_at = cut_off_at
        self._parameters = _parameters(trial, version, cut_off_at, scope)

    def rows_of(self, name: str) -> list[Row]:
        """The rows of the table ``name``, in no particular order."""
        rows = self._visit_rows() if name == "visits" else self._queried(name)
        columns = list(SNAPSHOT_TABLES[name].columns)
        if self._visits is None or "visit" not in columns:
            return rows
        place = columns.index("visit")
        return [row for row in rows if row[place] in self._visits]

    def _queried(self, name: str) -> list[Row]:
        query = text(QUERIES[name])
        needed = {key: self._parameters[key] for key in query._bindparams}  # noqa: SLF001 - SQLAlchemy names them nowhere else
        return [tuple(row) for row in self._connection.execute(query, needed)]

    def _visit_rows(self) -> list[Row]:
        """Every visit of every participant's schedule: recorded, or as it stands without a record."""
        with Session(self._connection) as session:
            sites = {site.id: site for site in session.exec(select(Site).where(Site.trial_id == self._trial.id))}
            versions = {version.id: version for version in session.exec(select(ProtocolVersion))}
            in_force = self._versions_in_force(session)
            records: dict[Any, list[VisitRecord]] = {}
            for record in session.exec(self._known(VisitRecord)):
                records.setdefault(record.participant_id, []).append(record)
            return [
                _visit_row(state, versions[in_force.get(one.site_id, one.protocol_version_id)], versions)
                for one in session.exec(self._known(Participant))
                for state in schedule_of(
                    protocol_of(versions[in_force.get(one.site_id, one.protocol_version_id)]),
                    one,
                    sites[one.site_id].zone,
                    records.get(one.id, ()),
                )
            ]

    def _versions_in_force(self, session: Session) -> dict[Any, Any]:
        """The version that each site adopted last, by site."""
        adopted = session.exec(
            self._known(SiteAdoption)
            .where(SiteAdoption.approved_on <= self._cut_off_at.date())
            .order_by(col(SiteAdoption.approved_on), col(SiteAdoption.recorded_at))
        )
        return {adoption.site_id: adoption.version_id for adoption in adopted}

    def _known(self, kind: Any) -> Any:
        return select(kind).where(kind.trial_id == self._trial.id, kind.recorded_at <= self._cut_off_at)


def _visit_row(state: VisitState, version: ProtocolVersion, versions: dict[Any, ProtocolVersion]) -> Row:
    record, dates = state.record, state.planned.dates
    return (
        state.participant.code,
        state.planned.visit.code,
        state.planned.order,
        *_planned(record, dates),
        record.happened_on if record else None,
        state.standing.value,
        record.missed_reason if record else None,
        versions[record.protocol_version_id].label if record else version.label,
    )


def _planned(record: VisitRecord | None, dates: Any) -> tuple[Any, Any, Any]:
    """The plan that held when the visit was recorded, else the plan as it is now."""
    if record is not None and record.planned_on is not None:
        return record.planned_on, record.window_from, record.window_to
    return (dates.planned, dates.opens, dates.closes) if dates else (None, None, None)


def _parameters(trial: Trial, version: ProtocolVersion, cut_off_at: datetime, scope: str) -> dict[str, Any]:
    protocol = protocol_of(version)
    return {
        "trial": trial.id,
        "version": version.label,
        "cut_off": cut_off_at,
        "scope": scope,
        "kinds": json.dumps({criterion.id: criterion.kind for criterion in protocol.eligibility}),
        "units": json.dumps(_units(protocol)),
        "fields": json.dumps(_endpoint_fields(protocol)),
        "components": json.dumps({one.code: one.label for one in protocol.adverse_events.components}),
        "related": sorted(protocol.adverse_events.causality.related_codes),
        "doses": json.dumps({visit.code: visit.dose for visit in protocol.visits if visit.dose}),
        "checklist": protocol.adverse_events.special_interest.checklist_form,
        "asked_at": list(protocol.adverse_events.special_interest.asked_by_checklist_at),
    }


def _units(protocol: Protocol) -> dict[str, str]:
    """The unit of each measure and of each scale that is read in an infusion."""
    if protocol.infusions is None:
        return {}
    monitoring = protocol.infusions.monitoring
    scales = {scale.instrument: protocol.instrument(scale.instrument).domains[0].unit for scale in monitoring.scales}
    return scales | {measure.name: measure.unit for measure in monitoring.measures}


def _endpoint_fields(protocol: Protocol) -> list[dict[str, str | None]]:
    """The form fields from which endpoints are made, each once, with its unit."""
    used = {
        (endpoint.recorded_at.form, endpoint.recorded_at.field)
        for endpoint in protocol.endpoints.all
        if endpoint.recorded_at is not None
    }
    found = [(form, field, protocol.form(form).field(field)) for form, field in sorted(used)]
    return [{"form": form, "field": name, "unit": field.unit if field else None} for form, name, field in found]
