"""Plausible snapshots made of seeded noise: what reports may be given, from a full trial down to an
empty one.

Purpose: one place that fills every table of ``SNAPSHOT_TABLES`` with the right types, so that a test
states only what
matters to it. Values are invented; no model of the disease is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from reports.context import AnalysisPlan, HarmRule, Looks, ReportContext, Scale, Threshold
from trial.locks.snapshot_tables import SNAPSHOT_TABLES
from trial.statistics.group_sequential import GroupSequentialDesign, Spending

SITES = (
    ("S01", "Cleveland", "US", "America/New_York"),
    ("S02", "Lyon", "FR", "Europe/Paris"),
    ("S03", "Osaka", "JP", "Asia/Tokyo"),
    ("S04", "Leeds", "GB", "Europe/London"),
)
VISITS = (
    ("screening", 1, -14, 14),
    ("baseline", 2, -3, 4),
    ("infusion_1", 3, 1, 0),
    ("infusion_2", 4, 2, 1),
    ("infusion_3", 5, 3, 1),
    ("infusion_4", 6, 4, 1),
    ("infusion_5", 7, 5, 1),
    ("end_of_infusions", 8, 6, 2),
    ("month_1", 9, 30, 7),
    ("month_3", 10, 91, 14),
    ("month_6", 11, 182, 21),
)
DOMAINS = ("pain_interference", "fatigue", "depression", "physical_function", "pain_intensity")
TERMS = (
    ("Nausea", "Gastrointestinal disorders", "Nausea"),
    ("Dizziness", "Nervous system disorders", "Dizziness"),
    ("Hypertension", "Vascular disorders", "Hypertension"),
    ("Headache", "Nervous system disorders", None),
    ("Hallucinations", "Psychiatric disorders", "Hallucination / perceptual distortion"),
    ("Fatigue", "General disorders and administration site conditions", None),
    ("Fall", "Injury, poisoning and procedural complications", None),
)
AESI = (
    "Nausea",
    "Dizziness",
    "Hypertension",
    "Hallucination / perceptual distortion",
    "Cystitis",
    "Seizure",
)  # the last two never happen
OPENED = date(2026, 1, 12)
CUT_OFF = datetime(2026, 11, 20, 12, tzinfo=UTC)


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the typed, sorted table ``name``; columns not given are null."""
    shape = SNAPSHOT_TABLES[name]
    data = {column: [row.get(column) for row in rows] for column in shape.columns}
    return pl.DataFrame(data, schema=dict(shape.columns)).sort(*shape.sorted_by)


