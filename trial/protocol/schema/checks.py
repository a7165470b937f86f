"""Whether the parts of a protocol agree: what one part names, another defines.

Invariants
1. Each problem names the field where it stands, so that the loader can name its line.
2. All problems are found at once, not the first only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trial.protocol.schema.allocation import RecordedAt
from trial.protocol.schema.allocation_checks import allocation_problems
from trial.protocol.schema.base import Check
from trial.protocol.schema.outcomes import Contrast, Endpoint, ScoreRef
from trial.protocol.schema.problems import Path, Problem, recorded, twice, visit_exists
from trial.reference import ROLES, aesi_terms, controlled_terms, ctcae_terms

if TYPE_CHECKING:
    from trial.protocol.schema.protocol import Protocol


def problems_of(protocol: Protocol) -> Iterator[Problem]:
    """Every disagreement between the parts of ``protocol``."""
    yield from _names_are_unique(protocol)
    yield from _arms_and_ratio(protocol)
    yield from allocation_problems(protocol)
    yield from _eligibility_and_forms(protocol)
    yield from _schedule(protocol)
    yield from _infusions(protocol)
    yield from _adverse_events(protocol)
    yield from _endpoints(protocol)
    yield from _analysis(protocol)
    yield from _oversight(protocol)
    yield from _sample_size(protocol)


def _names_are_unique(protocol: Protocol) -> Iterator[Problem]:
    endpoints = protocol.endpoints
    yield from twice(("arms",), "arm", protocol.arm_codes)
    yield from twice(("randomization", "factors"), "factor", [factor.name for factor in protocol.factors])
    for place, factor in enumerate(protocol.factors):
        yield from twice(("randomization", "factors", place, "levels"), "level", factor.level_codes)
    yield from twice(("eligibility",), "criterion", [criterion.id for criterion in protocol.eligibility])
    yield from twice(("schedule", "visits"), "visit", protocol.visit_codes)
    yield from twice(("forms",), "form", [form.code for form in protocol.forms])
    for place, form in enumerate(protocol.forms):
        yield from twice(("forms", place, "fields"), "field", [field.name for field in form.fields])
        yield from twice(("forms", place, "checks"), "edit check", [check.id for check in form.checks])
    yield from twice(("instruments",), "instrument", [found.id for found in protocol.instruments])
    yield from twice(("endpoints",), "endpoint", [endpoint.id for endpoint in endpoints.all])
    yield from twice(("stopping_rules",), "stopping rule", [rule.id for rule in protocol.stopping_rules])
    yield from twice(("guesses", "forms"), "occasion", [form.occasion for form in protocol.guesses.forms])
    yield from twice(("lock_stages",), "lock stage", [stage.code for stage in protocol.lock_stages])
    clocks = protocol.adverse_events.clocks
    yield from twice(("adverse_events", "clocks"), "clock", [clock.id for clock in clocks])


def _arms_and_ratio(protocol: Protocol) -> Iterator[Problem]:
    if len(protocol.arms) < 2:
        yield Problem(
            ("arms",),
            "a randomized trial has at least two arms, and this file gives one; add the missing arm",
        )
    for code in protocol.ratio:
        if code not in protocol.arm_codes:
            yield Problem(
                ("ratio", code),
                f"the ratio names the arm {code!r}, which is missing under arms; add it, or correct the code",
            )
    for place, arm in enumerate(protocol.arms):
        if arm.code not in protocol.ratio:
            yield Problem(
                ("arms", place, "code"), f"the arm {arm.code!r} has no share in the ratio; add it under ratio"
            )


def _check(protocol: Protocol, path: Path, check: Check | None) -> Iterator[Problem]:
    for place, condition in enumerate(check.conditions if check else ()):
        where = (*path, "conditions", place)
        if any(instrument.id == condition.form for instrument in protocol.instruments):
            yield from _score(protocol, where, ScoreRef(instrument=condition.form, domain=condition.field))
        else:
            yield from recorded(protocol, where, RecordedAt(form=condition.form, field=condition.field))


def _eligibility_and_forms(protocol: Protocol) -> Iterator[Problem]:
    for place, stage in enumerate(protocol.randomization.further):
        yield from _check(protocol, ("randomization", "further", place, "when"), stage.when)
    for place, criterion in enumerate(protocol.eligibility):
        yield from _check(protocol, ("eligibility", place, "check"), criterion.check)
    for place, form in enumerate(protocol.forms):
        for number, check in enumerate(form.checks):
            yield from _check(protocol, ("forms", place, "checks", number, "must_hold"), check.must_hold)
        for number, field in enumerate(form.fields):
            if field.codelist is not None and not controlled_terms(field.codelist):
                path = ("forms", place, "fields", number, "codelist")
                yield Problem(path, f"the codelist {field.codelist!r} is not among the packaged controlled terms")


def _schedule(protocol: Protocol) -> Iterator[Problem]:
    forms = {form.code for form in protocol.forms}
    instruments = {instrument.id for instrument in protocol.instruments}
    for place, visit in enumerate(protocol.visits):
        path: Path = ("schedule", "visits", place)
        for number, form in enumerate(visit.forms):
            if form not in forms:
                yield Problem((*path, "forms", number), f"there is no form {form!r} under forms")
        for number, instrument in enumerate(visit.instrument_ids):
            if instrument not in instruments:
                yield Problem(
                    (*path, "instruments", number), f"there is no instrument {instrument!r} under instruments"
                )
    opened = protocol.schedule.open_period
    if opened is not None:
        yield from visit_exists(protocol, ("schedule", "open_period", "after_visit"), opened.after_visit)
    doses = [str(visit.dose) for visit in protocol.visits if visit.dose is not None]
    yield from twice(("schedule", "visits"), "dose", doses)


def _infusions(protocol: Protocol) -> Iterator[Problem]:
    plan = protocol.infusions
    if plan is None:
        return
    here: Path = ("infusions",)
    measures = {measure.name for measure in plan.monitoring.measures}
    yield from twice((*here, "monitoring", "measures"), "measure", [found.name for found in plan.monitoring.measures])
    yield from twice((*here, "rules"), "infusion rule", [rule.id for rule in plan.rules])
    used = [
        ((*here, "rules", place, "reading"), rule.reading.measure)
        for place, rule in enumerate(plan.rules)
        if rule.reading
    ]
    used += [((*here, "discharge", "vitals", place), name) for place, name in enumerate(plan.discharge.vitals)]
    used += [
        ((*here, "discharge", "readings", place), limit.measure) for place, limit in enumerate(plan.discharge.readings)
    ]
    for path, name in used:
        if name not in measures:
            yield Problem(path, f"{name!r} is not among the measures of the monitoring")
    for place, scale in enumerate(plan.monitoring.scales):
        if all(instrument.id != scale.instrument for instrument in protocol.instruments):
            yield Problem((*here, "monitoring", "scales", place), f"there is no instrument {scale.instrument!r}")
    given = {visit.dose: visit.day for visit in protocol.visits if visit.dose is not None}
    if given != dict(enumerate(plan.days.days, start=1)):
        yield Problem(
            (*here, "days", "days"),
            "the infusion days differ from the visits that give a dose; each infusion has one visit",
        )
    for place, arm in enumerate(protocol.arms):
        if arm.preparation is None:
            yield Problem(
                ("arms", place), f"the arm {arm.code!r} says nothing of its preparation, which infusions need"
            )


def _adverse_events(protocol: Protocol) -> Iterator[Problem]:
    rules = protocol.adverse_events
    here: Path = ("adverse_events",)
    known = {term.term for term in ctcae_terms(rules.dictionary.version)}
    listed = [
        ((*here, "special_interest", "terms", place), term) for place, term in enumerate(rules.special_interest.terms)
    ]
    listed += [
        ((*here, "reference_safety_information", "expected_terms", place), term)
        for place, term in enumerate(rules.reference_safety_information.expected_terms)
    ]
    for path, term in listed:
        if term not in known:
            yield Problem(path, f"{term!r} is no term of CTCAE {rules.dictionary.version}")
    if rules.special_interest.list_name is not None and not aesi_terms(rules.special_interest.list_name):
        yield Problem((*here, "special_interest", "list_name"), "this list of special interest is empty")
    yield from twice((*here, "seriousness"), "criterion", [criterion.name for criterion in rules.seriousness])
    yield from twice(
        (*here, "causality", "categories"), "category", [found.code for found in rules.causality.categories]
    )
    if not 0 < len(rules.causality.related_codes) < len(rules.causality.categories):
        yield Problem((*here, "causality", "categories"), "some categories, but not all, count as related")
    for place, code in enumerate(rules.special_interest.asked_by_checklist_at):
        yield from visit_exists(protocol, (*here, "special_interest", "asked_by_checklist_at", place), code)
    yield from _checklist(protocol, (*here, "special_interest", "checklist_form"))


def _checklist(protocol: Protocol, path: Path) -> Iterator[Problem]:
    """The checklist's form is one of the forms, and due at every visit at which the checklist is asked."""
    asked = protocol.adverse_events.special_interest
    if asked.checklist_form is None:
        return
    if asked.checklist_form not in {form.code for form in protocol.forms}:
        yield Problem(path, f"there is no form {asked.checklist_form!r}")
        return
    lacking = [
        v.code for v in protocol.visits if v.code in asked.asked_by_checklist_at and asked.checklist_form not in v.forms
    ]
    if lacking:
        yield Problem(path, f"the form {asked.checklist_form!r} is not due at {', '.join(lacking)}, where it is asked")


