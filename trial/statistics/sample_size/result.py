"""What a sample size is made of, fixed and with looks, and how it prints.

Invariants
1. Sizes are unrounded until the end, where each arm is rounded up once.
2. With a group sequential design, alpha, power and inflation are the design's own.

What it does not do: compute a fixed size (``means``, ``proportions``, ``repeated``, ``events``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trial.statistics.checks import FloatArray, OutOfRange, check_in
from trial.statistics.group_sequential.design import GroupSequentialDesign, check_design


@dataclass(frozen=True)
class SampleSize:
    """Participants. ``fixed`` and ``with_looks`` are unrounded in arm 0 of 1:ratio; ``per_arm`` is whole, missing included.

    missing: share without the outcome. ratio: participants of arm 1 for each of arm 0. design: None for a single look.
    critical: effect that meets a one-sided p with so many observed in arm 0 and 1, in the outcome's unit; None where it
    is not defined. counted: who stands at the looks; where a model takes dropout in, those enrolled.
    """

    fixed: float
    inflation: float
    missing: float
    ratio: float
    per_arm: tuple[int, int]
    method: str
    design: GroupSequentialDesign | None = None
    critical: Callable[[float, float, float], float] | None = field(default=None, compare=False, repr=False)
    counted: str = "with the outcome"

    @property
    def with_looks(self) -> float:
        return self.fixed * self.inflation

    @property
    def total(self) -> int:
        return sum(self.per_arm)

    @property
    def fixed_total(self) -> float:
        """Both arms of a fixed design, unrounded, nobody missing."""
        return self.fixed * (1.0 + self.ratio)

    @property
    def maximum(self) -> float:
        """Both arms at the last look, unrounded, nobody missing."""
        return self.fixed_total * self.inflation

    @property
    def at_looks(self) -> FloatArray:
        """Both arms with the outcome at each look, unrounded."""
        fractions = (1.0,) if self.design is None else self.design.information_fractions
        return self.maximum * np.array(fractions)

    def expected(self, effect: float = 1.0) -> float:
        """Mean number with the outcome at stopping when the effect is ``effect`` times the design's, both arms."""
        if self.design is None:
            return self.maximum
        return self.design.crossing(effect).expected_information * self.maximum

    @property
    def critical_effects(self) -> FloatArray:
        """The observed effect that just meets the efficacy bound of each look, in the outcome's unit.

        Raises OutOfRange where the method has none.
        """
        if self.critical is None:
            raise OutOfRange(f"No critical effect is defined for this method: {self.method}.")
        p = np.array([0.025]) if self.design is None else self.design.bounds.nominal_p
        in_arm_0 = self.at_looks / (1.0 + self.ratio)
        return np.array([self.critical(float(level), n, n * self.ratio) for level, n in zip(p, in_arm_0, strict=True)])

    def __str__(self) -> str:
        first = (
            f"{self.fixed:.2f} per arm fixed × {self.inflation:.4f} for the looks / {1 - self.missing:.2f} "
            f"= {self.per_arm[0]} + {self.per_arm[1]} = {self.total} ({self.method})"
        )
        if self.design is None:
            return first
        looks = ", ".join(f"{n:.1f}" for n in self.at_looks)
        means = ", ".join(f"{self.expected(effect):.1f}" for effect in (0.0, 0.5, 1.0))
        return f"{first}\n{self.counted} at the looks: {looks}; expected without, at half, and at the effect: {means}"


@dataclass(frozen=True)
class Wanted:
    """Alpha and power, one-sided, and what looks and missing outcomes add to a fixed size."""

    alpha: float
    power: float
    inflation: float
    missing: float
    ratio: float
    design: GroupSequentialDesign | None

    def size(
        self,
        fixed: float,
        method: str,
        critical: Callable[[float, float, float], float] | None = None,
        counted: str = "with the outcome",
    ) -> SampleSize:
        """The sample size from the fixed size of arm 0."""
        enrolled = fixed * self.inflation / (1.0 - self.missing)
        per_arm = (math.ceil(enrolled - 1e-9), math.ceil(enrolled * self.ratio - 1e-9))
        if self.design is None:
            critical = _at(self.alpha, critical)
        return SampleSize(
            fixed, self.inflation, self.missing, self.ratio, per_arm, method, self.design, critical, counted
        )


def wanted(
    alpha: float,
    power: float,
    ratio: float,
    missing: float,
    inflation: float,
    design: GroupSequentialDesign | None,
) -> Wanted:
    """Checks that all sample sizes share; a design brings its own alpha, power and inflation."""
    if design is not None:
        check_design(design)
        alpha, power, inflation = design.alpha, design.power, design.bounds.inflation
    level = check_in("alpha", alpha, 0.0, 0.5)
    return Wanted(
        level,
        check_in("power", power, level, 1.0),
        check_in("inflation", inflation, 0.5, 10.0, "[]"),
        check_in("missing", missing, 0.0, 1.0, "[)"),
        check_in("ratio", ratio, 0.1, 10.0, "[]"),
        design,
    )


def _at(
    alpha: float, critical: Callable[[float, float, float], float] | None
) -> Callable[[float, float, float], float] | None:
    """A fixed design's critical effect is at its own alpha."""
    if critical is None:
        return None
    return lambda _, n0, n1: critical(alpha, n0, n1)
