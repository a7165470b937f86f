"""A trial small enough to count on paper, as the frames that analyses read.

Arm A: P1, P2, P3; arm B: P4, P5, P6; P7 was randomized to B and never treated. Everybody treated is observed for 100 days
from 1 March 2026, but P6 for 10. Infusions: all of A and P4 have two, P5 and P6 have the first.

    participant  event      grade  onset               what else
    P1           Nausea     1      infusion 1, min 20  related, asked; ends after 2 h
    P1           Nausea     3      infusion 2, min 30  related, serious, asked; infusion interrupted; goes on
    P1           Headache   2      day 5               told; 3 days
    P2           Nausea     2      infusion 1, min 40  asked; 1 day
    P4           Headache   1      day 1               told; goes on
    P5           Fall       4      month known only    serious, fatal, related, told; treatment withdrawn, left the study
    P3           Headache   2      before treatment    not treatment-emergent
    P7           Headache   2      day 3               never treated
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from reports.context import AnalysisPlan
from tests.reports.factory import make_plan

START = date(2026, 3, 1)
TREATED = {"P1": "A", "P2": "A", "P3": "A", "P4": "B", "P5": "B", "P6": "B"}
EVENTS: tuple[dict[str, Any], ...] = (
    {"USUBJID": "P1", "AEDECOD": "Nausea", "ATOXGRN": 1, "day": 1, "AEINFNO": 1, "AEONMIN": 20, "ADURN": 2 / 24},
    {"USUBJID": "P1", "AEDECOD": "Nausea", "ATOXGRN": 3, "day": 2, "AEINFNO": 2, "AEONMIN": 30, "ADURN": 99.0, "DURCNSR": 1,
     "AESER": "Y", "AEINTFL": "Y"},
    {"USUBJID": "P1", "AEDECOD": "Headache", "ATOXGRN": 2, "day": 5, "ADURN": 3.0},
    {"USUBJID": "P2", "AEDECOD": "Nausea", "ATOXGRN": 2, "day": 1, "AEINFNO": 1, "AEONMIN": 40, "ADURN": 1.0},
    {"USUBJID": "P4", "AEDECOD": "Headache", "ATOXGRN": 1, "day": 1, "ADURN": 100.0, "DURCNSR": 1},
    {"USUBJID": "P5", "AEDECOD": "Fall", "ATOXGRN": 4, "day": None, "ADURN": 5.0, "AESER": "Y", "AESDTH": "Y",
     "ARELFL": "Y", "AEDISFL": "Y", "AEWDFL": "Y"},
    {"USUBJID": "P3", "AEDECOD": "Headache", "ATOXGRN": 2, "day": -3, "TRTEMFL": "N"},
    {"USUBJID": "P7", "AEDECOD": "Headache", "ATOXGRN": 2, "day": 3, "TRTEMFL": "N", "SAFFL": "N"},
)  # fmt: skip
CLASSES = {"Nausea": "Gastrointestinal disorders", "Headache": "Nervous system disorders", "Fall": "Injury"}
FLAGS = ("AESER", "AESDTH", "ARELFL", "AEWDFL", "AEINTFL", "AESKPFL", "AEDISFL")
TYPES = {
    "ATOXGRN": pl.Int64,
    "AESEQ": pl.Int64,
    "ASTDY": pl.Int64,
    "AEINFNO": pl.Int64,
    "AEONMIN": pl.Int64,
    "DURCNSR": pl.Int64,
    "ADURN": pl.Float64,
    "ASTDT": pl.Date,
    "TRTSDT": pl.Date,
}
COLUMNS = (
    "USUBJID", "SUBJID", "TRTA", "TRTP", "AESEQ", "AEGRPID", "AEDECOD", "AEBODSYS", "CQ01NAM", "ATOXGRN", *FLAGS, "AEACN",
    "AEASCERT", "AEINFNO", "AEONMIN", "ASTDT", "ASTDY", "TRTSDT", "ADURN", "ADURU", "DURCNSR", "TRTEMFL", "SAFFL",
)  # fmt: skip


def plan(**changes: Any) -> AnalysisPlan:
    given = {"aesi": ("Nausea", "Cystitis"), "asked_by_checklist": ("Nausea", "Cystitis"), "ways_of_looking": {}}
    return replace(make_plan(), **{**given, **changes})


def adsl() -> pl.DataFrame:
    people = [(code, arm, "Y", 10 if code == "P6" else 100) for code, arm in TREATED.items()] + [("P7", "B", "N", None)]
    return pl.DataFrame(
        {
            "USUBJID": [code for code, *_ in people],
            "TRT01A": [arm for _, arm, *_ in people],
            "TRT01P": [arm for _, arm, *_ in people],
            "SAFFL": [flag for _, _, flag, _ in people],
            "TRTSDT": [START if days else None for *_, days in people],
            "SAFEDT": [START + timedelta(days=days - 1) if days else None for *_, days in people],
        },
        schema_overrides={"TRTSDT": pl.Date, "SAFEDT": pl.Date},
    )


def adae(events: tuple[dict[str, Any], ...] = EVENTS) -> pl.DataFrame:
    """ADAE of the given events; what an event does not say takes the usual value."""
    return as_adae([event_row(event, number) for number, event in enumerate(events, start=1)])


def as_adae(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in COLUMNS},
        schema={name: TYPES.get(name, pl.String) for name in COLUMNS},
    )


def event_row(event: dict[str, Any], number: int) -> dict[str, Any]:
    special = event["AEDECOD"] == "Nausea"
    day = event["day"]
    arm = TREATED.get(event["USUBJID"], "B")
    flags = dict.fromkeys(FLAGS, "N") | {"ARELFL": "Y" if special and event["USUBJID"] == "P1" else "N"}
    usual = {
        "SUBJID": event["USUBJID"],
        "TRTA": arm,
        "TRTP": arm,
        "AESEQ": number,
        "AEBODSYS": CLASSES.get(event["AEDECOD"], "Other"),
        "CQ01NAM": event["AEDECOD"] if special else None,
        "AEASCERT": "systematic" if special else "non_systematic",
        "ASTDT": START if day is None else START + timedelta(days=day - 1 if day > 0 else day),
        "ASTDY": day,
        "TRTSDT": START if event["USUBJID"] in TREATED else None,
        "ADURU": "DAYS",
        "DURCNSR": 0,
        "TRTEMFL": "Y",
        "SAFFL": "Y",
    }
    return {**usual, **flags, **event}


def ex() -> pl.DataFrame:
    given = {"P1": (1, 2), "P2": (1, 2), "P3": (1, 2), "P4": (1, 2), "P5": (1,), "P6": (1,)}
    rows = [(code, f"INFUSION {n}", "Y" if n in numbers else "N") for code, numbers in given.items() for n in (1, 2)]
    return pl.DataFrame(rows, schema={"USUBJID": pl.String, "EXGRPID": pl.String, "EXOCCUR": pl.String}, orient="row")


def fa(asked: tuple[tuple[str, int], ...]) -> pl.DataFrame:
    """The checklist asked of each (participant, infusion)."""
    rows = [(code, "ASKED", f"INFUSION {n}", (START + timedelta(days=n - 1)).isoformat()) for code, n in asked]
    names = ("USUBJID", "FATESTCD", "FAGRPID", "FADTC")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def frames(**changes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    everywhere = [(code, n) for code in ("P1", "P2", "P3", "P4") for n in (1, 2)]
    return {"ADSL": adsl(), "ADAE": adae(), "EX": ex(), "FA": fa((*everywhere, ("P5", 1))), **changes}
