"""What a statistic says at a look: which bound it passed, what may yet come, and what is known of the effect.

Invariants
1. z is positive in the direction of benefit. Where a lower score is better, the caller turns the sign.
2. ``crossed`` says which bound z passed; a board recommends, and nothing here decides.
3. What lies ahead counts efficacy bounds at the looks still planned, and one-sided futility bounds where they bind; at the
   final look nothing lies ahead.
4. Effects are in the unit of the design's effect as the caller names it; by default shares of the design's effect.
5. For a t statistic the repeated interval, and at a first look the stage-wise one, are those of the t distribution around
   the estimate; so the lower limit is above 0 exactly when t passes its bound. Later looks are ordered by z.

What it does not do: compute bounds (``looks``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import copysign, inf, isinf, sqrt
from typing import Final, Literal

import numpy as np
from scipy.special import ndtr, stdtrit

from trial.statistics.checks import FloatArray, check_in
from trial.statistics.group_sequential.conditional import conditional_power, predictive_power
from trial.statistics.group_sequential.crossing import LowerRule, given_lower, mirrored, no_lower
from trial.statistics.group_sequential.efficacy import bounds_for_spending
from trial.statistics.group_sequential.inference import (
    StagewiseInference,
    bias_adjusted_mean,
    repeated_interval,
    stagewise_inference,
)
from trial.statistics.group_sequential.information import SMALLEST_STEP
from trial.statistics.group_sequential.looks import Look, spent_by
from trial.statistics.group_sequential.planning import DesignBounds, Rules
from trial.statistics.group_sequential.priors import NormalPrior, Posterior, check_prior, posterior
from trial.statistics.group_sequential.repeated import even_bound, repeated_p_value

_LARGEST_DRIFT: Final = 25.0


@dataclass(frozen=True)
class Ahead:
    """The looks still planned and their efficacy bounds, given the bounds so far; futility bounds only where they bind."""

    fractions: FloatArray
    efficacy: FloatArray
    two_sided: bool
    futility: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Analysis:
    """One look with its statistic.

    z: statistic. p_value: one-sided, of this look alone. crossed: efficacy, futility, harm or none; harm is the other side of a
    two-sided design. effect: of the design, in ``unit``; estimate and standard_error in the same unit.
    conditional_power_design, conditional_power_observed, predictive_power: chance of crossing a later efficacy bound
    under the design's effect, under the observed effect, and averaged over a flat prior; None at the final look.
    df: of a t statistic, None for a normal one. What takes time is computed when it is first asked for, and kept.
    """

    bounds: Look
    z: float
    p_value: float
    crossed: Literal["efficacy", "futility", "harm", "none"]
    effect: float
    unit: str
    estimate: float
    standard_error: float
    rules: Rules = field(repr=False)
    planned: DesignBounds = field(repr=False)
    df: float | None = None

    @property
    def look(self) -> int:
        return self.bounds.number

    @property
    def final(self) -> bool:
        return self.bounds.final

    @property
    def information_fraction(self) -> float:
        return self.bounds.information_fraction

    @property
    def efficacy_bound(self) -> float:
        return self.bounds.efficacy_bound

    @property
    def futility_bound(self) -> float | None:
        return self.bounds.futility_bound

    @property
    def nominal_p(self) -> float:
        return self.bounds.nominal_p

    @property
    def alpha_spent(self) -> float:
        return self.bounds.alpha_spent

    @cached_property
    def ahead(self) -> Ahead | None:
        """The looks still planned; None at the final look."""
        return None if self.final else looks_ahead(self.rules, self.planned, self.bounds)

    @cached_property
    def conditional_power_design(self) -> float | None:
        return self._power_under(self.planned.drift)

    @cached_property
    def conditional_power_observed(self) -> float | None:
        return self._power_under(self.z / sqrt(self.information_fraction))

    @cached_property
    def predictive_power(self) -> float | None:
        ahead = self.ahead
        if ahead is None:
            return None
        return predictive_power(
            self.z,
            self.information_fraction,
            ahead.fractions,
            ahead.efficacy,
            ahead.futility,
            two_sided=ahead.two_sided,
        )

    def _power_under(self, drift: float) -> float | None:
        ahead = self.ahead
        if ahead is None:
            return None
        limited = float(np.clip(drift, -_LARGEST_DRIFT, _LARGEST_DRIFT))
        return conditional_power(
            self.z,
            self.information_fraction,
            ahead.fractions,
            ahead.efficacy,
            limited,
            ahead.futility,
            two_sided=ahead.two_sided,
        )

    @property
    def per_drift(self) -> float:
        """Effect for one unit of drift: what was observed, where the standard error was given."""
        return self.standard_error * sqrt(self.information_fraction)

    def conditional_power(self, effect: float) -> float | None:
        """The chance of crossing a later efficacy bound under an effect of the user's, in ``unit``; None at the end."""
        drift = effect / self.effect * self.planned.drift
        return self._power_under(check_in("effect in units of drift", drift, -_LARGEST_DRIFT, _LARGEST_DRIFT, "[]"))

    def predictive_power_with(self, prior: NormalPrior) -> float | None:
        """The same, averaged over what z and a prior on the effect say; None at the end."""
        if self.ahead is None:
            return None
        return predictive_power(
            self.z,
            self.information_fraction,
            self.ahead.fractions,
            self.ahead.efficacy,
            self.ahead.futility,
            prior_mean=check_prior(prior).mean / self.per_drift,
            prior_sd=prior.sd / self.per_drift,
            two_sided=self.ahead.two_sided,
        )

    def posterior(self, prior: NormalPrior) -> Posterior:
        """What a prior and this look together say of the effect."""
        return posterior(self.estimate, self.standard_error, prior, unit=self.unit)

    @cached_property
    def stagewise(self) -> StagewiseInference:
        """p-value, median-unbiased estimate and interval, for a trial that ends at this look; level 1 − 2·alpha."""
        t = np.asarray(self.bounds.information_fractions)
        if len(t) == 1 and self.df is not None:
            return self._first_look_by_t()
        lower = None
        if self.rules.binding and self.bounds.futility_bounds is not None:
            lower = list(self.bounds.futility_bounds[:-1])
        return stagewise_inference(
            t,
            self.bounds.efficacy_bounds[:-1],
            self.z,
            level=1.0 - 2.0 * self.rules.alpha,
            earlier_futility=lower,
            per_drift=self.per_drift,
            unit=self.unit,
            sides=self.rules.sides,
        )

    @cached_property
    def repeated_interval(self) -> tuple[float, float]:
        """The repeated confidence interval of the effect, valid whatever stops the trial; level 1 − 2·alpha."""
        if self.efficacy_bound == inf:
            return -inf, inf
        if self.df is None:
            return repeated_interval(self.information_fraction, self.efficacy_bound, self.z, self.per_drift)
        reach = self._on_the_t_scale(self.efficacy_bound) * self.standard_error
        return self.estimate - reach, self.estimate + reach

    @cached_property
    def repeated_estimate(self) -> float | None:
        """The effect that the repeated interval of confidence one half begins at; median-unbiased or below, at any look."""
        bound = even_bound(self.rules, self.bounds)
        if bound is None:
            return None
        if self.df is not None:
            return self.estimate - self._on_the_t_scale(bound) * self.standard_error
        return (self.z - bound) / sqrt(self.information_fraction) * self.per_drift

    def _on_the_t_scale(self, z: float) -> float:
        """The t value with the tail of a z bound; ∞ where that tail is nothing."""
        assert self.df is not None
        tail = float(ndtr(-abs(z)))
        return copysign(-float(stdtrit(self.df, tail)) if tail > 0.0 else inf, z)

    def _first_look_by_t(self) -> StagewiseInference:
        """A trial that ends at its first look by a t statistic: no look before it counts, so the t distribution is exact."""
        assert self.df is not None
        by_z = stagewise_inference([1.0], [], self.z, level=1.0 - 2.0 * self.rules.alpha, sides=self.rules.sides)
        reach = -float(stdtrit(self.df, self.rules.alpha)) * self.standard_error
        return replace(
            by_z,
            maximum_likelihood=self.estimate,
            median_unbiased=self.estimate,
            lower=self.estimate - reach,
            upper=self.estimate + reach,
            unit=self.unit,
            method=f"t distribution with {self.df:g} degrees of freedom; no look before",
        )

    @cached_property
    def repeated_p(self) -> float | None:
        """The least alpha at which the design would have stopped here (``repeated.repeated_p_value``)."""
        return repeated_p_value(self.rules, self.bounds, self.z)

    @cached_property
    def bias_adjusted(self) -> float:
        """The bias-adjusted mean (Whitehead 1986) over the whole design, looks to come as planned, binding futility obeyed."""
        t = np.asarray(self.bounds.information_fractions)
        upper = np.asarray(self.bounds.efficacy_bounds)
        if self.ahead is not None:
            t, upper = np.append(t, self.ahead.fractions), np.append(upper, self.ahead.efficacy)
        futility = self._binding_futility()
        lower, inner = (-upper, futility) if self.rules.sides == 2 else (futility, None)
        drift = self.z / sqrt(self.information_fraction)
        return bias_adjusted_mean(t, upper, drift, lower, inner) * self.per_drift

    def _binding_futility(self) -> FloatArray | None:
        """Binding futility bounds of the looks so far and of those to come; None where they do not bind."""
        if not self.rules.binding or self.bounds.futility_bounds is None:
            return None
        later = [] if self.ahead is None else planned_futility(self.planned, self.ahead.fractions.tolist())
        given = np.array([*self.bounds.futility_bounds, *later])
        given[-1] = -inf
        return given

    def __str__(self) -> str:
        low, high = self.repeated_interval
        lines = [
            str(self.bounds),
            f"  z {self.z:.4f} (one-sided p {self.p_value:.4g}), bound crossed: {self.crossed}",
            f"  estimate {self.estimate:.4g} (SE {self.standard_error:.4g}), unit {self.unit}",
            f"  repeated interval ({low:.4g}, {high:.4g}), level {1 - 2 * self.rules.alpha:g}",
        ]
        if self.conditional_power_design is not None:
            lines.append(
                f"  conditional power {self.conditional_power_design:.4f} (design effect), "
                f"{self.conditional_power_observed:.4f} (observed effect); predictive power {self.predictive_power:.4f}"
            )
        if self.final or self.crossed != "none":
            lines.append(f"  {self.stagewise}")
        return "\n".join(lines)


