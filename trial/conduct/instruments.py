"""Answers in, scores out: pure scoring of whatever instrument the protocol describes.

Invariants
1. A sum needs every answer; a mean needs as many as its domain says. Otherwise the domain is missing, with the reason.
2. A reversed item scores ``low + high - answer``; nobody else reverses anything.
3. A T-score comes from the packaged table of the instrument's own version, never from another.
4. Better has a direction: a responder improves by at least the threshold in the direction that is better.

It stores nothing and knows no participant, visit or arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trial.errors import InvalidInput
from trial.protocol.schema import AnswerAlert, Direction, Domain, Instrument, Item, Threshold
from trial.reference import promis29_tables

Answers = Mapping[str, int | None]
"""Response codes by item id; ``None`` or absence is an item that was not answered."""

_DECIMALS = 6  # T-scores have one decimal: 64.1 - 61.1 must be 3, not 2.999999999999993


class UnknownItem(InvalidInput):
    code = "instrument.unknown_item"


class AnswerOutOfRange(InvalidInput):
    code = "instrument.answer_out_of_range"


@dataclass(frozen=True, slots=True)
class Score:
    """One domain's score. ``score`` is ``None`` exactly where ``missing_reason`` says why."""

    domain: str
    raw: float | None
    score: float | None
    unit: str
    missing_reason: str | None = None


def check_answers(instrument: Instrument, answers: Answers) -> None:
    """Refuse answers to items that the instrument does not have, or outside an item's response set."""
    for item_id, answer in answers.items():
        item = instrument.item(item_id)
        if item is None:
            raise UnknownItem(
                f"{instrument.id} has no item {item_id!r}. Use the ids of the protocol.",
                fields={item_id: "This item is not part of the instrument."},
            )
        allowed = instrument.answers_of(item)
        if answer is not None and not _is_code(answer, allowed.low, allowed.high):
            sentence = f"Answer with a whole number from {allowed.low} to {allowed.high}."
            raise AnswerOutOfRange(f"{instrument.id}, item {item_id}: {sentence}", fields={item_id: sentence})


def score_instrument(instrument: Instrument, answers: Answers) -> tuple[Score, ...]:
    """All domains of the instrument, in the protocol's order."""
    check_answers(instrument, answers)
    return tuple(_score(instrument, domain, answers) for domain in instrument.domains)


def score_domain(instrument: Instrument, name: str, answers: Answers) -> Score:
    """One domain by name."""
    found = {score.domain: score for score in score_instrument(instrument, answers)}
    if name not in found:
        raise InvalidInput(f"{instrument.id} has no domain {name!r}; it has {', '.join(found)}.")
    return found[name]


def alerts(instrument: Instrument, answers: Answers) -> tuple[AnswerAlert, ...]:
    """The answers that somebody must look at the same day."""
    return tuple(alert for alert in instrument.alert_if if (answers.get(alert.item) or 0) >= alert.at_least)


def improvement(change: float, better: Direction) -> float:
    """``change`` (later minus baseline), turned so that more is better."""
    return round(change if better == "higher" else -change, _DECIMALS)


def is_responder(change: float, threshold: float, better: Direction) -> bool:
    """Whether a change in points reaches the threshold in the better direction."""
    if threshold <= 0:
        raise ValueError(f"a responder's threshold is above 0, not {threshold}")
    return improvement(change, better) >= threshold


def responds(baseline: float | None, later: float | None, threshold: Threshold, better: Direction) -> bool | None:
    """Responder status, in points or in percent of baseline; ``None`` where it cannot be known."""
    if baseline is None or later is None:
        return None
    if threshold.unit == "points":
        return is_responder(later - baseline, threshold.value, better)
    if baseline <= 0:
        return None
    return is_responder((later - baseline) / baseline * 100, threshold.value, better)


def _is_code(answer: object, low: int, high: int) -> bool:
    return isinstance(answer, int) and not isinstance(answer, bool) and low <= answer <= high


def _score(instrument: Instrument, domain: Domain, answers: Answers) -> Score:
    items = [item for item_id in domain.items if (item := instrument.item(item_id)) is not None]
    values = [_value(instrument, item, answer) for item in items if (answer := answers.get(item.id)) is not None]
    needed = domain.minimum_answered or len(items)
    if len(values) < needed:
        unanswered = ", ".join(item.id for item in items if answers.get(item.id) is None)
        return _missing(domain, None, f"not answered: {unanswered}")
    raw = float(sum(values))
    if domain.table is not None:
        return _converted(instrument, domain, raw)
    return Score(domain.name, raw, raw / len(values) if domain.method == "mean" else raw, domain.unit)


def _value(instrument: Instrument, item: Item, answer: int) -> int:
    allowed = instrument.answers_of(item)
    return allowed.low + allowed.high - answer if item.reversed else answer


def _converted(instrument: Instrument, domain: Domain, raw: float) -> Score:
    table = promis29_tables().get((domain.name, instrument.version))
    found = table.scores.get(int(raw)) if table else None
    if found is None:
        return _missing(domain, raw, f"no conversion table for {domain.name} in version {instrument.version}")
    return Score(domain.name, raw, found.t_score, domain.unit)


def _missing(domain: Domain, raw: float | None, reason: str) -> Score:
    return Score(domain.name, raw, None, domain.unit, reason)
