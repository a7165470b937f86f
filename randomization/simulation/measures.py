"""What came of simulated trials: imbalance, guesses, and a t test under bias.

Imbalance: the largest difference between two arms in participants per share of the ratio; at 1:1 the difference of
    the arms' numbers.
Guesses: the convergence strategy guesses the arm that is most behind its share (at a tie the one with the largest
    share, then any); for lists in the participant's own stratum, for minimization over the weighted factors.
    Source: Blackwell & Hodges (1957), Ann Math Stat 28:449.
Selection bias: a recruiter who guesses the experimental arm brings participants who do better by the preference, who
    guesses the control those who do worse. Source: Proschan (1994), Stat Med 13:2089.
Chronological bias: a linear trend over the trial. Source: Tamm & Hilgers (2014), Methods Inf Med 53:501.
Test: the two-sample t test of the two compared arms, two-sided, blind to order and strata.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from randomization.schemes import AnyScheme, Minimization, in_lowest_terms
from randomization.simulation.courses import Arrivals, Groups, Scenario, starts_of_groups
from randomization.simulation.lists import Arms, Floats

Booleans = NDArray[np.bool_]


def one_hot(arms: Arms, number: int) -> Floats:
    hot: Floats = (arms[..., np.newaxis] == np.arange(number)).astype(np.float64)
    return hot


def imbalance_paths(arms: Arms, ratio: tuple[int, ...]) -> Floats:
    """The imbalance after each participant of each trial."""
    per_share = np.cumsum(one_hot(arms, len(ratio)), axis=1) / np.array(in_lowest_terms(ratio))
    paths: Floats = per_share.max(axis=2) - per_share.min(axis=2)
    return paths


def counts_before(arms: Arms, groups: Groups, number: int) -> Floats:
    """For each participant, how many of the same group were given each arm before."""
    order = np.argsort(groups, axis=1, kind="stable")
    hot = np.take_along_axis(one_hot(arms, number), order[:, :, np.newaxis], axis=1)
    before = np.cumsum(hot, axis=1) - hot
    starts = starts_of_groups(np.take_along_axis(groups, order, axis=1))
    own = before - np.take_along_axis(before, starts[:, :, np.newaxis], axis=1)
    counts = np.empty_like(own)
    np.put_along_axis(counts, order[:, :, np.newaxis], own, axis=1)
    return counts


def strata_imbalance(arms: Arms, arrivals: Arrivals) -> Floats:
    """The imbalance at the end within a stratum, averaged over the strata of each trial that have anybody."""
    scenario = arrivals.scenario
    cells = arrivals.strata * len(scenario.ratio) + arms
    size = scenario.strata * len(scenario.ratio)
    flat = (np.arange(arrivals.trials)[:, np.newaxis] * size + cells).ravel()
    counts = np.bincount(flat, minlength=arrivals.trials * size).reshape(arrivals.trials, scenario.strata, -1)
    per_share = counts / np.array(in_lowest_terms(scenario.ratio))
    spread = per_share.max(axis=2) - per_share.min(axis=2)
    used = counts.sum(axis=2) > 0
    average: Floats = (spread * used).sum(axis=1) / used.sum(axis=1)
    return average


def guessed(arms: Arms, arrivals: Arrivals, scheme: AnyScheme) -> Booleans:
    """For each participant the arms that the convergence strategy holds possible: one, or those that tie."""
    ratio = np.array(in_lowest_terms(scheme.ratio))
    if isinstance(scheme, Minimization):
        seen = np.zeros((*arms.shape, len(ratio)))
        for balance in scheme.factors:
            seen += float(balance.weight) * counts_before(arms, arrivals.levels(balance.factor), len(ratio))
    else:
        seen = counts_before(arms, arrivals.strata, len(ratio))
    behind = seen / ratio
    tied = behind <= behind.min(axis=2, keepdims=True) + 1e-9
    weight = tied * ratio
    largest: Booleans = weight == weight.max(axis=2, keepdims=True)
    return largest


def correct_guesses(arms: Arms, guesses: Booleans) -> Floats:
    """The expected share of correct guesses in each trial."""
    hit = np.take_along_axis(guesses, arms[:, :, np.newaxis].astype(np.intp), axis=2)[:, :, 0]
    share: Floats = (hit / guesses.sum(axis=2)).mean(axis=1)
    return share


def expectations(guesses: Booleans, scenario: Scenario) -> Floats:
    """What the recruiter expects of each participant: 1 the experimental arm, -1 the control, 0 neither."""
    alone = guesses.sum(axis=2) == 1
    side: Floats = alone * (guesses[:, :, scenario.experimental] * 1.0 - guesses[:, :, scenario.control] * 1.0)
    return side


def trend(scenario: Scenario) -> Floats:
    """The drift at each participant's place, from 0 to the trend."""
    return scenario.trend * np.linspace(0.0, 1.0, scenario.participants)


def t_test(outcomes: Floats, arms: Arms, scenario: Scenario) -> tuple[Floats, Booleans]:
    """The difference of the compared arms in each trial, and whether it is significant; never where one is too small."""
    first, second = (arms == scenario.experimental), (arms == scenario.control)
    n_first, n_second = first.sum(axis=1), second.sum(axis=1)
    usable = (n_first > 1) & (n_second > 1)
    n_first, n_second = np.maximum(n_first, 1), np.maximum(n_second, 1)
    mean_first = (outcomes * first).sum(axis=1) / n_first
    mean_second = (outcomes * second).sum(axis=1) / n_second
    squares = ((outcomes - mean_first[:, np.newaxis]) ** 2 * first).sum(axis=1)
    squares += ((outcomes - mean_second[:, np.newaxis]) ** 2 * second).sum(axis=1)
    freedom = np.maximum(n_first + n_second - 2, 1)
    error = np.sqrt(squares / freedom * (1 / n_first + 1 / n_second))
    difference: Floats = mean_first - mean_second
    critical = stats.t.ppf(1 - scenario.alpha / 2, freedom)
    rejected: Booleans = usable & (np.abs(difference) > critical * error)
    return difference, rejected


def powers(arms: Arms, scenario: Scenario) -> Floats:
    """The exact power of each trial's test given its numbers, without any bias."""
    first = (arms == scenario.experimental).sum(axis=1)
    second = (arms == scenario.control).sum(axis=1)
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([power_of(a, b, scenario.effect, scenario.alpha) for a, b in pairs])


@lru_cache(maxsize=100_000)
def power_of(first: float, second: float, effect: float, alpha: float) -> float:
    """Power of the two-sided t test with these numbers."""
    if first <= 1 or second <= 1:
        return 0.0
    freedom, shift = first + second - 2, effect / np.sqrt(1 / first + 1 / second)
    critical = stats.t.ppf(1 - alpha / 2, freedom)
    return float(stats.nct.sf(critical, freedom, shift) + stats.nct.cdf(-critical, freedom, shift))


def best_power(scenario: Scenario) -> float:
    """The power where the arms stand exactly in the ratio."""
    share = scenario.participants / sum(scenario.ratio)
    numbers = (share * scenario.ratio[scenario.experimental], share * scenario.ratio[scenario.control])
    return power_of(*numbers, scenario.effect, scenario.alpha)
