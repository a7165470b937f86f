"""What the protocol itself says: design, eligibility, treatments, outcomes, sample size, randomization, blinding, analysis."""

from __future__ import annotations

from reports.documents.checklist.facts import Facts, listed, spoken
from reports.tables.words import day, plural
from trial.protocol.schema.outcomes import Endpoint
from trial.reference.permissions import permissions


def registration(facts: Facts) -> str:
    found = facts.protocol.identity.registrations
    if not found:
        return f"Version {facts.protocol.version} of {facts.trial} names no registry (identity.registrations of the protocol)."
    return "; ".join(
        f"{one.registry} {one.identifier}, registered {day(one.registered_on)}{f', {one.url}' if one.url else ''}"
        for one in found
    )


def title(facts: Facts) -> str:
    one = facts.protocol.identity
    return f"{one.title} ({one.acronym}, phase {one.phase}, {one.indication})."


def summary(facts: Facts) -> str:
    return f"{design(facts)} {facts.protocol.estimand.population}. {facts.protocol.estimand.summary}."


def version(facts: Facts) -> str:
    one = facts.protocol.identity
    told = "; ".join(f"version {v.label} of {v.dated}, SHA-256 {v.sha256[:12]}" for v in facts.versions)
    return f"{one.code} version {one.version}, dated {day(one.dated)}. In the system: {told}."


def protocol_access(facts: Facts) -> str:
    return f"The protocol file with the analysis plan in it is kept in every version: {version(facts)}"


def objectives(facts: Facts) -> str:
    ends = facts.protocol.endpoints
    return (
        f"Benefit: {facts.protocol.estimand.variable}, in {_lower(facts.protocol.estimand.population)}."
        f" Harm: {listed(ends.safety)}."
    )


def design(facts: Facts) -> str:
    one, ratio = facts.protocol.design, facts.protocol.ratio
    arms = " to ".join(arm.name for arm in facts.protocol.arms)
    shares = ":".join(str(ratio[arm.code]) for arm in facts.protocol.arms)
    looks = f"group sequential with {plural(len(one.looks), 'interim look')}" if one.looks else "fixed"
    blind = facts.protocol.blinding.level
    return (
        f"{_upper(one.structure)} groups, {arms} {shares}, {one.framework.replace('_', '-')}, {looks}, {blind}-blind,"
        f" alpha {one.alpha_one_sided:g} one-sided, power {one.power:g}."
    )


def eligibility(facts: Facts) -> str:
    inside = "; ".join(one.text for one in facts.protocol.inclusion)
    outside = "; ".join(one.text for one in facts.protocol.exclusion)
    return f"In: {inside}. Out: {outside}."


def interventions(facts: Facts) -> str:
    arms = ". ".join(f"{arm.name}: {arm.treatment}" for arm in facts.protocol.arms)
    programme = facts.protocol.programme
    plan = facts.protocol.infusions
    how = f" {plan.setting}" if plan else ""
    return f"{arms}.{f' All arms: {programme.name}. {programme.text}' if programme else ''}{how}"


def modifications(facts: Facts) -> str:
    """When allocated treatment is held or stopped."""
    plan, rules = facts.protocol.infusions, facts.protocol.stopping_rules
    bounds = f"For the trial: {'; '.join(rule.text for rule in rules)}." if rules else "No bound on harm is set."
    if plan is None:
        return f"{_doses(facts)} planned; treatment ends by the reasons that are recorded. {bounds}"
    hold = "; ".join(rule.text for rule in plan.rules if rule.action == "hold")
    stop = "; ".join(rule.text for rule in plan.rules if rule.action == "stop")
    return f"Hold: {hold}. Stop: {stop}. {bounds}"


def _doses(facts: Facts) -> str:
    return plural(facts.plan.doses_planned, "dose") if facts.plan.doses_planned else "A course"