def analyse_look(
    rules: Rules,
    planned: DesignBounds,
    look: Look,
    z: float,
    effect: float,
    unit: str,
    estimate: tuple[float, float] | None = None,
    df: float | None = None,
) -> Analysis:
    """A look with its statistic; ``estimate`` with its standard error, and degrees of freedom, where these are known.

    Raises OutOfRange.
    """
    at = check_in("z", z, -50.0, 50.0, "[]")
    size = check_in("effect", effect, 0.0, 1e12)
    if estimate is None:
        expected = size / planned.drift / sqrt(look.information_fraction)
        estimate = at * expected, expected
    return Analysis(
        bounds=look,
        z=at,
        p_value=float(ndtr(-at)),
        crossed=_crossed(look, at),
        effect=size,
        unit=unit,
        estimate=estimate[0],
        standard_error=estimate[1],
        rules=rules,
        planned=planned,
        df=None if df is None or isinf(df) else df,
    )


def looks_ahead(rules: Rules, planned: DesignBounds, look: Look) -> Ahead:
    """The planned looks that are still to come, with the bounds that what is left of alpha gives them."""
    now = look.information_fraction
    left = [t for t in rules.information_fractions if t - now >= SMALLEST_STEP]
    path = np.array([*look.information_fractions, *left])
    spent = spent_by(rules, planned, path, all_of_it=True)
    past = list(look.efficacy_bounds)
    skipped = frozenset(k for k in rules.without_efficacy if k < len(path) - 1)
    lower: LowerRule = mirrored if rules.sides == 2 else no_lower
    inner: LowerRule | None = None
    counted: FloatArray | None = None
    if rules.binding and look.futility_bounds is not None:
        to_come = planned_futility(planned, left)
        futility = given_lower([*look.futility_bounds, *to_come])
        lower, inner = (lower, futility) if rules.sides == 2 else (futility, None)
        counted = np.array(to_come) if rules.sides == 1 else None
    later = bounds_for_spending(path, spent, past, lower=lower, skipped=skipped, inner=inner).upper[len(past) :]
    counted = None if counted is None else np.minimum(counted, later)
    return Ahead(np.array(left), later, rules.sides == 2, counted)


def planned_futility(planned: DesignBounds, fractions: list[float]) -> list[float]:
    """The planned lower bounds at planned fractions; the last look has none that matters."""
    assert planned.futility is not None
    by_fraction = dict(zip(planned.fractions.tolist(), planned.futility.tolist(), strict=True))
    return [-inf if t == 1.0 else by_fraction[t] for t in fractions]


def _crossed(look: Look, z: float) -> Literal["efficacy", "futility", "harm", "none"]:
    if z >= look.efficacy_bound:
        return "efficacy"
    if look.sides == 2 and z <= -look.efficacy_bound:
        return "harm"
    at = abs(z) if look.sides == 2 else z
    passed = look.futility_bound is not None and not look.final and at < look.futility_bound
    return "futility" if passed else "none"
