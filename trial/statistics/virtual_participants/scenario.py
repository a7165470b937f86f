"""What a simulated trial assumes about its participants: every size in one frozen object.

Invariants
1. ``effect`` is the mean difference at the primary visit between exposure 1 and exposure 0 in pain
   interference, in T
   points; 0 is the null trial. The placebo response is apart from it and happens at every exposure.
2. Each default is a published figure where one is public, or marked "assumed" where none is.

What it does not do: claim that a drug works. The retrospective study's mean change of −2 had no control
group; here
the same −2 serves as the placebo response and, in one scenario, as a treatment effect on top of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from trial.statistics.checks import OutOfRange, check_in


@dataclass(frozen=True)
class Scale:
    """One outcome: how it is spread at baseline, how it changes, and how much of the effect it shares.

    mean, sd: latent baseline. low, high: what its instrument can show. placebo: mean change at the primary
    visit with
    no exposure. sd_change: spread of the change. share: change per T point of effect in pain interference,
    negative
    where higher is better. whole: an observed total is a whole number.
    """

    mean: float
    sd: float
    low: float
    high: float
    placebo: float
    sd_change: float
    share: float
    whole: bool = False

    def __post_init__(self) -> None:
        check_in("mean", self.mean, self.low, self.high, "[]")
        check_in("sd", self.sd, 0.0, 1000.0)
        check_in("sd_change", self.sd_change, 0.0, 1000.0)


# Baselines lie in the "moderate" bands of the retrospective study (T 60–70 for symptoms, 30–40 for
# function); its means are not public, so the places within the bands are assumed. Changes: −2.1 for fatigue
# and −2.0 for pain interference there; 0.2 of the latter is here regression to the mean of those screened in.
# PCS and PSEQ at baseline: the 5-day inpatient series (n = 35). SD of change 7: the protocol's. The rest
# is assumed.
SCALES: Final[Mapping[str, Scale]] = MappingProxyType(
    {
        "physical_function": Scale(36.0, 5.0, 22.5, 57.0, 1.2, 5.5, -0.6),
        "anxiety": Scale(58.0, 8.0, 40.3, 81.6, -1.4, 7.0, 0.5),
        "depression": Scale(61.5, 8.0, 41.0, 79.4, -1.6, 7.0, 0.7),
        "fatigue": Scale(63.0, 7.0, 33.7, 75.8, -2.1, 7.5, 0.9),
        "sleep_disturbance": Scale(59.0, 7.0, 32.0, 73.3, -1.5, 7.0, 0.6),
        "social_roles_ability": Scale(38.0, 6.0, 27.5, 64.2, 2.0, 6.5, -0.9),
        "pain_interference": Scale(65.5, 4.0, 41.6, 75.6, -1.8, 7.0, 1.0),
        "pain_intensity": Scale(6.8, 1.3, 0.0, 10.0, -0.7, 1.9, 0.3, whole=True),
        "pcs": Scale(28.0, 11.0, 0.0, 52.0, -3.0, 8.5, 0.8, whole=True),
        "pseq": Scale(19.0, 10.0, 0.0, 60.0, 3.5, 9.0, -1.0, whole=True),
    }
)


@dataclass(frozen=True)
class GuessBehaviour:
    """Chances of "don't know", and of "active" among the other answers, without and with full exposure."""

    dont_know: float
    active_unexposed: float
    active_exposed: float

    def __post_init__(self) -> None:
        for name in ("dont_know", "active_unexposed", "active_exposed"):
            check_in(name, getattr(self, name), 0.0, 1.0, "[]")


# Saline is easily told from ketamine: in mood trials most participants and raters guessed right. The assessor
# sees neither infusion nor readings. Sizes are assumed.
_GUESSES: Final[Mapping[str, GuessBehaviour]] = MappingProxyType(
    {
        "participant": GuessBehaviour(0.20, 0.30, 0.85),
        "infusion_nurse": GuessBehaviour(0.15, 0.22, 0.85),
        "assessor": GuessBehaviour(0.40, 0.47, 0.57),
    }
)


@dataclass(frozen=True)
class Scenario:
    """The assumptions of one simulated trial; ``SCENARIOS`` holds the three of the protocol.

    effect: T points of pain interference, in [-20, 20]; negative is benefit.
    scales: outcome → Scale. visits: names after baseline, in order. primary_visit: one of them.
    visit_days: the study day of each visit. response: how much of placebo response and effect shows at each
    visit.
    baseline_slope: regression of a later score on its baseline; below 1 it gives regression to the mean.
    visit_correlation: of what remains, from one visit to the next. domain_correlation: between scales.
    infusions: planned. completion: chance of receiving all. retention: chance of still being followed at
    each visit.
    event_risk: chance of any adverse event at exposure 0; event_relative_risk: its ratio at exposure 1.
    serious_risk: chance that somebody with an event has a serious one.
    sbp_rise, dbp_rise, pulse_rise: mean peak above baseline at exposure 1 (mmHg, mmHg, beats a minute).
    cadss_peak: mean CADSS total (0–92) at the end of infusion 1 at exposure 1.
    programme_sessions: planned sessions of the pain programme; attendance: mean share attended.
    """

    effect: float = 0.0
    scales: Mapping[str, Scale] = field(default_factory=lambda: SCALES)
    visits: tuple[str, ...] = ("end_of_infusions", "month_1", "month_3", "month_6")
    primary_visit: str = "month_3"
    visit_days: tuple[int, ...] = (6, 30, 91, 182)
    response: tuple[float, ...] = (1.0, 1.1, 1.0, 0.8)
    baseline_slope: float = 0.7
    visit_correlation: float = 0.7
    domain_correlation: float = 0.5
    minimum_pain_interference: float = 60.6
    infusions: int = 5
    completion: float = 0.861
    retention: tuple[float, ...] = (0.98, 0.93, 0.86, 0.80)
    event_risk: float = 0.22
    event_relative_risk: float = 3.26
    serious_risk: float = 0.02
    sbp_rise: float = 25.0
    dbp_rise: float = 13.0
    pulse_rise: float = 10.0
    cadss_peak: float = 16.0
    programme_sessions: int = 8
    attendance: float = 0.8
    guesses: Mapping[str, GuessBehaviour] = field(default_factory=lambda: _GUESSES)

    def __post_init__(self) -> None:
        check_in("effect", self.effect, -20.0, 20.0, "[]")
        for name in ("baseline_slope", "visit_correlation", "domain_correlation"):
            check_in(name, getattr(self, name), 0.0, 1.0, "[)")
        for name in ("completion", "event_risk", "serious_risk", "attendance"):
            check_in(name, getattr(self, name), 0.0, 1.0, "[]")
        check_in("event_risk at exposure 1", self.event_risk * self.event_relative_risk, 0.0, 1.0, "[]")
        check_in("infusions", self.infusions, 0, 30, "[]")
        self._check_visits()

    def _check_visits(self) -> None:
        lengths = {len(self.visits), len(self.visit_days), len(self.response), len(self.retention)}
        if len(lengths) != 1 or not self.visits:
            raise OutOfRange("visits, visit_days, response and retention must have one entry per visit each.")
        if self.primary_visit not in self.visits:
            raise OutOfRange(f"primary_visit must be one of {', '.join(self.visits)}.")
        falling = all(a >= b for a, b in zip(self.retention, self.retention[1:], strict=False))
        if not falling or not all(0.0 <= share <= 1.0 for share in self.retention):
            raise OutOfRange("retention must be in [0, 1] and never rise from one visit to the next.")

    def __str__(self) -> str:
        return (
            f"Effect {self.effect:+g} T on pain interference, placebo response "
            f"{self.scales['pain_interference'].placebo:+g}, {100 * self.completion:g} % complete "
            f"{self.infusions} infusions, adverse events {100 * self.event_risk:g} % × "
            f"{self.event_relative_risk:g}"
        )


SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "none": Scenario(effect=0.0),
        "study": Scenario(effect=-2.0),
        "optimistic": Scenario(effect=-4.0),
    }
)
