"""When each visit is due: dates computed from the protocol and a participant's own anchors. Pure.

Invariants
1. Days count from the first dose as day 1, without a day 0; for one who is never dosed, from randomization.
2. A window opens on or before the planned day and closes on or after it.
3. A visit whose anchor has not happened yet has no dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from trial.conduct.participants import ParticipantStatus
from trial.protocol.schema import Protocol, Visit, VisitDates

_S = ParticipantStatus
_TREATMENT_IS_OVER: Final = frozenset({_S.FOLLOW_UP, _S.COMPLETED, _S.WITHDRAWN, _S.LOST, _S.DIED})
_LEFT: Final = frozenset({_S.COMPLETED, _S.WITHDRAWN, _S.LOST, _S.DIED, _S.NOT_ELIGIBLE, _S.DECLINED, _S.NOT_ENROLLED})


class VisitStanding(StrEnum):
    """How a planned visit stands; ``recorded`` ones are done or missed."""

    DUE = "due"
    DONE = "done"
    MISSED = "missed"
    NOT_EXPECTED = "not_expected"


@dataclass(frozen=True, slots=True)
class Anchors:
    """The dates that visits count from, at the site."""

    first_dose: date | None = None
    last_dose: date | None = None
    randomization: date | None = None
    treatment_is_over: bool = False

    def date_of(self, visit: Visit) -> date | None:
        """The anchor of a visit. Where no dose was or will be given, randomization stands in."""
        if visit.anchor == "randomization":
            return self.randomization
        if self.first_dose is None:
            return self.randomization if self.treatment_is_over else None
        if visit.anchor == "first_dose":
            return self.first_dose
        return self.last_dose if self.treatment_is_over else None


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """``order`` counts from 1 in the protocol's schedule; ``dates`` are absent while the anchor has not happened."""

    visit: Visit
    order: int
    dates: VisitDates | None

    def window_holds(self, day: date) -> bool | None:
        """Whether ``day`` lies in the window; ``None`` while that cannot be known."""
        return None if self.dates is None else self.dates.opens <= day <= self.dates.closes


def planned_visits(protocol: Protocol, anchors: Anchors) -> tuple[PlannedVisit, ...]:
    """Every visit of the protocol, in its order, with its dates where they are known."""
    return tuple(
        PlannedVisit(visit, order, None if (anchor := anchors.date_of(visit)) is None else visit.dates(anchor))
        for order, visit in enumerate(protocol.visits, start=1)
    )


def planned_visit(protocol: Protocol, code: str, anchors: Anchors) -> PlannedVisit:
    """One visit by its code. Raises ``NotInProtocol``."""
    visit = protocol.visit(code)
    anchor = anchors.date_of(visit)
    order = protocol.visit_codes.index(code) + 1
    return PlannedVisit(visit, order, None if anchor is None else visit.dates(anchor))


def treatment_is_over(status: ParticipantStatus) -> bool:
    return status in _TREATMENT_IS_OVER


def standing(visit: Visit, status: ParticipantStatus, recorded: Mapping[str, VisitStanding]) -> VisitStanding:
    """How a visit stands for a participant of this status, given what is recorded by visit code.

    A dose's visit is not expected once treatment is over, and nothing is once the participant has left.
    """
    if visit.code in recorded:
        return recorded[visit.code]
    over = status in _LEFT or (visit.dose is not None and treatment_is_over(status))
    screening_is_over = visit.period == "screening" and status not in (_S.SCREENING, _S.ELIGIBLE)
    return VisitStanding.NOT_EXPECTED if over or screening_is_over else VisitStanding.DUE
