"""A group sequential design as a protocol states it, and its bounds at the information that was really
observed.

Invariants
1. z is positive in the direction of benefit. Where a lower score is better, the caller turns the sign.
2. Planned bounds follow from the design alone; bounds at a look follow from spending at the observed
   information, and
   bounds that were applied before stay as they were.
3. Efficacy bounds never rely on a futility bound being obeyed.

What it does not do: decide. ``crossed`` says which bound the statistic passed; a board recommends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from trial.errors import InvalidInput
from trial.statistics.checks import FloatArray, OutOfRange, check_in
from trial.statistics.group_sequential.boundaries import (
    SMALLEST_STEP,
    CrossingProbabilities,
    FallingInformation,
    bounds_for_spending,
    check_information,
    crossing_probabilities,
    drift_for_power,
    fixed_drift,
    futility_bounds,
    futility_for_drift,
    spending_bounds,
)
from trial.statistics.group_sequential.conditional_power import conditional_power, predictive_power
from trial.statistics.group_sequential.spending import Spending

_MOST_OVERRUN = 3.0
_OVERSPENT = 1e-9
_COMPLETE = 1.0 - SMALLEST_STEP


class AlphaOverspent(InvalidInput):
    code = "statistics.alpha_overspent"


@dataclass(frozen=True, eq=False)
class DesignBounds:
    """Planned bounds, each (K,). ``drift`` is E Z at full information under the design's effect."""

    fractions: FloatArray
    efficacy: FloatArray
    futility: FloatArray | None
    nominal_p: FloatArray
    alpha_spent: FloatArray
    drift: float
    inflation: float


