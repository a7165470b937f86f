"""Group sequential designs: bounds, their chances, looks at the information really observed, and inference after them.

integration        the density between bounds, carried from look to look
crossing           chances of crossing under any drift
spending, efficacy, futility, planning   from rules to planned bounds
looks, analysis    bounds and statements at observed information
inference, repeated, conditional, assurance, priors, scales, reestimation   each statement by itself
design             the object that carries all of it; protocol_section takes it to and from a file
simulation, binary_simulation, event_simulation   play it; characteristics says what the trials did
"""

from __future__ import annotations

from trial.statistics.group_sequential.analysis import Analysis
from trial.statistics.group_sequential.assurance import probability_of_success
from trial.statistics.group_sequential.binary_simulation import ProportionsSimulation
from trial.statistics.group_sequential.characteristics import OperatingCharacteristics
from trial.statistics.group_sequential.conditional import conditional_power, predictive_power
from trial.statistics.group_sequential.crossing import (
    CrossingProbabilities,
    crossing_probabilities,
    drift_for_power,
    inflation_factor,
)
from trial.statistics.group_sequential.design import GroupSequentialDesign, equal_looks
from trial.statistics.group_sequential.efficacy import (
    OBRIEN_FLEMING,
    POCOCK,
    HaybittlePeto,
    WangTsiatis,
    shaped_bounds,
    spending_bounds,
)
from trial.statistics.group_sequential.event_simulation import EventCharacteristics, EventsSimulation
from trial.statistics.group_sequential.futility import FixedFutility, HarmSpending, futility_bounds
from trial.statistics.group_sequential.inference import (
    StagewiseInference,
    bias_adjusted_mean,
    repeated_interval,
    stagewise_inference,
    stagewise_p_value,
)
from trial.statistics.group_sequential.looks import Look
from trial.statistics.group_sequential.planning import DesignBounds
from trial.statistics.group_sequential.priors import (
    NormalPrior,
    Posterior,
    enthusiastic_prior,
    posterior,
    sceptical_prior,
)
from trial.statistics.group_sequential.reestimation import (
    BlindedSize,
    PromisingZone,
    blinded_size,
    combine,
    least_promising,
    promising_zone,
)
from trial.statistics.group_sequential.repeated import repeated_p_value
from trial.statistics.group_sequential.scales import BoundScales
from trial.statistics.group_sequential.simulation import MeansSimulation
from trial.statistics.group_sequential.spending import (
    Spending,
    exponential,
    hwang_shih_decani,
    kim_demets,
    ld_obrien_fleming,
    ld_pocock,
    stepwise,
)

__all__ = [
    "OBRIEN_FLEMING",
    "POCOCK",
    "Analysis",
    "BlindedSize",
    "BoundScales",
    "CrossingProbabilities",
    "DesignBounds",
    "EventCharacteristics",
    "EventsSimulation",
    "FixedFutility",
    "GroupSequentialDesign",
    "HarmSpending",
    "HaybittlePeto",
    "Look",
    "MeansSimulation",
    "NormalPrior",
    "OperatingCharacteristics",
    "Posterior",
    "PromisingZone",
    "ProportionsSimulation",
    "Spending",
    "StagewiseInference",
    "WangTsiatis",
    "bias_adjusted_mean",
    "blinded_size",
    "combine",
    "conditional_power",
    "crossing_probabilities",
    "drift_for_power",
    "enthusiastic_prior",
    "equal_looks",
    "exponential",
    "futility_bounds",
    "hwang_shih_decani",
    "inflation_factor",
    "kim_demets",
    "ld_obrien_fleming",
    "ld_pocock",
    "least_promising",
    "posterior",
    "predictive_power",
    "probability_of_success",
    "promising_zone",
    "repeated_interval",
    "repeated_p_value",
    "sceptical_prior",
    "shaped_bounds",
    "spending_bounds",
    "stagewise_inference",
    "stagewise_p_value",
    "stepwise",
]
