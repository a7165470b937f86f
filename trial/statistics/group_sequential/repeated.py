"""The repeated p-value: the least alpha at which the same design would have stopped at this look.

Invariants
1. It is at most the design's alpha exactly when z reaches the efficacy bound of the look.

What it does not do: the repeated interval (``inference``), which needs the bound alone.
"""

from __future__ import annotations

from math import inf
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from trial.errors import InvalidInput
from trial.statistics.checks import FloatArray, check_in
from trial.statistics.group_sequential.crossing import (
    LowerRule,
    Walk,
    forward,
    given_upper,
    mirrored,
    no_lower,
    walk,
)
from trial.statistics.group_sequential.efficacy import (
    HaybittlePeto,
    WangTsiatis,
    bounds_for_spending,
    constant_for_alpha,
    cumulative_spending,
)
from trial.statistics.group_sequential.information import secant_root
from trial.statistics.group_sequential.looks import Look, observed_look
from trial.statistics.group_sequential.planning import Rules, plan

_LEAST: Final = 1e-14
_MOST: Final = {1: 0.9999, 2: 0.49995}
_MOST_BINDING: Final = 0.4999
_FOUND: Final = 1e-3


def repeated_p_value(rules: Rules, look: Look, z: float) -> float | None:
    """The least alpha at which the design would have stopped at ``look`` with this z; both sides' where it has two.

    Where futility binds, the design is planned anew for each alpha, its futility bounds with it.
    None where it is not defined: Haybittle–Peto bounds before the end, which do not depend on alpha, and a look without an
    efficacy bound. Between 1e-14 and 0.9999, or 0.4999 where futility binds.
    Source: Jennison & Turnbull (2000) section 9.2. Oracles: rpact ``getRepeatedPValues``, lrstat ``getRCI``.
    """
    check_in("z", z, -50.0, 50.0, "[]")
    if rules.sides == 2:
        one = _least_alpha(rules, look, abs(z))
        return None if one is None else 2.0 * one
    return _least_alpha(rules, look, z)


def _least_alpha(rules: Rules, look: Look, z: float) -> float | None:
    k = look.number
    skipped = frozenset(j for j in rules.without_efficacy if not (look.final and j == k - 1))
    if k - 1 in skipped or (isinstance(rules.efficacy, HaybittlePeto) and not look.final):
        return None
    t = np.array(look.information_fractions)
    if isinstance(rules.efficacy, HaybittlePeto):
        return _of_given_bounds(rules, look, z)
    if rules.binding and rules.futility is not None:
        return _with_binding_futility(rules, look, z)
    lower: LowerRule = mirrored if rules.sides == 2 else no_lower
    most = _MOST[rules.sides]
    if isinstance(rules.efficacy, WangTsiatis) and look.information_fractions == rules.information_fractions[:k]:
        return _of_planned_shape(rules, rules.efficacy, k, z, lower)

    def excess(quantile: float) -> float:
        alpha = float(ndtr(quantile))
        spent = _spent(rules, t, alpha, lower)
        if look.final:
            spent[-1] = alpha
        return float(bounds_for_spending(t, spent, lower=lower, skipped=skipped).upper[-1]) - z

    low, high = float(ndtri(_LEAST)), float(ndtri(most))
    start = float(np.clip(ndtri(rules.alpha) + (look.efficacy_bound - z), low + 0.1, high - 0.1))
    found = secant_root(excess, start, start + 0.05, (low, high), 1e-8)
    return float(np.clip(ndtr(found), _LEAST, most))


def _of_given_bounds(rules: Rules, look: Look, z: float) -> float:
    """At the end of a Haybittle–Peto design: what its bounds, and one through z at the end, cost together."""
    t = np.array(look.information_fractions)
    upper = np.array([*look.efficacy_bounds[:-1], z])
    lower = -upper if rules.sides == 2 else np.full(len(t), -inf)
    inner = None
    if rules.binding and look.futility_bounds is not None:
        futility = np.array([*look.futility_bounds[:-1], -inf])
        lower, inner = (lower, futility) if rules.sides == 2 else (futility, None)
    if rules.sides == 2 and z <= 0.0:
        return _MOST[2]
    return float(np.clip(walk(t, upper, lower, (0.0, 0.0), inner).power(0.0)[0], _LEAST, _MOST[rules.sides]))


