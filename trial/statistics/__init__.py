"""Arrays in, numbers out: the statistics of a trial, importable by themselves in a notebook.

Group sequential design    group_sequential, sample_size
Endpoints                  linear, mixed_models, imputation, subgroups, proportions, risk_comparisons, strata, exact_tests,
                           rates, count_models, survival, rank_tests, proportional_hazards
Safety and blinding        bayes, blinding_indices
Simulation                 virtual_participants

Invariants
1. No I/O, no clock, no global randomness; numpy and scipy.special only. A name is loaded when it is first used, so that
   importing the room costs next to nothing.
2. Ranges are checked before arithmetic; a refusal names the parameter and its interval. NaN never comes out.
3. Results are frozen, carry the method's name, and print as plain text.

What it does not do: read frames, round for print, draw, or know what an arm is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from trial.statistics.bayes import RatePosterior, fewest_events_to_exceed, rate_posterior
    from trial.statistics.blinding_indices import ArmGuesses, bang_index, bang_index_graded, james_index
    from trial.statistics.count_models import CountModelResult, count_model
    from trial.statistics.estimates import Estimate
    from trial.statistics.exact_tests import ExactTest, barnard, binomial_test, boschloo, fisher, pearson
    from trial.statistics.group_sequential import (
        OBRIEN_FLEMING,
        POCOCK,
        Analysis,
        BlindedSize,
        BoundScales,
        CrossingProbabilities,
        DesignBounds,
        EventCharacteristics,
        EventsSimulation,
        FixedFutility,
        GroupSequentialDesign,
        HarmSpending,
        HaybittlePeto,
        Look,
        MeansSimulation,
        NormalPrior,
        OperatingCharacteristics,
        Posterior,
        PromisingZone,
        ProportionsSimulation,
        Spending,
        StagewiseInference,
        WangTsiatis,
        bias_adjusted_mean,
        blinded_size,
        combine,
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
        least_promising,
        posterior,
        predictive_power,
        probability_of_success,
        promising_zone,
        repeated_interval,
        repeated_p_value,
        sceptical_prior,
        shaped_bounds,
        spending_bounds,
        stagewise_inference,
        stagewise_p_value,
        stepwise,
    )
    from trial.statistics.imputation import (
        Imputations,
        PooledEstimate,
        TippingPoint,
        compare_imputed,
        impute,
        pool,
        tipping_point,
    )
    from trial.statistics.linear import AncovaResult, Contrast, LsMean, ancova
    from trial.statistics.mixed_models import MmrmResult, mmrm
    from trial.statistics.proportional_hazards import CoxResult, cox
    from trial.statistics.proportions import (
        agresti_coull,
        blaker,
        clopper_pearson,
        jeffreys,
        mid_p,
        wald,
        wilson,
        zero_events_upper_limit,
    )
    from trial.statistics.rank_tests import LogRankResult, log_rank
    from trial.statistics.rates import event_rate, event_rate_test, rate_ratio, rate_test
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
        ChiSquareTest,
        cochran_mantel_haenszel,
        common_odds_ratio,
        common_risk_ratio,
        stratified_risk_difference,
        stratified_score_difference,
    )
    from trial.statistics.subgroups import SubgroupForest, heterogeneity, subgroup_forest
    from trial.statistics.survival import KaplanMeier, kaplan_meier

__all__ = [
    "OBRIEN_FLEMING",
    "POCOCK",
    "Analysis",
    "AncovaResult",
    "ArmGuesses",
    "BlindedSize",
    "BoundScales",
    "ChiSquareTest",
    "Contrast",
    "CountModelResult",
    "CoxResult",
    "CrossingProbabilities",
    "DesignBounds",
    "Estimate",
    "EventCharacteristics",
    "EventSize",
    "EventsSimulation",
    "ExactTest",
    "FixedFutility",
    "GroupSequentialDesign",
    "HarmSpending",
    "HaybittlePeto",
    "Imputations",
    "KaplanMeier",
    "LogRankResult",
    "Look",
    "LsMean",
    "MeansSimulation",
    "MmrmResult",
    "NormalPrior",
    "OperatingCharacteristics",
    "PooledEstimate",
    "Posterior",
    "PromisingZone",
    "ProportionsSimulation",
    "RatePosterior",
    "SampleSize",
    "Spending",
    "StagewiseInference",
    "SubgroupForest",
    "TippingPoint",
    "WangTsiatis",
    "agresti_coull",
    "ancova",
    "bang_index",
    "bang_index_graded",
    "barnard",
    "bias_adjusted_mean",
    "binomial_test",
    "blaker",
    "blinded_size",
    "boschloo",
    "clopper_pearson",
    "cochran_mantel_haenszel",
    "combine",
    "common_odds_ratio",
    "common_risk_ratio",
    "compare_imputed",
    "conditional_power",
    "count_model",
    "cox",
    "critical_difference",
    "crossing_probabilities",
    "drift_for_power",
    "enthusiastic_prior",
    "equal_looks",
    "event_probability",
    "event_rate",
    "event_rate_test",
    "exponential",
    "fewest_events_to_exceed",
    "fisher",
    "futility_bounds",
    "heterogeneity",
    "hwang_shih_decani",
    "impute",
    "inflation_factor",
    "james_index",
    "jeffreys",
    "kaplan_meier",
    "kim_demets",
    "ld_obrien_fleming",
    "ld_pocock",
    "least_promising",
    "log_rank",
    "mid_p",
    "mmrm",
    "odds_ratio",
    "pearson",
    "pool",
    "posterior",
    "power_means",
    "predictive_power",
    "probability_of_success",
    "promising_zone",
    "rate_posterior",
    "rate_ratio",
    "rate_test",
    "repeated_interval",
    "repeated_p_value",
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
    "subgroup_forest",
    "tipping_point",
    "variance_at_last_visit",
    "wald",
    "wilson",
    "zero_events_upper_limit",
]

_HOMES: Final = {
    "bayes": "RatePosterior fewest_events_to_exceed rate_posterior",
    "blinding_indices": "ArmGuesses bang_index bang_index_graded james_index",
    "count_models": "CountModelResult count_model",
    "proportional_hazards": "CoxResult cox",
    "estimates": "Estimate",
    "exact_tests": "ExactTest barnard binomial_test boschloo fisher pearson",
    "group_sequential": (
        "OBRIEN_FLEMING POCOCK Analysis BlindedSize BoundScales CrossingProbabilities DesignBounds "
        "EventCharacteristics EventsSimulation FixedFutility GroupSequentialDesign HarmSpending HaybittlePeto "
        "Look MeansSimulation NormalPrior OperatingCharacteristics Posterior PromisingZone ProportionsSimulation "
        "Spending StagewiseInference WangTsiatis bias_adjusted_mean blinded_size combine conditional_power "
        "crossing_probabilities drift_for_power enthusiastic_prior equal_looks exponential futility_bounds "
        "hwang_shih_decani inflation_factor kim_demets ld_obrien_fleming ld_pocock least_promising posterior "
        "predictive_power probability_of_success promising_zone repeated_interval repeated_p_value "
        "sceptical_prior shaped_bounds spending_bounds stagewise_inference stagewise_p_value stepwise"
    ),
    "imputation": "Imputations PooledEstimate TippingPoint compare_imputed impute pool tipping_point",
    "linear": "AncovaResult Contrast LsMean ancova",
    "rank_tests": "LogRankResult log_rank",
    "mixed_models": "MmrmResult mmrm",
    "proportions": "agresti_coull blaker clopper_pearson jeffreys mid_p wald wilson zero_events_upper_limit",
    "rates": "event_rate event_rate_test rate_ratio rate_test",
    "risk_comparisons": "odds_ratio risk_difference risk_ratio",
    "sample_size": (
        "EventSize SampleSize critical_difference event_probability power_means sample_size_ancova sample_size_events "
        "sample_size_means sample_size_proportions sample_size_repeated variance_at_last_visit"
    ),
    "strata": (
        "ChiSquareTest cochran_mantel_haenszel common_odds_ratio common_risk_ratio stratified_risk_difference "
        "stratified_score_difference"
    ),
    "subgroups": "SubgroupForest heterogeneity subgroup_forest",
    "survival": "KaplanMeier kaplan_meier",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for from its home, and keep it here."""
    home = next((module for module, names in _HOMES.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, *_HOMES, "virtual_participants"})
