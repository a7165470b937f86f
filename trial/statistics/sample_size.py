"""Sample size for a difference of two means, fixed and group sequential.

The ketamine protocol's own number, checked: a difference of 2.5, SD 7, one-sided alpha 0.025 and power 0.90
need
165.7 an arm by the t test (164.8 by z), so 166. Its bounds inflate this by 1.0407; 172.8 with rounding up
gives 173,
and 173 / 0.85 = 203.5 gives 204 an arm: 408. Right as far as it goes. Where it errs:

- Rounded up three times; carried through unrounded it is 203 an arm (406).
- 1.0407 holds for power only if the futility bounds are obeyed. Non-binding, they may be overruled, and
power is then
  above 0.90 (1.018 would do).
- Dividing by 0.85 counts a participant without month 3 as nothing. The mixed model uses the earlier visits,
so this is
  too many; where missingness tells of the outcome no number of participants repairs it.
- SD 7 is that of the raw change. The analysis adjusts for baseline, strata and site: the residual SD is
smaller.
- Treatment policy, and T 75.6 for a death, pull the difference in and push the SD out; neither is in 2.5 and
7.
- With a true difference of 2 the power is 0.745 (0.736 if futility is obeyed), and the study's −2 had no
control group.

What it does not do: proportions, repeated measures, or time to event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtr, stdtrit

from trial.statistics.checks import OutOfRange, check_in
from trial.statistics.group_sequential.information import find_root, fixed_drift
from trial.statistics.group_sequential.integration import legendre

_MOST = 1e7


@dataclass(frozen=True)
class SampleSize:
    """Participants: ``fixed`` and ``with_looks`` are unrounded per arm (arm 0 of 1:ratio), ``per_arm`` is whole."""

    fixed: float
    inflation: float
    missing: float
    ratio: float
    per_arm: tuple[int, int]
    method: str

    @property
    def with_looks(self) -> float:
        return self.fixed * self.inflation

    @property
    def total(self) -> int:
        return sum(self.per_arm)

    def __str__(self) -> str:
        return (
            f"{self.fixed:.2f} per arm fixed × {self.inflation:.4f} for the looks / {1 - self.missing:.2f} "
            f"= {self.per_arm[0]} + {self.per_arm[1]} = {self.total} ({self.method})"
        )


def sample_size_means(
    difference: float,
    sd: float,
    *,
    alpha: float = 0.025,
    power: float = 0.9,
    ratio: float = 1.0,
    inflation: float = 1.0,
    missing: float = 0.0,
    normal: bool = False,
) -> SampleSize:
    """Participants for a one-sided comparison of two means with a common SD.

    difference, sd: in the outcome's unit; difference not 0, sd above 0. alpha: one-sided, in (0, 0.5).
    power: in (alpha, 1). ratio: participants of arm 1 for each of arm 0, in [0.1, 10].
    inflation: from the design's looks, at least 1. missing: share without the outcome, in [0, 1).
    normal: z test instead of the t test.
    Rounds once, at the end, each arm up; the t test needs two an arm at least.
    Raises OutOfRange.
    Oracle: rpact ``getSampleSizeMeans``.

    >>> print(sample_size_means(2.5, 7.0, inflation=1.0407, missing=0.15))
    165.72 per arm fixed × 1.0407 for the looks / 0.85 = 203 + 203 = 406 (t test, two arms 1:1)
    """
    effect = abs(check_in("difference", difference, -_MOST, _MOST)) / check_in("sd", sd, 0.0, _MOST)
    if effect == 0.0:
        raise OutOfRange("difference must not be 0: no number of participants can show it.")
    arms = check_in("ratio", ratio, 0.1, 10.0, "[]")
    check_in("power", power, alpha, 1.0)
    looks = check_in("inflation", inflation, 1.0, 10.0, "[]")
    kept = 1.0 - check_in("missing", missing, 0.0, 1.0, "[)")
    per_effect = (1.0 + 1.0 / arms) / effect**2
    fixed = per_effect * fixed_drift(alpha, power) ** 2
    if not normal:
        fixed = _t_sample_size(fixed, effect, arms, alpha, power)
    enrolled = fixed * looks / kept
    per_arm = (math.ceil(enrolled - 1e-9), math.ceil(enrolled * arms - 1e-9))
    method = f"{'z' if normal else 't'} test, two arms 1:{arms:g}"
    return SampleSize(fixed, looks, 1.0 - kept, arms, per_arm, method)


def power_means(
    difference: float, sd: float, n0: float, n1: float, *, alpha: float = 0.025, normal: bool = False
) -> float:
    """Power of one look at a one-sided ``alpha`` with n0 and n1 participants observed.

    >>> round(power_means(2.5, 7.0, 166, 166), 4)
    0.9005
    """
    check_in("alpha", alpha, 0.0, 0.5)
    scale = check_in("sd", sd, 0.0, _MOST) * math.sqrt(
        1.0 / check_in("n0", n0, 1.0, _MOST, "[]") + 1.0 / check_in("n1", n1, 1.0, _MOST, "[]")
    )
    drift = check_in("difference", difference, -_MOST, _MOST) / scale
    df = n0 + n1 - 2.0
    if normal:
        return float(ndtr(drift - fixed_drift(alpha, 0.5)))
    return _t_power(check_in("n0 + n1 − 2", df, 1.0, 2.0 * _MOST, "[]"), drift, float(stdtrit(df, 1.0 - alpha)))


def _t_power(df: float, drift: float, critical: float) -> float:
    """P(noncentral t > critical), as the mean of Φ(drift − critical·s) over the estimated SD's ratio s.

    scipy's ``nctdtr`` gives NaN for some large drifts.
    """
    x, w = legendre(200)
    reach = 12.0 / np.sqrt(2.0 * df)
    low = max(0.0, 1.0 - reach)
    half = (1.0 + reach - low) / 2.0
    s = low + half * (1.0 + x)
    log_density = (
        np.log(2.0) + 0.5 * df * np.log(0.5 * df) - gammaln(0.5 * df) + (df - 1.0) * np.log(s) - 0.5 * df * s * s
    )
    return float((half * w * np.exp(log_density)) @ ndtr(drift - critical * s))


def _t_sample_size(by_z: float, effect: float, ratio: float, alpha: float, power: float) -> float:
    def excess(n: float) -> float:
        return power_means(effect, 1.0, n, n * ratio, alpha=alpha) - power

    low = max(by_z, 2.0, 2.0 / ratio)
    if excess(low) >= 0.0:
        return low
    return find_root(excess, low, float(np.ceil(low)) + 60.0)
