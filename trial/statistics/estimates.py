"""An estimate with its interval, as the functions of this room return it.

Invariants
1. ``lower`` ≤ ``estimate`` ≤ ``upper`` (at low levels only where the method centres on the estimate: those of Agresti, Brown
   and Jeffreys do not); infinite ends are written out, NaN never occurs.
2. ``method`` names what was computed, in words that a table's footnote can use.

3. A result's arrays are read-only (``sealed``), as its fields are.

What it does not do: round for print; ``reports`` formats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import ndtri

_HIGHEST_EXPONENT = 709.0


@dataclass(frozen=True)
class Estimate:
    """``estimate`` with a two-sided interval of confidence ``level``, unless ``method`` says one-sided; none of them has a
    unit unless ``unit`` names it."""

    estimate: float
    lower: float
    upper: float
    level: float
    method: str
    standard_error: float | None = None
    note: str = ""
    unit: str = ""

    def __str__(self) -> str:
        interval = f"({self.lower:.4g}, {self.upper:.4g})"
        note = f"; {self.note}" if self.note else ""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.estimate:.4g}{unit}, {100 * self.level:g} % {interval}: {self.method}{note}"


def sealed(result: Any) -> None:
    """Make the arrays of a frozen result read-only, when it is made."""
    for field in fields(result):
        value = getattr(result, field.name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False


def exponential(value: float) -> float:
    """e^value, infinite where that is beyond what a number holds."""
    return math.exp(value) if value < _HIGHEST_EXPONENT else math.inf


def normal_quantile(level: float) -> float:
    """The two-sided standard normal quantile of a confidence level.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    return float(-ndtri((1.0 - level) / 2.0))
