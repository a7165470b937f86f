"""The bedside record between form and command: readings by minute, signs, times, forms; and what the rules say so far.

Invariants
1. Minutes, measures, signs and rules are the protocol's. No rule of one trial is written here.
2. A reading that is not typed is not sent; one that cannot be read as a number is refused at its own field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.pages.answers import several
from api.pages.site.commands import FormIncomplete, local_instant, number, whole_number
from api.pages.site.protocol_forms import Input, answers_of, inputs_of
from trial.conduct.casebooks import Casebook
from trial.conduct.forms import FormAnswers
from trial.conduct.infusion_rules import RuleFired, SignSeen, rules_fired
from trial.conduct.queries import DataDomain
from trial.protocol.schema import Coded, Form, InfusionPlan, Visit

INTERRUPTIONS: Final = 2
_PLAIN_UNIT: Final = {"points": "", "score": ""}


@dataclass(frozen=True, slots=True)
class Box:
    """One reading to type."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One planned minute with its boxes; ``clock`` is when that is, once the start is known."""

    minute: int
    clock: str
    boxes: tuple[Box, ...]

    @property
    def words(self) -> str:
        if self.minute < 0:
            return f"{-self.minute} min before the start"
        return f"{self.minute} min" if self.minute else "Start"


@dataclass(frozen=True, slots=True)
class CourseSoFar:
    """What the rules say of what is typed, and what comes next."""

    fired: tuple[RuleFired, ...]
    next_reading: Moment | None
    elapsed: str

    @property
    def stop(self) -> list[RuleFired]:
        return [one for one in self.fired if one.action == "stop"]

    @property
    def hold(self) -> list[RuleFired]:
        return [one for one in self.fired if one.action != "stop"]


def moments_of(book: Casebook, plan: InfusionPlan, values: Mapping[str, Any]) -> list[Moment]:
    """Every planned minute in its order."""
    started = _started(book, values)
    minutes = sorted({*plan.monitoring.minutes, *(one for scale in plan.monitoring.scales for one in scale.minutes)})
    return [Moment(minute, _clock(book, started, minute), tuple(_boxes(plan, minute))) for minute in minutes]


def course_so_far(book: Casebook, plan: InfusionPlan, values: Mapping[str, Any]) -> CourseSoFar:
    """The rules that fire, the next reading that is missing, the minute that it is now."""
    readings = _lenient(plan, values)
    fired = rules_fired(plan, readings, [SignSeen(code, minute) for code, minute in _signs(plan, values)])
    following = next((one for one in moments_of(book, plan, values) if one.minute not in readings), None)
    started = _started(book, values)
    elapsed = "" if started is None else f"minute {int((book.now - started).total_seconds() // 60)}"
    return CourseSoFar(fired, following, elapsed)


def readings_of(plan: InfusionPlan, values: Mapping[str, Any]) -> dict[int, dict[str, float]]:
    """Every reading typed. Raises ``FormIncomplete`` for one that is no number."""
    wrong: dict[str, str] = {}
    found: dict[int, dict[str, float]] = {}
    for minute, measure, name in _names(plan):
        typed = values.get(name, "")
        if typed == "":
            continue
        value = number(typed)
        if isinstance(value, float):
            found.setdefault(minute, {})[measure] = value
        else:
            wrong[name] = "Give a number."
    if wrong:
        raise FormIncomplete("Correct the readings that are marked.", fields=wrong)
    return found


