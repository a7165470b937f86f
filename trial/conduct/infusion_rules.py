"""What the protocol's rules say of an infusion's readings: hold, stop, discharge. Pure.

Invariants
1. A rule fires at the minute at which it is fulfilled; every rule that fires is named once, at its first minute.
2. A hold that is not over after the protocol's minutes fires the rule that stops for it.
3. Nothing here decides: it says what the rules say, and the record keeps both that and what was done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trial.protocol.schema import DischargeRules, InfusionPlan, InfusionRule, ReadingLimit

Readings = Mapping[int, Mapping[str, float]]
"""Values by measure, by minute from the start of the infusion."""


@dataclass(frozen=True, slots=True)
class SignSeen:
    """A sign of the protocol's rules, seen at a minute."""

    code: str
    minute: int


@dataclass(frozen=True, slots=True)
class RuleFired:
    rule: str
    action: str
    text: str
    minute: int


def rules_fired(plan: InfusionPlan, readings: Readings, signs: Sequence[SignSeen] = ()) -> tuple[RuleFired, ...]:
    """Every rule that the readings and signs fulfil, by minute."""
    fired = [
        _fired(rule, minute) for rule in plan.rules if (minute := _first_minute(rule, readings, signs)) is not None
    ]
    fired += _unresolved(plan, readings, signs)
    return tuple(sorted(fired, key=lambda one: (one.minute, one.rule)))


def _fired(rule: InfusionRule, minute: int) -> RuleFired:
    return RuleFired(rule.id, rule.action, rule.text, minute)


def _first_minute(rule: InfusionRule, readings: Readings, signs: Sequence[SignSeen]) -> int | None:
    if rule.sign is not None:
        seen = [sign.minute for sign in signs if sign.code == rule.sign.code]
        return min(seen) if seen else None
    if rule.reading is None:
        return None
    spans = _spans(rule.reading, readings)
    return min((start for start, _ in spans), default=None)


def _spans(limit: ReadingLimit, readings: Readings) -> list[tuple[int, int]]:
    """From when a limit is crossed as often in a row as it says, until the last crossing of that row."""
    spans: list[tuple[int, int]] = []
    row: list[int] = []
    for minute, value in _series(limit.measure, readings):
        if not limit.crossed_by(value):
            row = []
            continue
        row.append(minute)
        if len(row) == limit.readings:
            spans.append((minute, minute))
        elif len(row) > limit.readings:
            spans[-1] = (spans[-1][0], minute)
    return spans


def _series(measure: str, readings: Readings) -> Iterator[tuple[int, float]]:
    for minute in sorted(readings):
        if measure in readings[minute]:
            yield minute, readings[minute][measure]


def _unresolved(plan: InfusionPlan, readings: Readings, signs: Sequence[SignSeen]) -> list[RuleFired]:
    holds = [rule for rule in plan.rules if rule.action == "hold"]
    found = []
    for rule in plan.rules:
        wait = rule.unresolved_after_min
        if wait is None:
            continue
        late = [
            start + wait for hold in holds for start, end in _hold_spans(hold, readings, signs) if end - start >= wait
        ]
        if late:
            found.append(_fired(rule, min(late)))
    return found


def _hold_spans(rule: InfusionRule, readings: Readings, signs: Sequence[SignSeen]) -> list[tuple[int, int]]:
    if rule.reading is not None:
        return _spans(rule.reading, readings)
    seen = [sign.minute for sign in signs if rule.sign is not None and sign.code == rule.sign.code]
    return [(min(seen), max(seen))] if seen else []


def discharge_unmet(
    rules: DischargeRules,
    readings: Readings,
    *,
    ended_at: datetime,
    discharged_at: datetime,
    confirmed: frozenset[str],
) -> tuple[str, ...]:
    """The conditions for going home that do not hold, in words. Vitals are compared with the first reading."""
    unmet = []
    if discharged_at - ended_at < timedelta(minutes=rules.minutes_after_end):
        unmet.append(f"less than {rules.minutes_after_end} min after the end")
    for measure in rules.vitals:
        values = [value for _, value in _series(measure, readings)]
        allowed = rules.vitals_within_fraction_of_baseline
        if not values or abs(values[-1] - values[0]) > allowed * abs(values[0]):
            unmet.append(f"{measure} not within {allowed:.0%} of baseline")
    for limit in rules.readings:
        values = [value for _, value in _series(limit.measure, readings)]
        if not values or not limit.crossed_by(values[-1]):
            unmet.append(f"{limit.measure} not {limit.comparison} {limit.value:g}")
    unmet += [f"not confirmed: {item.label}" for item in rules.confirmed if item.code not in confirmed]
    return tuple(unmet)


def readings_missing(plan: InfusionPlan, readings: Readings, *, until_minute: int) -> int:
    """How many planned readings, up to a minute, were not taken."""
    planned = [
        (minute, measure.name)
        for minute in plan.monitoring.minutes
        for measure in plan.monitoring.measures
        if minute <= until_minute
    ]
    planned += [
        (minute, scale.instrument)
        for scale in plan.monitoring.scales
        for minute in scale.minutes
        if minute <= until_minute
    ]
    return sum(measure not in readings.get(minute, {}) for minute, measure in planned)
