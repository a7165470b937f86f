"""The analysis plan of a protocol: what reports need of it, in the words of reports.

Purpose: the one place where a protocol file's names become scales, visits, thresholds and looks, so that no
analysis reads the protocol and no rule of one trial is written in an analysis.

What it does not do: change with the data. Equal protocols give equal plans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reports.context import AnalysisPlan, HarmRule, Looks, Scale, SensitivityPlan, SubgroupPlan, Threshold
from trial.errors import InvalidInput
from trial.protocol.schema.instruments import Domain, Instrument
from trial.protocol.schema.outcomes import Subgroup
from trial.protocol.schema.protocol import Protocol
from trial.protocol.schema.safety import ExactRateRule, PosteriorRateRule, RelatedEventsRule, StoppingRule
from trial.reference.dictionaries import aesi_terms
from trial.statistics.group_sequential import GroupSequentialDesign


class NoScoredPrimaryEndpoint(InvalidInput):
    code = "plan.no_scored_primary_endpoint"


def plan_from_protocol(protocol: Protocol) -> AnalysisPlan:
    """The plan of ``protocol``. Its primary endpoint must be a score at a visit."""
    primary = protocol.endpoints.primary
    if primary.score is None or not primary.visits:
        raise NoScoredPrimaryEndpoint(
            "Board reports need a primary endpoint that is a score at a visit; this protocol's is recorded otherwise."
        )
    rules = protocol.adverse_events
    special, threshold = _special_interest(protocol), rules.frequency_threshold
    return AnalysisPlan(
        primary_domain=primary.score.domain,
        primary_visit=primary.visits[0],
        baseline_visits=(protocol.analysis.baseline_visit,),
        baseline_if_repeated=protocol.analysis.baseline_if_repeated,
        scales=tuple(_scales(protocol)),
        visit_labels={visit.code: visit.name for visit in protocol.visits},
        covariate_factors=tuple(factor.name for factor in protocol.factors),
        model=protocol.analysis.model,
        analysis_visits=protocol.analysis.visits,
        covariance=protocol.analysis.covariance,
        degrees_of_freedom=protocol.analysis.degrees_of_freedom,
        responders=protocol.analysis.responders,
        sensitivity=tuple(
            SensitivityPlan(s.method, s.label, tuple(float(d) for d in s.deltas)) for s in protocol.analysis.sensitivity
        ),
        aesi=tuple(special),
        asked_by_checklist=tuple(name for name, way in special.items() if "checklist" in way),
        ways_of_looking=special,
        frequency_threshold_percent=threshold.at_least_percent if threshold else None,
        dictionary=f"{rules.dictionary.name} {rules.dictionary.version}",
        causality_scale=rules.causality.scale,
        harms_recorded=f"from {rules.recorded_from} until {rules.recorded_until}",
        infusion_instruments=tuple(i.id for i in protocol.instruments if i.completed_by == "infusion_nurse"),
        doses_planned=sum(visit.dose is not None for visit in protocol.visits),
        looks=_looks(protocol),
        subgroups=tuple(_subgroup(one) for one in protocol.subgroups),
        harm_rules=tuple(_harm_rule(rule) for rule in protocol.stopping_rules),
    )


def _subgroup(one: Subgroup) -> SubgroupPlan:
    source = one.factor or (one.recorded_at.field if one.recorded_at else "") or (one.score.domain if one.score else "")
    return SubgroupPlan(one.label, one.by, source, one.comparison or "", one.cut)


def _scales(protocol: Protocol) -> Iterator[Scale]:
    """Every domain that an endpoint names, in the order of the endpoints."""
    named = dict.fromkeys(
        (end.score.instrument, end.score.domain) for end in protocol.endpoints.all if end.score is not None
    )
    for instrument_id, name in named:
        instrument = protocol.instrument(instrument_id)
        yield _scale(protocol, instrument, protocol.domain(instrument_id, name))


def _scale(protocol: Protocol, instrument: Instrument, domain: Domain) -> Scale:
    return Scale(
        domain=domain.name,
        label=domain.label,
        higher_is_better=domain.better == "higher",
        unit=domain.unit,
        thresholds=_thresholds(protocol, instrument.id, domain.name),
        score_at_death=_score_at_death(protocol, domain.name),
    )


def _thresholds(protocol: Protocol, instrument: str, domain: str) -> tuple[Threshold, ...]:
    for listed in protocol.endpoints.responder_thresholds:
        if (listed.score.instrument, listed.score.domain) == (instrument, domain):
            points = tuple(Threshold(value) for value in listed.points)
            return points + tuple(Threshold(value / 100, relative=True) for value in listed.percent)
    return ()


def _score_at_death(protocol: Protocol, domain: str) -> float | None:
    """What death counts as: said by the estimand, for the primary scale only."""
    primary = protocol.endpoints.primary.score
    if primary is None or primary.domain != domain:
        return None
    events = protocol.estimand.intercurrent_events
    return next((e.value for e in events if e.event == "death" and e.strategy == "composite"), None)


def _special_interest(protocol: Protocol) -> dict[str, str]:
    """Each prespecified event with how it is looked for. Terms that the protocol itself writes are its checklist."""
    listed = protocol.adverse_events.special_interest
    if listed.list_name is None:
        way = "checklist" if listed.asked_by_checklist_at else "report"
        return dict.fromkeys(listed.terms, way)
    asked = bool(listed.asked_by_checklist_at)
    ways: dict[str, str] = {}
    for term in aesi_terms(listed.list_name):
        ways.setdefault(term.name, term.how if asked or "checklist" not in term.how else "report")
    return ways


def _harm_rule(rule: StoppingRule) -> HarmRule:
    shared = HarmRule(
        name=rule.id,
        text=rule.text,
        kind=rule.kind,
        events=rule.events,
        by_arm=rule.by_arm,
        board_only=rule.seen_by == "board",
        pauses_recruitment=rule.pauses_recruitment,
        special_interest=rule.special_interest,
    )
    match rule:
        case RelatedEventsRule():
            return replace(shared, of_one_kind=rule.of_one_kind, count=rule.count)
        case PosteriorRateRule():
            prior = (rule.prior_a, rule.prior_b)
            return replace(shared, rate_limit=rule.rate_limit, probability_above=rule.probability_above, prior=prior)
        case ExactRateRule():
            return replace(shared, rate_limit=rule.rate_limit, confidence=rule.confidence)


def _looks(protocol: Protocol) -> Looks | None:
    size = protocol.sample_size
    if protocol.design.efficacy is None:
        return None
    return Looks(
        GroupSequentialDesign.from_protocol(protocol.design.model_dump()),
        difference=size.difference,
        standard_deviation=size.standard_deviation,
        missing_share=size.missing_fraction,
    )
