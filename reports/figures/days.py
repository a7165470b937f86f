"""The scale of days since the first dose: a treatment of days and a follow-up of months share one axis, drawn out at its
start (by the square root)."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Values = NDArray[np.float64]
_DAYS: Final = (1, 3, 5, 10, 30, 60, 91, 182, 365, 730, 1461)


def day_scale(axes: Axes) -> None:
    axes.set_xscale("function", functions=(_squeeze, _stretch))


def day_ticks(last: float) -> list[int]:
    """The days that are named on an axis that ends at ``last``."""
    return [day for day in _DAYS if day <= last] or [1]


def place_of_day(day: float, last: float) -> float:
    """Where a day stands between the axis's start (0) and its end (1)."""
    return float((day / last) ** 0.5)


def _squeeze(day: Values) -> Values:
    return np.sqrt(np.maximum(day, 0.0))


def _stretch(value: Values) -> Values:
    return np.square(value)
