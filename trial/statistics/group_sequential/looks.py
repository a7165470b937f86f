"""Bounds at the information that was really observed.

Invariants
1. A bound follows from what may be spent by the information observed; over-running, under-running and skipped looks
   keep alpha.
2. Bounds that were applied before stay as they were, whatever they turn out to have spent.
3. Bounds of constant shape and Haybittle–Peto bounds are read as spending: what the plan has spent by each planned look,
   straight lines between. Looks as planned get the bounds as planned.
4. Which looks have no efficacy or no futility bound goes by their number; the final look always has both.

What it does not do: judge a statistic (``analysis``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from trial.statistics.checks import FloatArray, OutOfRange, numbers
from trial.statistics.group_sequential.crossing import (
    LowerRule,
    UpperRule,
    Walk,
    forward,
    given_upper,
    mirrored,
    no_lower,
)
from trial.statistics.group_sequential.efficacy import (
    AlphaOverspent,
    HaybittlePeto,
    Spender,
    WangTsiatis,
    cumulative_spending,
    reach_for,
)
from trial.statistics.group_sequential.futility import FixedFutility, HarmSpending, LowerSpender
from trial.statistics.group_sequential.information import (
    SMALLEST_STEP,
    FallingInformation,
    NoBoundFound,
    check_information,
)
from trial.statistics.group_sequential.integration import Step
from trial.statistics.group_sequential.planning import DesignBounds, Rules

COMPLETE: Final = 1.0 - SMALLEST_STEP
_MOST_OVERRUN: Final = 3.0
_OVERSPENT: Final = 1e-9


@dataclass(frozen=True)
class Look:
    """Bounds on the z scale at the look that has been reached and at those before it.

    information_fractions: observed, of the planned maximum. efficacy_bounds, futility_bounds: one a look; futility None
    where the design has none. nominal_p: one-sided p that meets the efficacy bound. alpha_spent, beta_spent: so far;
    alpha is one side's.
    """

    number: int
    final: bool
    information_fractions: tuple[float, ...]
    efficacy_bounds: tuple[float, ...]
    futility_bounds: tuple[float, ...] | None
    nominal_p: float
    alpha_spent: float
    beta_spent: float | None
    sides: int
    binding: bool

    @property
    def information_fraction(self) -> float:
        return self.information_fractions[-1]

    @property
    def efficacy_bound(self) -> float:
        return self.efficacy_bounds[-1]

    @property
    def futility_bound(self) -> float | None:
        return None if self.futility_bounds is None else self.futility_bounds[-1]

    def __str__(self) -> str:
        mark = " (final)" if self.final else ""
        sign = "±" if self.sides == 2 else ""
        lines = [
            f"Look {self.number}{mark} at {100 * self.information_fraction:.1f} % of planned information",
            f"  efficacy bound {sign}{self.efficacy_bound:.4f} (nominal p {self.nominal_p:.4g})",
            f"  alpha spent {self.alpha_spent:.6f}{' a side' if self.sides == 2 else ''}",
        ]
        if self.futility_bound is not None:
            kind = "binding" if self.binding else "non-binding"
            lines.append(f"  futility bound {sign}{self.futility_bound:.4f} ({kind}{', inside' if sign else ''})")
        return "\n".join(lines)


def observed_look(
    rules: Rules,
    planned: DesignBounds,
    observed: ArrayLike,
    *,
    final: bool,
    past_efficacy: Sequence[float],
    past_futility: Sequence[float],
) -> Look:
    """The bounds of a design at observed information. Raises OutOfRange, FallingInformation, AlphaOverspent, NoBoundFound."""
    past_efficacy, past_futility = _bounds("past_efficacy", past_efficacy), _bounds("past_futility", past_futility)
    t = _checked(observed, past_efficacy, past_futility)
    last = final or bool(t[-1] > COMPLETE)
    alpha = spent_by(rules, planned, t, all_of_it=last)
    efficacy, both = _walks(rules, planned, t, alpha, last, (list(past_efficacy), list(past_futility)))
    if both.upper[len(past_efficacy) :].min() <= 0.0:
        raise NoBoundFound(
            "Binding futility bounds leave nobody to test at a look; by the design the trial was over before."
        )
    used = float(alpha[-1])
    if past_efficacy:
        used = efficacy.chances(0.0).any_efficacy
        if used > rules.alpha + _OVERSPENT:
            raise AlphaOverspent(
                f"The bounds applied before have spent {used:.6f} of alpha {rules.alpha:g}; no test can follow."
            )
    lower = None if rules.futility is None else tuple((both.lower if both.inner is None else both.inner).tolist())
    return Look(
        number=len(t),
        final=last,
        information_fractions=tuple(t.tolist()),
        efficacy_bounds=tuple(both.upper.tolist()),
        futility_bounds=lower,
        nominal_p=float(ndtr(-both.upper[-1])),
        alpha_spent=used,
        beta_spent=_beta_spent(rules, planned, float(t[-1])),
        sides=rules.sides,
        binding=rules.binding,
    )


def spent_by(rules: Rules, planned: DesignBounds, t: FloatArray, *, all_of_it: bool) -> FloatArray:
    """Alpha to have spent by each observed information; all of it at the last look."""
    rule = rules.efficacy
    spent: FloatArray
    if isinstance(rule, WangTsiatis | HaybittlePeto):
        at = np.concatenate([[0.0], planned.fractions])
        spent = np.interp(t, at, np.concatenate([[0.0], planned.alpha_spent]))
    else:
        spent = cumulative_spending(rule, np.minimum(t, 1.0), rules.alpha)
    if all_of_it:
        spent[-1] = rules.alpha
    return spent


def _walks(
    rules: Rules,
    planned: DesignBounds,
    t: FloatArray,
    alpha: FloatArray,
    last: bool,
    past: tuple[list[float], list[float]],
) -> tuple[Walk, Walk]:
    """The walk that alpha counts on, and the one over both bounds."""
    skipped = frozenset(k for k in rules.without_efficacy if not (last and k == len(t) - 1))
    upper: UpperRule = Spender(alpha.tolist(), past[0], skipped, 0.0 if rules.sides == 2 else -inf).bound
    lower = _lower(rules, planned, t, last, past[1])
    reach = reach_for(alpha)
    if rules.futility is None:
        alone = forward(t, upper, lower, (0.0, 0.0), reach)
        return alone, alone
    drifts = (0.0, max(planned.drift, 0.0))
    if rules.binding:
        both = _over_both(rules, t, upper, lower, drifts, reach)
        return both, both
    efficacy = forward(t, upper, mirrored if rules.sides == 2 else no_lower, (0.0, 0.0), reach)
    return efficacy, _over_both(rules, t, given_upper(efficacy.upper), lower, drifts, reach)


def _over_both(
    rules: Rules, t: FloatArray, upper: UpperRule, futility: LowerRule, drifts: tuple[float, float], reach: float
) -> Walk:
    """Over efficacy and futility bounds; in a two-sided design those of futility lie inside."""
    if rules.sides == 2:
        return forward(t, upper, mirrored, drifts, reach, inner=futility)
    return forward(t, upper, futility, drifts, reach)


def _lower(rules: Rules, planned: DesignBounds, t: FloatArray, last: bool, past: list[float]) -> LowerRule:
    rule = rules.futility
    if rule is None:
        return mirrored if rules.sides == 2 else no_lower
    if isinstance(rule, FixedFutility):
        bounds = [-inf if k in rules.without_futility else z for k, z in enumerate(rule.bounds)]
        bounds = (past + bounds[len(past) :] + [-inf] * len(t))[: len(t)]
        return _ending_at(len(t) - 1 if last else None, lambda look, _, __: bounds[look])
    spending, total, drift = rule, rules.beta, planned.drift
    if isinstance(rule, HarmSpending):
        spending, total, drift = rule.spending, rule.total, 0.0
    assert not isinstance(spending, FixedFutility | HarmSpending)
    cumulative = cumulative_spending(spending, np.minimum(t, 1.0), total)
    if planned.wedge is not None:
        wedge = planned.wedge
        cumulative = wedge.spent(cumulative / total, total)
        return _ending_at(
            len(t) - 1 if last else None,
            LowerSpender(cumulative.tolist(), wedge.drift, past, wedge.without, inside=True).bound,
        )
    spender = LowerSpender(cumulative.tolist(), drift, past, rules.without_futility)
    return _ending_at(len(t) - 1 if last and drift else None, spender.bound)


def _ending_at(last: int | None, lower: LowerRule) -> LowerRule:
    """At the final look what does not reach the upper bound is below the lower one."""

    def bound(look: int, step: Callable[[float], Step], upper: float) -> float:
        return upper if look == last else lower(look, step, upper)

    return bound


def _beta_spent(rules: Rules, planned: DesignBounds, fraction: float) -> float | None:
    rule = rules.futility
    if rule is None or isinstance(rule, FixedFutility | HarmSpending):
        return None
    spent = cumulative_spending(rule, np.array([min(fraction, 1.0)]), rules.beta)
    return float((spent if planned.wedge is None else planned.wedge.spent(spent / rules.beta, rules.beta))[0])


def _bounds(name: str, given: Any) -> list[float]:
    """Bounds that were applied, one or several."""
    return [float(z) for z in np.atleast_1d(numbers(name, given)).ravel()]


def _checked(observed: ArrayLike, past_efficacy: Sequence[float], past_futility: Sequence[float]) -> FloatArray:
    t = check_information(np.atleast_1d(numbers("information", observed)), at_most=_MOST_OVERRUN)
    if np.any(t[:-1] > COMPLETE):
        raise FallingInformation("A look at the full planned information is the last one; no look follows it.")
    for name, past in (("past_efficacy", past_efficacy), ("past_futility", past_futility)):
        if len(past) not in (0, len(t) - 1):
            raise OutOfRange(f"{name} must hold one bound for each earlier look ({len(t) - 1}), or none.")
        if np.any(np.isnan(numbers(name, past))):
            raise OutOfRange(f"{name} must hold a z bound for each earlier look; ∞ stands for none.")
    return t