def outcomes(facts: Facts) -> str:
    ends = facts.protocol.endpoints
    secondary = "; ".join(_endpoint(one) for one in ends.key_secondary) or "none"
    return (
        f"Primary: {_endpoint(ends.primary)}. Key secondary, in this order: {secondary}. Secondary: {len(ends.secondary)},"
        f" {listed((one.label for one in ends.secondary), 6)}. Summary measure: {_lower(facts.protocol.estimand.summary)}."
    )


def _endpoint(one: Endpoint) -> str:
    source = f"{one.score.instrument} {one.score.domain}" if one.score else ""
    at = listed(one.visits)
    told = ", ".join(part for part in (source, one.summary.replace("_", " "), at) if part)
    return f"{one.label} ({told})"


def harms_assessment(facts: Facts) -> str:
    rules = facts.protocol.adverse_events
    asked = listed(facts.protocol.visit(code).name for code in rules.special_interest.asked_by_checklist_at)
    return (
        f"Recorded from {rules.recorded_from} until {rules.recorded_until}; {rules.dictionary.name} {rules.dictionary.version}."
        f" {rules.ascertainment} {len(facts.plan.aesi)} prespecified events of special interest"
        f" ({listed(facts.plan.aesi, 8)}), asked by checklist at {asked or 'no visit'}. Serious:"
        f" {listed(one.label for one in rules.seriousness)}. Causality: {rules.causality.scale}."
    )


def sample_size(facts: Facts) -> str:
    return f"{facts.protocol.sample_size.total} participants. {facts.protocol.sample_size.text}"


def interim(facts: Facts) -> str:
    one = facts.protocol.design
    looks = "; ".join(f"{look.name} at {100 * look.information_fraction:g} % of the information" for look in one.looks)
    spending = f" Efficacy: {_words(one.efficacy.function)}." if one.efficacy else ""
    futility = ""
    if one.futility:
        futility = (
            f" Futility: {_words(one.futility.function)}, {'binding' if one.futility.binding else 'non-binding'}."
        )
    rules = "; ".join(rule.text for rule in facts.protocol.stopping_rules)
    return (
        f"{looks or 'No interim look of efficacy'}.{spending}{futility} Bounds on harm: {rules or 'none'}."
        f" {facts.protocol.safety_reviews.text}. {facts.protocol.board.text}"
    )


def sequence(facts: Facts) -> str:
    duty = next((one.task for one in facts.protocol.responsibilities if one.role == "statistician_randomization"), "")
    who = facts.named("statistician_randomization")
    kind = (
        "a list made by computer from a seed of two people" if facts.protocol.randomization.has_list else "by computer"
    )
    return f"{who}, as randomization statistician{f' ({_lower(duty)})' if duty else ''}: {_scheme(facts)}, {kind}."


def _scheme(facts: Facts) -> str:
    return _words(facts.protocol.randomization.scheme.name)


def restriction(facts: Facts) -> str:
    """Type and strata. Sizes of blocks are not in the protocol and are never told."""
    plan = facts.protocol.randomization
    factors = [*(["site"] if plan.site_is_factor else []), *(one.label for one in plan.factors)]
    return (
        f"{_upper(_scheme(facts))}, stratified by {listed(factors) or 'nothing'}; at most"
        f" {100 * plan.site_cap_fraction:g} % of participants at one site. What would help to predict the next arm is kept"
        " sealed, outside the protocol, and is not shown before the end."
    )


def concealment(facts: Facts) -> str:
    plan, supply = facts.protocol.randomization, facts.protocol.supply
    kits = "the answer is a kit number" if supply.numbered_kits else "the answer names no arm"
    return (
        f"Central, by the system: only after eligibility is signed, within {plan.within_days_of_eligibility} days of it; the"
        f" stratum is read from recorded data; {kits}. {facts.flow.randomized} have been allocated in this way."
    )


def access_to_sequence(facts: Facts) -> str:
    can = tuple(permissions()["allocation:read"].holders)
    enrolling = ("coordinator", "investigator")
    seen = [one for one in facts.holders(*enrolling) if one.role in can]
    return (
        f"No: {len(facts.holders(*enrolling))} people enrol and assign ({listed(spoken(role) for role in enrolling)})"
        f" and {len(seen)} of them may see an allocation. Before the lock the sequence is sealed; participants' arms are"
        f" open to: {listed(spoken(role) for role in sorted(can))}."
    )


