"""Range checks that come before any arithmetic, each naming its parameter and the interval it must lie in.

Invariants
1. No function of this room returns NaN for an input that a check could have refused.
2. A sentence names the parameter, the interval, and the value that was given.

What it does not do: know any statistic. Errors that belong to one method stand beside that method.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trial.errors import InvalidInput

FloatArray = NDArray[np.float64]


class OutOfRange(InvalidInput):
    code = "statistics.out_of_range"


class EmptyArm(InvalidInput):
    code = "statistics.empty_arm"


def check_in(name: str, value: float, low: float, high: float, ends: str = "()") -> float:
    """``value`` as a float, in the interval whose ``ends`` are ``()``, ``[]``, ``(]`` or ``[)``."""
    number = float(value)
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    if not (above and below):
        raise OutOfRange(f"{name} must be in {ends[0]}{low:g}, {high:g}{ends[1]}; {value!r} was given.")
    return number


def check_level(level: float) -> float:
    """A confidence level, strictly between 0 and 1."""
    return check_in("level", level, 0.0, 1.0)


def check_count(name: str, value: float, at_most: float = np.inf) -> int:
    """A whole number from 0 to ``at_most``."""
    number = float(value)
    if not (number.is_integer() and 0 <= number <= at_most):
        top = "" if np.isinf(at_most) else f" to {at_most:g}"
        raise OutOfRange(f"{name} must be a whole number from 0{top}; {value!r} was given.")
    return int(number)


def check_events(events: float, n: float, arm: str = "the group") -> tuple[int, int]:
    """Events and group size; an empty group has its own error."""
    size = check_count("n", n)
    if size == 0:
        raise EmptyArm(f"{arm} has no participants: a proportion needs at least one.")
    return check_count("events", events, size), size


def finite_vector(name: str, values: ArrayLike) -> FloatArray:
    """``values`` as a one-dimensional float array without missing or infinite entries."""
    array: FloatArray = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise OutOfRange(f"{name} must be one-dimensional; its shape is {array.shape}.")
    if not np.all(np.isfinite(array)):
        raise OutOfRange(f"{name} must hold finite numbers only; remove or impute the missing entries first.")
    return array


def check_same_length(**arrays: Any) -> int:
    """The common length of the named arrays."""
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise OutOfRange(f"These must have one entry per participant each, but lengths differ: {told}.")
    return next(iter(sizes.values()))