def _score(protocol: Protocol, path: Path, score: ScoreRef | None) -> Iterator[Problem]:
    if score is None:
        return
    instrument = next((found for found in protocol.instruments if found.id == score.instrument), None)
    if instrument is None:
        yield Problem((*path, "instrument"), f"there is no instrument {score.instrument!r} under instruments")
    elif instrument.domain(score.domain) is None:
        known = ", ".join(domain.name for domain in instrument.domains)
        yield Problem((*path, "domain"), f"{score.instrument} has no domain {score.domain!r}; it has {known}")


def _contrast(protocol: Protocol, path: Path, contrast: Contrast | None) -> Iterator[Problem]:
    if contrast is None:
        return
    for name, code in (("arm", contrast.arm), ("against", contrast.against)):
        if code not in protocol.arm_codes:
            yield Problem((*path, name), f"there is no arm {code!r}; the arms are {', '.join(protocol.arm_codes)}")
    if contrast.arm == contrast.against:
        yield Problem(path, f"the arm {contrast.arm!r} is compared with itself")


def _endpoint(protocol: Protocol, path: Path, endpoint: Endpoint) -> Iterator[Problem]:
    yield from _score(protocol, (*path, "score"), endpoint.score)
    yield from _contrast(protocol, (*path, "contrast"), endpoint.contrast)
    if endpoint.recorded_at is not None:
        yield from recorded(protocol, (*path, "recorded_at"), endpoint.recorded_at)
    for number, code in enumerate(endpoint.visits):
        where = (*path, "visits", number)
        yield from visit_exists(protocol, where, code)
        if code in protocol.visit_codes and not _is_collected(protocol, endpoint, code):
            yield Problem(where, f"{endpoint.id} is measured at {code}, but that visit does not collect it")


