"""Answers of virtual participants to the instruments of the protocol, such that they score what the model says.

Invariants
1. Scored values come from the simulator; an item that the protocol scores reversed is answered with its mirror image.
2. Only instruments that this module knows are answered; another is a ``KeyError``, never an invented answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from trial.protocol.schema import Domain, Instrument
from trial.reference import promis29_tables
from trial.statistics.virtual_participants import Scenario, answers_for_t_score, shown_score
from trial.statistics.virtual_participants.answers import split_total

Answers = dict[str, int | None]
Scores = Mapping[str, float]

FLUCTUATION_T: Final = 1.2
"""Day-to-day fluctuation of an answered T-score, in points."""
_TOTALS: Final = {"PCS": ("catastrophizing", "pcs"), "PSEQ": ("self_efficacy", "pseq")}
_ROLES_LOW, _ROLES_HIGH = 27.5, 64.2
_TRIES: Final = 50


def answer_all(
    rng: np.random.Generator,
    scenario: Scenario,
    instruments: Sequence[Instrument],
    scores: Scores,
    pgic: int | None = None,
) -> dict[str, Answers]:
    """One administration of every instrument, by its id."""
    return {one.id: _answer(rng, scenario, one, scores, pgic) for one in instruments}


def _answer(
    rng: np.random.Generator, scenario: Scenario, instrument: Instrument, scores: Scores, pgic: int | None
) -> Answers:
    match instrument.id:
        case "PROMIS-29":
            return answer_promis(rng, scenario, instrument, scores)
        case "PCS" | "PSEQ":
            domain, scale = _TOTALS[instrument.id]
            return _answer_total(rng, instrument, domain, shown_score(scenario, scale, scores[scale]))
        case "SATISFACTION-ROLES":
            share = (scores["social_roles_ability"] - _ROLES_LOW) / (_ROLES_HIGH - _ROLES_LOW)
            total = float(np.clip(4 + 16 * share + rng.normal(0, 1), 4, 20))
            return _answer_total(rng, instrument, "social_roles_satisfaction", total)
        case "PGIC":
            return {instrument.items[0].id: pgic}
        case "C-SSRS":
            ideation, behaviour = (item.id for item in instrument.items)
            return {ideation: int(rng.random() < 0.08), behaviour: 0}
    raise KeyError(f"the demo has no answers to {instrument.id}")


def answer_promis(rng: np.random.Generator, scenario: Scenario, instrument: Instrument, scores: Scores) -> Answers:
    """The profile: a T-score for each domain with a table, pain intensity as it is."""
    answers: Answers = {}
    for domain in instrument.domains:
        if domain.table is None:
            answers[domain.items[0]] = int(shown_score(scenario, domain.name, scores[domain.name]))
        else:
            answers |= _answer_domain(rng, instrument, domain, scores[domain.name])
    return answers


def answer_promis_above(
    rng: np.random.Generator,
    scenario: Scenario,
    instrument: Instrument,
    scores: Scores,
    *,
    domain: str,
    least: float | None = None,
    most: float | None = None,
) -> Answers:
    """The profile of one of those whose T-score in ``domain`` lies at or above ``least``, or below ``most``."""
    for _ in range(_TRIES):
        answers = answer_promis(rng, scenario, instrument, scores)
        t_score = promis_t(instrument, domain, answers)
        if (least is None or t_score >= least) and (most is None or t_score < most):
            break
    return answers


def promis_t(instrument: Instrument, domain: str, answers: Answers) -> float:
    """What these answers score."""
    table = promis29_tables()[domain, instrument.version].scores
    items = next(one.items for one in instrument.domains if one.name == domain)
    return table[sum(_mirrored(instrument, item, answers[item] or 0) for item in items)].t_score


def _answer_domain(rng: np.random.Generator, instrument: Instrument, domain: Domain, target: float) -> Answers:
    table = promis29_tables()[domain.name, instrument.version].scores
    scored = answers_for_t_score(
        rng, {raw: one.t_score for raw, one in table.items()}, target, noise_sd=FLUCTUATION_T, items=len(domain.items)
    )
    return {item: _mirrored(instrument, item, value) for item, value in zip(domain.items, scored, strict=True)}


def _mirrored(instrument: Instrument, item_id: str, value: int) -> int:
    """From a scored value to the answer, and back: reversed items are their own mirror."""
    item = instrument.item(item_id)
    assert item is not None, "a domain names items of its instrument"
    allowed = instrument.answers_of(item)
    return allowed.low + allowed.high - value if item.reversed else value


def _answer_total(rng: np.random.Generator, instrument: Instrument, domain: str, total: float) -> Answers:
    items = next(one.items for one in instrument.domains if one.name == domain)
    first = instrument.item(items[0])
    assert first is not None, "a domain names items of its instrument"
    allowed = instrument.answers_of(first)
    split = split_total(rng, round(total), items=len(items), lowest=allowed.low, highest=allowed.high)
    return {item: _mirrored(instrument, item, value) for item, value in zip(items, split, strict=True)}
