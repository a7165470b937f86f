"""What a report is told beside the frozen data: whose it is, when it was frozen, under which design it
is read.

Purpose: one frozen value that every dataset, table and document takes, so that none of them asks a clock, a
database or the operating system for anything.

Invariants
1. Equal snapshot, context and treatments give equal bytes.
2. Nothing here tells an arm of anyone.

What it does not do: read the protocol file. ``reports/plan.py`` turns a protocol into an ``AnalysisPlan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from trial.errors import InvalidInput
from trial.statistics.group_sequential import GroupSequentialDesign


class ThresholdOutOfRange(InvalidInput):
    code = "plan.threshold_out_of_range"


@dataclass(frozen=True)
class Threshold:
    """The least improvement that makes a responder: in the scale's own units, or as a share of the
    baseline.
    """

    amount: float
    relative: bool = False

    def __post_init__(self) -> None:
        if self.amount <= 0 or (self.relative and self.amount > 1):
            raise ThresholdOutOfRange(
                f"A responder threshold of {self.amount} cannot be: give a positive amount, or a share in (0, 1]."
            )

    @property
    def label(self) -> str:
        return f"≥ {self.amount:.0%}" if self.relative else f"≥ {self.amount:g}"


@dataclass(frozen=True)
class Scale:
    """A scale of the protocol: its direction decides what is an improvement."""

    domain: str
    label: str
    higher_is_better: bool = False
    unit: str = ""
    thresholds: tuple[Threshold, ...] = ()
    score_at_death: float | None = None


@dataclass(frozen=True)
class Looks:
    """The group-sequential design as the protocol states it, and what it was sized for."""

    design: GroupSequentialDesign
    difference: float = 0.0
    standard_deviation: float = 1.0
    missing_share: float = 0.0


@dataclass(frozen=True)
class SubgroupPlan:
    """A subgroup variable: a factor, the site, a recorded field or a baseline score; with a cut, whether it is met."""

    label: str
    by: str  # factor | site | field | baseline_score
    source: str = ""  # the factor's name, the field's, or the score's domain
    comparison: str = ""
    cut: float | None = None


@dataclass(frozen=True)
class HarmRule:
    """A bound on harm: so many related events, or a rate that is probably, or surely, above its limit."""

    name: str
    text: str
    kind: str  # related_events | posterior_rate | exact_rate
    events: str  # fatal | serious | aesi_serious | aesi
    by_arm: bool
    board_only: bool = True
    pauses_recruitment: bool = False
    special_interest: tuple[str, ...] = ()  # narrows it to these; none: all
    of_one_kind: bool = False
    count: int = 0
    rate_limit: float = 0.0
    probability_above: float = 0.0
    prior: tuple[float, float] = (0.5, 0.5)
    confidence: float = 0.0


@dataclass(frozen=True)
class SensitivityPlan:
    """A sensitivity analysis that the protocol names."""

    method: str  # ancova | jump_to_reference | copy_reference | delta_tipping | worst_case
    label: str
    deltas: tuple[float, ...] = ()


@dataclass(frozen=True)
class AnalysisPlan:
    """The part of the protocol that analyses read. Everything in it is data; no rule of one trial is code."""

    primary_domain: str
    primary_visit: str
    baseline_visits: tuple[str, ...]
    scales: tuple[Scale, ...]
    visit_labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    baseline_if_repeated: str = "last"  # last | mean
    covariate_factors: tuple[str, ...] = ()
    model: str = "ancova"  # ancova | mmrm
    analysis_visits: tuple[str, ...] = ()  # of the repeated-measures model
    covariance: str = "unstructured"  # unstructured | toeplitz
    degrees_of_freedom: str = "kenward_roger"  # kenward_roger | satterthwaite
    sensitivity: tuple[SensitivityPlan, ...] = ()
    responders: str = "risk_difference"  # risk_difference | mantel_haenszel_risk_difference
    aesi: tuple[str, ...] = ()
    asked_by_checklist: tuple[str, ...] = ()  # those of ``aesi`` that the checklist asks for by name
    ways_of_looking: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # of each of ``aesi``
    frequency_threshold_percent: float | None = None
    dictionary: str = ""
    causality_scale: str = ""
    harms_recorded: str = ""
    infusion_instruments: tuple[str, ...] = ()
    doses_planned: int = 0
    looks: Looks | None = None
    subgroups: tuple[SubgroupPlan, ...] = ()
    harm_rules: tuple[HarmRule, ...] = ()

    def scale(self, domain: str) -> Scale:
        """The scale called ``domain``; one that the plan does not describe counts as a symptom without
        thresholds.
        """
        known = {scale.domain: scale for scale in self.scales}
        return known.get(domain) or Scale(domain, domain.replace("_", " ").capitalize())

    def visit_label(self, visit: str) -> str:
        return self.visit_labels.get(visit, visit.replace("_", " ").capitalize())


@dataclass(frozen=True)
class ReportContext:
    """What stands in headers, footers, manifests and on the first page."""

    trial: str
    title: str
    kind: str  # real | practice | simulated
    protocol_versions: tuple[str, ...]
    cut_off_at: datetime
    snapshot_hash: str
    code_version: str
    anchor: str
    built_at: datetime
    plan: AnalysisPlan
    meeting: int | None = None
    look: int | None = None
    past_fractions: tuple[float, ...] = ()  # information at the looks before this one, as it was
    planned_participants: int = 0  # to be recruited, as the sponsor had decided by the cut-off
    designed_participants: int = 0  # when the trial was made; 0: as many as are planned
    sponsor: str = ""
    questions: tuple[str, ...] = ()
    actions_since: tuple[str, ...] = ()
    expected_enrolment: tuple[tuple[date, int], ...] = ()

    @property
    def mark(self) -> str:
        """The word that every page of a trial that is not real must carry; empty for a real one."""
        return "" if self.kind == "real" else self.kind.upper()

    @property
    def information_basis(self) -> int:
        """The participants on whom information fractions rest: the design's, whatever recruitment was decided since."""
        return self.designed_participants or self.planned_participants

    @property
    def snapshot_short(self) -> str:
        return self.snapshot_hash.removeprefix("sha256:")[:12]
