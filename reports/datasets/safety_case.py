"""One serious case as JSON, for the sponsor's safety database: documented by a JSON Schema that comes with the package.

Invariants
1. The document is blinded: no treatment is in it, and the schema has no place for one.
2. Dates are ISO 8601, cut where knowledge ends; instants are UTC. What is not known is ``null``, never an empty text.
3. The same case gives the same bytes: keys are sorted, and it is dated by the last thing recorded.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from trial.safety.cases import Case

SCHEMA_ID: Final = "urn:equipoise:safety-case:1"
SCHEMA_FILE: Final = Path(__file__).with_name("safety_case.schema.json")
_CRITERIA: Final = (
    "death",
    "life_threatening",
    "hospitalization",
    "disability",
    "congenital_anomaly",
    "medically_important",
)


def safety_case_json(case: Case) -> bytes:
    """The case as UTF-8 JSON, indented by two."""
    return (json.dumps(safety_case(case), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


@cache
def safety_case_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the document."""
    found: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return found


def safety_case(case: Case) -> dict[str, Any]:
    """The document as plain data."""
    return {
        "schema": SCHEMA_ID,
        "case": case.number,
        "as_of": _instant(case.as_of),
        "study": {
            "trial": case.trial,
            "title": case.title,
            "kind": case.kind,
            "protocol_version": case.protocol_version,
        },
        "patient": {
            "participant": case.participant,
            "site": case.site,
            "country": case.country,
            "sex": case.sex,
            "birth_year": case.birth_year,
            "age_years": case.age_years,
        },
        "event": _event(case),
        "assessment": {
            "causality_investigator": _known(case.causality_investigator),
            "causality_sponsor": _known(case.causality_sponsor),
            "expected": case.expected,
            "reference_safety_information": case.reference_document,
            "susar": case.susar,
            "judged_at": _instant(case.judged_at),
        },
        "received": {"site_aware_at": _instant(case.aware_at), "sponsor_at": _instant(case.sponsor_received_at)},
        "study_treatment": {
            "name": f"Blinded study treatment: {' or '.join(case.arms)}",
            "route": _known(case.route),
            "doses": [
                {"number": one.number, "started_at": _instant(one.started_at), "ended_at": _instant(one.ended_at)}
                for one in case.doses
            ],
        },
        "other_treatments": [
            {"name": one.name, "amount": _known(one.amount), "started": _known(one.started), "ended": _known(one.ended)}
            for one in case.other_treatments
        ],
        "narrative": {"version": case.narrative_version, "text": _known(case.narrative)},
        "reports_so_far": case.reports,
    }


def _event(case: Case) -> dict[str, Any]:
    return {
        "number": case.event,
        "verbatim": case.verbatim,
        "term": case.term,
        "class": _known(case.soc),
        "code": _known(case.code),
        "dictionary": case.dictionary,
        "grade": case.grade,
        "seriousness": {name: name in case.criteria for name in _CRITERIA},
        "onset": case.onset,
        "ended": _known(case.ended),
        "outcome": case.outcome,
        "action_taken": case.action_taken,
        "special_interest": _known(case.special_interest),
        "infusion": case.infusion,
        "onset_minute": case.onset_minute,
    }


def _known(text: str) -> str | None:
    return text or None


def _instant(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
