"""An adverse event between form and command: what was typed, and the facts that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.pages.answers import several
from api.pages.forms import date_text, date_values
from api.pages.site.commands import FormIncomplete, command_of, local_instant, whole_number
from trial.conduct.casebooks import Casebook
from trial.safety.adverse_events import CRITERIA, AdverseEvent, EventFacts
from trial.safety.adverse_events import facts_of as recorded_facts


def facts_of(posted: Mapping[str, Any], course: Sequence[Mapping[str, Any]] = ()) -> EventFacts:
    """The facts that were typed; ``course`` where the grade is one of several. Raises ``FormIncomplete``."""
    chosen = several(posted, "criteria") if posted.get("serious") == "yes" else []
    infusion = posted.get("infusion", "")
    return command_of(
        EventFacts,
        verbatim=posted.get("verbatim"),
        term=posted.get("term"),
        grade=None if course else whole_number(posted.get("grade", "")),
        course=list(course),
        severity=posted.get("severity"),
        treatments=several(posted, "treatments"),
        treatment_words=posted.get("treatment_words"),
        recurrence_of=whole_number(posted.get("recurrence_of", "")),
        aesi=posted.get("aesi"),
        onset=_moment(posted, "onset"),
        ended=_moment(posted, "ended"),
        ascertainment=posted.get("ascertainment"),
        infusion=whole_number(infusion) if infusion != "none" else None,
        onset_minute=whole_number(posted.get("onset_minute", "")),
        outcome=posted.get("outcome"),
        action_taken=posted.get("action_taken"),
        led_to_withdrawal=posted.get("led_to_withdrawal") == "yes",
        **{name: name in chosen for name in CRITERIA},
    )


def continued_course(event: AdverseEvent, posted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The recorded course and the grade that is typed, where it is another now; empty where there is one grade alone."""
    periods = [period.model_dump(mode="json") for period in recorded_facts(event).periods]
    grade = whole_number(posted.get("grade", ""))
    if str(posted.get("term", "")).strip() != event.term or not isinstance(grade, int):
        return []
    if grade != periods[-1]["grade"]:
        periods.append({"grade": grade, "since": _moment(posted, "grade_since") or None})
    return periods if len(periods) > 1 else []


def kept_course(event: AdverseEvent, posted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A correction that leaves term and grade as they are leaves the course too; another grade replaces it."""
    same = (str(posted.get("term", "")).strip(), posted.get("grade", "")) == (event.term, str(event.grade))
    return list(event.course) if same else []


def aware_at(posted: Mapping[str, Any], book: Casebook) -> datetime | str:
    """When the site heard of it: as typed, or now where it was not asked for."""
    day = date_text(posted, "aware")
    return local_instant(day, str(posted.get("aware_time", "")), book.site.zone) if day else book.now


def check_seriousness_said(posted: Mapping[str, Any]) -> None:
    """Raise ``FormIncomplete`` where “serious” is not answered, or answered yes without saying why."""
    if posted.get("serious", "") not in ("yes", "no"):
        raise FormIncomplete("Say first whether the event was serious.", fields={"serious": "Choose one answer."})
    if posted.get("serious") == "yes" and not several(posted, "criteria"):
        raise FormIncomplete("Say why it is serious.", fields={"criteria": "Choose at least one criterion."})


def blank_values(book: Casebook) -> dict[str, str]:
    """A new report: heard of now, unless somebody says otherwise."""
    local = book.now.astimezone(ZoneInfo(book.site.zone))
    return {**date_values("aware", book.today.isoformat()), "aware_time": f"{local:%H:%M}"}


def values_of_event(event: AdverseEvent) -> dict[str, Any]:
    """A recorded event as the form shows it."""
    chosen = [name for name in CRITERIA if getattr(event, name)]
    values: dict[str, Any] = {
        "update": "correction",
        "serious": "yes" if event.serious else "no",
        "criteria": chosen,
        "verbatim": event.verbatim,
        "term": event.term,
        "grade": str(event.grade),
        "aesi": event.aesi or "",
        "ascertainment": event.ascertainment.value,
        "infusion": str(event.infusion) if event.infusion else "none",
        "onset_minute": "" if event.onset_minute is None else str(event.onset_minute),
        "outcome": event.outcome,
        "action_taken": event.action_taken,
        "led_to_withdrawal": "yes" if event.led_to_withdrawal else "",
        "severity": event.severity or "",
        "treatments": list(event.treatments),
        "treatment_words": event.treatment_words or "",
        "recurrence_of": "" if event.recurrence_of is None else str(event.recurrence_of),
    }
    for name, moment in (("onset", event.onset), ("ended", event.ended or "")):
        day, _, clock = moment.partition("T")
        values.update({**date_values(name, day), f"{name}_time": clock})
    return values


def follow_up_values(event: AdverseEvent, book: Casebook) -> dict[str, Any]:
    """As it was recorded, with the grade that it had last, heard of now."""
    grade = event.course[-1]["grade"] if event.course else event.grade
    return values_of_event(event) | {"update": "follow_up", "grade": str(grade)} | blank_values(book)


def _moment(posted: Mapping[str, Any], name: str) -> str:
    """A partial date, with the time where the day is known."""
    day, clock = date_text(posted, name), str(posted.get(f"{name}_time", "")).strip().replace(".", ":")
    whole = len(day) == len("2026-03-02")
    return f"{day}T{clock.zfill(5)}" if day and clock and whole else day
