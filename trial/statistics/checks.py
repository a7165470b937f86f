"""Range checks that come before any arithmetic, each naming its parameter and the interval it must lie in.

Invariants
1. No function of this room returns NaN for an input that a check could have refused.
2. A sentence names the parameter, the interval, and the value that was given.

What it does not do: know any statistic. Errors that belong to one method stand beside that method.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trial.errors import InvalidInput

FloatArray = NDArray[np.float64]
MOST_COUNTED = 1e12
_SMALLEST, _LARGEST = 1e-50, 1e50


class OutOfRange(InvalidInput):
    code = "statistics.out_of_range"


class EmptyArm(InvalidInput):
    code = "statistics.empty_arm"


def one_number(name: str, value: Any) -> float:
    """``value`` as a float; text, lists and what else is no number are refused by name."""
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str | bytes | list | tuple | dict) and not np.ndim(value):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise OutOfRange(f"{name} must be a number; {value!r} was given.")


def numbers(name: str, values: Any) -> FloatArray:
    """``values`` as floats; what is no number is refused by name."""
    try:
        array: FloatArray = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise OutOfRange(f"{name} must hold numbers; {values!r} was given.") from None
    return array


def labels_of(name: str, values: ArrayLike) -> NDArray[np.str_]:
    """``values`` as one-dimensional text; what is missing (None, NaN) is no label."""
    array: NDArray[np.generic] = np.asarray(values)
    if array.ndim != 1:
        raise OutOfRange(f"{name} must be a list of labels, one per participant; {values!r} was given.")
    # numpy turns a NaN among texts into the text "nan", so that the list itself has to be asked.
    given: Iterable[Any] = values if isinstance(values, list | tuple) else array.tolist()
    missing = sum(one is None or (isinstance(one, float) and one != one) for one in given)
    if missing:
        raise OutOfRange(
            f"{name} must have a label for each; {missing} are missing: leave those rows out or name them."
        )
    labels: NDArray[np.str_] = array.astype(str)
    return labels


def check_size(name: str, array: FloatArray) -> FloatArray:
    """``array`` when its largest number is 0 or of a size whose squares and quotients can be computed."""
    largest = float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0))
    if largest and not _SMALLEST <= largest <= _LARGEST:
        raise OutOfRange(f"{name} must be of a size in [1e-50, 1e50]: the largest is {largest:.3g}; take another unit.")
    return array


def measured(name: str, values: ArrayLike) -> FloatArray:
    """A ``finite_vector`` of measurements in a unit that arithmetic can bear."""
    return check_size(name, finite_vector(name, values))


def check_named(name: str, given: Any) -> Mapping[str, Any]:
    """A mapping of names to columns; none is an empty one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise OutOfRange(f"{name} must be a mapping of names to columns; {given!r} was given.")
    return given


def check_no_twin(covariates: Mapping[str, Any], factors: Mapping[str, Any]) -> None:
    """No name may stand for a covariate and for a factor."""
    for name in covariates.keys() & factors.keys():
        raise OutOfRange(f"{name} is given as a covariate and as a factor; give it another name in one of them.")


def check_choice(name: str, value: Any, known: Iterable[str]) -> str:
    """``value`` when it is one of the known names."""
    names = tuple(known)
    if not isinstance(value, str) or value not in names:
        raise OutOfRange(f"{name} must be one of {', '.join(names)}; {value!r} was given.")
    return value


def check_in(name: str, value: float, low: float, high: float, ends: str = "()") -> float:
    """``value`` as a float, in the interval whose ``ends`` are ``()``, ``[]``, ``(]`` or ``[)``."""
    number = one_number(name, value)
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    if not (above and below):
        raise OutOfRange(f"{name} must be in {ends[0]}{low:g}, {high:g}{ends[1]}; {value!r} was given.")
    return number


def check_level(level: float) -> float:
    """A confidence level, strictly between 0 and 1."""
    return check_in("level", level, 0.0, 1.0)


def check_count(name: str, value: float, at_most: float = MOST_COUNTED) -> int:
    """A whole number from 0 to ``at_most``."""
    number = one_number(name, value)
    if not (number.is_integer() and 0 <= number <= at_most):
        raise OutOfRange(f"{name} must be a whole number from 0 to {at_most:g}; {value!r} was given.")
    return int(number)


def check_events(events: float, n: float, arm: str = "the group") -> tuple[int, int]:
    """Events and group size; an empty group has its own error."""
    size = check_count("n", n)
    if size == 0:
        raise EmptyArm(f"{arm} has no participants: a proportion needs at least one.")
    return check_count("events", events, size), size


def finite_vector(name: str, values: ArrayLike) -> FloatArray:
    """``values`` as a one-dimensional float array without missing or infinite entries."""
    array = numbers(name, values)
    if array.ndim != 1:
        raise OutOfRange(f"{name} must be one-dimensional; its shape is {array.shape}.")
    if not np.all(np.isfinite(array)):
        raise OutOfRange(f"{name} must hold finite numbers only; remove or impute the missing entries first.")
    if np.any(np.abs(array) > _LARGEST):
        raise OutOfRange(f"{name} must be in [-1e50, 1e50]: take another unit.")
    return array


def check_same_length(*columns: Mapping[str, Any], **arrays: Any) -> int:
    """The common length of the named arrays; ``columns`` have the caller's names, which may be any."""
    every = [*arrays.items(), *(item for mapping in columns for item in mapping.items())]
    for name, array in every:
        if np.ndim(array) == 0:
            raise OutOfRange(f"{name} must hold one entry per participant; {array!r} was given.")
    sizes = [(name, len(array)) for name, array in every]
    if len({size for _, size in sizes}) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes)
        raise OutOfRange(f"These must have one entry per participant each, but lengths differ: {told}.")
    return sizes[0][1]
