"""Vital signs, sedation and dissociation in one infusion of 40 minutes.

The course at exposure 1 rises to its peak at the end of the infusion and is gone 20 minutes later: systolic
pressure
by 20–30 mmHg, diastolic by 6–20 (eight volunteers at 0.5 mg/kg over 40 minutes). The rest is assumed.

Invariants
1. Values are whole numbers within what monitors and people show; CADSS totals lie in [0, 92].

What it does not do: apply the protocol's hold and stop rules, which belong to the trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trial.statistics.checks import FloatArray
from trial.statistics.virtual_participants.baseline import VirtualParticipant
from trial.statistics.virtual_participants.events import VirtualAdverseEvent
from trial.statistics.virtual_participants.scenario import Scenario

VITAL_MINUTES: Final = (-10, 0, 10, 20, 30, 40, 55, 70, 100)
CADSS_MINUTES: Final = (-10, 40, 100)
_INFUSION_MINUTES: Final = 40.0
_FADE_MINUTES: Final = 20.0
_HIGHEST_CADSS: Final = 92


@dataclass(frozen=True)
class VitalSigns:
    """One reading ``minute`` minutes after the start: mmHg, beats and breaths a minute, %, RASS."""

    minute: int
    sbp_mmhg: int
    dbp_mmhg: int
    pulse_bpm: int
    spo2_percent: int
    respiratory_rate: int
    rass: int


@dataclass(frozen=True)
class InfusionCourse:
    """What was read in one infusion: ``cadss`` holds (minute, total 0–92)."""

    infusion: int
    vitals: tuple[VitalSigns, ...]
    cadss: tuple[tuple[int, int], ...]
    events: tuple[VirtualAdverseEvent, ...]

    @property
    def peak_sbp_mmhg(self) -> int:
        return max(reading.sbp_mmhg for reading in self.vitals)


def simulate_infusion(
    rng: np.random.Generator,
    scenario: Scenario,
    participant: VirtualParticipant,
    *,
    active: float,
    infusion: int,
    events: tuple[VirtualAdverseEvent, ...] = (),
    vital_minutes: Sequence[int] = VITAL_MINUTES,
    cadss_minutes: Sequence[int] = CADSS_MINUTES,
) -> InfusionCourse:
    """Readings of infusion number ``infusion`` (from 1) at the given minutes, in their order."""
    size = active * max(0.0, float(rng.normal(1.0, 0.25)))
    vitals = tuple(_reading(rng, scenario, participant, size, minute) for minute in vital_minutes)
    peak = scenario.cadss_peak * size * 0.9 ** (infusion - 1)
    cadss = tuple((minute, _cadss(rng, peak, minute)) for minute in cadss_minutes)
    return InfusionCourse(infusion, vitals, cadss, events)


def effect_shape(minute: float) -> float:
    """The share of the peak effect that shows at ``minute``: 0 before, 1 at 40, 0 again from 60 on.

    >>> [effect_shape(minute) for minute in (-10, 20, 40, 50, 60)]
    [0.0, 0.75, 1.0, 0.5, 0.0]
    """
    if minute <= _INFUSION_MINUTES:
        done = max(minute, 0.0) / _INFUSION_MINUTES
        return done * (2.0 - done)
    return max(0.0, 1.0 - (minute - _INFUSION_MINUTES) / _FADE_MINUTES)


def _reading(
    rng: np.random.Generator, scenario: Scenario, person: VirtualParticipant, size: float, minute: int
) -> VitalSigns:
    shown = size * effect_shape(minute)
    noise: FloatArray = rng.standard_normal(5)
    sedation = shown * 1.6 + 0.5 * float(noise[0])
    return VitalSigns(
        minute=minute,
        sbp_mmhg=round(person.sbp_mmhg + scenario.sbp_rise * shown + 4.0 * noise[1]),
        dbp_mmhg=round(person.dbp_mmhg + scenario.dbp_rise * shown + 3.0 * noise[2]),
        pulse_bpm=round(person.pulse_bpm + scenario.pulse_rise * shown + 3.0 * noise[3]),
        spo2_percent=min(100, max(88, round(person.spo2_percent - 1.2 * shown + 0.6 * noise[4]))),
        respiratory_rate=max(8, round(15.0 - 1.0 * shown + 1.2 * float(rng.standard_normal()))),
        rass=0 if sedation < 1.0 else -1 if sedation < 2.0 else -2 if sedation < 3.2 else -3,
    )


def _cadss(rng: np.random.Generator, peak: float, minute: int) -> int:
    expected = 0.3 + peak * effect_shape(minute)
    return min(_HIGHEST_CADSS, int(rng.poisson(rng.gamma(2.0, expected / 2.0))))