def signs_of(plan: InfusionPlan, values: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple({"code": code, "minute": minute} for code, minute in _signs(plan, values))


def signs_offered(plan: InfusionPlan) -> list[Coded]:
    return [rule.sign for rule in plan.rules if rule.sign is not None]


def interruptions_of(values: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The interruptions of which anything is typed."""
    rows = []
    for index in range(1, INTERRUPTIONS + 1):
        minute, minutes, reason = (values.get(f"pause{index}-{part}", "") for part in ("minute", "minutes", "reason"))
        if minute or minutes or reason:
            rows.append({"minute": whole_number(minute), "minutes": whole_number(minutes), "reason": reason})
    return tuple(rows)


def instants_of(book: Casebook, values: Mapping[str, Any]) -> dict[str, datetime | str]:
    """Start, end and discharge on the site's own day, as far as typed."""
    day = book.today.isoformat()
    typed = {name: str(values.get(f"{name}_time", "")) for name in ("started", "ended", "discharged")}
    return {f"{name}_at": local_instant(day, clock, book.site.zone) for name, clock in typed.items() if clock}


def confirmed_of(book: Casebook, plan: InfusionPlan, visit: Visit, values: Mapping[str, Any]) -> tuple[str, ...]:
    """What was ticked, and what a form of the bedside answers with yes."""
    answered = [code for code, name in _asked_in_forms(book, visit).items() if values.get(name) == "yes"]
    known = [one.code for one in plan.discharge.confirmed]
    return tuple(code for code in known if code in answered or code in several(values, "confirmed"))


def to_confirm(book: Casebook, plan: InfusionPlan, visit: Visit) -> list[tuple[str, str]]:
    """The conditions of discharge that no form asks about."""
    asked = _asked_in_forms(book, visit)
    return [(one.code, one.label) for one in plan.discharge.confirmed if one.code not in asked]


def bedside_forms(book: Casebook, visit: Visit) -> list[tuple[Form, list[Input]]]:
    """The forms that are filled in at the bedside, each with inputs of its own prefix."""
    forms = (book.protocol.form(code) for code in visit.forms)
    return [(form, inputs_of(form, _prefix(form))) for form in forms if DataDomain(form.domain) is DataDomain.INFUSION]


def form_answers(book: Casebook, visit: Visit, values: Mapping[str, Any]) -> dict[str, FormAnswers]:
    """The answers to those of them of which anything is filled in."""
    found = {form.code: answers_of(form, values, _prefix(form)) for form, _ in bedside_forms(book, visit)}
    return {code: answers for code, answers in found.items() if any(one is not None for one in answers.values())}


def error_fields(book: Casebook, plan: InfusionPlan, visit: Visit) -> dict[str, str]:
    """Where a refusal's fields stand on the page."""
    forms = {
        field.name: f"{_prefix(form)}{field.name}" for form, _ in bedside_forms(book, visit) for field in form.fields
    }
    readings = {f"{minute}.{measure}": name for minute, measure, name in _names(plan)}
    times = {f"{name}_at": f"{name}_time" for name in ("started", "ended", "discharged")}
    return {**forms, **readings, **times, "interruptions": "pause1-minute"}


def _asked_in_forms(book: Casebook, visit: Visit) -> dict[str, str]:
    """The input of each yes/no field of the bedside's forms, by the field's name."""
    return {
        field.name: f"{_prefix(form)}{field.name}"
        for form, _ in bedside_forms(book, visit)
        for field in form.fields
        if field.kind == "yes_no"
    }


def _prefix(form: Form) -> str:
    return f"{form.code}-"


def _names(plan: InfusionPlan) -> Iterator[tuple[int, str, str]]:
    """Minute, measure and the name of the input, for every planned reading."""
    for minute in plan.monitoring.minutes:
        for measure in plan.monitoring.measures:
            yield minute, measure.name, f"r{minute}-{measure.name}"
    for scale in plan.monitoring.scales:
        for minute in scale.minutes:
            yield minute, scale.instrument, f"r{minute}-{scale.instrument}"


def _boxes(plan: InfusionPlan, minute: int) -> Iterator[Box]:
    if minute in plan.monitoring.minutes:
        for measure in plan.monitoring.measures:
            unit = _PLAIN_UNIT.get(measure.unit, measure.unit)
            yield Box(f"r{minute}-{measure.name}", f"{measure.label} ({unit})" if unit else measure.label)
    for scale in plan.monitoring.scales:
        if minute in scale.minutes:
            yield Box(f"r{minute}-{scale.instrument}", f"{scale.instrument} total")


def _lenient(plan: InfusionPlan, values: Mapping[str, Any]) -> dict[int, dict[str, float]]:
    """The readings that can be read; the others are refused when all is recorded."""
    found: dict[int, dict[str, float]] = {}
    for minute, measure, name in _names(plan):
        value = number(values.get(name, ""))
        if isinstance(value, float):
            found.setdefault(minute, {})[measure] = value
    return found


def _signs(plan: InfusionPlan, values: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for sign in signs_offered(plan):
        minute = whole_number(values.get(f"sign-{sign.code}", ""))
        if isinstance(minute, int):
            yield sign.code, minute


def _started(book: Casebook, values: Mapping[str, Any]) -> datetime | None:
    found = instants_of(book, values).get("started_at")
    return found if isinstance(found, datetime) else None


def _clock(book: Casebook, started: datetime | None, minute: int) -> str:
    if started is None:
        return ""
    return f"{(started + timedelta(minutes=minute)).astimezone(ZoneInfo(book.site.zone)):%H:%M}"
