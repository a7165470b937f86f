"""A group sequential design as one object: its rules, planned bounds, power, sizes, looks and analyses.

Invariants
1. z is positive in the direction of benefit. Where a lower score is better, the caller turns the sign.
2. Everything follows from the fields; what is computed is kept, and never changes.
3. Efficacy bounds rely on futility bounds only when ``binding`` says so.

What it does not do: decide. An analysis says which bound the statistic passed; a board recommends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri_exp, stdtr

from trial.statistics.checks import OutOfRange, check_in
from trial.statistics.group_sequential.analysis import Analysis, analyse_look
from trial.statistics.group_sequential.crossing import CrossingProbabilities, crossing_probabilities
from trial.statistics.group_sequential.efficacy import EfficacyRule, HaybittlePeto, WangTsiatis, check_sides
from trial.statistics.group_sequential.futility import FixedFutility, HarmSpending
from trial.statistics.group_sequential.information import LARGEST_DRIFT, MOST_LOOKS, check_fractions
from trial.statistics.group_sequential.looks import Look, observed_look
from trial.statistics.group_sequential.planning import DesignBounds, FutilityRule, plan
from trial.statistics.group_sequential.scales import BoundScales, Scale, bound_scales, z_on_scale

if TYPE_CHECKING:
    from trial.statistics.sample_size import EventSize, SampleSize


@dataclass(frozen=True)
class GroupSequentialDesign:
    """A group sequential design.

    information_fractions: planned, strictly increasing in (0, 1], the last one 1; (1.0,) is a fixed design; 1 to 50.
    efficacy: ``Spending`` (or a spending function of the user's), ``WangTsiatis`` or ``HaybittlePeto``.
    alpha: one-sided, in (0, 0.5); a two-sided design spends it on each side. beta: 1 − power, in (0, 0.5).
    futility: ``Spending`` for beta spending, ``FixedFutility``, ``HarmSpending``, or None.
    binding: the efficacy bounds count on futility being obeyed. sides: 1 or 2; futility of a two-sided design is an inner
        wedge, |z| below its bounds, and beta the chance of ending inside; it takes no ``HarmSpending``.
    efficacy_looks, futility_looks: (K,) whether a look has that bound, all by default; the final look has both. What a
        skipped look would spend is left for the next.
    Raises OutOfRange, FallingInformation; its bounds AlphaOverspent, ImpossiblePower, NoBoundFound.
    Source: Jennison & Turnbull (2000); methods name their own.

    >>> from trial.statistics.group_sequential.spending import Spending
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
    expected information, of a fixed design's: 0.6788 without effect, 0.8581 at half, 0.7779 at the design's effect
    """

    information_fractions: tuple[float, ...]
    efficacy: EfficacyRule
    alpha: float = 0.025
    beta: float = 0.1
    futility: FutilityRule | None = None
    binding: bool = False
    sides: int = 1
    efficacy_looks: tuple[bool, ...] | None = None
    futility_looks: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        fractions = check_fractions(self.information_fractions)
        object.__setattr__(self, "information_fractions", tuple(fractions.tolist()))
        check_in("alpha", self.alpha, 0.0, 0.5)
        check_in("beta", self.beta, 0.0, 0.5)
        check_sides(self.sides)
        self._check_rules()

    def _check_rules(self) -> None:
        if not (isinstance(self.efficacy, WangTsiatis | HaybittlePeto) or callable(self.efficacy)):
            raise OutOfRange("efficacy must be a Spending, a spending function, WangTsiatis or HaybittlePeto.")
        if isinstance(self.efficacy, HaybittlePeto):
            self.efficacy.bounds(self.looks - 1)
        if not (
            self.futility is None or isinstance(self.futility, FixedFutility | HarmSpending) or callable(self.futility)
        ):
            raise OutOfRange("futility must be a Spending, a spending function, FixedFutility, HarmSpending or None.")
        if self.sides == 2 and isinstance(self.futility, HarmSpending):
            raise OutOfRange("sides must be 1 for a design with HarmSpending; the other side is the bound for harm.")
        for name, flags in (("efficacy_looks", self.efficacy_looks), ("futility_looks", self.futility_looks)):
            if flags is None:
                continue
            if isinstance(flags, str) or np.shape(flags) != (self.looks,):
                raise OutOfRange(f"{name} must say yes or no for each of the {self.looks} looks.")
            object.__setattr__(self, name, tuple(bool(flag) for flag in flags))

    @classmethod
    def from_protocol(cls, section: Mapping[str, Any]) -> GroupSequentialDesign:
        """The design of a protocol file's design section (``protocol_section.design_from_section``)."""
        from trial.statistics.group_sequential.protocol_section import design_from_section

        return design_from_section(section)

    def to_protocol(self) -> dict[str, Any]:
        """What a protocol file's design section says of this design (``protocol_section.section_of``)."""
        from trial.statistics.group_sequential.protocol_section import section_of

        return section_of(self)

    def with_one_side(self) -> GroupSequentialDesign:
        """The same rules on one side only."""
        return replace(self, sides=1)

    def with_alpha(self, alpha: float) -> GroupSequentialDesign:
        """The same rules with another one-sided alpha."""
        return replace(self, alpha=alpha)

    @property
    def looks(self) -> int:
        return len(self.information_fractions)

    @property
    def power(self) -> float:
        return 1.0 - self.beta

    @property
    def without_efficacy(self) -> frozenset[int]:
        """Looks, from 0, that have no efficacy bound."""
        return _without(self.efficacy_looks)

    @property
    def without_futility(self) -> frozenset[int]:
        """Looks, from 0, that have no futility bound."""
        return _without(self.futility_looks)

    @cached_property
    def bounds(self) -> DesignBounds:
        """Planned bounds, inflation and drift."""
        return plan(self)

    def crossing(self, effect: float = 1.0, *, obey_futility: bool = True) -> CrossingProbabilities:
        """Chances of stopping at each look when the effect is ``effect`` times the design's (0 for none).

        Raises OutOfRange where the effect is beyond a drift of ±25.
        """
        planned = self.bounds
        drift = check_in(
            "effect, as E Z at full information", effect * planned.drift, -LARGEST_DRIFT, LARGEST_DRIFT, "[]"
        )
        if obey_futility or self.futility is None:
            return planned.walk.chances(drift)
        other = -planned.efficacy if self.sides == 2 else None
        return crossing_probabilities(planned.fractions, planned.efficacy, other, drift)

    def power_at(self, effect: float, *, obey_futility: bool = True) -> float:
        """The chance of declaring efficacy when the effect is ``effect`` times the design's."""
        return self.crossing(effect, obey_futility=obey_futility).any_efficacy

    def expected_information(self, effect: float = 1.0) -> float:
        """Expected information at stopping over that of a fixed design, futility obeyed where there is one."""
        return self.crossing(effect).expected_information * self.bounds.inflation

    def maximum_information(self, effect: float) -> float:
        """Information (1 / variance of the estimate) at the final look for a true effect of ``effect`` in its unit."""
        size = check_in("size of effect", abs(effect), 0.0, 1e12)
        return (self.bounds.drift / size) ** 2

    def sample_size(
        self, endpoint: Literal["means", "ancova", "proportions", "repeated", "events"], *given: Any, **more: Any
    ) -> SampleSize | EventSize:
        """Participants for this design: ``trial.statistics.sample_size.sample_size_means`` and so on, with its arguments.

        Raises OutOfRange.
        """
        from trial.statistics import sample_size as sizes

        known = {
            "means": sizes.sample_size_means,
            "ancova": sizes.sample_size_ancova,
            "proportions": sizes.sample_size_proportions,
            "repeated": sizes.sample_size_repeated,
            "events": sizes.sample_size_events,
        }
        if endpoint not in known:
            raise OutOfRange(f"endpoint must be one of {', '.join(known)}; {endpoint!r} was given.")
        size: SampleSize | EventSize = known[endpoint](*given, design=self, **more)  # type: ignore[operator]  # five signatures
        return size

    def scales(self, effect: float = 1.0) -> tuple[BoundScales, ...]:
        """Efficacy bounds, and futility bounds where there are any, as z, p, effect, conditional and predictive power.

        effect: the design's, in the unit wanted for the effect scale; 1 gives shares of the design's effect.
        """
        planned = self.bounds
        size = check_in("size of effect", abs(effect), 0.0, 1e12) * np.sign(effect)
        sides = [("efficacy", planned.efficacy)]
        if planned.futility is not None:
            sides.append(("futility", planned.futility))
        return tuple(
            bound_scales(side, planned.fractions, z, planned.efficacy, planned.drift, float(size)) for side, z in sides
        )

    def z_for(self, scale: Scale, value: float, look: int, effect: float = 1.0) -> float:
        """The z at a planned look (1 to K) that stands at ``value`` on another scale: p_value, effect,
        conditional_power_design, conditional_power_observed or predictive_power; with ``FixedFutility`` a bound on it.

        value: p in (0, 1); an effect in the unit in which the design's is ``effect``, above 0; a power in [1e-6, 1 − 1e-6].
        Raises OutOfRange.
        """
        if look not in range(1, self.looks + 1):
            raise OutOfRange(f"look must be in [1, {self.looks}]; {look!r} was given.")
        planned, size = self.bounds, check_in("effect", effect, 0.0, 1e12)
        return z_on_scale(scale, value, look - 1, planned.fractions, planned.efficacy, planned.drift, size)

    def at(
        self,
        information: ArrayLike,
        *,
        final: bool = False,
        past_efficacy: Sequence[float] = (),
        past_futility: Sequence[float] = (),
    ) -> Look:
        """The bounds at the look that has just been reached.

        information: (k,) observed at each look so far over the planned maximum, strictly increasing, in (0, 3]; one number
            for a first look; more or fewer looks than planned, and a skipped look, are fine.
        final: no further look follows; all alpha left is spent, under-running included. True from fraction 1 on.
        past_efficacy, past_futility: (k − 1,) bounds that were applied at the earlier looks, where the information of
            those looks is now known better; without them the same bounds follow from ``information``.
        Raises OutOfRange, FallingInformation, AlphaOverspent.
        """
        return observed_look(
            self, self.bounds, information, final=final, past_efficacy=past_efficacy, past_futility=past_futility
        )

    def analyse(
        self,
        information: ArrayLike,
        z: float,
        *,
        final: bool = False,
        past_efficacy: Sequence[float] = (),
        past_futility: Sequence[float] = (),
        effect: float = 1.0,
        unit: str = "the design's effect",
    ) -> Analysis:
        """The look that has just been reached, with its statistic.

        z: in [-50, 50]. effect: the design's effect in ``unit``, above 0, so that estimates are in that unit.
        Other arguments and errors as for ``at``.
        """
        look = self.at(information, final=final, past_efficacy=past_efficacy, past_futility=past_futility)
        return analyse_look(self, self.bounds, look, z, effect, unit)

    def analyse_estimate(
        self,
        information: ArrayLike,
        estimate: float,
        standard_error: float,
        *,
        df: float | None = None,
        final: bool = False,
        past_efficacy: Sequence[float] = (),
        past_futility: Sequence[float] = (),
        effect: float = 1.0,
        unit: str = "the estimate's",
    ) -> Analysis:
        """The same from an estimate with its standard error, both in the unit of ``effect``, benefit positive.

        df: of a t statistic, above 0: z is then the normal deviate with the same tail, the repeated interval is the estimate
            ± the t value of the bound's tail × standard error, and so is the interval of a trial that ends at its first
            look; later stage-wise intervals use the standard error on the z scale. None for a normal statistic.
        Raises OutOfRange and what ``analyse`` raises.
        """
        size = check_in("estimate", estimate, -1e12, 1e12)
        error = check_in("standard_error", standard_error, 0.0, 1e12)
        z = normal_deviate(size / error, df)
        look = self.at(information, final=final, past_efficacy=past_efficacy, past_futility=past_futility)
        return analyse_look(self, self.bounds, look, z, effect, unit, (size, error), df)

    def __str__(self) -> str:
        planned, chances = self.bounds, self.crossing()
        lines = [*self._heading(), "look  information   efficacy  nominal p  alpha spent   futility  power so far"]
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
        lines.append(
            f"expected information, of a fixed design's: {self.expected_information(0.0):.4f} without effect, "
            f"{self.expected_information(0.5):.4f} at half, {self.expected_information(1.0):.4f} at the design's effect"
        )
        return "\n".join(lines)

    def _heading(self) -> list[str]:
        sides = "one-sided alpha" if self.sides == 1 else "two-sided, bounds ±, alpha a side"
        kind = f" ({'binding' if self.binding else 'non-binding'}{', inside ±' if self.sides == 2 else ''})"
        futility = "futility: none" if self.futility is None else f"futility{kind}: {self.futility}"
        return [
            f"Group sequential design, {sides} {self.alpha:g}, power {self.power:g}, {self.looks} looks",
            f"efficacy: {self.efficacy}; {futility}",
        ]


def equal_looks(looks: int) -> tuple[float, ...]:
    """Information fractions of so many equally spaced looks, 1 to 50.

    >>> equal_looks(4)
    (0.25, 0.5, 0.75, 1.0)
    """
    if looks not in range(1, MOST_LOOKS + 1):
        raise OutOfRange(f"The number of looks must be in [1, {MOST_LOOKS}]; {looks!r} was given.")
    return tuple(k / int(looks) for k in range(1, int(looks) + 1))


def check_design(design: GroupSequentialDesign) -> GroupSequentialDesign:
    """A design, and nothing else."""
    if not isinstance(design, GroupSequentialDesign):
        raise OutOfRange(f"design must be a GroupSequentialDesign; {design!r} was given.")
    return design


def normal_deviate(t: float, df: float | None = None) -> float:
    """The normal deviate with the same one-sided p-value as a t statistic; within ±50.

    >>> round(normal_deviate(2.1, 20), 4)
    1.9719
    """
    if df is None:
        return float(np.clip(t, -50.0, 50.0))
    tail = float(stdtr(check_in("df", df, 0.0, np.inf, "(]"), -abs(t)))
    size = -float(ndtri_exp(np.log(tail))) if tail > 0.0 else abs(t)
    return float(np.copysign(min(size, 50.0), t))


def _without(flags: tuple[bool, ...] | None) -> frozenset[int]:
    return frozenset(k for k, has in enumerate((flags or ())[:-1]) if not has)
