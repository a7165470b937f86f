"""How statuses, steps and reasons are said on pages, and the kind of tag that repeats them."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, TypeAlias

from api.pages.render import day_words
from trial.conduct.departures import EndReason, StudyEndKind, TreatmentEndKind
from trial.conduct.participants import ParticipantStatus
from trial.conduct.randomization_errors import RandomizationErrorKind
from trial.conduct.schedules import VisitStanding
from trial.conduct.visits import VisitState
from trial.reference import ControlledTerm, controlled_terms

Kind: TypeAlias = Literal["plain", "done", "active", "waiting", "warning", "danger"]
Tag: TypeAlias = tuple[str, Kind]

_S = ParticipantStatus
STATUS: Final[dict[ParticipantStatus, Tag]] = {
    _S.SCREENING: ("Screening", "waiting"),
    _S.ELIGIBLE: ("Eligible", "active"),
    _S.RANDOMIZED: ("Randomized", "active"),
    _S.ON_TREATMENT: ("In treatment", "active"),
    _S.FOLLOW_UP: ("Follow-up", "active"),
    _S.COMPLETED: ("Completed", "done"),
    _S.WITHDRAWN: ("Withdrawn", "plain"),
    _S.LOST: ("Lost to follow-up", "plain"),
    _S.DIED: ("Died", "plain"),
    _S.NOT_ELIGIBLE: ("Not eligible", "plain"),
    _S.DECLINED: ("Declined", "plain"),
    _S.NOT_ENROLLED: ("Not enrolled", "plain"),
}
ERROR_WORDS: Final = {
    RandomizationErrorKind.WRONG_STRATUM: "The wrong stratum was used",
    RandomizationErrorKind.IN_ERROR: "Randomized in error",
    RandomizationErrorKind.WRONG_KIT: "The wrong kit was given",
    RandomizationErrorKind.DUPLICATE: "The same person was randomized twice",
}
ERROR_HINTS: Final = {
    RandomizationErrorKind.WRONG_STRATUM: "A stratification factor was recorded wrongly before randomization.",
    RandomizationErrorKind.IN_ERROR: "For example: not eligible after all, or consent was not in place.",
    RandomizationErrorKind.WRONG_KIT: "Another kit of this site was given than the assigned one.",
    RandomizationErrorKind.DUPLICATE: "One person holds two participant codes.",
}
END_REASON: Final[dict[EndReason, str]] = {
    EndReason.COMPLETED: "Completed",
    EndReason.ADVERSE_EVENT: "Adverse event",
    EndReason.LACK_OF_EFFICACY: "Lack of efficacy",
    EndReason.PARTICIPANT_DECISION: "Participant's decision",
    EndReason.CONSENT_WITHDRAWN: "Consent withdrawn",
    EndReason.PHYSICIAN_DECISION: "Physician's decision",
    EndReason.PROTOCOL_DEVIATION: "Protocol deviation",
    EndReason.PREGNANCY: "Pregnancy",
    EndReason.LOGISTICS: "Logistics",
    EndReason.LOST_TO_FOLLOW_UP: "Lost to follow-up",
    EndReason.DEATH: "Death",
    EndReason.OTHER: "Another reason",
}
STUDY_END: Final[dict[StudyEndKind, Tag]] = {
    StudyEndKind.COMPLETED: ("Completed", "done"),
    StudyEndKind.WITHDRAWN: ("Withdrawn", "plain"),
    StudyEndKind.LOST: ("Lost to follow-up", "plain"),
    StudyEndKind.DIED: ("Died", "plain"),
}
TREATMENT_END: Final[dict[TreatmentEndKind, Tag]] = {
    TreatmentEndKind.COMPLETED: ("Completed", "done"),
    TreatmentEndKind.DISCONTINUED: ("Discontinued", "plain"),
    TreatmentEndKind.NOT_STARTED: ("Not started", "plain"),
}


_PROPER: Final = frozenset(
    {"african", "alaska", "american", "asian", "hawaiian", "hispanic", "indian", "latino", "pacific"}
)


def said(value: str) -> str:
    """A code as words: ``on_treatment`` is ``On treatment``, ``NOT RECOVERED`` is ``Not recovered``."""
    words = value.replace("_", " ").strip()
    if words.isupper():
        words = " ".join(word.capitalize() if word in _PROPER else word for word in words.lower().split())
    return f"{words[:1].upper()}{words[1:]}"


def terms_of(codelist: str) -> list[tuple[str, str]]:
    """A CDISC codelist as options: a one-letter value is said by its name."""
    return [(term.value, _term_words(term)) for term in controlled_terms(codelist)]


def term_words(codelist: str, value: str) -> str:
    """One controlled term as it is said."""
    return dict(terms_of(codelist)).get(value, said(value))


def _term_words(term: ControlledTerm) -> str:
    return said(term.value) if len(term.value) > 1 else max([*term.synonyms, term.value], key=len)


def counted(count: int, one: str, many: str = "") -> str:
    """The word for so many: ``visit due``, ``visits due``."""
    return one if count == 1 else many or f"{one}s"


def visit_tag(state: VisitState, today: date) -> Tag:
    """How a visit stands today: in words first."""
    if state.standing is VisitStanding.DONE:
        return "Done", "done"
    if state.standing is VisitStanding.MISSED:
        return "Missed", "warning"
    if state.standing is VisitStanding.NOT_EXPECTED:
        return "Not expected", "plain"
    dates = state.planned.dates
    if dates is None:
        return "Not dated", "waiting"
    if today > dates.closes:
        return "Late", "danger"
    return ("Due", "active") if today >= dates.opens else ("Planned", "waiting")


def window_words(state: VisitState) -> str:
    """``9 to 23 Dec 2026``: the visit's own day, or its window."""
    if state.record is not None and state.record.happened_on is not None:
        note = ", outside its window" if state.record.in_window is False else ""
        return f"{day_words(state.record.happened_on)}{note}"
    return span_words(state.planned.dates.opens, state.planned.dates.closes) if state.planned.dates else ""


def span_words(first: date, last: date) -> str:
    """Two dates as one span, saying month and year once where they agree."""
    if first == last:
        return day_words(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day_words(last)}"
    if first.year == last.year:
        return f"{day_words(first).rpartition(' ')[0]} to {day_words(last)}"
    return f"{day_words(first)} to {day_words(last)}"
