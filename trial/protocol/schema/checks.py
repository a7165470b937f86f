"""Whether the parts of a protocol agree: what one part names, another defines.

Invariants
1. Each problem names the field where it stands, so that the loader can name its line.
2. All problems are found at once, not the first only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, Final

from trial.protocol.schema.allocation import Minimization, RecordedAt
from trial.protocol.schema.base import Check
from trial.protocol.schema.outcomes import Contrast, Endpoint, ScoreRef
from trial.reference import ROLES, aesi_terms, controlled_terms, ctcae_terms

if TYPE_CHECKING:
    from trial.protocol.schema.protocol import Protocol

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One disagreement, where it stands in the file, in one plain sentence."""

    path: Path
    sentence: str


def problems_of(protocol: Protocol) -> Iterator[Problem]:
    """Every disagreement between the parts of ``protocol``."""
    yield from _names_are_unique(protocol)
    yield from _arms_and_ratio(protocol)
    yield from _allocation(protocol)
    yield from _eligibility_and_forms(protocol)
    yield from _schedule(protocol)
    yield from _infusions(protocol)
    yield from _adverse_events(protocol)
    yield from _endpoints(protocol)
    yield from _analysis(protocol)
    yield from _oversight(protocol)
    yield from _sample_size(protocol)


def _twice(path: Path, what: str, names: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            yield Problem((*path, place), f"{what} {name!r} is named twice; give each its own name")
        seen.add(name)


def _names_are_unique(protocol: Protocol) -> Iterator[Problem]:
    endpoints = protocol.endpoints
    yield from _twice(("arms",), "arm", protocol.arm_codes)
    yield from _twice(("randomization", "factors"), "factor", [factor.name for factor in protocol.factors])
    for place, factor in enumerate(protocol.factors):
        yield from _twice(("randomization", "factors", place, "levels"), "level", factor.level_codes)
    yield from _twice(("eligibility",), "criterion", [criterion.id for criterion in protocol.eligibility])
    yield from _twice(("schedule", "visits"), "visit", protocol.visit_codes)
    yield from _twice(("forms",), "form", [form.code for form in protocol.forms])
    for place, form in enumerate(protocol.forms):
        yield from _twice(("forms", place, "fields"), "field", [field.name for field in form.fields])
        yield from _twice(("forms", place, "checks"), "edit check", [check.id for check in form.checks])
    yield from _twice(("instruments",), "instrument", [found.id for found in protocol.instruments])
    yield from _twice(("endpoints",), "endpoint", [endpoint.id for endpoint in endpoints.all])
    yield from _twice(("stopping_rules",), "stopping rule", [rule.id for rule in protocol.stopping_rules])
    yield from _twice(("guesses", "forms"), "occasion", [form.occasion for form in protocol.guesses.forms])
    yield from _twice(("lock_stages",), "lock stage", [stage.code for stage in protocol.lock_stages])
    clocks = protocol.adverse_events.clocks
    yield from _twice(("adverse_events", "clocks"), "clock", [clock.id for clock in clocks])


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


def _allocation(protocol: Protocol) -> Iterator[Problem]:
    here: Path = ("randomization",)
    randomization = protocol.randomization
    for place, factor in enumerate(protocol.factors):
        path = (*here, "factors", place)
        yield from _recorded(protocol, (*path, "recorded_at"), factor.recorded_at)
        codes = _choice_codes(protocol, factor.recorded_at)
        if codes is not None and set(codes) != set(factor.level_codes):
            yield Problem(
                (*path, "levels"),
                f"the levels of {factor.name!r} ({', '.join(factor.level_codes)}) differ from the answers of "
                f"the field where it is recorded ({', '.join(codes)})",
            )
    yield from _scheme(protocol, (*here, "scheme"))
    yield from _caps(protocol, (*here, "caps"))
    yield from _visit_exists(protocol, (*here, "before_visit"), randomization.before_visit)
    for place, code in enumerate(protocol.supply.dispensed_at):
        yield from _visit_exists(protocol, ("supply", "dispensed_at", place), code)
    yield from _prepared_without_kits(protocol)


def _prepared_without_kits(protocol: Protocol) -> Iterator[Problem]:
    if protocol.supply.numbered_kits:
        return
    bare = [arm.code for arm in protocol.arms if arm.preparation is None]
    if protocol.infusions is None or bare:
        yield Problem(
            ("supply", "numbered_kits"),
            "without numbered kits the pharmacist prepares each dose, so every arm needs a preparation and the protocol an"
            " infusion plan; add them, or number the kits",
        )


def _caps(protocol: Protocol, here: Path) -> Iterator[Problem]:
    levels = {factor.name: factor.level_codes for factor in protocol.factors}
    for place, cap in enumerate(protocol.randomization.caps):
        for factor, level in cap.levels.items():
            if level not in levels.get(factor, ()):
                yield Problem((*here, place, "levels"), f"there is no stratification factor {factor!r} with {level!r}")


_TWO_EQUAL_ARMS: Final = frozenset({"biased_coin", "big_stick", "maximal_procedure"})


def _scheme(protocol: Protocol, here: Path) -> Iterator[Problem]:
    scheme = protocol.randomization.scheme
    shares = [share for code, share in protocol.ratio.items() if code in {arm.code for arm in protocol.arms}]
    if scheme.name in _TWO_EQUAL_ARMS and (len(shares) != 2 or len(set(shares)) > 1):
        yield Problem(
            (*here, "name"),
            f"{scheme.name} is defined for two arms at 1:1 only; choose block_urn or permuted_blocks for other ratios",
        )
    if scheme.name == "urn" and len(set(shares)) > 1:
        yield Problem((*here, "name"), "urn is defined for equal ratios only; choose block_urn for this one")
    if scheme.name == "biased_coin" and not Fraction(1, 2) <= Fraction(str(scheme.probability)) <= 1:
        yield Problem((*here, "probability"), "the arm that is behind needs a probability in [1/2, 1]")
    if scheme.name == "minimization":
        yield from _minimization(protocol, scheme, shares, here)


def _minimization(protocol: Protocol, scheme: Minimization, shares: list[int], here: Path) -> Iterator[Problem]:
    names = {factor.name for factor in protocol.factors}
    names |= {"site"} if protocol.randomization.site_is_factor else set()
    if not names:
        yield Problem((*here, "name"), "minimization needs at least one factor; name one, or let the site be one")
    yield from _twice((*here, "weights"), "factor", [weight.factor for weight in scheme.weights])
    for place, weight in enumerate(scheme.weights):
        if weight.factor not in names:
            yield Problem((*here, "weights", place, "factor"), f"{weight.factor!r} is no factor of this trial")
    seats = sum(shares) // (gcd(*shares) or 1)
    if seats and Fraction(str(scheme.probability_of_best)) * seats < 1:
        yield Problem(
            (*here, "probability_of_best"),
            f"the preferred seat of {seats} needs a probability of at least 1/{seats}, or it is no preference",
        )


def _choice_codes(protocol: Protocol, place: RecordedAt) -> tuple[str, ...] | None:
    form = next((form for form in protocol.forms if form.code == place.form), None)
    field = form.field(place.field) if form else None
    if field is None:
        return None
    return ("yes", "no") if field.kind == "yes_no" else tuple(choice.code for choice in field.choices)


def _recorded(protocol: Protocol, path: Path, place: RecordedAt) -> Iterator[Problem]:
    form = next((form for form in protocol.forms if form.code == place.form), None)
    if form is None:
        yield Problem((*path, "form"), f"there is no form {place.form!r} under forms")
    elif form.field(place.field) is None:
        yield Problem((*path, "field"), f"the form {place.form!r} has no field {place.field!r}")


def _visit_exists(protocol: Protocol, path: Path, code: str | None) -> Iterator[Problem]:
    if code is not None and code not in protocol.visit_codes:
        known = ", ".join(protocol.visit_codes)
        yield Problem(path, f"there is no visit {code!r}; the schedule has {known}")


def _check(protocol: Protocol, path: Path, check: Check | None) -> Iterator[Problem]:
    for place, condition in enumerate(check.conditions if check else ()):
        where = (*path, "conditions", place)
        if any(instrument.id == condition.form for instrument in protocol.instruments):
            yield from _score(protocol, where, ScoreRef(instrument=condition.form, domain=condition.field))
        else:
            yield from _recorded(protocol, where, RecordedAt(form=condition.form, field=condition.field))


def _eligibility_and_forms(protocol: Protocol) -> Iterator[Problem]:
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
        yield from _visit_exists(protocol, ("schedule", "open_period", "after_visit"), opened.after_visit)
    doses = [str(visit.dose) for visit in protocol.visits if visit.dose is not None]
    yield from _twice(("schedule", "visits"), "dose", doses)


def _infusions(protocol: Protocol) -> Iterator[Problem]:
    plan = protocol.infusions
    if plan is None:
        return
    here: Path = ("infusions",)
    measures = {measure.name for measure in plan.monitoring.measures}
    yield from _twice((*here, "monitoring", "measures"), "measure", [found.name for found in plan.monitoring.measures])
    yield from _twice((*here, "rules"), "infusion rule", [rule.id for rule in plan.rules])
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
    yield from _twice((*here, "seriousness"), "criterion", [criterion.name for criterion in rules.seriousness])
    yield from _twice(
        (*here, "causality", "categories"), "category", [found.code for found in rules.causality.categories]
    )
    if not 0 < len(rules.causality.related_codes) < len(rules.causality.categories):
        yield Problem((*here, "causality", "categories"), "some categories, but not all, count as related")
    for place, code in enumerate(rules.special_interest.asked_by_checklist_at):
        yield from _visit_exists(protocol, (*here, "special_interest", "asked_by_checklist_at", place), code)


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
        yield from _recorded(protocol, (*path, "recorded_at"), endpoint.recorded_at)
    for number, code in enumerate(endpoint.visits):
        where = (*path, "visits", number)
        yield from _visit_exists(protocol, where, code)
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
    yield from _visit_exists(protocol, ("analysis", "baseline_visit"), analysis.baseline_visit)
    for place, code in enumerate(analysis.visits):
        yield from _visit_exists(protocol, ("analysis", "visits", place), code)
    primary = protocol.endpoints.primary
    if not set(primary.visits) <= set(analysis.visits):
        yield Problem(("analysis", "visits"), "the visits of the primary endpoint are missing from the analysis")
    for place, subgroup in enumerate(protocol.subgroups):
        path: Path = ("subgroups", place)
        yield from _score(protocol, (*path, "score"), subgroup.score)
        if subgroup.recorded_at is not None:
            yield from _recorded(protocol, (*path, "recorded_at"), subgroup.recorded_at)
        if subgroup.factor is not None and all(factor.name != subgroup.factor for factor in protocol.factors):
            yield Problem((*path, "factor"), f"there is no factor {subgroup.factor!r}")


def _oversight(protocol: Protocol) -> Iterator[Problem]:
    board = protocol.board
    yield from _twice(("board", "seats"), "seat", [seat.seat for seat in board.seats])
    if len(board.arms_shown_as) != len(protocol.arms):
        yield Problem(("board", "arms_shown_as"), "give the board one letter for each arm")
    yield from _twice(("board", "arms_shown_as"), "letter", board.arms_shown_as)
    named: list[tuple[Path, str]] = [
        (("board", "bounds_alert", place), role) for place, role in enumerate(board.bounds_alert)
    ]
    named += [(("responsibilities", place, "role"), duty.role) for place, duty in enumerate(protocol.responsibilities)]
    for path, role in named:
        if role not in ROLES:
            yield Problem(path, f"there is no role {role!r}; the roles are {', '.join(ROLES)}")
    for place, form in enumerate(protocol.guesses.forms):
        yield from _visit_exists(protocol, ("guesses", "forms", place, "visit"), form.visit)
    for place, stage in enumerate(protocol.lock_stages):
        yield from _visit_exists(protocol, ("lock_stages", place, "through_visit"), stage.through_visit)
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
