"""Sample size looked at again at an interim look: blinded, by the pooled variance; unblinded, by the promising zone.

Invariants
1. Blinded: nothing here sees an arm. Unblinded: the weights of the looks stay as planned (inverse-normal combination),
   so that alpha holds for any rule by which the size was changed.
2. A size never falls below the planned one unless the caller allows it, and never passes the cap.

What it does not do: decide whether anybody may know the result; ``trial.oversight`` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trial.statistics.checks import OutOfRange, check_in, finite_vector
from trial.statistics.group_sequential.analysis import Analysis
from trial.statistics.group_sequential.conditional import conditional_power
from trial.statistics.group_sequential.information import LARGEST_DRIFT, find_root

_PRECISION = 1e-9


@dataclass(frozen=True)
class BlindedSize:
    """Participants after a blinded look at the variance. sd: within arms, as estimated from the pooled one."""

    planned: int
    total: int
    planned_sd: float
    sd: float
    method: str = "blinded one-sample variance (Gould & Shih 1992; Kieser & Friede 2003)"

    def __str__(self) -> str:
        sizes = f"{self.total} participants instead of {self.planned}"
        return f"{sizes}: SD {self.sd:.4g} instead of {self.planned_sd:.4g}; {self.method}"


def blinded_size(
    planned: int,
    planned_sd: float,
    pooled_sd: float,
    observed: int,
    *,
    difference: float = 0.0,
    ratio: float = 1.0,
    least: int | None = None,
    most: int | None = None,
) -> BlindedSize:
    """The total number of participants when the SD of everybody together, arms unknown, is ``pooled_sd``.

    planned: total, from 4. planned_sd, pooled_sd: above 0, the outcome's unit. observed: participants behind pooled_sd, from 2.
    difference: assumed between arms, taken out of the pooled variance (0 leaves it in, which errs to the safe side).
    ratio: arm 1 over arm 0, in [0.1, 10]. least: of the new size, ``planned`` by default; most: its cap, none by default.
    Raises OutOfRange.
    Source: Gould & Shih (1992); Kieser & Friede (2003).

    >>> print(blinded_size(408, 7.0, 7.8, 204, difference=2.5))
    494 participants instead of 408: SD 7.699 instead of 7; blinded one-sample variance \
