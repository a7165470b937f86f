"""What the site writes into the protocol's forms about a virtual participant. Pure: facts in, answers out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from trial.conduct.forms import FormAnswers
from trial.statistics.virtual_participants import VirtualParticipant

_ULN: Final = 40.0
_STILL_FERTILE: Final = 52
_OTHER_TREATMENTS: Final = ("physiotherapy", "nerve block", "acupuncture", "spinal cord stimulation", "radiofrequency")
_DRUG_CLASSES: Final = (
    "amitriptyline 50 mg, no relief",
    "duloxetine 60 mg, no relief",
    "pregabalin 300 mg, dizziness",
    "tramadol 200 mg, nausea",
    "naproxen 1000 mg, no relief",
    "lidocaine patch, no relief",
)
# Why somebody is not eligible: the criterion, then the form and the answers that show it.
FAILURES: Final[tuple[tuple[str, str, FormAnswers], ...]] = (
    ("I04", "", {}),
    ("E01", "vitals", {"sbp": 168}),
    ("I04", "", {}),
    ("E10", "history", {"recent_ketamine": "yes"}),
    ("E06", "history", {"substance_use_disorder": "yes"}),
    ("I04", "", {}),
    ("E08", "labs", {"alt_x_uln": 3.4}),
    ("I09", "history", {"escort_home": "no"}),
    ("E12", "history", {"interacting_drug": "yes"}),
)


def screening_forms(
    person: VirtualParticipant, rng: np.random.Generator, found: Mapping[str, FormAnswers]
) -> dict[str, FormAnswers]:
    """The forms of the screening visit. ``found``: answers by form that say otherwise."""
    forms: dict[str, FormAnswers] = {
        "demographics": {
            "age_years": person.age_years,
            "sex": person.sex,
            "race": person.race,
            "ethnicity": person.ethnicity,
            "height_cm": person.height_cm,
            "weight_kg": person.weight_kg,
        },
        "history": _history(person),
        "pain_history": {
            "pain_months": person.pain_duration_months,
            "mean_pain_week": round(max(4.0, min(10.0, person.latent["pain_intensity"])), 1),
        },
        "failed_treatments": _failed(person, rng),
        "labs": lab_form(person, rng),
        "ecg": {"finding": "normal" if rng.random() < 0.85 else "not_significant"},
        "vitals": {"sbp": person.sbp_mmhg, "dbp": person.dbp_mmhg, "hr": person.pulse_bpm},
    }
    return {code: {**answers, **found.get(code, {})} for code, answers in forms.items()}


def _history(person: VirtualParticipant) -> FormAnswers:
    held = ("in_programme", "able_to_consent", "escort_home")
    absent = (
        "unstable_cardiac",
        "raised_pressure",
        "psychosis_or_mania",
        "substance_use_disorder",
        "lactation",
        "severe_hepatic",
        "recent_ketamine",
        "cystitis",
        "interacting_drug",
        "other_trial",
    )
    answers: FormAnswers = {**dict.fromkeys(held, "yes"), **dict.fromkeys(absent, "no")}
    return {**answers, "conditions": "Hypertension, treated"} if person.sbp_mmhg > 145 else answers


def _failed(person: VirtualParticipant, rng: np.random.Generator) -> FormAnswers:
    drugs, others = person.failed_drug_classes, person.failed_other_treatments
    return {
        "drug_classes": drugs,
        "drug_classes_named": "; ".join(rng.choice(_DRUG_CLASSES, min(drugs, len(_DRUG_CLASSES)), replace=False)),
        "other_treatments": others,
        "other_treatments_named": "; ".join(
            rng.choice(_OTHER_TREATMENTS, min(others, len(_OTHER_TREATMENTS)), replace=False)
        ),
    }


def lab_form(person: VirtualParticipant, rng: np.random.Generator) -> FormAnswers:
    """Laboratory values that wander a little from visit to visit."""
    drift = rng.lognormal(0.0, 0.12, 3)
    tested = person.sex == "F" and person.age_years < _STILL_FERTILE
    return {
        "alt_x_uln": round(person.alt_u_per_l / _ULN * float(drift[0]), 2),
        "ast_x_uln": round(person.ast_u_per_l / _ULN * float(drift[1]), 2),
        "creatinine_umol_l": round(person.creatinine_umol_per_l * float(drift[2])),
        "pregnancy_test": "negative" if tested else "not_applicable",
    }


def baseline_forms(person: VirtualParticipant, rng: np.random.Generator) -> dict[str, FormAnswers]:
    return {
        "baseline": {"opioid_use": "yes" if person.baseline_opioid else "no", "pain_type": person.pain_type},
        "analgesics": analgesics_form(person.opioid_mme_per_day, rng, stable_weeks=4 + int(rng.integers(40))),
        "concomitant": concomitant_form(rng),
    }


def analgesics_form(mme_per_day: float, rng: np.random.Generator, *, stable_weeks: int) -> FormAnswers:
    free = 7 if mme_per_day == 0 else int(rng.integers(0, 3))
    return {"daily_mme": mme_per_day, "opioid_free_days": free, "stable_weeks": stable_weeks}


def concomitant_form(rng: np.random.Generator) -> FormAnswers:
    if rng.random() < 0.9:
        return {"changed": "no"}
    return {"changed": "yes", "what": "Paracetamol up to 3 g a day, as needed"}


def attendance_form(offered: int, attended: int) -> FormAnswers:
    return {"sessions_offered": offered, "sessions_attended": attended}


def follow_up_safety_form(rng: np.random.Generator) -> FormAnswers:
    return {
        "urinary_symptoms": "yes" if rng.random() < 0.04 else "no",
        "craving_or_misuse": "no",
        "memory": "yes" if rng.random() < 0.03 else "no",
    }


def infusion_forms(weight_kg: float, *, any_event: bool, first: bool) -> dict[str, FormAnswers]:
    """The forms of the infusion team."""
    return {
        "pre_infusion": {
            "weight_kg": weight_kg,
            "escort_confirmed": "yes",
            "new_events": "no",
            "fit_to_infuse": "yes",
        },
        "infusion": {"staff_present": "Infusion nurse; physician on call", "anaesthesia_support": "no"},
        "aesi_checklist": {
            "open_question": "Felt something" if any_event else ("Nothing to report" if first else "No"),
            "any_event": "yes" if any_event else "no",
        },
        "discharge": {"orientated": "yes", "escort": "yes", "no_driving_advised": "yes"},
    }
