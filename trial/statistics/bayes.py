"""Posterior probability that a rate is too high, for stopping rules on adverse events of special interest.

Invariants
1. Exact: a Beta prior and a binomial count give a Beta posterior.

What it does not do: know a protocol's rule; the caller gives threshold, prior and the probability that
alarms.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betaincc, betaincinv

from trial.statistics.checks import OutOfRange, check_count, check_in


@dataclass(frozen=True)
class RatePosterior:
    """The posterior of a rate. ``exceeds`` is the probability that it lies above ``threshold``."""

    events: int
    n: int
    threshold: float
    prior: tuple[float, float]
    exceeds: float
    median: float
    lower: float
    upper: float
    method: str = "Beta–binomial posterior"

    def __str__(self) -> str:
        a, b = self.prior
        return (
            f"{self.events}/{self.n}: P(rate > {100 * self.threshold:g} %) = {self.exceeds:.4f}; posterior median "
            f"{100 * self.median:.2f} % (95 % {100 * self.lower:.2f} to {100 * self.upper:.2f}), Beta({a:g}, {b:g}) prior"
        )


def rate_posterior(events: int, n: int, threshold: float, prior: tuple[float, float] = (0.5, 0.5)) -> RatePosterior:
    """The posterior of a rate after ``events`` among ``n`` participants.

    events: in [0, n]. n: from 0 (the prior alone). threshold: in (0, 1). prior: Beta parameters, each in (0,
    1e6].
    Raises OutOfRange.
    Check: with a Beta(1, b) prior and no events, P(rate > t) = (1 − t)^(b + n).

    >>> print(rate_posterior(4, 40, 0.05))
    4/40: P(rate > 5 %) = 0.9165; posterior median 10.34 % (95 % 3.47 to 22.04), Beta(0.5, 0.5) prior
    """
    size = check_count("n", n)
    x = check_count("events", events, size)
    if not isinstance(prior, tuple | list) or len(prior) != 2:
        raise OutOfRange(f"prior must be two parameters; {prior!r} was given.")
    a, b = (check_in("prior", parameter, 0.0, 1e6, "(]") for parameter in prior)
    limit = check_in("threshold", threshold, 0.0, 1.0)
    shape = (a + x, b + size - x)
    low, middle, high = (float(betaincinv(*shape, share)) for share in (0.025, 0.5, 0.975))
    return RatePosterior(x, size, limit, (a, b), float(betaincc(*shape, limit)), middle, low, high)


def fewest_events_to_exceed(
    n: int, threshold: float, probability: float, prior: tuple[float, float] = (0.5, 0.5)
) -> int | None:
    """The fewest events among ``n`` that make P(rate > threshold) exceed ``probability``; None when even n
    do not.

    probability: in (0, 1). Other arguments as for ``rate_posterior``.

    >>> fewest_events_to_exceed(40, 0.05, 0.95)
    5
    """
    alarm = check_in("probability", probability, 0.0, 1.0)
    low, high = 0, check_count("n", n)
    if rate_posterior(high, n, threshold, prior).exceeds <= alarm:
        return None
    while low < high:
        middle = (low + high) // 2
        if rate_posterior(middle, n, threshold, prior).exceeds > alarm:
            high = middle
        else:
            low = middle + 1
    return low
