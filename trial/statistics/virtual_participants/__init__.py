"""Virtual participants: a small model of who takes part in a trial and what happens to them.

    scenario      what is assumed: sizes, correlations, rates; each default with its source
    baseline      who somebody is before randomization
    outcomes      scores over the visits, one participant or many at once
    infusions     vital signs, sedation and dissociation in each infusion
    events        adverse events in and between infusions
    guesses       what people believe that was given, and how sure they are
    course        everything that follows randomization, in one object
    answers       four item answers that add up to a wanted T-score

Invariants
1. The treatment enters as a number, the exposure (0 none, 1 the full dose). Nothing here can name an arm.
2. All randomness comes from the ``numpy`` Generator that is passed in: equal seeds give equal people.
3. Baseline facts are drawn before, and without, the exposure.

What it does not do: decide eligibility, schedule visits, score items, or write records; and it is no
evidence about
any treatment. Only a trial marked as simulated may hand its exposures to it, which the caller has to see to.
"""

from __future__ import annotations

from trial.statistics.virtual_participants.answers import answers_for_t_score
from trial.statistics.virtual_participants.baseline import VirtualParticipant, simulate_participant
from trial.statistics.virtual_participants.course import VirtualCourse, shown_score, simulate_course
from trial.statistics.virtual_participants.events import VirtualAdverseEvent
from trial.statistics.virtual_participants.guesses import Guess, Guesser
from trial.statistics.virtual_participants.infusions import InfusionCourse, VitalSigns
from trial.statistics.virtual_participants.outcomes import simulate_changes, simulate_completion
from trial.statistics.virtual_participants.scenario import SCENARIOS, GuessBehaviour, Scale, Scenario

__all__ = [
    "SCENARIOS",
    "Guess",
    "GuessBehaviour",
    "Guesser",
    "InfusionCourse",
    "Scale",
    "Scenario",
    "VirtualAdverseEvent",
    "VirtualCourse",
    "VirtualParticipant",
    "VitalSigns",
    "answers_for_t_score",
    "shown_score",
    "simulate_changes",
    "simulate_completion",
    "simulate_course",
    "simulate_participant",
]
