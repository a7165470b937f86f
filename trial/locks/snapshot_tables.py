"""The typed tables that a data cut-off freezes: the whole of what reports and datasets may know.

Purpose: one shape between the live trial, which changes, and reports, which must not. ``trial/locks/snapshots``
fills these tables; ``reports/datasets/sdtm`` reads nothing else.

Invariants
1. Every column has one declared type; every row is in the order of the table's sort key, so equal facts give equal bytes.
2. No table holds an arm, a lot, a kit's content, a name or a contact.
3. Participants are named by their code, sites and visits by the protocol's own codes.

What it does not do: hold treatments. Those come from the strongroom as a frame of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

Text, Whole, Number, Flag, Day = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean(), pl.Date()
Instant = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class TableShape:
    """Columns in their order, and the columns that sort the rows."""

    columns: dict[str, pl.DataType]
    sorted_by: tuple[str, ...]


SNAPSHOT_TABLES: Final[dict[str, TableShape]] = {
    # One row: what the trial is at the cut-off.
    "trial": TableShape(
        {
            "trial": Text,
            "title": Text,
            "kind": Text,
            "protocol_version": Text,
            "cut_off_at": Instant,
            "scope": Text,
            "planned_participants": Whole,
        },
        ("trial",),
    ),
    "sites": TableShape(
        {"site": Text, "name": Text, "country": Text, "zone": Text, "activated_on": Day},
        ("site",),
    ),
    # Which version of the protocol was in force where, and since when.
    "adoptions": TableShape({"site": Text, "protocol_version": Text, "approved_on": Day}, ("site", "approved_on")),
    # One row for everybody who was assessed for eligibility.
    "participants": TableShape(
        {
            "participant": Text,
            "site": Text,
            "status": Text,
            "protocol_version": Text,
            "sex": Text,
            "age_years": Whole,
            "race": Text,
            "ethnicity": Text,
            "assessed_on": Day,
            "consented_on": Day,
            "eligible": Flag,
            "exclusion_kind": Text,  # not_eligible | declined | other
            "exclusion_reason": Text,
            "eligibility_signed_at": Instant,
            "randomized_at": Instant,
            "randomization_number": Text,
            "stratum": Text,
            "first_dose_at": Instant,
            "last_dose_at": Instant,
            "doses_given": Whole,
            "treatment_ended_on": Day,
            "treatment_end": Text,  # completed | discontinued | not_started
            "treatment_end_reason": Text,
            "study_ended_on": Day,
            "study_end": Text,  # completed | withdrawn | lost | died
            "study_end_reason": Text,
            "died_on": Day,
        },
        ("participant",),
    ),
    # Stratification and subgroup facts recorded at baseline; ``value`` as used for the allocation, ``corrected`` if put
    # right since.
    "factors": TableShape(
        {"participant": Text, "factor": Text, "value": Text, "corrected": Text}, ("participant", "factor")
    ),
    "criteria": TableShape(
        {"participant": Text, "criterion": Text, "kind": Text, "met": Flag}, ("participant", "criterion")
    ),
    "visits": TableShape(
        {
            "participant": Text,
            "visit": Text,
            "order": Whole,
            "planned_on": Day,
            "window_from": Day,
            "window_to": Day,
            "happened_on": Day,
            "status": Text,  # due | done | missed | not_expected
            "missed_reason": Text,
            "protocol_version": Text,
        },
        ("participant", "order"),
    ),
    # One row a score: ``domain`` is the protocol's name of the scale, ``score`` a T-score where ``unit`` is "T".
    "scores": TableShape(
        {
            "participant": Text,
            "visit": Text,
            "instrument": Text,
            "instrument_version": Text,
            "domain": Text,
            "raw": Number,
            "score": Number,
            "unit": Text,
            "answered_on": Day,
            "repeat": Whole,
        },
        ("participant", "visit", "instrument", "domain", "repeat"),
    ),
    # One row an answered item; ``answer`` as the form's own coded value.
    "answers": TableShape(
        {
            "participant": Text,
            "visit": Text,
            "instrument": Text,
            "item": Text,
            "answer": Text,
            "answered_on": Day,
            "repeat": Whole,
        },
        ("participant", "visit", "instrument", "item", "repeat"),
    ),
    "infusions": TableShape(
        {
            "participant": Text,
            "infusion": Whole,
            "planned_on": Day,
            "status": Text,  # given | partial | missed
            "started_at": Instant,
            "ended_at": Instant,
            "weight_kg": Number,
            "dose_weight_kg": Number,
            "ordered_dose_mg": Number,
            "infused_volume_ml": Number,
            "planned_volume_ml": Number,
            "interrupted_min": Whole,
            "stopped_reason": Text,
            "missed_reason": Text,
            "kit": Text,
            "discharged_at": Instant,
        },
        ("participant", "infusion"),
    ),
    # Vital signs, sedation and scale totals in an infusion; ``minute`` counts from its start.
    "readings": TableShape(
        {"participant": Text, "infusion": Whole, "minute": Whole, "measure": Text, "value": Number, "unit": Text},
        ("participant", "infusion", "minute", "measure"),
    ),
    "adverse_events": TableShape(
        {
            "participant": Text,
            "event": Whole,
            "verbatim": Text,
            "term": Text,
            "soc": Text,
            "llt_code": Text,
            "dictionary": Text,
            "grade": Whole,
            "serious": Flag,
            "fatal": Flag,
            "life_threatening": Flag,
            "hospitalization": Flag,
            "disability": Flag,
            "congenital_anomaly": Flag,
            "medically_important": Flag,
            "aesi": Text,
            "ascertainment": Text,  # systematic | non_systematic
            "onset": Text,  # ISO 8601, partial where the day or hour is not known
            "onset_at": Instant,
            "ended": Text,
            "outcome": Text,
            "action_taken": Text,
            "causality_investigator": Text,
            "causality_sponsor": Text,
            "related": Flag,
            "expected": Flag,
            "infusion": Whole,
            "onset_minute": Whole,
            "led_to_withdrawal": Flag,
            "reported_at": Instant,
            "severity": Text,  # MILD | MODERATE | SEVERE, apart from the grade
            "grade_at_onset": Whole,  # "grade" is the worst of the event's course
            "treatments": Text,  # none, or the kinds of treatment given, by comma; null where nobody has said
            "recurrence_of": Whole,  # the number of the participant's earlier event
        },
        ("participant", "event"),
    ),
    # The periods of grade of each event in their order; ``since`` is null where a change's start is not known.
    "event_courses": TableShape(
        {"participant": Text, "event": Whole, "period": Whole, "grade": Whole, "since": Text},
        ("participant", "event", "period"),
    ),
    # What each side says of an event's relation to the components beside the study treatment.
    "event_relations": TableShape(
        {
            "participant": Text,
            "event": Whole,
            "component": Text,
            "label": Text,
            "investigator": Text,
            "sponsor": Text,
            "related": Flag,
        },
        ("participant", "event", "component"),
    ),
    # The code in MedDRA of each event as it stands, where a release is pinned and the event is coded in it.
    "event_codings": TableShape(
        {
            "participant": Text,
            "event": Whole,
            "release": Text,
            "llt_code": Text,
            "llt": Text,
            "pt_code": Text,
            "pt": Text,
            "soc_code": Text,
            "soc": Text,
            "ground": Text,  # words | ctcae_code | likeness | coder
        },
        ("participant", "event"),
    ),
    # One row each time the checklist of events of special interest was asked; not what was answered.
    "checklists": TableShape(
        {"participant": Text, "visit": Text, "infusion": Whole, "asked_on": Day}, ("participant", "visit")
    ),
    # Overdoses, medication errors and pregnancies as they are known; no words of anybody's.
    "special_situations": TableShape(
        {
            "participant": Text,
            "situation": Whole,
            "kind": Text,  # overdose | medication_error | pregnancy
            "happened": Text,
            "event": Whole,
            "harmed": Flag,  # symptoms of an overdose, harm of an error; null where it is not known
            "outcome": Text,  # of a pregnancy
            "closed": Flag,
            "reported_at": Instant,
        },
        ("participant", "situation"),
    ),
    "deviations": TableShape(
        {
            "participant": Text,
            "deviation": Whole,
            "category": Text,
            "importance": Text,  # important | other
            "description": Text,
            "happened_on": Day,
        },
        ("participant", "deviation"),
    ),
    # What went wrong with an allocation; the allocation itself stays as it was made.
    "randomization_errors": TableShape(
        {
            "participant": Text,
            "error": Whole,
            "kind": Text,  # wrong_stratum | in_error | wrong_kit | duplicate
            "reason": Text,
            "found_on": Day,
            "factor": Text,
            "as_used": Text,
            "corrected": Text,
        },
        ("participant", "error"),
    ),
    # Who stands in for whom; everybody stays in ``participants`` as randomized.
    "replacements": TableShape({"participant": Text, "replaces": Text}, ("participant",)),
    "guesses": TableShape(
        {
            "participant": Text,
            "occasion": Text,
            "guesser": Text,  # participant | infusion_nurse | assessor
            "guess": Text,  # an arm's code of the protocol, or "dont_know"
            "certainty": Whole,
            "reason": Text,
        },
        ("participant", "occasion", "guesser"),
    ),
    "concomitant": TableShape(
        {
            "participant": Text,
            "visit": Text,
            "name": Text,
            "value": Number,
            "unit": Text,
            "indication": Text,
            "started": Text,
            "ended": Text,
        },
        ("participant", "visit", "name"),
    ),
    "attendance": TableShape(
        {"participant": Text, "session": Whole, "held_on": Day, "kind": Text, "attended": Flag},
        ("participant", "session"),
    ),
}


def empty_table(name: str) -> pl.DataFrame:
    """The table ``name`` with its declared columns and no row."""
    return pl.DataFrame(schema=dict(SNAPSHOT_TABLES[name].columns))
