"""Estimand, endpoints and their analysis, subgroups.

Invariants
1. There is one primary endpoint, and it names an instrument's domain and a visit.
2. Key secondary endpoints are tested in the order in which they stand.
3. Every responder threshold of the list is reported; one of them is the key one.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trial.protocol.schema.allocation import RecordedAt
from trial.protocol.schema.base import Code, Comparison, Fraction, Number, Part, Positive, Text


class Contrast(Part):
    """One arm against another, as randomized."""

    arm: Code
    against: Code


class IntercurrentEvent(Part):
    event: Code
    label: Text
    strategy: Literal["treatment_policy", "composite", "hypothetical", "while_on_treatment", "principal_stratum"]
    handling: Text
    value: Number | None = None


class Estimand(Part):
    population: Text
    contrast: Contrast
    variable: Text
    summary_measure: Literal["difference_in_means", "risk_difference", "hazard_ratio"]
    summary: Text
    confidence: Fraction
    intercurrent_events: tuple[IntercurrentEvent, ...]


class ScoreRef(Part):
    """A domain of an instrument."""

    instrument: Code
    domain: Code


class Threshold(Part):
    """What a responder improves by, in the direction that is better for the domain."""

    value: Positive
    unit: Literal["points", "percent"]


class Endpoint(Part):
    """What is measured (a score or a recorded field), when, and how it is summarised for one participant."""

    id: Code
    label: Text
    summary: Literal["change", "value", "responder", "sustained_responder", "doses_completed"]
    score: ScoreRef | None = None
    recorded_at: RecordedAt | None = None
    visits: tuple[Code, ...] = ()
    threshold: Threshold | None = None
    contrast: Contrast | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        sources = (self.score is not None) + (self.recorded_at is not None)
        if sources != (0 if self.summary == "doses_completed" else 1):
            raise ValueError("give a score or a recorded field, and neither for completed doses")
        if (self.threshold is not None) != ("responder" in self.summary):
            raise ValueError("a responder has a threshold, and nothing else has one")
        if not self.visits and self.summary != "doses_completed":
            raise ValueError("name the visits at which it is measured")
        return self


class ResponderThresholds(Part):
    """All thresholds reported for one domain."""

    score: ScoreRef
    points: tuple[Positive, ...] = ()
    percent: tuple[Positive, ...] = ()
    key: Threshold


class Endpoints(Part):
    primary: Endpoint
    key_secondary: tuple[Endpoint, ...]
    secondary: tuple[Endpoint, ...]
    safety: tuple[Text, ...]
    exploratory: tuple[Text, ...]
    responder_thresholds: tuple[ResponderThresholds, ...]

    @property
    def all(self) -> tuple[Endpoint, ...]:
        return (self.primary, *self.key_secondary, *self.secondary)


class Sensitivity(Part):
    method: Literal["jump_to_reference", "delta_tipping", "ancova", "copy_reference", "worst_case"]
    label: Text
    deltas: tuple[Number, ...] = ()


class Analysis(Part):
    """The primary model and what stands beside it. ``visits`` are used as far as the lock's scope reaches."""

    model: Literal["mmrm", "ancova"]
    effects: Annotated[tuple[Text, ...], Field(min_length=1)]
    visits: Annotated[tuple[Code, ...], Field(min_length=1)]
    covariance: Literal["unstructured", "toeplitz", "none"]
    degrees_of_freedom: Literal["kenward_roger", "satterthwaite", "residual"]
    baseline_visit: Code
    baseline_if_repeated: Literal["last", "mean"]
    sensitivity: tuple[Sensitivity, ...]
    responders: Literal["mantel_haenszel_risk_difference"]
    multiplicity: Text


class Subgroup(Part):
    """``by`` is a factor, the site, a recorded field or a baseline score; a cut makes two groups."""

    id: Code
    label: Text
    by: Literal["factor", "site", "field", "baseline_score"]
    factor: Code | None = None
    recorded_at: RecordedAt | None = None
    score: ScoreRef | None = None
    comparison: Comparison | None = None
    cut: Number | None = None

    @model_validator(mode="after")
    def _names_its_source(self) -> Self:
        needed = {"factor": self.factor, "field": self.recorded_at, "baseline_score": self.score}
        if any((source is not None) != (by == self.by) for by, source in needed.items()):
            raise ValueError(f"a subgroup by {self.by} names that source and no other")
        if (self.comparison is None) != (self.cut is None):
            raise ValueError("a cut needs both comparison and cut")
        return self
