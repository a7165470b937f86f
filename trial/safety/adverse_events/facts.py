"""The facts of one event, whole, as one submission gives them; and how a later submission may change them.

Invariants
1. ``grade`` is the worst grade of the event's course. Severity is another scale and stands apart from it.
2. A follow-up adds to the course: it takes away no period, no grade and no criterion of seriousness. A correction may,
   and says why.
3. However the same life of an event is split into follow-ups, the facts at its end are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from pydantic import Field as Bounded

from trial.errors import InvalidInput
from trial.partial_dates import PartialDateText
from trial.safety.adverse_events.terms import (
    ACTIONS_TAKEN,
    CRITERIA,
    OUTCOMES,
    SEVERITIES,
    Ascertainment,
    EventTreatment,
)

_CONTROLLED: Final = {"outcome": OUTCOMES, "action_taken": ACTIONS_TAKEN, "severity": SEVERITIES}


class GradeLowered(InvalidInput):
    code = "adverse_event.grade_lowered"


class CourseRewritten(InvalidInput):
    code = "adverse_event.course_rewritten"


class CriterionRemoved(InvalidInput):
    code = "adverse_event.criterion_removed"


class GradePeriod(BaseModel):
    """A grade, and since when the event had it; ``since`` is ``None`` where that is not known."""

    model_config = ConfigDict(frozen=True)

    grade: int = Bounded(ge=1, le=5)
    since: PartialDateText | None = None


class EventFacts(BaseModel):
    """What is recorded of an event. ``onset`` and ``ended`` are local to the site, as far as known.

    ``course`` holds the periods of grade in their order, where the grade changed; ``grade`` is then the worst of them.
    ``recurrence_of`` is the number of the participant's earlier event that came back. Minutes count from the start of
    ``infusion``. No ``treatments`` means that nobody has said.
    """

    model_config = ConfigDict(frozen=True)

    verbatim: str = Bounded(min_length=2, max_length=2000)
    term: str = Bounded(min_length=2, max_length=200)
    grade: int = Bounded(ge=1, le=5)
    course: tuple[GradePeriod, ...] = Bounded(default=(), max_length=50)
    severity: str | None = None
    aesi: str | None = None
    death: bool = False
    life_threatening: bool = False
    hospitalization: bool = False
    disability: bool = False
    congenital_anomaly: bool = False
    medically_important: bool = False
    onset: PartialDateText
    ended: PartialDateText | None = None
    ascertainment: Ascertainment
    infusion: int | None = Bounded(default=None, ge=1)
    onset_minute: int | None = Bounded(default=None, ge=0, le=2880)
    recurrence_of: int | None = Bounded(default=None, ge=1)
    treatments: tuple[EventTreatment, ...] = ()
    treatment_words: str | None = Bounded(default=None, max_length=2000)
    outcome: str
    action_taken: str
    led_to_withdrawal: bool = False

    @model_validator(mode="before")
    @classmethod
    def _worst_of_its_course(cls, given: Any) -> Any:
        """The grade follows from a course; it need not be given beside one."""
        if not isinstance(given, dict) or not given.get("course") or given.get("grade") is not None:
            return given
        grades = [_grade_of(period) for period in given["course"]]
        return given | {"grade": max(grades)} if all(isinstance(one, int) for one in grades) else given

    @field_validator("outcome", "action_taken", "severity")
    @classmethod
    def _is_controlled_term(cls, value: str | None, info: object) -> str | None:
        offered = _CONTROLLED[getattr(info, "field_name", "")]
        if value is not None and value not in offered:
            raise ValueError(f"choose one of: {', '.join(offered)}")
        return value

    @field_validator("treatments")
    @classmethod
    def _none_stands_alone(cls, value: tuple[EventTreatment, ...]) -> tuple[EventTreatment, ...]:
        if EventTreatment.NONE in value and len(set(value)) > 1:
            raise ValueError("“none” cannot stand beside a treatment: choose what was given, or none")
        return tuple(kind for kind in EventTreatment if kind in value)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.onset_minute is not None and self.infusion is None:
            raise ValueError("a minute counts from the start of an infusion: name the infusion")
        if self.course and self.grade != max(period.grade for period in self.course):
            raise ValueError("the grade is the worst of the course: give it so, or leave it out")
        return self

    @property
    def is_serious(self) -> bool:
        """The logical or of the six criteria, as the database computes it too."""
        return any(getattr(self, name) for name in CRITERIA)

    @property
    def is_fatal_or_life_threatening(self) -> bool:
        return self.death or self.life_threatening

    @property
    def periods(self) -> tuple[GradePeriod, ...]:
        """The course: one period from the onset where the grade did not change."""
        return self.course or (GradePeriod(grade=self.grade, since=self.onset),)


def followed_up(before: EventFacts, after: EventFacts) -> EventFacts:
    """``after`` as a follow-up of ``before``: what it says, with the course that it continues.

    A higher grade without a course is a period whose start is not known. Raises ``GradeLowered``, ``CourseRewritten``,
    ``CriterionRemoved``.
    """
    _check_criteria_stay(before, after)
    if after.term != before.term:
        return after
    if after.course:
        _check_continues(before.periods, after.course)
        return after
    return after.model_copy(update={"course": _continued(before, after.grade)})


def _check_criteria_stay(before: EventFacts, after: EventFacts) -> None:
    gone = [name for name in CRITERIA if getattr(before, name) and not getattr(after, name)]
    if gone:
        raise CriterionRemoved(
            f"A follow-up takes away no criterion of seriousness ({', '.join(gone).replace('_', ' ')}). If it was never"
            " met, record this as a correction.",
            fields={"kind": "A criterion is taken away: this is a correction."},
        )


def _continued(before: EventFacts, grade: int) -> tuple[GradePeriod, ...]:
    if grade < before.grade:
        raise GradeLowered(
            f"The worst grade was {before.grade}, and it stays. If the event got better, add a period of grade {grade} to"
            f" its course; if grade {before.grade} was a mistake, record this as a correction.",
            fields={"grade": f"The worst grade was {before.grade}."},
        )
    if grade == before.grade:
        return before.course
    return (*before.periods, GradePeriod(grade=grade))


def _check_continues(earlier: Sequence[GradePeriod], course: Sequence[GradePeriod]) -> None:
    """A period stays; its start may become known. The first one's start follows the onset."""
    kept = len(course) >= len(earlier) and all(
        old.grade == new.grade and (place == 0 or old.since in (None, new.since))
        for place, (old, new) in enumerate(zip(earlier, course, strict=False))
    )
    if not kept:
        raise CourseRewritten(
            "A follow-up adds to the course of the grade and changes nothing before. If an earlier period was wrong,"
            " record this as a correction.",
            fields={"course": "An earlier period differs from what is recorded."},
        )


def _grade_of(period: Any) -> Any:
    return period.get("grade") if isinstance(period, dict) else getattr(period, "grade", None)