def make_snapshot(
    n: int = 240,
    seed: int = 1,
    *,
    all_missing: bool = False,
    no_events: bool = False,
    nobody_randomized: bool = False,
) -> dict[str, pl.DataFrame]:
    """A snapshot with ``n`` participants assessed; the flags take away what a test wants absent."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SNAPSHOT_TABLES}
    rows["trial"] = [
        {
            "trial": "KETA-PAIN",
            "title": "Low-dose ketamine infusions for chronic refractory pain",
            "kind": "simulated",
            "protocol_version": "1.1",
            "cut_off_at": CUT_OFF,
            "scope": "whole trial",
            "planned_participants": 240,
        }
    ]
    for site, name, country, zone in SITES:
        rows["sites"].append({"site": site, "name": name, "country": country, "zone": zone, "activated_on": OPENED})
        rows["adoptions"].append({"site": site, "protocol_version": "1.0", "approved_on": OPENED})
    rows["adoptions"].append({"site": "S02", "protocol_version": "1.1", "approved_on": date(2026, 5, 4)})
    rows["adoptions"].append({"site": "S04", "protocol_version": "1.1", "approved_on": date(2026, 5, 18)})
    for index in range(n):
        _participant(rows, rng, index, n, nobody_randomized)
    if all_missing:
        for name in ("scores", "answers", "readings", "guesses", "concomitant", "attendance"):
            rows[name] = []
    if no_events:
        rows["adverse_events"] = []
    return {name: table(name, rows[name]) for name in SNAPSHOT_TABLES}


def make_treatments(
    snapshot: Mapping[str, pl.DataFrame],
    seed: int = 1,
    labels: tuple[str, ...] = ("A", "B"),
    *,
    one_arm_empty: bool = False,
) -> pl.DataFrame:
    """An arm for everybody randomized."""
    codes = snapshot["participants"].filter(pl.col("randomized_at").is_not_null())["participant"].to_list()
    rng = np.random.default_rng(seed + 1)
    chosen = [labels[0] if one_arm_empty else labels[int(i)] for i in rng.integers(0, len(labels), len(codes))]
    return pl.DataFrame({"participant": codes, "arm": chosen}, schema={"participant": pl.String, "arm": pl.String})


def make_plan() -> AnalysisPlan:
    points = tuple(Threshold(x) for x in (2.0, 3.0, 5.0))
    return AnalysisPlan(
        primary_domain="pain_interference",
        primary_visit="month_3",
        baseline_visits=("baseline",),
        scales=(
            Scale("pain_interference", "Pain interference", unit="T", thresholds=points, score_at_death=75.6),
            Scale("fatigue", "Fatigue", unit="T", thresholds=points),
            Scale("depression", "Depression", unit="T", thresholds=points),
            Scale("physical_function", "Physical function", higher_is_better=True, unit="T", thresholds=points),
            Scale(
                "pain_intensity",
                "Pain intensity",
                unit="0-10",
                thresholds=(Threshold(0.3, relative=True), Threshold(0.5, relative=True)),
            ),
        ),
        visit_labels={v: v.replace("_", " ").capitalize() for v, *_ in VISITS},
        covariate_factors=("baseline_opioid", "pain_type"),
        aesi=AESI,
        asked_by_checklist=("Nausea", "Dizziness", "Hallucination / perceptual distortion"),
        ways_of_looking={
            "Nausea": "checklist",
            "Dizziness": "checklist",
            "Hypertension": "vitals",
            "Hallucination / perceptual distortion": "open question + checklist each infusion",
            "Cystitis": "urinary symptom question at every follow-up",
            "Seizure": "observe",
        },
        dictionary="CTCAE 6.0",
        causality_scale="WHO-UMC",
        harms_recorded="from signed consent until the month 6 visit",
        doses_planned=5,
        harm_rules=(
            HarmRule("death", "Any related death", "related_events", "fatal", by_arm=False, count=1),
            HarmRule(
                "pair",
                "Two related serious events of one kind",
                "related_events",
                "serious",
                by_arm=False,
                of_one_kind=True,
                count=2,
            ),
            HarmRule(
                "rate",
                "Rate of serious events of special interest above 5 %",
                "posterior_rate",
                "aesi_serious",
                by_arm=True,
                rate_limit=0.05,
                probability_above=0.95,
            ),
        ),
        looks=Looks(
            GroupSequentialDesign(
                (0.5, 0.75, 1.0),
                Spending("lan_demets_obrien_fleming"),
                futility=Spending("hwang_shih_decani", -4.0),
            ),
            difference=2.5,
            standard_deviation=7.0,
            missing_share=0.15,
        ),
    )


def make_context(**changes: Any) -> ReportContext:
    values: dict[str, Any] = {
        "trial": "KETA-PAIN",
        "title": "Low-dose ketamine infusions for chronic refractory pain: a randomized, double-blind,"
        " placebo-controlled trial within a comprehensive pain programme",
        "kind": "simulated",
        "protocol_versions": ("1.0", "1.1"),
        "cut_off_at": CUT_OFF,
        "snapshot_hash": "sha256:" + "9f2c4e" * 10 + "ab12",
        "code_version": "0.1.0+g1234567",
        "anchor": "head 48213 · 7be1c0aa91d4 · 20 Nov 2026 12:00 UTC",
        "built_at": datetime(2026, 11, 21, 8, tzinfo=UTC),
        "plan": make_plan(),
        "meeting": 2,
        "look": 1,
        "planned_participants": 240,
        "sponsor": "Equipoise demonstration",
        "expected_enrolment": ((date(2026, 1, 12), 0), (date(2026, 4, 1), 60), (date(2026, 12, 31), 240)),
    }
    return ReportContext(**{**values, **changes})


def _participant(
    rows: dict[str, list[dict[str, Any]]],
    rng: np.random.Generator,
    index: int,
    n: int,
    nobody_randomized: bool,
) -> None:
    code = f"P-{index + 1:04d}"
    site = SITES[int(rng.integers(0, 4))][0]
    assessed = OPENED + timedelta(days=int(index * 290 / max(n, 1)))
    person: dict[str, Any] = {
        "participant": code,
        "site": site,
        "protocol_version": "1.0" if assessed < date(2026, 5, 4) else "1.1",
        "sex": str(rng.choice(["female", "male"], p=[0.72, 0.28])),
        "age_years": int(np.clip(rng.normal(50, 15), 18, 88)),
        "race": str(rng.choice(["white", "black_or_african_american", "asian"])),
        "ethnicity": "not_hispanic_or_latino",
        "assessed_on": assessed,
        "consented_on": assessed,
        "doses_given": 0,
        "status": "screening",
    }
    rows["participants"].append(person)
    for criterion, kind, met in (
        ("adult", "inclusion", True),
        ("refractory", "inclusion", rng.random() > 0.08),
        ("psychosis", "exclusion", rng.random() < 0.04),
    ):
        rows["criteria"].append({"participant": code, "criterion": criterion, "kind": kind, "met": bool(met)})
    _visit(rows, code, "screening", 1, assessed, "done", 14)
    fate = rng.random()
    if fate < 0.15:
        person |= {
            "status": "excluded",
            "eligible": False,
            "exclusion_kind": str(rng.choice(["not_eligible", "not_eligible", "declined", "other"])),
            "exclusion_reason": str(rng.choice(["sbp_over_160", "pain_below_4", "moved_away"])),
        }
        return
    signed = assessed + timedelta(days=10)
    if nobody_randomized or fate < 0.18 or signed >= CUT_OFF.date():
        return
    _randomized(rows, rng, person, signed)


def _randomized(
    rows: dict[str, list[dict[str, Any]]], rng: np.random.Generator, person: dict[str, Any], signed: date
) -> None:
    code = person["participant"]
    at = datetime(signed.year, signed.month, signed.day, 14, 5, tzinfo=UTC)
    opioid, pain = (
        str(rng.choice(["yes", "no"])),
        str(rng.choice(["neuropathic", "nociplastic", "nociceptive_or_mixed"])),
    )
    person |= {
        "status": "randomized",
        "eligible": True,
        "eligibility_signed_at": at - timedelta(hours=2),
        "randomized_at": at,
        "randomization_number": f"R-{code[2:]}",
        "stratum": f"{person['site']}|{opioid}|{pain}",
    }
    rows["factors"].append({"participant": code, "factor": "baseline_opioid", "value": opioid})
    rows["factors"].append(
        {
            "participant": code,
            "factor": "pain_type",
            "value": pain,
            "corrected": "neuropathic" if rng.random() < 0.03 else None,
        }
    )
    planned = 5 if rng.random() < 0.86 else int(rng.integers(0, 5))
    start = at + timedelta(days=2, hours=int(rng.integers(-4, 5)))
    given = min(planned, max(0, (CUT_OFF - start).days + 1))
    _visit(rows, code, "baseline", 2, signed, "done", 4)
    level = rng.normal(64, 4)
    _scores(rows, rng, code, "baseline", signed, level, repeats=2)
    for number in range(1, 6):
        _infusion(rows, rng, code, number, start + timedelta(days=number - 1), number <= given)
    if given:
        person |= {
            "first_dose_at": start,
            "last_dose_at": start + timedelta(days=given - 1),
            "doses_given": given,
            "status": "on_treatment",
        }
    _endings(person, rng, given, planned, start)
    _follow_up(rows, rng, person, start, level)
    _events(rows, rng, person, start, given)
    _guesses(rows, rng, code, given)
    if rng.random() < 0.15:
        rows["deviations"].append(
            {
                "participant": code,
                "deviation": 1,
                "category": str(rng.choice(["visit_window", "dosing", "consent"])),
                "importance": str(rng.choice(["important", "other"], p=[0.3, 0.7])),
                "description": "Visit outside its window",
                "happened_on": start.date(),
            }
        )
    if int(code[-2:]) % 25 == 7:
        rows["randomization_errors"].append(
            {
                "participant": code,
                "error": 1,
                "kind": "wrong_stratum" if int(code[-2:]) < 50 else "in_error",
                "reason": "Entered from another participant's page",
                "found_on": start.date(),
            }
        )
    rows["concomitant"].append(
        {
            "participant": code,
            "visit": "baseline",
            "name": "opioid_mme",
            "value": 30.0 if opioid == "yes" else 0.0,
            "unit": "mg/d",
        }
    )
    for session in range(1, 4):
        rows["attendance"].append(
            {
                "participant": code,
                "session": session,
                "held_on": start.date() + timedelta(days=session),
                "kind": "education",
                "attended": bool(rng.random() < 0.8),
            }
        )


def _visit(
    rows: dict[str, list[dict[str, Any]]],
    code: str,
    visit: str,
    order: int,
    planned: date,
    status: str,
    width: int,
    reason: str | None = None,
) -> None:
    rows["visits"].append(
        {
            "participant": code,
            "visit": visit,
            "order": order,
            "planned_on": planned,
            "window_from": planned - timedelta(days=width),
            "window_to": planned + timedelta(days=width),
            "happened_on": planned if status == "done" else None,
            "status": status,
            "missed_reason": reason,
            "protocol_version": "1.0",
        }
    )


def _scores(
    rows: dict[str, list[dict[str, Any]]],
    rng: np.random.Generator,
    code: str,
    visit: str,
    day: date,
    level: float,
    repeats: int = 1,
) -> None:
    for domain in DOMAINS:
        if rng.random() < 0.03:
            continue
        for repeat in range(1, repeats + 1):
            score = level + rng.normal(0, 3)
            if domain == "pain_intensity":
                score = float(np.clip(round(level / 10 + rng.normal(0, 1)), 0, 10))
            rows["scores"].append(
                {
                    "participant": code,
                    "visit": visit,
                    "instrument": "promis_29",
                    "domain": domain,
                    "instrument_version": "2.0",
                    "raw": 12.0,
                    "score": round(float(score), 1),
                    "unit": "0-10" if domain == "pain_intensity" else "T",
                    "answered_on": day,
                    "repeat": repeat,
                }
            )
    rows["answers"].append(
        {
            "participant": code,
            "visit": visit,
            "instrument": "promis_29",
            "item": "PAININ9",
            "answer": str(int(rng.integers(1, 6))),
            "answered_on": day,
            "repeat": 1,
        }
    )


def _infusion(
    rows: dict[str, list[dict[str, Any]]],
    rng: np.random.Generator,
    code: str,
    number: int,
    at: datetime,
    given: bool,
) -> None:
    late = at > CUT_OFF
    _visit(
        rows,
        code,
        f"infusion_{number}",
        2 + number,
        at.date(),
        "done" if given else "due" if late else "missed",
        1,
        None if given or late else "participant_decision",
    )
    if late and not given:
        return
    row: dict[str, Any] = {
        "participant": code,
        "infusion": number,
        "planned_on": at.date(),
        "status": "given" if given else "missed",
    }
    rows["infusions"].append(row)
    if not given:
        row["missed_reason"] = "participant_decision"
        return
    weight = round(float(rng.normal(80, 12)), 1)
    row |= {
        "started_at": at,
        "ended_at": at + timedelta(minutes=40),
        "weight_kg": weight,
        "dose_weight_kg": weight,
        "ordered_dose_mg": round(weight / 2, 1),
        "infused_volume_ml": 100.0,
        "planned_volume_ml": 100.0,
        "interrupted_min": 0,
        "kit": f"K{int(rng.integers(10000, 99999))}",
        "discharged_at": at + timedelta(minutes=110),
    }
    if number != 4 or code[-1] != "3":
        rows["checklists"].append(
            {"participant": code, "visit": f"infusion_{number}", "infusion": number, "asked_on": at.date()}
        )
    for minute in (-10, 0, 10, 20, 30, 40, 55, 70, 100):
        rise = 12 * np.exp(-((minute - 35) ** 2) / 800)
        for measure, middle, unit in (
            ("sbp", 130 + rise, "mm[Hg]"),
            ("dbp", 80 + rise / 2, "mm[Hg]"),
            ("hr", 76, "/min"),
            ("spo2", 97, "%"),
            ("sedation", 0, "RASS"),
        ):
            value = float(round(middle + rng.normal(0, 6 if measure in ("sbp", "dbp", "hr") else 0.4)))
            rows["readings"].append(
                {
                    "participant": code,
                    "infusion": number,
                    "minute": minute,
                    "measure": measure,
                    "value": value,
                    "unit": unit,
                }
            )
    for minute in (-10, 40, 100):
        value = float(rng.integers(0, 25) if minute == 40 else rng.integers(0, 3))
        rows["readings"].append(
            {
                "participant": code,
                "infusion": number,
                "minute": minute,
                "measure": "cadss",
                "value": value,
                "unit": "points",
            }
        )


def _endings(person: dict[str, Any], rng: np.random.Generator, given: int, planned: int, start: datetime) -> None:
    if given == 5:
        person |= {"treatment_end": "completed", "treatment_ended_on": (start + timedelta(days=4)).date()}
    elif given == planned:
        reason = str(rng.choice(["adverse_event", "participant_decision", "logistics"]))
        end = "discontinued" if given else "not_started"
        person |= {
            "treatment_end": end,
            "treatment_end_reason": reason,
            "treatment_ended_on": (start + timedelta(days=given)).date(),
        }
    day = (start + timedelta(days=int(rng.integers(8, 200)))).date()
    chance = rng.random()
    if day < CUT_OFF.date() and chance < 0.12:
        person |= {"study_ended_on": day, "status": "ended"}
        person |= (
            {"study_end": "lost", "study_end_reason": "lost_to_follow_up"}
            if chance < 0.06
            else (
                {"study_end": "withdrawn", "study_end_reason": "participant_decision"}
                if chance < 0.115
                else {"study_end": "died", "study_end_reason": "death", "died_on": day}
            )
        )
    elif (start + timedelta(days=190)) < CUT_OFF:
        person |= {
            "study_end": "completed",
            "study_ended_on": (start + timedelta(days=185)).date(),
            "status": "completed",
        }


def _follow_up(
    rows: dict[str, list[dict[str, Any]]],
    rng: np.random.Generator,
    person: dict[str, Any],
    start: datetime,
    level: float,
) -> None:
    code, ended = person["participant"], person.get("study_ended_on")
    left = ended if person.get("study_end") != "completed" else None
    for visit, order, day, width in VISITS[7:]:
        planned = (start + timedelta(days=day - 1)).date()
        if left is not None and planned > left:
            _visit(rows, code, visit, order, planned, "not_expected", width)
        elif planned > CUT_OFF.date():
            _visit(rows, code, visit, order, planned, "due", width)
        elif rng.random() < 0.06:
            _visit(rows, code, visit, order, planned, "missed", width, "did_not_attend")
        else:
            _visit(rows, code, visit, order, planned, "done", width)
            _scores(rows, rng, code, visit, planned, level - 2.5 + rng.normal(0, 5))


def _events(
    rows: dict[str, list[dict[str, Any]]],
    rng: np.random.Generator,
    person: dict[str, Any],
    start: datetime,
    given: int,
) -> None:
    for event in range(1, int(rng.poisson(1.2 if given else 0.1)) + 1):
        term, soc, aesi = TERMS[int(rng.choice(len(TERMS), p=[0.25, 0.22, 0.12, 0.17, 0.12, 0.08, 0.04]))]
        number = int(rng.integers(1, given + 1)) if given else None
        onset = start + timedelta(days=(number or 1) - 1, minutes=int(rng.integers(5, 90)))
        serious = bool(rng.random() < 0.03)
        grade = int(rng.choice([1, 2, 3], p=[0.7, 0.24, 0.06])) if not serious else int(rng.choice([2, 3, 4]))
        partial = rng.random() < 0.1
        rows["adverse_events"].append(
            {
                "participant": person["participant"],
                "event": event,
                "verbatim": term.lower(),
                "term": term,
                "soc": soc,
                "llt_code": "10000001",
                "dictionary": "CTCAE 6.0",
                "grade": grade,
                "serious": serious,
                "fatal": False,
                "life_threatening": serious and grade == 4,
                "hospitalization": serious,
                "disability": False,
                "congenital_anomaly": False,
                "medically_important": serious and grade < 3,
                "aesi": aesi,
                "ascertainment": "systematic" if aesi else "non_systematic",
                "onset": onset.strftime("%Y-%m") if partial else onset.strftime("%Y-%m-%dT%H:%M"),
                "onset_at": None if partial else onset,
                "ended": _ended(onset, event, partial),
                "outcome": "recovered" if event % 3 else "recovering",
                "action_taken": {0: "drug_interrupted", 1: "drug_withdrawn"}.get(
                    (int(person["participant"][2:]) + event) % 23, "none"
                ),
                "causality_investigator": str(rng.choice(["possible", "unlikely", "probable"])),
                "causality_sponsor": "possible",
                "related": bool(rng.random() < 0.6),
                "expected": True,
                "infusion": number,
                "onset_minute": None if partial else 30,
                "led_to_withdrawal": bool(rng.random() < 0.02),
                "reported_at": onset + timedelta(hours=2),
            }
        )


def _ended(onset: datetime, event: int, partial: bool) -> str | None:
    """Two of three events end: after hours, or after days, of which sometimes the month alone is known."""
    if event % 3 == 0:
        return None
    end = onset + (timedelta(minutes=45 * event) if event % 2 else timedelta(days=event))
    return end.strftime("%Y-%m") if partial else end.strftime("%Y-%m-%dT%H:%M" if event % 2 else "%Y-%m-%d")


def _guesses(rows: dict[str, list[dict[str, Any]]], rng: np.random.Generator, code: str, given: int) -> None:
    occasions = [("infusion_1", 1), ("infusion_5", 5)]
    for occasion, least in occasions:
        for guesser in ("participant", "infusion_nurse"):
            if given >= least and rng.random() < 0.95:
                rows["guesses"].append(
                    {
                        "participant": code,
                        "occasion": occasion,
                        "guesser": guesser,
                        "guess": str(rng.choice(["KET", "PBO", "dont_know"])),
                        "certainty": 3,
                        "reason": "effects",
                    }
                )
