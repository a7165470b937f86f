"""Adverse events of one participant: whether any, which, when, how long and how bad.

Whether somebody has any event is drawn first, with risk × ratio^exposure, so that the ratio of participants
with an
event is the scenario's own (3.26 in the Cochrane review of intravenous ketamine; the retrospective study's
zero is
ascertainment, not incidence). Kinds, weights and durations are assumed.

Invariants
1. An infusion event names an infusion that was received; a grade is at most the term's highest.
2. Nobody who received no infusion has an infusion event.

What it does not do: code, judge causality or seriousness criteria.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trial.statistics.virtual_participants.baseline import pick
from trial.statistics.virtual_participants.scenario import Scenario

_LONGEST_COURSE_DAYS: Final = 9


@dataclass(frozen=True)
class EventKind:
    """CTCAE term, words as told, weights at exposure 0 and 1, highest grade, and typical minutes."""

    term: str
    verbatim: str
    unexposed: float
    exposed: float
    highest_grade: int = 3
    onset_minute: float = 25.0
    duration_minutes: float = 45.0
    in_infusion: bool = True
    asked_for: bool = True


_OTHER_PSYCHIATRIC: Final = "Psychiatric disorders - Other, specify"
EVENT_KINDS: Final[tuple[EventKind, ...]] = (
    EventKind(_OTHER_PSYCHIATRIC, "felt detached from the body", 0.3, 9.0, 3, 20, 40),
    EventKind("Hallucinations", "colours and shapes looked strange", 0.1, 3.5, 3, 22, 35),
    EventKind("Dizziness", "dizziness", 3.0, 6.0, 3, 20, 60),
    EventKind("Nausea", "nausea", 3.0, 6.0, 3, 40, 80),
    EventKind("Vomiting", "vomiting", 0.6, 2.0, 3, 60, 30),
    EventKind("Headache", "headache", 4.0, 3.0, 3, 70, 180, asked_for=False),
    EventKind("Somnolence", "very sleepy", 2.0, 4.0, 3, 30, 90),
    EventKind("Hypertension", "blood pressure up during infusion", 0.6, 3.0, 3, 30, 35),
    EventKind("Sinus tachycardia", "fast pulse", 0.3, 1.2, 3, 25, 30),
    EventKind("Anxiety", "anxious during infusion", 1.2, 2.0, 3, 15, 40),
    EventKind("Euphoria", "felt high", 0.1, 1.5, 3, 20, 40),
    EventKind("Blurred vision", "blurred vision", 0.3, 2.0, 3, 25, 50),
    EventKind("Nystagmus", "eyes flickering, seen by nurse", 0.05, 1.2, 3, 20, 40),
    EventKind("Paresthesia", "numb lips", 0.3, 1.8, 3, 15, 40),
    EventKind("Dry mouth", "dry mouth", 0.8, 1.0, 3, 30, 120, asked_for=False),
    EventKind("Fatigue", "tired for days", 2.0, 2.0, 3, 0, 2880, in_infusion=False, asked_for=False),
    EventKind("Urinary frequency", "has to pass water often", 0.5, 0.7, 2, 0, 14400, in_infusion=False),
    EventKind("Alanine aminotransferase increased", "ALT raised", 0.4, 0.6, 3, 0, 20160, in_infusion=False),
    EventKind("Insomnia", "slept badly", 1.0, 1.0, 3, 0, 7200, in_infusion=False, asked_for=False),
)


@dataclass(frozen=True)
class VirtualAdverseEvent:
    """One event. ``infusion`` and ``minute`` (from its start) are None for an event between visits, which
    has ``day``.

    ``day`` is the study day (infusion 1 on day 1), None where the infusion's own day counts.
    ``duration_minutes``
    may span days. ``asked_for``: found by a checklist, not told unprompted. ``serious``: the caller picks
    criteria.
    """

    term: str
    verbatim: str
    grade: int
    duration_minutes: int
    infusion: int | None
    minute: int | None
    day: int | None
    asked_for: bool
    serious: bool


def simulate_events(
    rng: np.random.Generator, scenario: Scenario, *, active: float, infusions: int, last_day: int
) -> tuple[VirtualAdverseEvent, ...]:
    """The events of one participant, in order of time.

    active: exposure in [0, 2]. infusions: received, at least 0. last_day: the last study day that is
    followed.
    """
    risk = min(scenario.event_risk * scenario.event_relative_risk**active, 0.98)
    if rng.random() >= risk:
        return ()
    count = 1 + int(rng.poisson(0.5 + 1.5 * active))
    serious_at = int(rng.integers(count)) if rng.random() < scenario.serious_risk else -1
    kinds = [kind for kind in EVENT_KINDS if infusions > 0 or not kind.in_infusion]
    weights = [kind.unexposed + min(active, 1.0) * (kind.exposed - kind.unexposed) for kind in kinds]
    names = [kind.term for kind in kinds]
    drawn = [kinds[names.index(pick(rng, names, weights))] for _ in range(count)]
    events = (
        _event(rng, kind, infusions, last_day, serious=position == serious_at) for position, kind in enumerate(drawn)
    )
    once = {(event.term, event.infusion): event for event in events}
    return tuple(sorted(once.values(), key=lambda event: (event.day or event.infusion or 0, event.minute or 0)))


def _event(
    rng: np.random.Generator, kind: EventKind, infusions: int, last_day: int, *, serious: bool
) -> VirtualAdverseEvent:
    grade = 1 + int(rng.choice(3, p=[0.66, 0.27, 0.07]))
    if serious:
        grade = 3
    duration = max(5, round(float(rng.gamma(3.0, kind.duration_minutes / 3.0))))
    within = kind.in_infusion
    return VirtualAdverseEvent(
        term=kind.term,
        verbatim=kind.verbatim,
        grade=min(grade, kind.highest_grade),
        duration_minutes=duration * (20 if serious else 1),
        infusion=1 + int(rng.integers(infusions)) if within else None,
        minute=max(1, round(float(rng.gamma(4.0, kind.onset_minute / 4.0)))) if within else None,
        day=None if within else int(rng.integers(_LONGEST_COURSE_DAYS, max(last_day, _LONGEST_COURSE_DAYS) + 1)),
        asked_for=kind.asked_for,
        serious=serious,
    )
