"""Everything that happens to one virtual participant after randomization.

Invariants
1. Scores are given for every visit; ``attended`` tells at which of them the participant was still there.
2. Infusions number from 1 without gaps up to ``infusions_received``.

What it does not do: dates; the caller places study days on its calendar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from trial.statistics.checks import check_in
from trial.statistics.virtual_participants.baseline import VirtualParticipant, pick
from trial.statistics.virtual_participants.events import VirtualAdverseEvent, simulate_events
from trial.statistics.virtual_participants.guesses import Guess, Guesser, simulate_guess
from trial.statistics.virtual_participants.infusions import (
    CADSS_MINUTES,
    VITAL_MINUTES,
    InfusionCourse,
    simulate_infusion,
)
from trial.statistics.virtual_participants.outcomes import MOST_EXPOSURE, later_scores, simulate_completion
from trial.statistics.virtual_participants.scenario import Scenario

_LEAVING_REASONS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "WITHDRAWAL BY SUBJECT": 0.45,
        "LOST TO FOLLOW-UP": 0.30,
        "LACK OF EFFICACY": 0.15,
        "ADVERSE EVENT": 0.10,
    }
)
_STOPPING_REASONS: Final[Mapping[str, float]] = MappingProxyType(
    {"WITHDRAWAL BY SUBJECT": 0.40, "ADVERSE EVENT": 0.30, "LOGISTICAL PROBLEM": 0.30}
)


@dataclass(frozen=True)
class VirtualCourse:
    """The course under one exposure.

    scores: visit → scale → latent score (T, or total before rounding; see ``shown``). opioid_mme_per_day and
    pgic
    (1 very much better … 7 very much worse): by visit. leaving_reason, stopping_reason: submission values of
    codelist
    C66727, None for those who stay or receive every infusion. programme: attended or not, by session.
    """

    visits: tuple[str, ...]
    visits_attended: int
    leaving_reason: str | None
    leaving_day: int | None
    infusions_received: int
    stopping_reason: str | None
    scores: Mapping[str, Mapping[str, float]]
    opioid_mme_per_day: Mapping[str, float]
    pgic: Mapping[str, int]
    infusions: tuple[InfusionCourse, ...]
    later_events: tuple[VirtualAdverseEvent, ...]
    guesses: tuple[Guess, ...]
    programme: tuple[bool, ...]

    @property
    def events(self) -> tuple[VirtualAdverseEvent, ...]:
        """All adverse events: those of each infusion, then those between visits."""
        return (*(event for infusion in self.infusions for event in infusion.events), *self.later_events)

    def attended(self, visit: str) -> bool:
        """Whether the participant was still in follow-up at ``visit``."""
        return self.visits.index(visit) < self.visits_attended


def simulate_course(
    rng: np.random.Generator,
    scenario: Scenario,
    participant: VirtualParticipant,
    *,
    active: float,
    vital_minutes: Sequence[int] = VITAL_MINUTES,
    cadss_minutes: Sequence[int] = CADSS_MINUTES,
) -> VirtualCourse:
    """What follows randomization for ``participant`` under exposure ``active``.

    rng: source of all randomness. active: share of the full dose, in [0, 2]; 0 for an inert treatment.
    vital_minutes, cadss_minutes: minutes from the start of each infusion at which readings are taken.
    Raises OutOfRange.

    >>> from trial.statistics.virtual_participants import simulate_participant
    >>> rng = np.random.default_rng(7)
    >>> course = simulate_course(rng, Scenario(), simulate_participant(rng, Scenario()), active=1.0)
    >>> sorted(course.scores)
    ['end_of_infusions', 'month_1', 'month_3', 'month_6']
    """
    exposure = check_in("active", active, 0.0, MOST_EXPOSURE, "[]")
    received, seen = (int(number[0]) for number in simulate_completion(rng, scenario, 1))
    scores = _scores(rng, scenario, participant, exposure)
    leaving_day = _leaving_day(rng, scenario, seen)
    last_day = leaving_day if leaving_day is not None else scenario.visit_days[-1]
    events = simulate_events(rng, scenario, active=exposure, infusions=received, last_day=last_day)
    infusions = tuple(
        simulate_infusion(
            rng,
            scenario,
            participant,
            active=exposure,
            infusion=number,
            events=tuple(event for event in events if event.infusion == number),
            vital_minutes=vital_minutes,
            cadss_minutes=cadss_minutes,
        )
        for number in range(1, received + 1)
    )
    return VirtualCourse(
        visits=scenario.visits,
        visits_attended=seen,
        leaving_reason=_pick(rng, _LEAVING_REASONS) if leaving_day is not None else None,
        leaving_day=leaving_day,
        infusions_received=received,
        stopping_reason=_pick(rng, _STOPPING_REASONS) if received < scenario.infusions else None,
        scores=scores,
        opioid_mme_per_day=_opioids(rng, participant, scores),
        pgic={visit: _impression(rng, participant, at) for visit, at in scores.items()},
        infusions=infusions,
        later_events=tuple(event for event in events if event.infusion is None),
        guesses=_guesses(rng, scenario, exposure, received, seen),
        programme=_programme(rng, scenario),
    )


def shown_score(scenario: Scenario, scale: str, latent: float) -> float:
    """A latent score as its instrument can show it: within its range, whole where totals are whole."""
    limits = scenario.scales[scale]
    inside = min(max(latent, limits.low), limits.high)
    return float(round(inside)) if limits.whole else inside


def _scores(
    rng: np.random.Generator, scenario: Scenario, participant: VirtualParticipant, exposure: float
) -> Mapping[str, Mapping[str, float]]:
    before = np.array([[participant.latent[name] for name in scenario.scales]])
    after = later_scores(rng, scenario, before, exposure)[0]
    return {
        visit: {name: float(x) for name, x in zip(scenario.scales, row, strict=True)}
        for visit, row in zip(scenario.visits, after, strict=True)
    }


def _leaving_day(rng: np.random.Generator, scenario: Scenario, seen: int) -> int | None:
    """A study day between the last attended visit and the first missed one; None for those who stay."""
    if seen >= len(scenario.visits):
        return None
    earliest = scenario.visit_days[seen - 1] if seen else 1
    return int(rng.integers(earliest, scenario.visit_days[seen]))


def _opioids(
    rng: np.random.Generator, participant: VirtualParticipant, scores: Mapping[str, Mapping[str, float]]
) -> Mapping[str, float]:
    """Daily MME by visit: falls a little where pain interference falls; stays 0 for those who took none."""
    start = participant.opioid_mme_per_day
    dose: dict[str, float] = {}
    for visit, at in scores.items():
        better = participant.latent.get("pain_interference", 0.0) - at.get("pain_interference", 0.0)
        factor = float(np.clip(1.0 - 0.01 * better + 0.08 * rng.standard_normal(), 0.0, 1.6))
        dose[visit] = float(round(start * factor))
    return dose


def _impression(rng: np.random.Generator, participant: VirtualParticipant, at: Mapping[str, float]) -> int:
    """Patient global impression of change, 1 (very much better) to 7, from pain interference."""
    change = at.get("pain_interference", 0.0) - participant.latent.get("pain_interference", 0.0)
    return int(np.clip(round(4.0 + change / 5.0 + 0.7 * float(rng.standard_normal())), 1, 7))


def _guesses(
    rng: np.random.Generator, scenario: Scenario, exposure: float, received: int, seen: int
) -> tuple[Guess, ...]:
    """After the first and the last planned infusion if received, and at the primary visit if attended."""
    asked: list[tuple[str, Guesser]] = []
    for number in sorted({1, scenario.infusions}):
        if 1 <= number <= received:
            asked += [(f"infusion_{number}", "participant"), (f"infusion_{number}", "infusion_nurse")]
    if scenario.visits.index(scenario.primary_visit) < seen:
        asked += [(scenario.primary_visit, "participant"), (scenario.primary_visit, "assessor")]
    return tuple(
        simulate_guess(rng, scenario, active=exposure, occasion=occasion, guesser=guesser)
        for occasion, guesser in asked
        if guesser in scenario.guesses
    )


def _programme(rng: np.random.Generator, scenario: Scenario) -> tuple[bool, ...]:
    """Sessions attended; people differ in how regular they are."""
    mean = min(max(scenario.attendance, 0.01), 0.99)
    regular = float(rng.beta(8.0 * mean, 8.0 * (1.0 - mean)))
    return tuple(bool(rng.random() < regular) for _ in range(scenario.programme_sessions))


def _pick(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    return pick(rng, list(shares), list(shares.values()))
