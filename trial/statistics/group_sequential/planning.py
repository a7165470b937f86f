"""From a design's rules to its planned bounds, its drift and its inflation.

Invariants
1. Alpha is met by the efficacy bounds alone unless futility is binding; then by both together.
2. Power is 1 − beta with futility obeyed; in a two-sided design it counts the upper side only.
3. Bounds of constant shape with binding lower bounds are solved together: the constant is the one that meets alpha.

What it does not do: keep a design, or read observed information.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final, Protocol, Self

import numpy as np
from scipy.special import ndtr

from trial.statistics.checks import FloatArray, OutOfRange
from trial.statistics.group_sequential.crossing import (
    LowerRule,
    UpperRule,
    Walk,
    forward,
    given_lower,
    given_upper,
    mirrored,
    no_lower,
    power_drift,
)
from trial.statistics.group_sequential.efficacy import (
    AlphaOverspent,
    EfficacyRule,
    HaybittlePeto,
    Spender,
    WangTsiatis,
    constant_for_alpha,
    cumulative_spending,
    reach_for,
)
from trial.statistics.group_sequential.futility import BetaPlan, FixedFutility, HarmSpending, LowerSpender
from trial.statistics.group_sequential.information import NoBoundFound, fixed_drift
from trial.statistics.group_sequential.spending import SpendingFunction

FutilityRule = SpendingFunction | FixedFutility | HarmSpending
_LEFT_OVER: Final = 1e-9
_MARGIN: Final = 1.45  # over the fixed design's drift: what the nodes serve without another walk


class Rules(Protocol):
    """What planning reads of a design."""

    @property
    def information_fractions(self) -> tuple[float, ...]: ...
    @property
    def efficacy(self) -> EfficacyRule: ...
    @property
    def futility(self) -> FutilityRule | None: ...
    @property
    def alpha(self) -> float: ...
    @property
    def beta(self) -> float: ...
    @property
    def binding(self) -> bool: ...
    @property
    def sides(self) -> int: ...
    @property
    def without_efficacy(self) -> frozenset[int]: ...
    @property
    def without_futility(self) -> frozenset[int]: ...
    def with_one_side(self) -> Self: ...
    def with_alpha(self, alpha: float) -> Self: ...


@dataclass(frozen=True, eq=False)
class DesignBounds:
    """Planned bounds on the z scale, each (K,), by recursive integration.

    fractions: information over the maximum. efficacy: ∞ where a look has none. futility: −∞ where a look has none, None
    where the design has none. nominal_p: one-sided p that meets the efficacy bound. alpha_spent: cumulative, one side.
    drift: E Z at full information under the design's effect. inflation: maximum information over a fixed design's.
    walk: over both bounds; efficacy_walk: over those that alpha counts on. wedge: how a two-sided design spends beta.
    """

    fractions: FloatArray
    efficacy: FloatArray
    futility: FloatArray | None
    nominal_p: FloatArray
    alpha_spent: FloatArray
    drift: float
    inflation: float
    walk: Walk = field(repr=False)
    efficacy_walk: Walk = field(repr=False)
    wedge: Wedge | None = None

    def __str__(self) -> str:
        lines = [
            "Planned bounds, z (recursive integration)",
            "look  information   efficacy  nominal p  alpha spent   futility",
        ]
        for k, t in enumerate(self.fractions):
            low = "" if self.futility is None else f"{self.futility[k]:>9.4f}"
            lines.append(
                f"{k + 1:>4}  {t:>11.4f}  {self.efficacy[k]:>9.4f}  {self.nominal_p[k]:>9.6f}  "
                f"{self.alpha_spent[k]:>11.6f}  {low:>9}".rstrip()
            )
        lines.append(
            f"maximum information {self.inflation:.4f} times that of a fixed design; "
            f"E Z at full information {self.drift:.4f}"
        )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Wedge:
    """How the inner wedge spends beta: nothing at some looks, and from ``start`` on as much more of it each time.

    start: share of the spending function that is over before the wedge begins. without: looks, from 0, that have no inner
    bound. Source: Jennison & Turnbull (2000) chapter 5; rpact ``betaAdjustment=TRUE``.
    """

    start: float
    without: frozenset[int]
    drift: float

    def spent(self, share: FloatArray, beta: float) -> FloatArray:
        """Beta to have spent, from shares of the spending function."""
        gone: FloatArray = np.maximum(share - self.start, 0.0) / (1.0 - self.start) * beta
        return gone


def plan(rules: Rules) -> DesignBounds:
    """Planned bounds of a design. Raises AlphaOverspent, ImpossiblePower, NoBoundFound."""
    t = np.asarray(rules.information_fractions, dtype=np.float64)
    planner = _Planner(rules, t, (0.0, _MARGIN * fixed_drift(rules.alpha, 1.0 - rules.beta)))
    alone = planner.efficacy_alone() if not (rules.binding and rules.futility is not None) else None
    both, drift, wedge = planner.with_futility(alone)
    against_alpha = both if alone is None else alone
    return DesignBounds(
        fractions=t,
        efficacy=both.upper,
        futility=None if rules.futility is None else both.lower if both.inner is None else both.inner,
        nominal_p=ndtr(-both.upper),
        alpha_spent=np.cumsum(against_alpha.chances(0.0).efficacy),
        drift=drift,
        inflation=(drift / fixed_drift(rules.alpha, 1.0 - rules.beta)) ** 2,
        walk=both,
        efficacy_walk=against_alpha,
        wedge=wedge,
    )


@dataclass(frozen=True, slots=True)
class _Planner:
    rules: Rules
    t: FloatArray
    drifts: tuple[float, float]

    @property
    def power(self) -> float:
        return 1.0 - self.rules.beta

    def efficacy_alone(self) -> Walk:
        """Efficacy bounds that no lower bound helps."""
        lower: LowerRule = mirrored if self.rules.sides == 2 else no_lower
        reach = self._reach()

        def over(upper: UpperRule) -> Walk:
            return forward(self.t, upper, lower, self.drifts, reach)

        return self._by_efficacy_rule(lambda make: over(make()))

    def with_futility(self, alone: Walk | None) -> tuple[Walk, float, Wedge | None]:
        """Both bounds and the drift; ``alone`` has the efficacy bounds where futility does not bind."""
        rule = self.rules.futility
        if rule is None:
            assert alone is not None
            return alone, power_drift(alone, self.power), None
        if isinstance(rule, FixedFutility | HarmSpending):
            both = self._over(alone, lambda make: self._with_given(make(), self._lower(rule)))
            return both, power_drift(both, self.power), None
        if self.rules.sides == 2:
            return self._with_wedge(rule, alone)
        return *self._with_beta(rule, alone), None

    def _with_given(self, upper: UpperRule, lower: LowerRule) -> Walk:
        if self.rules.sides == 2:
            return forward(self.t, upper, mirrored, self.drifts, self._reach(), inner=lower)
        return forward(self.t, upper, lower, self.drifts, self._reach())

    def _with_wedge(self, rule: SpendingFunction, alone: Walk | None) -> tuple[Walk, float, Wedge]:
        """The inner wedge, where the one-sided design's futility bound is above 0; power counts the upper side alone."""
        one_sided = plan(self.rules.with_one_side())
        assert one_sided.futility is not None
        low = np.nonzero(one_sided.futility > 0.0)[0]
        first = int(low[0]) if low.size else len(self.t) - 1
        share = cumulative_spending(rule, self.t, self.rules.beta) / self.rules.beta
        below = {k for k, z in enumerate(one_sided.futility.tolist()) if z < 0.0}
        begun = float(share[first - 1]) if first else 0.0
        drift = one_sided.drift
        wedge = Wedge(begun, frozenset(below) | self.rules.without_futility, drift)
        cumulative = wedge.spent(share, self.rules.beta)

        def both(make: Callable[[], UpperRule]) -> Walk:
            nonlocal drift
            walked, drift = BetaPlan(self.t, make, cumulative, wedge.without, self._reach(), inside=True).solve(start)
            return walked

        start = power_drift(self.efficacy_alone() if alone is None else alone, self.power)
        over = self._over(alone, both)
        return over, power_drift(over, self.power), Wedge(begun, wedge.without, drift)

    def _with_beta(self, rule: SpendingFunction, alone: Walk | None) -> tuple[Walk, float]:
        cumulative = cumulative_spending(rule, self.t, self.rules.beta)
        drift = 0.0

        def both(make: Callable[[], UpperRule]) -> Walk:
            nonlocal drift
            walk, drift = BetaPlan(self.t, make, cumulative, self.rules.without_futility, self._reach()).solve(start)
            return walk

        start = power_drift(self.efficacy_alone() if alone is None else alone, self.power)
        return self._over(alone, both), drift

    def _over(self, alone: Walk | None, both: Callable[[Callable[[], UpperRule]], Walk]) -> Walk:
        if alone is not None:
            return both(lambda: given_upper(alone.upper))
        return self._by_efficacy_rule(both)

    def _by_efficacy_rule(self, over: Callable[[Callable[[], UpperRule]], Walk]) -> Walk:
        """Walk with the efficacy rule; ``over`` walks with upper bounds that are made anew each time."""
        rule = self.rules.efficacy
        if isinstance(rule, WangTsiatis):
            shape = rule.shape(self.t)
            shape[list(self.rules.without_efficacy)] = inf

            def with_constant(constant: float) -> Walk:
                return over(lambda: given_upper(constant * shape))

            return with_constant(constant_for_alpha(with_constant, self.rules.alpha, float(shape.min())))
        cumulative, past = self._spent_by_rule(rule)
        least = 0.0 if self.rules.sides == 2 else -inf
        walked = over(lambda: Spender(cumulative.tolist(), past, self.rules.without_efficacy, least).bound)
        if past and walked.upper[-1] == inf:
            raise AlphaOverspent(
                f"The interim bounds spend all of alpha {self.rules.alpha:g} and more; raise them, or give more alpha."
            )
        if abs(walked.power(0.0)[0] - cumulative[-1]) > _LEFT_OVER:
            raise NoBoundFound(
                "Binding futility bounds stop so many that alpha cannot be spent; lower them, or the alpha."
            )
        return walked

    def _spent_by_rule(self, rule: SpendingFunction | HaybittlePeto) -> tuple[FloatArray, list[float]]:
        if isinstance(rule, HaybittlePeto):
            interim = rule.bounds(len(self.t) - 1)
            for look in self.rules.without_efficacy:
                interim[look] = inf
            return np.full(len(self.t), self.rules.alpha), interim
        return cumulative_spending(rule, self.t, self.rules.alpha), []

    def _reach(self) -> float:
        rule = self.rules.efficacy
        if isinstance(rule, WangTsiatis | HaybittlePeto):
            return reach_for(np.array([self.rules.alpha]))
        return reach_for(cumulative_spending(rule, self.t, self.rules.alpha))

    def _lower(self, rule: FixedFutility | HarmSpending) -> LowerRule:
        """A fresh rule of the lower bounds, whose last look stops anyway."""
        if isinstance(rule, HarmSpending):
            cumulative = cumulative_spending(rule.spending, self.t, rule.total)
            return LowerSpender(cumulative.tolist(), 0.0, [], self.rules.without_futility).bound
        if len(rule.bounds) != len(self.t) - 1:
            raise OutOfRange(f"Futility bounds must be given for each interim look ({len(self.t) - 1}).")
        bounds = [-inf if k in self.rules.without_futility else z for k, z in enumerate(rule.bounds)]
        return given_lower([*bounds, inf])
