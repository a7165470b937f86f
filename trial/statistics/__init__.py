"""Arrays in, numbers out: the statistics of a trial, importable by themselves in a notebook.

Group sequential design    group_sequential, sample_size
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
from trial.statistics.group_sequential import (
    OBRIEN_FLEMING,
    POCOCK,
    Analysis,
    BoundScales,
    CrossingProbabilities,
    DesignBounds,
    FixedFutility,
    GroupSequentialDesign,
    HarmSpending,
    HaybittlePeto,
    Look,
    NormalPrior,
    Posterior,
    Spending,
    StagewiseInference,
    WangTsiatis,
    bias_adjusted_mean,
    conditional_power,
    crossing_probabilities,
    drift_for_power,
    enthusiastic_prior,
    equal_looks,
    exponential,
    futility_bounds,
    hwang_shih_decani,
    inflation_factor,
    kim_demets,
    ld_obrien_fleming,
    ld_pocock,
    posterior,
    predictive_power,
    repeated_interval,
    sceptical_prior,
    shaped_bounds,
    spending_bounds,
    stagewise_inference,
    stagewise_p_value,
    stepwise,
)
from trial.statistics.linear import AncovaResult, Contrast, LsMean, ancova
from trial.statistics.mixed_models import MmrmResult, mmrm
from trial.statistics.proportions import clopper_pearson, wilson, zero_events_upper_limit
from trial.statistics.rates import event_rate, rate_ratio
from trial.statistics.risk_comparisons import odds_ratio, risk_difference, risk_ratio
from trial.statistics.sample_size import (
    EventSize,
    SampleSize,
    critical_difference,
    event_probability,
    power_means,
    sample_size_ancova,
    sample_size_events,
    sample_size_means,
    sample_size_proportions,
    sample_size_repeated,
    variance_at_last_visit,
)
from trial.statistics.strata import (
    cochran_mantel_haenszel,
    common_odds_ratio,
    common_risk_ratio,
    stratified_risk_difference,
    stratified_score_difference,
)
from trial.statistics.survival import KaplanMeier, kaplan_meier

__all__ = [
    "OBRIEN_FLEMING",
    "POCOCK",
    "Analysis",
    "AncovaResult",
    "ArmGuesses",
    "BoundScales",
    "Contrast",
    "CrossingProbabilities",
    "DesignBounds",
    "Estimate",
    "EventSize",
    "FixedFutility",
    "GroupSequentialDesign",
    "HarmSpending",
    "HaybittlePeto",
    "KaplanMeier",
    "Look",
    "LsMean",
    "MmrmResult",
    "NormalPrior",
    "Posterior",
    "RatePosterior",
    "SampleSize",
    "Spending",
    "StagewiseInference",
    "WangTsiatis",
    "ancova",
    "bang_index",
    "barnard",
    "bias_adjusted_mean",
    "boschloo",
    "clopper_pearson",
    "cochran_mantel_haenszel",
    "common_odds_ratio",
    "common_risk_ratio",
    "conditional_power",
    "critical_difference",
    "crossing_probabilities",
    "drift_for_power",
    "enthusiastic_prior",
    "equal_looks",
    "event_probability",
    "event_rate",
    "exponential",
    "fewest_events_to_exceed",
    "fisher",
    "futility_bounds",
    "hwang_shih_decani",
    "inflation_factor",
    "james_index",
    "kaplan_meier",
    "kim_demets",
    "ld_obrien_fleming",
    "ld_pocock",
    "mmrm",
    "odds_ratio",
    "pearson",
    "posterior",
    "power_means",
    "predictive_power",
    "rate_posterior",
    "rate_ratio",
    "repeated_interval",
    "risk_difference",
    "risk_ratio",
    "sample_size_ancova",
    "sample_size_events",
    "sample_size_means",
    "sample_size_proportions",
    "sample_size_repeated",
    "sceptical_prior",
    "shaped_bounds",
    "spending_bounds",
    "stagewise_inference",
    "stagewise_p_value",
    "stepwise",
    "stratified_risk_difference",
    "stratified_score_difference",
    "variance_at_last_visit",
    "wilson",
    "zero_events_upper_limit",
]
