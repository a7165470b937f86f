"""Kaplan–Meier curves with log-log, log or plain intervals, and the median with its interval.

Invariants
1. The curve starts at 1 and never rises; limits stay in [0, 1].
2. Where the curve is 1 the interval is (1, 1): nobody has had the event. Where it is 0, Greenwood's variance does not
   exist; the lower limit is 0 and the upper limit is the last that existed (1 when none did).
3. The median is the first time at which the curve is below one half; where it runs level at one half until a later event,
   the middle of that stretch, as in R and SAS. Its limits are those of the curve's limits, by the same rule (Brookmeyer
   & Crowley), over the times at which those exist: a curve that falls to 0 at once says nothing of its median's limits.

What it does not do: tests between curves (``log_rank``), or regression (``cox``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from trial.statistics.checks import EmptyArm, FloatArray, OutOfRange, check_level, check_same_length, finite_vector
from trial.statistics.estimates import normal_quantile, sealed

Interval = Literal["log-log", "log", "plain"]

_LEVEL = 1e-9


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """One curve: at each distinct time (T,) those at risk just before it, events, censored, survival and limits.

    ``unit`` is that of the times.
    """

    times: FloatArray
    at_risk: FloatArray
    events: FloatArray
    censored: FloatArray
    survival: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    method: str
    unit: str = ""

    def __post_init__(self) -> None:
        sealed(self)

    def at(self, time: float) -> tuple[float, float, float]:
        """Survival with its limits at ``time``; before the first time it is 1.

        Past the last observation the last value is returned; ``times[-1]`` tells how far the curve is known.
        """
        position = int(np.searchsorted(self.times, time, side="right")) - 1
        if position < 0:
            return 1.0, 1.0, 1.0
        return float(self.survival[position]), float(self.lower[position]), float(self.upper[position])

    @property
    def median(self) -> float | None:
        """The time by which half have had the event; None when it is never reached."""
        return _crossing(self.times, self.survival)

    @property
    def median_interval(self) -> tuple[float | None, float | None]:
        """Limits of the median; None where no limit of the curve comes down to one half while the curve is above 0."""
        known = self.survival > 0.0
        return _crossing(self.times[known], self.lower[known]), _crossing(self.times[known], self.upper[known])

    def __str__(self) -> str:
        half, low, high = ("not reached" if v is None else f"{v:.4g}" for v in (self.median, *self.median_interval))
        unit = f" {self.unit}" if self.unit and self.median is not None else ""
        events, n = int(self.events.sum()), int(self.at_risk[0])
        limits = f"{100 * self.level:g} % {low} to {high}"
        return f"{n} participants, {events} events, median {half}{unit} ({limits}; {self.method})"


def kaplan_meier(
    time: ArrayLike, event: ArrayLike, level: float = 0.95, *, interval: Interval = "log-log", unit: str = ""
) -> KaplanMeier:
    """The survival curve of one group.

    time: (N,) non-negative, any unit. event: (N,) 1 for the event, 0 for censored. level: in (0, 1).
    interval: the scale on which limits are symmetric: log-log, log or plain (the last two cut to [0, 1]).
    At equal times events come before censorings. unit: of the times, kept with the result and printed.
    Raises OutOfRange; EmptyArm when there is nobody.
    Source: Kaplan & Meier (1958), Greenwood (1926), Kalbfleisch & Prentice (2002) for log-log.
    Oracle: R survival ``survfit``.

    >>> curve = kaplan_meier([1.0, 2.0, 2.0, 3.0], [1, 1, 0, 0])
    >>> curve.survival.tolist()
    [0.75, 0.5, 0.5]
    """
    confidence = check_level(level)
    if interval not in ("log-log", "log", "plain"):
        raise OutOfRange(f"interval must be log-log, log or plain; {interval!r} was given.")
    t, d = check_times(time, event)
    times, place = np.unique(t, return_inverse=True)
    events: FloatArray = np.bincount(place, weights=d, minlength=len(times)).astype(np.float64)
    leaving = np.bincount(place, minlength=len(times)).astype(np.float64)
    at_risk: FloatArray = len(t) - np.concatenate([[0.0], np.cumsum(leaving)[:-1]])
    survival: FloatArray = np.cumprod(1.0 - events / at_risk).astype(np.float64)
    survivors = at_risk - events
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard_variance = np.cumsum(np.where(events > 0.0, events / (at_risk * survivors), 0.0))
    error, lower, upper = _limits(survival, hazard_variance, normal_quantile(confidence), interval)
    method = f"Kaplan–Meier, Greenwood, {interval} interval"
    return KaplanMeier(
        times, at_risk, events, leaving - events, survival, error, lower, upper, confidence, method, unit
    )


def check_times(time: ArrayLike, event: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Times and events of at least one participant."""
    t, d = finite_vector("time", time), finite_vector("event", event)
    check_same_length(time=t, event=d)
    if not len(t):
        raise EmptyArm("the group has no participants: a curve needs at least one.")
    if np.any(t < 0.0) or not np.all(np.isin(d, (0.0, 1.0))):
        raise OutOfRange("time must be in [0, ∞) and event must be 0 or 1.")
    return t, d


def _limits(
    survival: FloatArray, variance: FloatArray, z: float, interval: Interval
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Greenwood's standard error and the limits, with the two cases in which they do not exist."""
    error, lower, upper = np.zeros_like(survival), survival.copy(), survival.copy()
    inside = (survival > 0.0) & (survival < 1.0)
    s, sd = survival[inside], np.sqrt(variance[inside])
    error[inside] = s * sd
    if interval == "log-log":
        width = z * sd / np.log(s)
        lower[inside], upper[inside] = s ** np.exp(-width), s ** np.exp(width)
    elif interval == "log":
        lower[inside], upper[inside] = s * np.exp(-z * sd), np.minimum(s * np.exp(z * sd), 1.0)
    else:
        lower[inside], upper[inside] = np.maximum(s - z * s * sd, 0.0), np.minimum(s + z * s * sd, 1.0)
    gone = survival == 0.0
    upper[gone] = upper[inside][-1] if inside.any() else 1.0
    return error, lower, upper


def _crossing(times: FloatArray, curve: FloatArray) -> float | None:
    """When a falling curve passes one half; the middle of a level stretch there."""
    reached = np.flatnonzero(curve <= 0.5 + _LEVEL)
    if not reached.size:
        return None
    first = int(reached[0])
    below = np.flatnonzero(curve < 0.5 - _LEVEL)
    if curve[first] >= 0.5 - _LEVEL and below.size:
        return float(0.5 * (times[first] + times[below[0]]))
    return float(times[first])
