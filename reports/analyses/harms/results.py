"""What an analysis of harms says: counts in a group, comparisons of groups, rows, and the whole.

Invariants
1. A count is None where the data do not hold what it counts; a zero is a zero that was counted.
2. ``assessed`` is None where the data do not tell whether the event was asked for; 0 where nobody was asked.

What it does not do: format. ``reports/tables/harms`` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from trial.statistics.estimates import Estimate


@dataclass(frozen=True)
class Spread:
    """The middle of a number of values and its quartiles."""

    n: int
    median: float
    lower_quartile: float
    upper_quartile: float


@dataclass(frozen=True)
class GroupExposure:
    """What a group was at risk for. ``person_years`` is None where the data hold no end of observation."""

    label: str
    at_risk: int
    infusions: int | None
    person_years: float | None
    asked: int | None  # participants of whom the checklist was asked at least once; None where nothing tells


@dataclass(frozen=True)
class Onset:
    """When events began and how long they lasted; durations by Kaplan–Meier, events that go on are censored."""

    day: Spread | None
    infusion: Spread | None
    minute: Spread | None
    duration_known: int
    duration_going_on: int
    median_duration_days: float | None


@dataclass(frozen=True)
class GroupHarm:
    """One row in one group. Counts from ``serious`` to ``deaths`` are of participants."""

    at_risk: int
    assessed: int | None
    participants: int
    events: int
    worst_grades: tuple[int, ...]  # participants whose worst grade is 1, 2, 3, 4, 5
    serious: int | None
    related: int | None
    interruptions: int | None
    skipped_doses: int | None
    treatment_withdrawals: int | None
    study_withdrawals: int | None
    deaths: int | None
    recurrent: int  # participants with two or more
    median_times: float | None  # events of a participant who had any
    systematic: int | None  # events that the checklist found
    spontaneous: int | None
    onset: Onset
    rate: Estimate | None  # events per 100 person-years, exact Poisson limits
    upper_limit: Estimate | None  # of the risk, where nobody had it

    @property
    def denominator(self) -> int:
        """Those at risk of whom it would be known: the assessed ones where that is told."""
        return self.at_risk if self.assessed is None else self.assessed

    @property
    def not_assessed(self) -> bool:
        """Whether nothing can be said: nobody was asked, and nobody spoke of it."""
        return self.at_risk > 0 and self.denominator == 0

    @property
    def share(self) -> float | None:
        return self.participants / self.denominator if self.denominator else None


@dataclass(frozen=True)
class HarmRow:
    """One term with its groups, and each group against the reference: difference and ratio of risks."""

    term: str
    organ_class: str
    special_interest: str
    ascertainment: str
    groups: tuple[GroupHarm, ...]
    differences: tuple[Estimate | None, ...]
    ratios: tuple[Estimate | None, ...]  # None where neither group has an event, or one was not assessed

    @property
    def participants(self) -> int:
        return sum(group.participants for group in self.groups)

    def reaches(self, percent: float) -> bool:
        """Whether at least this share of some group had it."""
        return any(group.share is not None and 100 * group.share >= percent for group in self.groups)

    @property
    def always_shown(self) -> bool:
        """What no threshold hides: prespecified, serious or fatal events."""
        counted = (group.serious or group.deaths for group in self.groups)
        return bool(self.special_interest) or any(counted)


@dataclass(frozen=True)
class Harms:
    """Overall rows, rows by term, rows by special interest."""

    labels: tuple[str, ...]
    compared: tuple[tuple[str, str], ...]  # (arm, reference) of each difference
    exposure: tuple[GroupExposure, ...]
    person_time: str  # how person-time was counted, in words
    overall: tuple[HarmRow, ...]
    terms: tuple[HarmRow, ...]
    special: tuple[HarmRow, ...]
    special_withheld: bool
    threshold_percent: float | None

    @property
    def at_risk(self) -> tuple[int, ...]:
        return tuple(group.at_risk for group in self.exposure)

    @property
    def tabulated(self) -> tuple[HarmRow, ...]:
        """The terms that a table shows: all, or those that reach the protocol's threshold or are always shown."""
        if self.threshold_percent is None:
            return self.terms
        return tuple(row for row in self.terms if row.always_shown or row.reaches(self.threshold_percent))

    @property
    def below_threshold(self) -> tuple[HarmRow, ...]:
        shown = set(map(id, self.tabulated))
        return tuple(row for row in self.terms if id(row) not in shown)

    def row(self, term: str) -> HarmRow:
        return next(row for row in (*self.overall, *self.terms, *self.special) if row.term == term)