@dataclass(frozen=True)
class LookResult:
    """One look. Chances to come are None at the final look; ``futility_bound`` is None where the design has
    none.

    information_fraction: observed, of the planned maximum. nominal_p: one-sided p that meets the efficacy
    bound.
    conditional_power_design, conditional_power_observed, predictive_power: chance of crossing a later
    efficacy bound
    under the design's effect, under the observed effect, and averaged over a flat prior; futility not
    counted.
    """

    look: int
    final: bool
    information_fraction: float
    z: float
    p_value: float
    efficacy_bound: float
    futility_bound: float | None
    nominal_p: float
    alpha_spent: float
    beta_spent: float | None
    crossed: Literal["efficacy", "futility", "none"]
    conditional_power_design: float | None
    conditional_power_observed: float | None
    predictive_power: float | None
    efficacy_bounds: tuple[float, ...]
    futility_bounds: tuple[float, ...] | None

    def __str__(self) -> str:
        mark = " (final)" if self.final else ""
        lines = [
            f"Look {self.look}{mark} at {100 * self.information_fraction:.1f} % of planned information",
            f"  z {self.z:.4f} (one-sided p {self.p_value:.4g}), bound crossed: {self.crossed}",
            f"  efficacy bound {self.efficacy_bound:.4f} (nominal p {self.nominal_p:.4g})",
            f"  alpha spent {self.alpha_spent:.6f}",
        ]
        if self.futility_bound is not None:
            lines.append(f"  futility bound {self.futility_bound:.4f} (non-binding)")
        if self.conditional_power_design is not None:
            lines.append(
                f"  conditional power {self.conditional_power_design:.4f} (design effect), "
                f"{self.conditional_power_observed:.4f} (observed effect); predictive power {self.predictive_power:.4f}"
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class GroupSequentialDesign:
    """A one-sided superiority design with spending bounds.

    information_fractions: planned, strictly increasing in (0, 1], the last one 1; (1.0,) is a fixed design.
    efficacy: alpha spending. alpha: one-sided, in (0, 0.5). beta: 1 − power, in (0, 0.5).
    futility: beta spending of non-binding futility bounds, or None for none.
    Raises OutOfRange, FallingInformation.

    >>> efficacy, futility = Spending("lan_demets_obrien_fleming"), Spending("hwang_shih_decani", -4.0)
    >>> design = GroupSequentialDesign((0.5, 0.75, 1.0), efficacy, futility=futility)
    >>> print(design)
    Group sequential design, one-sided alpha 0.025, power 0.9, 3 looks
    efficacy: Lan–DeMets, O'Brien–Fleming type; futility (non-binding): Hwang–Shih–DeCani, γ = -4
    look  information   efficacy  nominal p  alpha spent   futility  power so far
       1         0.50     2.9626   0.001525     0.001525     0.0785        0.2662
       2         0.75     2.3590   0.009162     0.009649     1.0055        0.6961
       3         1.00     2.0141   0.022000     0.025000     2.0141        0.9000
    maximum information 1.0407 times that of a fixed design; E Z at full information 3.3068
    """

    information_fractions: tuple[float, ...]
    efficacy: Spending
    alpha: float = 0.025
    beta: float = 0.1
    futility: Spending | None = None

    def __post_init__(self) -> None:
        fractions = check_information(self.information_fractions, at_most=1.0)
        if fractions[-1] != 1.0:
            raise OutOfRange("information_fractions must end at 1, the planned final analysis.")
        check_in("alpha", self.alpha, 0.0, 0.5)
        check_in("beta", self.beta, 0.0, 0.5)

    @property
    def looks(self) -> int:
        return len(self.information_fractions)

    @property
    def power(self) -> float:
        return 1.0 - self.beta

    @cached_property
    def bounds(self) -> DesignBounds:
        """Planned bounds, inflation and drift."""
        t = np.asarray(self.information_fractions, dtype=np.float64)
        upper = spending_bounds(t, self.alpha, self.efficacy)
        lower: FloatArray | None = None
        if self.futility is None:
            drift = drift_for_power(t, upper, self.power)
        else:
            lower, drift = futility_bounds(t, upper, self.beta, self.futility)
        inflation = (drift / fixed_drift(self.alpha, self.power)) ** 2
        return DesignBounds(t, upper, lower, ndtr(-upper), self.efficacy(t, self.alpha), drift, inflation)

    def crossing(self, effect: float = 1.0, *, obey_futility: bool = True) -> CrossingProbabilities:
        """Chances of stopping at each look when the effect is ``effect`` times the design's (0 for none)."""
        planned = self.bounds
        lower = planned.futility if obey_futility else None
        return crossing_probabilities(planned.fractions, planned.efficacy, lower, effect * planned.drift)

    def expected_information(self, effect: float = 1.0) -> float:
        """Expected information at stopping over that of a fixed design, futility obeyed where there is one."""
        planned, chances = self.bounds, self.crossing(effect)
        stops = (chances.efficacy + chances.futility)[:-1]
        mean = float((planned.fractions[:-1] * stops).sum() + (1.0 - stops.sum()))
        return mean * planned.inflation

    def at(
        self,
        observed_fractions: Sequence[float],
        z: float,
        *,
        final: bool = False,
        past_efficacy: Sequence[float] = (),
        past_futility: Sequence[float] = (),
    ) -> LookResult:
        """The bounds and chances at the look that has just been reached.

        observed_fractions: (k,) observed information at each look so far over the planned maximum, strictly
            increasing, in (0, 3]; more or fewer looks than planned, and a skipped look, are fine.
        z: statistic at this look, in [-50, 50].
        final: no further look follows; all alpha left is spent, under-running included. True from fraction 1
        on.
        past_efficacy, past_futility: bounds that were applied at the earlier looks, (k − 1,), where the
        information
            of those looks is now known better; without them the same bounds follow from observed_fractions.
        Raises OutOfRange, FallingInformation, AlphaOverspent.
        """
        t = self._observed(observed_fractions, past_efficacy, past_futility)
        check_in("z", z, -50.0, 50.0, "[]")
        last = final or bool(t[-1] > _COMPLETE)
        spent = self._spent(t, last)
        upper = bounds_for_spending(t, spent, past_efficacy)
        used = self._alpha_used(t, upper, spent, past_efficacy)
        lower = self._futility_so_far(t, upper, last, past_futility)
        chances = (None, None, None) if last else self._chances(t, float(z), upper)
        passed = lower is not None and not last and z < lower[-1]
        return LookResult(
            look=len(t),
            final=last,
            information_fraction=float(t[-1]),
            z=float(z),
            p_value=float(ndtr(-z)),
            efficacy_bound=float(upper[-1]),
            futility_bound=None if lower is None else float(lower[-1]),
            nominal_p=float(ndtr(-upper[-1])),
            alpha_spent=used,
            beta_spent=None if self.futility is None else float(self.futility(min(t[-1], 1.0), self.beta)),
            crossed="efficacy" if z >= upper[-1] else "futility" if passed else "none",
            conditional_power_design=chances[0],
            conditional_power_observed=chances[1],
            predictive_power=chances[2],
            efficacy_bounds=tuple(upper.tolist()),
            futility_bounds=None if lower is None else tuple(lower.tolist()),
        )

    def _observed(
        self, observed: ArrayLike, past_efficacy: Sequence[float], past_futility: Sequence[float]
    ) -> FloatArray:
        t = check_information(observed, at_most=_MOST_OVERRUN)
        if np.any(t[:-1] > _COMPLETE):
            raise FallingInformation("A look at the full planned information is the last one; no look follows it.")
        for name, past in (("past_efficacy", past_efficacy), ("past_futility", past_futility)):
            if len(past) not in (0, len(t) - 1):
                raise OutOfRange(f"{name} must hold one bound for each earlier look ({len(t) - 1}), or none.")
        return t

    def _spent(self, t: FloatArray, last: bool) -> FloatArray:
        spent = self.efficacy(np.minimum(t, 1.0), self.alpha)
        return np.append(spent[:-1], self.alpha) if last else spent

    def _alpha_used(self, t: FloatArray, upper: FloatArray, spent: FloatArray, past: Sequence[float]) -> float:
        """What the bounds really spend, which differs from the spending function where past bounds were kept."""
        if not past:
            return float(spent[-1])
        used = crossing_probabilities(t, upper).any_efficacy
        if used > self.alpha + _OVERSPENT:
            raise AlphaOverspent(
                f"The bounds applied before have spent {used:.6f} of alpha {self.alpha:g}; no test can follow."
            )
        return used

    def _futility_so_far(
        self, t: FloatArray, upper: FloatArray, last: bool, past: Sequence[float]
    ) -> FloatArray | None:
        if self.futility is None:
            return None
        spent = self.futility(np.minimum(t, 1.0), self.beta)
        if not last:
            return futility_for_drift(t, upper, spent, self.bounds.drift, past)
        return np.append(futility_for_drift(t, upper, spent[:-1], self.bounds.drift, past), upper[-1])

    def _chances(self, t: FloatArray, z: float, upper: FloatArray) -> tuple[float, float, float]:
        """Conditional power under design and observed effect, and predictive power, over the looks still planned."""
        now = float(t[-1])
        left = np.array([f for f in self.information_fractions if f - now >= SMALLEST_STEP])
        path = np.concatenate([t, left])
        spent = self.efficacy(np.minimum(path, 1.0), self.alpha)
        later = bounds_for_spending(path, np.append(spent[:-1], self.alpha), upper.tolist())[len(t) :]
        limited = float(np.clip(z, -20.0, 20.0))
        observed = float(np.clip(limited / np.sqrt(now), -25.0, 25.0))
        return (
            conditional_power(limited, now, left, later, self.bounds.drift),
            conditional_power(limited, now, left, later, observed),
            predictive_power(limited, now, left, later),
        )

    def __str__(self) -> str:
        planned, chances = self.bounds, self.crossing()
        futility = "none" if self.futility is None else str(self.futility)
        lines = [
            f"Group sequential design, one-sided alpha {self.alpha:g}, power {self.power:g}, {self.looks} looks",
            f"efficacy: {self.efficacy}; futility (non-binding): {futility}",
            "look  information   efficacy  nominal p  alpha spent   futility  power so far",
        ]
        for k, t in enumerate(planned.fractions):
            low = f"{planned.futility[k]:>9.4f}" if planned.futility is not None else f"{'':>9}"
            lines.append(
                f"{k + 1:>4}  {t:>11.2f}  {planned.efficacy[k]:>9.4f}  {planned.nominal_p[k]:>9.6f}  "
                f"{planned.alpha_spent[k]:>11.6f}  {low}  {chances.efficacy[: k + 1].sum():>12.4f}"
            )
        lines.append(
            f"maximum information {planned.inflation:.4f} times that of a fixed design; "
            f"E Z at full information {planned.drift:.4f}"
        )
        return "\n".join(lines)
