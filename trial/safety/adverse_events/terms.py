"""What may be said of an event: CDISC controlled terms, the criteria of seriousness, how it was caught and treated."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from trial.reference import submission_values

OUTCOMES: Final = submission_values("C66768")
ACTIONS_TAKEN: Final = submission_values("C66767")
SEVERITIES: Final = submission_values("C66769")
FATAL: Final = "FATAL"
RECOVERED: Final = frozenset({"RECOVERED/RESOLVED", "RECOVERED/RESOLVED WITH SEQUELAE"})
CRITERIA: Final = (
    "death",
    "life_threatening",
    "hospitalization",
    "disability",
    "congenital_anomaly",
    "medically_important",
)


class Ascertainment(StrEnum):
    """Which question caught the event: the checklist, or an open question."""

    SYSTEMATIC = "systematic"
    NON_SYSTEMATIC = "non_systematic"


class EventTreatment(StrEnum):
    """What was done for the participant, apart from the study treatment. ``NONE`` says that nothing was."""

    NONE = "none"
    MEDICATION = "medication"
    PROCEDURE = "procedure"
    HOSPITAL_CARE = "hospital_care"
    OTHER = "other"