def _is_collected(protocol: Protocol, endpoint: Endpoint, visit_code: str) -> bool:
    visit = protocol.visit(visit_code)
    if endpoint.score is not None:
        return endpoint.score.instrument in visit.instrument_ids
    return endpoint.recorded_at is None or endpoint.recorded_at.form in visit.forms


def _endpoints(protocol: Protocol) -> Iterator[Problem]:
    endpoints = protocol.endpoints
    yield from _contrast(protocol, ("estimand", "contrast"), protocol.estimand.contrast)
    yield from _endpoint(protocol, ("endpoints", "primary"), endpoints.primary)
    if endpoints.primary.score is None:
        yield Problem(("endpoints", "primary"), "the primary endpoint names an instrument's domain under score")
    for name, listed in (("key_secondary", endpoints.key_secondary), ("secondary", endpoints.secondary)):
        for place, endpoint in enumerate(listed):
            yield from _endpoint(protocol, ("endpoints", name, place), endpoint)
    for place, thresholds in enumerate(endpoints.responder_thresholds):
        path: Path = ("endpoints", "responder_thresholds", place)
        yield from _score(protocol, (*path, "score"), thresholds.score)
        offered = thresholds.points if thresholds.key.unit == "points" else thresholds.percent
        if thresholds.key.value not in offered:
            yield Problem((*path, "key"), "the key threshold is not in the list of thresholds that are reported")