(Gould & Shih 1992; Kieser & Friede 2003)
    """
    before = check_in("planned", planned, 4.0, 1e7, "[]")
    n = check_in("observed", observed, 2.0, 1e7, "[]")
    share = check_in("ratio", ratio, 0.1, 10.0, "[]") / (1.0 + ratio)
    between = share * (1.0 - share) * check_in("difference", difference, -1e7, 1e7) ** 2 * n / (n - 1.0)
    variance = check_in("pooled_sd", pooled_sd, 0.0, 1e7) ** 2 - between
    if variance <= 0.0:
        raise OutOfRange("difference is too large for this pooled_sd: nothing would be left within the arms.")
    low = int(planned if least is None else check_in("least", least, 4.0, 1e7, "[]"))
    high = 1e7 if most is None else check_in("most", most, low, 1e7, "[]")
    size = before * variance / check_in("planned_sd", planned_sd, 0.0, 1e7) ** 2
    total = int(min(max(math.ceil(size - _PRECISION), low), high))
    return BlindedSize(int(before), total, float(planned_sd), math.sqrt(variance))


@dataclass(frozen=True)
class PromisingZone:
    """What a promising-zone rule says at a look.

    factor: participants still to come over those planned to come. conditional_power, and _after with the factor: under
    the observed effect. total_fraction: information at the end over the planned maximum.
    """

    zone: Literal["unfavourable", "promising", "favourable"]
    conditional_power: float
    factor: float
    conditional_power_after: float
    total_fraction: float
    promising_from: float
    wanted: float
    method: str = "promising zone (Mehta & Pocock 2011) with inverse-normal combination"

    def __str__(self) -> str:
        return (
            f"{self.zone.capitalize()} zone: conditional power {self.conditional_power:.4f} (observed effect); "
            f"participants still to come × {self.factor:.4f}, then {self.conditional_power_after:.4f}; "
            f"{100 * self.total_fraction:.1f} % of planned information at the end; {self.method}"
        )


def promising_zone(
    analysis: Analysis, *, wanted: float = 0.9, promising_from: float = 0.36, most: float = 2.0
) -> PromisingZone:
    """Whether and by how much to enlarge what is still to come, by conditional power under the observed effect.

    analysis: of an interim look. wanted: conditional power aimed at, in (0, 1). promising_from: below it the zone is
        unfavourable and nothing changes, in (0, wanted). most: cap on the end's information over the planned, in [1, 10].
    Every step still to come is enlarged by the same factor; weights stay as planned (``combine`` at the end).
    Raises OutOfRange at a final look. Source: Mehta & Pocock (2011); Cui, Hung & Wang (1999).
    """
    if analysis.ahead is None:
        raise OutOfRange("A final look has nothing left to enlarge.")
    goal = check_in("wanted", wanted, 0.0, 1.0)
    least = check_in("promising_from", promising_from, 0.0, goal)
    now = analysis.information_fraction
    largest = (check_in("most", most, 1.0, 10.0, "[]") - now) / (1.0 - now)
    power = _power_by_factor(analysis, 1.0)
    zone: Literal["unfavourable", "promising", "favourable"] = "promising"
    if power < least or power >= goal:
        zone = "unfavourable" if power < least else "favourable"
    factor = 1.0
    if zone == "promising":
        enough = _power_by_factor(analysis, largest) >= goal
        factor = find_root(lambda f: _power_by_factor(analysis, f) - goal, 1.0, largest) if enough else largest
    after = _power_by_factor(analysis, factor)
    return PromisingZone(zone, power, factor, after, now + factor * (1.0 - now), least, goal)


def least_promising(fraction: float, most: float, *, alpha: float = 0.025, wanted: float = 0.9) -> float:
    """The least conditional power from which even the plain test keeps alpha, with one look before the end.

    fraction: information at the look, in (0, 1). most: cap on the end over the plan, above 1, up to 10.
    alpha: one-sided, in (0, 0.5). wanted: conditional power aimed at, in (0, 1).
    Raises OutOfRange. Source: Mehta & Pocock (2011), section 3; Gao, Ware & Mehta (2008).

    >>> round(least_promising(0.5, 2.0, wanted=0.8), 2)
    0.36
    """
    t = check_in("fraction", fraction, 0.0, 1.0)
    cap = check_in("most", most, 1.0, 10.0, "(]")
    critical = -float(ndtri(check_in("alpha", alpha, 0.0, 0.5)))
    goal = float(ndtri(check_in("wanted", wanted, 0.0, 1.0)))

    def excess(z: float) -> float:
        """By how much the plain test's bound would have to rise above its own, once the size was changed."""
        needed = (critical - z * math.sqrt(t)) / math.sqrt(1.0 - t)
        end = max(1.0, t + min(t * ((needed + goal) / z) ** 2, cap - t))
        plain = (math.sqrt((end - t) / (1.0 - t)) * (critical - z * math.sqrt(t)) + z * math.sqrt(t)) / math.sqrt(end)
        return plain - critical

    def power(z: float) -> float:
        needed = (critical - z * math.sqrt(t)) / math.sqrt(1.0 - t)
        return float(ndtr(z / math.sqrt(t) * math.sqrt(1.0 - t) - needed))

    grid = [z for z in np.linspace(0.01, 6.0, 1200).tolist() if power(z) < float(ndtr(goal))]
    unsafe = [z for z in grid if excess(z) > 1e-12]
    if not unsafe:
        return power(grid[0])
    low, high = unsafe[-1], unsafe[-1] + 0.01
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 1e-12 else (low, middle)
    return power(high)


def combine(z_of_steps: ArrayLike, planned_fractions: ArrayLike) -> float:
    """The inverse-normal combination of independent steps: Σ √w·z / √Σw, with the planned gains of information as weights.

    z_of_steps: (k,) each step's own z, from its participants alone. planned_fractions: (k,) planned information at the
    end of each step, strictly increasing.
    Raises OutOfRange. Source: Lehmacher & Wassmer (1999); Cui, Hung & Wang (1999).

    >>> round(combine([1.2, 2.0], [0.5, 1.0]), 4)
    2.2627
    """
    z = finite_vector("z_of_steps", z_of_steps)
    t = finite_vector("planned_fractions", planned_fractions)
    weights = np.diff(t, prepend=0.0)
    if len(z) == 0 or z.shape != t.shape or np.any(weights <= 0.0):
        raise OutOfRange("Each step needs one z and one planned fraction, the fractions rising from above 0.")
    return float(np.sqrt(weights) @ z / math.sqrt(weights.sum()))


def _power_by_factor(analysis: Analysis, factor: float) -> float:
    """Conditional power under the observed effect when every step to come has ``factor`` times its participants."""
    assert analysis.ahead is not None
    z, now = analysis.z, analysis.information_fraction
    drift = float(np.clip(z / math.sqrt(now) * math.sqrt(factor), -LARGEST_DRIFT, LARGEST_DRIFT))
    ahead = analysis.ahead
    return conditional_power(z, now, ahead.fractions, ahead.efficacy, drift, ahead.futility, two_sided=ahead.two_sided)
