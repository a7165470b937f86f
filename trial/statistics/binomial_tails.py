"""Two-sided tests and intervals of a binomial share in the three conventions that are in use.

central    twice the smaller tail; the interval of Clopper and Pearson
minlike    all outcomes that are at most as probable as the one seen (R ``binom.test`` and ``poisson.test``)
blaker     the smaller tail and the largest opposite tail that does not exceed it

Invariants
1. An interval holds every share that its own test does not reject, and is the shortest that does: it runs from the first
   to the last of them.
2. Blaker's interval lies within the central one.

What it does not do: check ranges; its callers have.

Source: Clopper & Pearson (1934); Sterne (1954); Blaker (2000), Can J Stat 28, 783–798; Fay (2010), R Journal 2, 53–58.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy.special import betainc, betaincc, betaincinv, gammaln

from trial.statistics.checks import FloatArray, OutOfRange
from trial.statistics.roots import bisect

TwoSided = Literal["central", "minlike", "blaker"]

_TIE = 1e-7
_MOST_JUMPS = 100_000


def at_least(x: FloatArray | float, n: float, share: FloatArray | float) -> FloatArray:
    """P(X ≥ x) of n trials with chance ``share``."""
    above = np.asarray(x, dtype=np.float64)
    inner = betainc(np.maximum(above, 0.5), np.maximum(n - above + 1.0, 0.5), share)
    found: FloatArray = np.where(above <= 0.0, 1.0, np.where(above > n, 0.0, inner))
    return found


def at_most(x: FloatArray | float, n: float, share: FloatArray | float) -> FloatArray:
    """P(X ≤ x) of n trials with chance ``share``."""
    below = np.asarray(x, dtype=np.float64)
    inner = betaincc(np.maximum(below + 1.0, 0.5), np.maximum(n - below, 0.5), share)
    found: FloatArray = np.where(below >= n, 1.0, np.where(below < 0.0, 0.0, inner))
    return found


def two_sided_p(x: int, n: int, share: float, kind: TwoSided, rest: float | None = None) -> float:
    """The p-value of ``share`` when x of n were seen; ``rest`` is 1 − share where the caller knows it better."""
    left = 1.0 - share if rest is None else rest
    low, high = float(at_most(x, n, share)), float(at_least(x, n, share))
    if kind == "central":
        return min(2.0 * min(low, high), 1.0)
    seen = _log_chance(float(x), n, share, left)
    if kind == "minlike" and seen >= _log_chance(float(_mode(n, share)), n, share, left) - _TIE:
        return 1.0
    below = x < _mode(n, share) if kind == "minlike" else low <= high
    if below:
        return min(low + _opposite(n - x, n, left, share, kind), 1.0)
    return min(high + _opposite(x, n, share, left, kind), 1.0)


def share_interval(x: int, n: int, alpha: float, kind: TwoSided) -> tuple[float, float]:
    """Odds share / (1 − share) of the first and the last share that the test does not reject at ``alpha``."""
    if kind == "minlike" and n > _MOST_JUMPS:
        raise OutOfRange(f"events must be at most {_MOST_JUMPS:g} for a minlike interval: take the central one.")
    low, high = _lowest_odds(x, n, alpha, kind), _lowest_odds(n - x, n, alpha, kind)
    return low, (math.inf if high == 0.0 else 1.0 / high)


def _mode(n: int, share: float) -> int:
    return min(math.floor((n + 1) * share), n)


def _log_chance(x: float, n: int, share: float, rest: float) -> float:
    """log P(X = x)."""
    return float(_log_ways(x, n)) + x * math.log(share) + (n - x) * math.log(rest)


def _log_ways(x: FloatArray | float, n: int) -> FloatArray:
    ways: FloatArray = gammaln(n + 1.0) - gammaln(np.asarray(x) + 1.0) - gammaln(n - np.asarray(x) + 1.0)
    return ways


def _opposite(x: int, n: int, share: float, rest: float, kind: TwoSided) -> float:
    """The lower tail that goes with x in the upper one: outcomes 0 … j, the most that the convention lets in."""
    first, last = -1, min(x - 1, _mode(n, share)) if kind == "minlike" else x - 1
    limit = (
        _log_chance(float(x), n, share, rest) + _TIE
        if kind == "minlike"
        else float(at_least(x, n, share)) * (1.0 + _TIE)
    )
    while first < last:
        middle = (first + last + 1) // 2
        size = _log_chance(float(middle), n, share, rest) if kind == "minlike" else float(at_most(middle, n, share))
        first, last = (middle, last) if size <= limit else (first, middle - 1)
    return float(at_most(first, n, share))


def _lowest_odds(x: int, n: int, alpha: float, kind: TwoSided) -> float:
    """As a share rises towards x / n, outcomes 0, 1, … x − 1 join the lower tail one by one, and the p-value jumps.

    Between two jumps it falls at most once and then rises, so that only the jumps and the ends of what lies between them
    have to be looked at.
    """
    if x == 0:
        return 0.0
    if kind == "central":
        share = float(betaincinv(x, n - x + 1, alpha / 2.0))
        return share / (1.0 - share)
    return _lowest_minlike(x, n, alpha) if kind == "minlike" else _lowest_blaker(x, n, alpha)


def _lowest_minlike(x: int, n: int, alpha: float) -> float:
    joining = np.arange(x, dtype=np.float64)
    odds = np.exp((_log_ways(joining, n) - _log_ways(float(x), n)) / (x - joining))
    shares = odds / (1.0 + odds)
    upper = at_least(x, n, shares)
    accepted = (upper + at_most(joining, n, shares) >= alpha) | (upper + at_most(joining - 1.0, n, shares) >= alpha)
    place = int(np.argmax(accepted))
    return _before_jump(x, n, alpha, place, float(shares[place - 1]) if place else 0.0, float(shares[place]))


def _lowest_blaker(x: int, n: int, alpha: float) -> float:
    """At a jump both tails are equal, so the first jump to ``alpha`` is the first that lies above the central limit."""
    central = float(betaincinv(x, n - x + 1, alpha / 2.0))
    first, last = 0, x - 1
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if float(at_most(middle, n, central)) >= alpha / 2.0 else (middle + 1, last)
    before = _equal_tails(x, n, first - 1) if first else 0.0
    return _before_jump(x, n, alpha, first, before, _equal_tails(x, n, first))


def _equal_tails(x: int, n: int, j: int) -> float:
    """The share at which P(X ≥ x) = P(X ≤ j)."""
    return bisect(lambda share: float(at_least(x, n, share) - at_most(j, n, share)), 0.0, 1.0)


def _before_jump(x: int, n: int, alpha: float, joining: int, before: float, jump: float) -> float:
    """The odds at ``jump``, or where the p-value reaches ``alpha`` on the way there from the jump ``before``."""

    def rising(share: float) -> float:
        return float(at_least(x, n, share) + at_most(joining - 1, n, share)) - alpha

    share = bisect(rising, before, jump) if rising(jump) > 0.0 else jump
    return share / (1.0 - share)
