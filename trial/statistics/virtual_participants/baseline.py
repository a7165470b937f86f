"""Who somebody is before randomization: demography, history and baseline scores.

Invariants
1. ``sex``, ``race`` and ``ethnicity`` are submission values of CDISC codelists C66731, C74457 and C66790.
2. Nothing here depends on an exposure.

What it does not do: names, contacts or dates of birth. Age is in whole years.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from trial.statistics.checks import FloatArray
from trial.statistics.virtual_participants.scenario import Scenario

# The retrospective study: age 50.4 ± 15.2, 71.8 % female, 83.3 % white. All other shares are assumed.
_AGE: Final = (50.4, 15.2)
_SEX: Final[Mapping[str, float]] = MappingProxyType({"F": 0.718, "M": 0.282})
_RACE: Final[Mapping[str, float]] = MappingProxyType(
    {
        "WHITE": 0.833,
        "BLACK OR AFRICAN AMERICAN": 0.105,
        "ASIAN": 0.022,
        "AMERICAN INDIAN OR ALASKA NATIVE": 0.004,
        "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER": 0.001,
        "OTHER": 0.020,
        "NOT REPORTED": 0.015,
    }
)
_ETHNICITY: Final[Mapping[str, float]] = MappingProxyType(
    {"NOT HISPANIC OR LATINO": 0.93, "HISPANIC OR LATINO": 0.05, "NOT REPORTED": 0.02}
)
_PAIN_TYPE: Final[Mapping[str, float]] = MappingProxyType(
    {"neuropathic": 0.42, "nociplastic": 0.33, "nociceptive_or_mixed": 0.25}
)
_HIGHEST_INELIGIBLE: Final = 59.0


@dataclass(frozen=True)
class VirtualParticipant:
    """Baseline facts. ``latent``: scale → T-score, or total before rounding.

    Units: kg, cm, mmHg, beats and breaths a minute, %, U/L, µmol/L, mg of oral morphine a day (MME), months.
    """

    age_years: int
    sex: str
    race: str
    ethnicity: str
    weight_kg: float
    height_cm: float
    pain_type: str
    pain_duration_months: int
    failed_drug_classes: int
    failed_other_treatments: int
    baseline_opioid: bool
    opioid_mme_per_day: float
    sbp_mmhg: int
    dbp_mmhg: int
    pulse_bpm: int
    spo2_percent: int
    alt_u_per_l: int
    ast_u_per_l: int
    creatinine_umol_per_l: int
    latent: Mapping[str, float]

    @property
    def bmi(self) -> float:
        return self.weight_kg / (self.height_cm / 100.0) ** 2


def simulate_participant(rng: np.random.Generator, scenario: Scenario, *, eligible: bool = True) -> VirtualParticipant:
    """One person. With ``eligible`` their pain interference meets the scenario's minimum, else it falls
    short.

    rng: source of all randomness. scenario: shapes and shares.
    Every other fact is within the usual eligibility of such a trial in either case.

    >>> person = simulate_participant(np.random.default_rng(1), Scenario())
    >>> person.latent["pain_interference"] >= 60.6
    True
    """
    sex = _pick(rng, _SEX)
    height = _normal(rng, 177.0 if sex == "M" else 163.0, 7.0, 140.0, 205.0)
    opioid = bool(rng.random() < 0.40)
    latent = _baseline_scores(rng, scenario, eligible)
    alt = _normal(rng, 24.0, 9.0, 7.0, 90.0)
    return VirtualParticipant(
        age_years=int(_normal(rng, *_AGE, 18.0, 90.0)),
        sex=sex,
        race=_pick(rng, _RACE),
        ethnicity=_pick(rng, _ETHNICITY),
        weight_kg=round(_normal(rng, 29.0, 6.0, 18.0, 48.0) * (height / 100.0) ** 2, 1),
        height_cm=round(height, 1),
        pain_type=_pick(rng, _PAIN_TYPE),
        pain_duration_months=6 + int(rng.gamma(1.6, 55.0)),
        failed_drug_classes=2 + int(rng.poisson(1.6)),
        failed_other_treatments=1 + int(rng.poisson(1.2)),
        baseline_opioid=opioid,
        opioid_mme_per_day=round(float(np.clip(rng.lognormal(3.4, 0.6), 5.0, 200.0)), 0) if opioid else 0.0,
        sbp_mmhg=round(_normal(rng, 127.0, 12.0, 95.0, 155.0)),
        dbp_mmhg=round(_normal(rng, 77.0, 8.0, 55.0, 96.0)),
        pulse_bpm=round(_normal(rng, 74.0, 9.0, 52.0, 105.0)),
        spo2_percent=round(_normal(rng, 97.5, 1.0, 95.0, 100.0)),
        alt_u_per_l=round(alt),
        ast_u_per_l=round(_normal(rng, 0.8 * alt + 4.0, 3.0, 7.0, 90.0)),
        creatinine_umol_per_l=round(_normal(rng, 84.0 if sex == "M" else 68.0, 11.0, 40.0, 130.0)),
        latent=latent,
    )


def baseline_matrix(rng: np.random.Generator, scenario: Scenario, n: int) -> FloatArray:
    """Latent baselines of ``n`` eligible people: (n, scales), correlated through one shared factor."""
    scales = list(scenario.scales.values())
    names = list(scenario.scales)
    shared = rng.standard_normal((n, 1))
    own = rng.standard_normal((n, len(scales)))
    share = scenario.domain_correlation
    signs = np.array([-1.0 if scale.share < 0.0 else 1.0 for scale in scales])
    spread = signs * np.sqrt(share) * shared + np.sqrt(1.0 - share) * own
    matrix: FloatArray = np.array([s.mean for s in scales]) + np.array([s.sd for s in scales]) * spread
    matrix = np.clip(matrix, [s.low for s in scales], [s.high for s in scales])
    if "pain_interference" in names:
        column = names.index("pain_interference")
        low, scale = scenario.minimum_pain_interference, scales[column]
        outside = matrix[:, column] < low
        matrix[outside, column] = _truncated(rng, scale.mean, scale.sd, low, scale.high, int(outside.sum()))
    return matrix


def _baseline_scores(rng: np.random.Generator, scenario: Scenario, eligible: bool) -> dict[str, float]:
    row = baseline_matrix(rng, scenario, 1)[0]
    latent = {name: float(value) for name, value in zip(scenario.scales, row, strict=True)}
    if not eligible and "pain_interference" in latent:
        latent["pain_interference"] = float(rng.uniform(49.6, _HIGHEST_INELIGIBLE))
    return latent


def _truncated(rng: np.random.Generator, mean: float, sd: float, low: float, high: float, n: int) -> FloatArray:
    drawn = rng.normal(mean, sd, n)
    while (outside := (drawn < low) | (drawn > high)).any():
        drawn[outside] = rng.normal(mean, sd, int(outside.sum()))
    return drawn


def _normal(rng: np.random.Generator, mean: float, sd: float, low: float, high: float) -> float:
    return float(_truncated(rng, mean, sd, low, high, 1)[0])


def _pick(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    return pick(rng, list(shares), list(shares.values()))


def pick(rng: np.random.Generator, choices: Sequence[str], weights: Sequence[float]) -> str:
    """One of ``choices`` with chances in proportion to ``weights``."""
    share = np.asarray(weights, dtype=np.float64)
    return choices[int(rng.choice(len(choices), p=share / share.sum()))]
