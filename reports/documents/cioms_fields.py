"""What stands in each field of a CIOMS I form: words from a case, no drawing.

Invariants
1. A field that the system does not hold says so, so that an empty box is never taken for “none”.
2. The treatment stands in fields 14 and 15 alone, and only where it was handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reports.tables.words import day
from trial.safety.cases import Case, therapy_days

NOT_HELD: Final = "Not held by this system"
_SEX: Final = {"F": "Female", "M": "Male"}


@dataclass(frozen=True)
class Field:
    """``lines`` are paragraphs; each is broken to the width of its box."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Tick:
    label: str
    is_set: bool


def fields_of(case: Case, treatment: str = "", arm: str = "") -> dict[str, Field]:
    """Every field that holds words, by its number on the form."""
    return {**_patient(case), **_drug(case, treatment, arm), **_sponsor(case)}


def _patient(case: Case) -> dict[str, Field]:
    age = "" if case.age_years is None else str(case.age_years)
    return {
        "1": Field("1. PATIENT INITIALS (code)", (case.participant,)),
        "1a": Field("1a. COUNTRY", (case.country,)),
        "2": Field("2. DATE OF BIRTH (day, month, year)", (f"{case.birth_year} (year alone)",)),
        "2a": Field("2a. AGE (years)", (age,)),
        "3": Field("3. SEX", (_SEX.get(case.sex, case.sex.capitalize()),)),
        "4-6": Field("4-6. REACTION ONSET (day, month, year)", (moment_words(case.onset),)),
        "7+13": Field("7+13. DESCRIBE REACTION(S) (including relevant tests/lab data)", tuple(_reaction(case))),
    }


def _reaction(case: Case) -> Iterator[str]:
    yield f"{case.term} ({case.dictionary}{f', {case.code}' if case.code else ''}), grade {case.grade}. {case.soc}."
    yield f"Reported as: {case.verbatim}"
    if case.infusion is not None:
        minute = "" if case.onset_minute is None else f", minute {case.onset_minute}"
        yield f"In relation to infusion {case.infusion}{minute}."
    yield f"Outcome: {_said(case.outcome)}{f', ended {moment_words(case.ended)}' if case.ended else ''}."
    yield f"Action taken with study treatment: {_said(case.action_taken)}."
    yield f"Causality, investigator: {case.causality_investigator or 'not assessed yet'}."
    yield f"Causality, sponsor: {case.causality_sponsor or 'not assessed yet'}; {_expected(case)}."
    yield ""
    yield from (case.narrative or "No narrative is written yet.").splitlines()


def _expected(case: Case) -> str:
    if case.expected is None:
        return "expectedness not assessed yet"
    return f"{'expected' if case.expected else 'unexpected'} by {case.reference_document}"


def _drug(case: Case, treatment: str, arm: str) -> dict[str, Field]:
    first, last = therapy_days(case)
    span = "" if first is None or last is None else f"{(last - first).days + 1} days, {len(case.doses)} doses"
    dates = "No dose was given" if first is None else f"{day(first)} to {day(last)}"
    blinded = f"Blinded study treatment: {' or '.join(case.arms)}"
    return {
        "14": Field("14. SUSPECT DRUG(S) (include generic name)", (arm or blinded,)),
        "15": Field("15. DAILY DOSE(S)", (treatment or "By protocol; blinded",)),
        "16": Field("16. ROUTE(S) OF ADMINISTRATION", (case.route.capitalize() or "By protocol",)),
        "17": Field("17. INDICATION(S) FOR USE", (case.indication,)),
        "18": Field("18. THERAPY DATES (from/to)", (dates,)),
        "19": Field("19. THERAPY DURATION", (span or "–",)),
        "22": Field(
            "22. CONCOMITANT DRUG(S) AND DATES OF ADMINISTRATION (exclude those used to treat reaction)",
            tuple(_others(case)) or ("None recorded",),
        ),
        "23": Field(
            "23. OTHER RELEVANT HISTORY (e.g. diagnostics, allergies, pregnancy with last month of period, etc.)",
            (f"Indication: {case.indication}. Further history stands in the narrative.",),
        ),
    }