def who_is_blind(facts: Facts) -> str:
    one = facts.protocol.blinding
    return f"{_upper(one.level)}-blind: {listed(one.blinded)}. Harms are reported and attributed by blinded people."


def how_blind(facts: Facts) -> str:
    return facts.protocol.blinding.how


def when_unblinded(facts: Facts) -> str:
    to = {
        "who_asks": "is shown to the investigator who asks, to nobody else",
        "treating_physician": "is shown to a treating physician whom the investigator names",
    }[facts.protocol.blinding.emergency_code_to]
    duty = listed(one.task for one in facts.protocol.responsibilities if "nblind" in one.task or "blind in" in one.task)
    return (
        f"Emergency: an investigator breaks the code for one participant at once, without approval; the arm {to}, the medical"
        f" monitor is told without it, and the impact is assessed. Duties in {facts.trial}: {duty or 'as by role'}."
    )


def statistics(facts: Facts) -> str:
    one = facts.protocol.analysis
    scale = facts.plan.scale(facts.plan.primary_domain).label
    return (
        f"{scale}: {one.model.upper()} with {listed(one.effects)}; {_words(one.degrees_of_freedom)}. Responders:"
        f" {_words(one.responders)}. {one.multiplicity} Harms: participants and events by arm, differences and ratios with"
        f" Miettinen–Nurminen intervals, no tests; coded with {facts.plan.dictionary}; recurrent events counted beside"
        " participants; times to first events by Kaplan–Meier."
    )


def populations(facts: Facts) -> str:
    return (
        f"Efficacy: everybody randomized, as randomized ({facts.flow.randomized}). Harms: everybody whose first dose was"
        f" started, as treated ({sum(facts.harms.at_risk)})."
    )


def missing_data(facts: Facts) -> str:
    kept = "; ".join(f"{one.label}: {one.handling}" for one in facts.protocol.estimand.intercurrent_events)
    other = listed(one.label for one in facts.protocol.analysis.sensitivity) or "none"
    return f"{_upper(facts.protocol.analysis.model)} over observed visits. {kept}. Sensitivity analyses: {other}."


def additional(facts: Facts) -> str:
    groups = listed(one.label for one in facts.protocol.subgroups) or "no subgroups"
    other = listed(one.label for one in facts.protocol.analysis.sensitivity) or "none"
    return f"Prespecified: subgroups ({groups}); sensitivity analyses ({other})."


def timeline(facts: Facts) -> str:
    return "; ".join(
        f"{one.name} (day {one.day}, window {one.opens} to {one.closes}, from {_words(one.anchor)})"
        for one in facts.protocol.visits
    ).replace("day -", "day −")


def collection(facts: Facts) -> str:
    tools = listed((f"{one.name} {one.version}" for one in facts.protocol.instruments), 10)
    return (
        f"{plural(len(facts.protocol.forms), 'form')}; instruments: {tools}. Limits and checks are part of each form."
    )


def adherence(facts: Facts) -> str:
    plan = facts.protocol.infusions
    how = f"{plan.count} infusions, each with start, end, volume and interruptions" if plan else "capsules and visits"
    programme = facts.protocol.programme
    also = f"; attendance of {programme.name.lower()} by session" if programme and programme.attendance_recorded else ""
    return f"Recorded in {facts.trial}: {how}{also}; kits are accounted for by number."


def guidelines_of_stay(facts: Facts) -> str:
    after = [one.name for one in facts.protocol.visits if one.period == "follow_up"]
    return (
        f"Who stops treatment stays in follow-up ({listed(after)}) unless consent is withdrawn; treatment and study end"
        f" separately. Left the study so far: {_left(facts)}."
    )


def _left(facts: Facts) -> int:
    return int((facts.snapshot["participants"]["study_end"].is_in(["withdrawn", "lost"])).sum())


def _words(code: str) -> str:
    return code.replace("_", " ")


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
