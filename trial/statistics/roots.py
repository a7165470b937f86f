"""Where a function of one variable passes zero."""

from __future__ import annotations

from collections.abc import Callable


def bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function passes zero, to the last digit; the end itself when it does not pass.

    >>> bisect(lambda x: x * x - 2.0, 0.0, 2.0)
    1.414213562373095
    """
    if function(low) >= 0.0:
        return low
    if function(high) <= 0.0:
        return high
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if function(middle) < 0.0 else (low, middle)
    return 0.5 * (low + high)