def _others(case: Case) -> Iterator[str]:
    for one in case.other_treatments:
        amount = f" {one.amount}" if one.amount else ""
        yield f"{one.name}{amount}: {moment_words(one.started) or 'unknown'} to {moment_words(one.ended) or 'ongoing'}"


def _sponsor(case: Case) -> dict[str, Field]:
    received = case.sponsor_received_at
    return {
        "24a": Field("24a. NAME AND ADDRESS OF MANUFACTURER", (f"Sponsor of {case.trial}", case.title)),
        "24b": Field("24b. MFR CONTROL NO.", (case.number,)),
        "24c": Field(
            "24c. DATE RECEIVED BY MANUFACTURER", ("Not received yet" if received is None else day(received.date()),)
        ),
        "25": Field("DATE OF THIS REPORT", (day(case.as_of.date()),)),
        "25b": Field("25b. NAME AND ADDRESS OF REPORTER", (f"Investigator at site {case.site}", NOT_HELD)),
        "26": Field(
            "26. REMARKS",
            (
                f"Study {case.trial}, protocol {case.protocol_version}, participant {case.participant}, event {case.event}.",
            ),
        ),
    }


def ticks_of(case: Case) -> dict[str, tuple[str, tuple[Tick, ...]]]:
    """Every field of boxes: its label, and the boxes."""
    return {
        "8-12": ("8-12. CHECK ALL APPROPRIATE TO ADVERSE REACTION", _criteria(case)),
        "20": ("20. DID REACTION ABATE AFTER STOPPING DRUG?", _answer(_abated(case))),
        "21": ("21. DID REACTION REAPPEAR AFTER REINTRODUCTION?", _answer("" if _was_stopped(case) else "NA")),
        "24d": (
            "24d. REPORT SOURCE",
            (Tick("STUDY", True), Tick("LITERATURE", False), Tick("HEALTH PROFESSIONAL", True)),
        ),
        "25a": ("25a. REPORT TYPE", (Tick("INITIAL", case.reports == 0), Tick("FOLLOWUP", case.reports > 0))),
    }


def _criteria(case: Case) -> tuple[Tick, ...]:
    names = {
        "death": "PATIENT DIED",
        "hospitalization": "INVOLVED OR PROLONGED INPATIENT HOSPITALISATION",
        "disability": "INVOLVED PERSISTENCE OR SIGNIFICANT DISABILITY OR INCAPACITY",
        "life_threatening": "LIFE THREATENING",
        "congenital_anomaly": "CONGENITAL ANOMALY",
        "medically_important": "OTHER MEDICALLY IMPORTANT CONDITION",
    }
    return tuple(Tick(label, name in case.criteria) for name, label in names.items())


def _was_stopped(case: Case) -> bool:
    return case.action_taken in {"DRUG WITHDRAWN", "DRUG INTERRUPTED"}


def _abated(case: Case) -> str:
    """From the action taken and the outcome, where they say; nothing is ticked where they do not."""
    if not _was_stopped(case):
        return "NA"
    if case.outcome.startswith("RECOVER"):
        return "YES"
    return "NO" if case.outcome in {"NOT RECOVERED/NOT RESOLVED", "FATAL"} else ""


def _answer(given: str) -> tuple[Tick, ...]:
    return tuple(Tick(word, word == given) for word in ("YES", "NO", "NA"))


def moment_words(moment: str) -> str:
    """``02 MAR 2026 10:40`` of ISO 8601, as far as known."""
    if not moment:
        return ""
    on, _, clock = moment.partition("T")
    months = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    parts = on.split("-")
    words = [*(parts[2:3]), *(months[int(part) - 1] for part in parts[1:2]), parts[0]]
    return " ".join([*words, *([clock] if clock else [])])


def _said(term: str) -> str:
    return term.capitalize()