def _analysis(protocol: Protocol) -> Iterator[Problem]:
    analysis = protocol.analysis
    yield from visit_exists(protocol, ("analysis", "baseline_visit"), analysis.baseline_visit)
    for place, code in enumerate(analysis.visits):
        yield from visit_exists(protocol, ("analysis", "visits", place), code)
    primary = protocol.endpoints.primary
    if not set(primary.visits) <= set(analysis.visits):
        yield Problem(("analysis", "visits"), "the visits of the primary endpoint are missing from the analysis")
    for place, subgroup in enumerate(protocol.subgroups):
        path: Path = ("subgroups", place)
        yield from _score(protocol, (*path, "score"), subgroup.score)
        if subgroup.recorded_at is not None:
            yield from recorded(protocol, (*path, "recorded_at"), subgroup.recorded_at)
        if subgroup.factor is not None and all(factor.name != subgroup.factor for factor in protocol.factors):
            yield Problem((*path, "factor"), f"there is no factor {subgroup.factor!r}")


def _oversight(protocol: Protocol) -> Iterator[Problem]:
    board = protocol.board
    yield from twice(("board", "seats"), "seat", [seat.seat for seat in board.seats])
    if len(board.arms_shown_as) != len(protocol.arms):
        yield Problem(("board", "arms_shown_as"), "give the board one letter for each arm")
    yield from twice(("board", "arms_shown_as"), "letter", board.arms_shown_as)
    named: list[tuple[Path, str]] = [
        (("board", "bounds_alert", place), role) for place, role in enumerate(board.bounds_alert)
    ]
    named += [(("responsibilities", place, "role"), duty.role) for place, duty in enumerate(protocol.responsibilities)]
    for path, role in named:
        if role not in ROLES:
            yield Problem(path, f"there is no role {role!r}; the roles are {', '.join(ROLES)}")
    for place, form in enumerate(protocol.guesses.forms):
        yield from visit_exists(protocol, ("guesses", "forms", place, "visit"), form.visit)
    for place, stage in enumerate(protocol.lock_stages):
        yield from visit_exists(protocol, ("lock_stages", place, "through_visit"), stage.through_visit)
    if sum(stage.primary_analysis for stage in protocol.lock_stages) != 1:
        yield Problem(("lock_stages",), "exactly one lock stage holds the primary analysis")


def _sample_size(protocol: Protocol) -> Iterator[Problem]:
    parts = sum(protocol.ratio.values())
    matched = set(protocol.ratio) == set(protocol.arm_codes)
    if matched and protocol.sample_size.total % parts:
        yield Problem(
            ("sample_size", "total"),
            f"{protocol.sample_size.total} participants cannot be divided in the ratio "
            + ":".join(str(share) for share in protocol.shares),
        )
    if protocol.sites.planned > protocol.sites.at_most:
        yield Problem(("sites", "planned"), "more sites are planned than the protocol allows at most")
