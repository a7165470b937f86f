"""A special situation between form and command: what is offered, what was typed, and how its facts are said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from api.pages.answers import several
from api.pages.forms import date_text, date_values
from api.pages.render import day_words
from api.pages.safety.typed_events import aware_at
from api.pages.safety.typed_events import blank_values as heard_now
from api.pages.site.commands import command_of, number, whole_number, yes
from api.pages.site.words import said
from trial.conduct.casebooks import Casebook
from trial.safety.situation_facts import (
    ErrorStage,
    Harm,
    Measure,
    PregnancyOutcome,
    Pregnant,
    SituationFacts,
    SituationKind,
)
from trial.safety.situation_reading import SituationView
from trial.safety.special_situations import FollowUpSituation, ReportSituation

KIND_WORDS: Final = {
    SituationKind.OVERDOSE: "Overdose",
    SituationKind.MEDICATION_ERROR: "Medication error",
    SituationKind.PREGNANCY: "Pregnancy",
}
KIND_HINTS: Final = {
    SituationKind.OVERDOSE: "More was given than was ordered, with symptoms or without",
    SituationKind.MEDICATION_ERROR: "Something went wrong with an order, a preparation or a dose, whether or not it did harm",
    SituationKind.PREGNANCY: "Of the participant or of a partner; followed until its outcome",
}


def _options(kinds: type[StrEnum], **words: str) -> list[tuple[str, str]]:
    return [(one.value, words.get(one.value, said(one.value))) for one in kinds]


CHOICES: Final = {
    "stage": _options(ErrorStage),
    "harm": _options(Harm, none="No harm", harm="Harm: report the adverse event too", not_known_yet="Not known yet"),
    "measures": _options(
        Measure, corrected="It was corrected", treatment_stopped="The treatment was stopped",
        observed="The participant was observed", participant_told="The participant was told",
        staff_trained="Staff were trained", nothing="Nothing yet",
    ),
    "pregnant": _options(Pregnant, participant="The participant", partner="A partner of the participant"),
    "outcome": _options(PregnancyOutcome, ongoing="It goes on", lost_to_follow_up="Nothing more can be heard"),
    "symptoms": [("yes", "Yes: report the adverse event too"), ("no", "No"), ("", "Not known yet")],
}  # fmt: skip
_TEXTS: Final = ("stage", "harm", "pregnant", "outcome")


@dataclass(frozen=True)
class FormOf:
    """What the form of one kind offers. ``seals``: the words of this person go under seal."""

    kind: SituationKind
    name: str
    is_follow_up: bool
    seals: bool
    zone: str
    events: list[tuple[str, str]]
    choices: Mapping[str, list[tuple[str, str]]]


def kind_of(about: str) -> SituationKind | None:
    return SituationKind(about) if about in set(SituationKind) else None


def blank_values(book: Casebook) -> dict[str, str]:
    """A new report: heard of now."""
    return heard_now(book)


def values_of(book: Casebook, view: SituationView) -> dict[str, Any]:
    """What is known, as the form shows it; heard of now."""
    facts = view.facts
    assert facts is not None, "only shown to those who see the facts"
    values: dict[str, Any] = {name: _typed(getattr(facts, name)) for name in (*_TEXTS, "times_intended")}
    values |= {
        "symptoms": {True: "yes", False: "no", None: ""}[facts.symptoms],
        "reached_participant": {True: "yes", False: "no", None: ""}[facts.reached_participant],
        "measures": [one.value for one in facts.measures],
        "event": "" if view.event is None else str(view.event),
    }
    for name in ("last_period", "expected_on", "outcome_on"):
        values |= date_values(name, str(getattr(facts, name) or ""))
    return values | heard_now(book)


def report_of(book: Casebook, kind: SituationKind, posted: Mapping[str, Any], *, under_seal: bool) -> ReportSituation:
    """Raises ``FormIncomplete``."""
    return command_of(
        ReportSituation,
        idempotency_key=posted.get("idempotency_key", ""),
        participant_id=book.participant.id,
        happened=date_text(posted, "happened"),
        facts=_facts(kind, posted),
        words=posted.get("words", ""),
        under_seal=under_seal,
        event=whole_number(posted.get("event", "")),
        aware_at=aware_at(posted, book),
    )


def follow_up_of(
    book: Casebook, view: SituationView, posted: Mapping[str, Any], *, under_seal: bool
) -> FollowUpSituation:
    """Raises ``FormIncomplete``."""
    return command_of(
        FollowUpSituation,
        idempotency_key=posted.get("idempotency_key", ""),
        situation_id=view.id,
        facts=_facts(view.kind, posted),
        words=posted.get("words", ""),
        under_seal=under_seal,
        event=whole_number(posted.get("event", "")),
        received_at=aware_at(posted, book),
    )


def _facts(kind: SituationKind, posted: Mapping[str, Any]) -> SituationFacts:
    return command_of(
        SituationFacts,
        kind=kind,
        times_intended=number(posted.get("times_intended", "")),
        symptoms=yes(posted.get("symptoms", "")),
        reached_participant=yes(posted.get("reached_participant", "")),
        measures=several(posted, "measures"),
        last_period=date_text(posted, "last_period"),
        expected_on=date_text(posted, "expected_on"),
        outcome_on=date_text(posted, "outcome_on"),
        **{name: posted.get(name, "") for name in _TEXTS},
    )


def fact_rows(view: SituationView) -> list[tuple[str, str]]:
    """The facts in words; for who may not see them, that it is there."""
    rows = [
        ("Participant", view.participant),
        ("What", KIND_WORDS[view.kind]),
        ("Happened", day_words(view.happened[:10])),
        ("Follow-up", "Closed: nothing more is awaited" if view.closed else f"Due {day_words(view.next_due_on)}"),
    ]
    if view.facts is None:
        own = "Your report is here. " if view.own else ""
        return [*rows, ("Detail", f"{own}Its detail can reveal the treatment, so it is withheld")]
    return [*rows, *_known_rows(view.facts), *([("Adverse event", f"Event {view.event}")] if view.event else [])]


def _known_rows(facts: SituationFacts) -> list[tuple[str, str]]:
    match facts.kind:
        case SituationKind.OVERDOSE:
            times = "Not known" if facts.times_intended is None else f"{facts.times_intended:g} times what was ordered"
            return [("Given", times), ("Symptoms", {True: "Yes", False: "No", None: "Not known yet"}[facts.symptoms])]
        case SituationKind.MEDICATION_ERROR:
            done = ", ".join(_words("measures", one) for one in facts.measures) or "Not said"
            return [
                ("Stage", _words("stage", facts.stage)),
                ("Reached the participant", "Yes" if facts.reached_participant else "No"),
                (
                    "Harm",
                    {Harm.HARM: "Harm", Harm.NONE: "No harm"}.get(facts.harm or Harm.NOT_KNOWN_YET, "Not known yet"),
                ),
                ("Done about it", done),
            ]
        case SituationKind.PREGNANCY:
            return [
                ("Who is pregnant", _words("pregnant", facts.pregnant)),
                ("Last period", day_words(str(facts.last_period or ""))),
                ("Birth expected", day_words(facts.expected_on)),
                ("Outcome", _words("outcome", facts.outcome)),
                ("Date of the outcome", day_words(str(facts.outcome_on or ""))),
            ]


def _words(name: str, value: StrEnum | None) -> str:
    return dict(CHOICES[name]).get(value.value if value else "", "Not known")


def _typed(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "value", value))