def _with_binding_futility(rules: Rules, look: Look, z: float) -> float:
    """The alpha at which the design, planned anew, has z for its bound at this look."""

    def excess(quantile: float) -> float:
        alpha = float(ndtr(quantile))
        try:
            again = rules.with_alpha(alpha)
            there = observed_look(
                again, plan(again), look.information_fractions, final=look.final, past_efficacy=(), past_futility=()
            )
        except InvalidInput:  # so much alpha, or so little, that there is no such design
            return -inf if alpha > rules.alpha else inf
        return there.efficacy_bound - z

    low, high = float(ndtri(_LEAST)), float(ndtri(_MOST_BINDING))
    start = float(np.clip(ndtri(rules.alpha) + (look.efficacy_bound - z), low + 0.1, high - 0.1))
    found = secant_root(excess, start, start + 0.05, (low, high), 1e-8)
    if excess(found - 1e-6) > _FOUND:
        return _MOST_BINDING  # designs end here, not the bounds above z
    return float(np.clip(ndtr(found), _LEAST, _MOST_BINDING))


def even_bound(rules: Rules, look: Look) -> float | None:
    """The bound of the look if alpha were one half: the repeated median-unbiased estimate is (z − this) / √I.

    Futility is not counted. None in a two-sided design, with Haybittle–Peto bounds, and at a look without an efficacy bound.
    Source: Jennison & Turnbull (2000) section 9.4.
    Oracle: lrstat ``getRCI``.
    """
    k = look.number
    skipped = frozenset(j for j in rules.without_efficacy if not (look.final and j == k - 1))
    if rules.sides == 2 or isinstance(rules.efficacy, HaybittlePeto) or k - 1 in skipped:
        return None
    t = np.array(look.information_fractions)
    spent = _spent(rules, t, 0.5, no_lower)
    if look.final:
        spent[-1] = 0.5
    return float(bounds_for_spending(t, spent, skipped=skipped).upper[-1])


def _of_planned_shape(rules: Rules, rule: WangTsiatis, k: int, z: float, lower: LowerRule) -> float:
    """Bounds of one shape at planned looks: what bounds through z at this look cost over all looks."""
    t = np.asarray(rules.information_fractions, dtype=np.float64)
    shape = rule.shape(t)
    shape[list(rules.without_efficacy)] = inf
    constant = z / float(shape[k - 1])
    if rules.sides == 2 and constant <= 0.0:
        return _MOST[2]
    cost = forward(
        t, given_upper(constant * np.where(np.isinf(shape) & (constant < 0), -shape, shape)), lower, (0.0, 0.0)
    )
    return float(np.clip(cost.power(0.0)[0], _LEAST, _MOST[rules.sides]))


def _spent(rules: Rules, t: FloatArray, alpha: float, lower: LowerRule) -> FloatArray:
    rule = rules.efficacy
    assert not isinstance(rule, HaybittlePeto)
    if not isinstance(rule, WangTsiatis):
        return cumulative_spending(rule, np.minimum(t, 1.0), alpha)
    planned = np.asarray(rules.information_fractions, dtype=np.float64)
    shape = rule.shape(planned)

    def over(constant: float) -> Walk:
        return forward(planned, given_upper(constant * shape), lower, (0.0, 0.0))

    spent = np.cumsum(over(constant_for_alpha(over, alpha, float(shape.min()))).chances(0.0).efficacy)
    interpolated: FloatArray = np.interp(t, np.concatenate([[0.0], planned]), np.concatenate([[0.0], spent]))
    return interpolated
