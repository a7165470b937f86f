"""Arrays in, numbers out: the statistics of a trial, importable by themselves in a notebook.

Group sequential design    spending, boundaries, design, conditional_power, sample_size
Endpoints                  linear, mixed_models, proportions, rates, survival
Safety and blinding        bayes, blinding_indices
Simulation                 virtual_participants

Invariants
1. No I/O, no clock, no global randomness; numpy and scipy.special only, so that importing is quick.
2. Ranges are checked before arithmetic; a refusal names the parameter and its interval. NaN never comes out.
3. Results are frozen, carry the method's name, and print as plain text.

What it does not do: read frames, round for print, draw, or know what an arm is called.
"""

from __future__ import annotations

from trial.statistics.bayes import RatePosterior, fewest_events_to_exceed, rate_posterior
from trial.statistics.blinding_indices import ArmGuesses, bang_index, james_index
from trial.statistics.estimates import Estimate
from trial.statistics.group_sequential.boundaries import (
    CrossingProbabilities,
    crossing_probabilities,
    futility_bounds,
    inflation_factor,
    spending_bounds,
)
from trial.statistics.group_sequential.conditional_power import conditional_power, predictive_power
from trial.statistics.group_sequential.design import DesignBounds, GroupSequentialDesign, LookResult
from trial.statistics.group_sequential.spending import (
    Spending,
    hwang_shih_decani,
    kim_demets,
    ld_obrien_fleming,
    ld_pocock,
)
from trial.statistics.linear import AncovaResult, Contrast, LsMean, ancova
from trial.statistics.mixed_models import MmrmResult, mmrm
from trial.statistics.proportions import (
    clopper_pearson,
    risk_difference,
    risk_ratio,
    stratified_risk_difference,
    wilson,
    zero_events_upper_limit,
)
from trial.statistics.rates import event_rate, rate_ratio
from trial.statistics.sample_size import SampleSize, power_means, sample_size_means
from trial.statistics.survival import KaplanMeier, kaplan_meier

__all__ = [
    "AncovaResult",
    "ArmGuesses",
    "Contrast",
    "CrossingProbabilities",
    "DesignBounds",
    "Estimate",
    "GroupSequentialDesign",
    "KaplanMeier",
    "LookResult",
    "LsMean",
    "MmrmResult",
    "RatePosterior",
    "SampleSize",
    "Spending",
    "ancova",
    "bang_index",
    "clopper_pearson",
    "conditional_power",
    "crossing_probabilities",
    "event_rate",
    "fewest_events_to_exceed",
    "futility_bounds",
    "hwang_shih_decani",
    "inflation_factor",
    "james_index",
    "kaplan_meier",
    "kim_demets",
    "ld_obrien_fleming",
    "ld_pocock",
    "mmrm",
    "power_means",
    "predictive_power",
    "rate_posterior",
    "rate_ratio",
    "risk_difference",
    "risk_ratio",
    "sample_size_means",
    "spending_bounds",
    "stratified_risk_difference",
    "wilson",
    "zero_events_upper_limit",
]
