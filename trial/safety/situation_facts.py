"""What is recorded of a special situation: coded facts alone, none of which can tell an arm.

Invariants
1. Each kind has its own facts and no other's.
2. An amount is told as a multiple of what was intended: the same for every arm.
3. What is known once stays known; the kind never changes.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Bounded

from trial.errors import InvalidInput
from trial.partial_dates import PartialDateText


class SituationKind(StrEnum):
    OVERDOSE = "overdose"
    MEDICATION_ERROR = "medication_error"
    PREGNANCY = "pregnancy"


class Harm(StrEnum):
    """Whether harm came of a medication error."""

    NONE = "none"
    HARM = "harm"
    NOT_KNOWN_YET = "not_known_yet"


class ErrorStage(StrEnum):
    PRESCRIBING = "prescribing"
    PREPARATION = "preparation"
    LABELLING = "labelling"
    DISPENSING = "dispensing"
    ADMINISTRATION = "administration"
    MONITORING = "monitoring"
    OTHER = "other"


class Measure(StrEnum):
    """What was done about a medication error."""

    CORRECTED = "corrected"
    TREATMENT_STOPPED = "treatment_stopped"
    OBSERVED = "observed"
    PARTICIPANT_TOLD = "participant_told"
    STAFF_TRAINED = "staff_trained"
    NOTHING = "nothing"


class Pregnant(StrEnum):
    PARTICIPANT = "participant"
    PARTNER = "partner"


class PregnancyOutcome(StrEnum):
    """``LOST_TO_FOLLOW_UP`` ends the questions too: nothing more will be heard."""

    ONGOING = "ongoing"
    LIVE_BIRTH = "live_birth"
    LIVE_BIRTH_WITH_ANOMALY = "live_birth_with_anomaly"
    STILLBIRTH = "stillbirth"
    MISCARRIAGE = "miscarriage"
    ECTOPIC = "ectopic"
    TERMINATION = "termination"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"


_OF_KIND: Final = {
    SituationKind.OVERDOSE: frozenset({"times_intended", "symptoms"}),
    SituationKind.MEDICATION_ERROR: frozenset({"stage", "reached_participant", "harm", "measures"}),
    SituationKind.PREGNANCY: frozenset({"pregnant", "last_period", "expected_on", "outcome", "outcome_on"}),
}
_NEEDED: Final = {
    SituationKind.OVERDOSE: (),
    SituationKind.MEDICATION_ERROR: ("stage", "reached_participant", "harm"),
    SituationKind.PREGNANCY: ("pregnant", "outcome"),
}


class SituationKindFixed(InvalidInput):
    code = "special_situation.kind_fixed"


class SituationFacts(BaseModel):
    """``times_intended``: how many times the intended amount was given. ``symptoms`` is ``None`` while it is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SituationKind
    times_intended: float | None = Bounded(default=None, gt=1, le=1000, allow_inf_nan=False)
    symptoms: bool | None = None
    stage: ErrorStage | None = None
    reached_participant: bool | None = None
    harm: Harm | None = None
    measures: tuple[Measure, ...] = ()
    pregnant: Pregnant | None = None
    last_period: PartialDateText | None = None
    expected_on: date | None = None
    outcome: PregnancyOutcome | None = None
    outcome_on: PartialDateText | None = None

    @model_validator(mode="after")
    def _has_the_facts_of_its_kind(self) -> Self:
        own = _OF_KIND[self.kind]
        for name in type(self).model_fields:
            if name != "kind" and name not in own and getattr(self, name) not in (None, ()):
                raise ValueError(f"{name} is no fact of this kind: leave it out")
        missing = [name for name in _NEEDED[self.kind] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"say this too: {', '.join(missing).replace('_', ' ')}")
        if Measure.NOTHING in self.measures and len(self.measures) > 1:
            raise ValueError("“nothing” cannot stand beside what was done")
        if self.outcome_on is not None and self.outcome is PregnancyOutcome.ONGOING:
            raise ValueError("a pregnancy that goes on has no date of its outcome")
        return self

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is awaited."""
        match self.kind:
            case SituationKind.OVERDOSE:
                return self.symptoms is not None
            case SituationKind.MEDICATION_ERROR:
                return self.harm is not Harm.NOT_KNOWN_YET
            case SituationKind.PREGNANCY:
                return self.outcome is not PregnancyOutcome.ONGOING

    @property
    def harmed(self) -> bool:
        """Whether an adverse event came of it, which has a report of its own."""
        return self.harm is Harm.HARM or bool(self.symptoms)

    def check_follows(self, before: SituationFacts) -> None:
        """Raise ``SituationKindFixed``."""
        if self.kind is not before.kind:
            raise SituationKindFixed(
                "A follow-up is of the same kind as its report. Report another situation by itself.",
                fields={"kind": "The kind does not change."},
            )
