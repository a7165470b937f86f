"""A made-up serious case, for papers and files that are drawn without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from trial.safety.cases import Case, Dose, OtherTreatment

NOW = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)


def made_up_case(**changes: Any) -> Case:
    """A seizure after the last infusion, judged by both sides, unless changed."""
    first = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    usual: dict[str, Any] = {
        "trial": "KETA-PAIN",
        "title": "Low-dose ketamine for chronic refractory pain",
        "kind": "simulated",
        "protocol_version": "1.0",
        "indication": "Chronic refractory pain",
        "arms": ("Ketamine", "Placebo"),
        "route": "intravenous",
        "participant": "S1-007",
        "site": "S1",
        "country": "CHE",
        "zone": "Europe/Zurich",
        "sex": "F",
        "birth_year": 1971,
        "age_years": 55,
        "event": 2,
        "verbatim": "seizure at home, brought in by ambulance",
        "term": "Seizure",
        "soc": "Nervous system disorders",
        "code": "10039906",
        "dictionary": "CTCAE 5.0",
        "grade": 3,
        "criteria": ("hospitalization", "medically_important"),
        "onset": "2026-03-08T19:40",
        "ended": "2026-03-10",
        "outcome": "RECOVERED/RESOLVED",
        "action_taken": "DRUG WITHDRAWN",
        "special_interest": "",
        "infusion": 5,
        "onset_minute": None,
        "causality_investigator": "Possible",
        "causality_sponsor": "Possible",
        "expected": False,
        "reference_document": "Investigator's brochure, version 4.1",
        "susar": True,
        "judged_at": NOW - timedelta(days=8),
        "aware_at": datetime(2026, 3, 9, 7, 15, tzinfo=UTC),
        "sponsor_received_at": datetime(2026, 3, 9, 9, 2, tzinfo=UTC),
        "doses": tuple(
            Dose(number, first + timedelta(days=number - 1), first + timedelta(days=number - 1, minutes=40))
            for number in range(1, 6)
        ),
        "other_treatments": (
            OtherTreatment("Pregabalin", "150 mg", "2024", ""),
            OtherTreatment("Oxycodone", "20 mg", "2025-06", ""),
        ),
        "narrative": "A woman of 55 years had a generalized seizure at home three days after her fifth infusion.\n"
        "Computed tomography and laboratory tests were normal. She was observed for two nights and recovered.",
        "narrative_version": 2,
        "reports": 0,
        "as_of": NOW,
    }
    return Case(**{**usual, **changes})
