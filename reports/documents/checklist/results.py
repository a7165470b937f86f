"""What the frozen data say: flow, dates, exposure, baseline, outcomes, harms; by arm only where arms were given.

Invariants
1. Pooled, no result of efficacy is told, and of harms nothing of special interest.
"""

from __future__ import annotations

from typing import Final

from reports.analyses.baseline import CategoryRow, NumberRow, baseline_table
from reports.analyses.completeness import doses, score_states
from reports.analyses.disposition import ArmFlow, Reasons
from reports.analyses.efficacy import efficacy
from reports.analyses.groups import yes
from reports.analyses.harms import ANY, ANY_FATAL, ANY_SERIOUS, HarmRow
from reports.documents.checklist.facts import Facts, listed
from reports.tables.words import day, interval, mean_sd, number, plural, points, ratio, share, words

HELD: Final = "Results by arm stay closed until the trial is unblinded."


def flow(facts: Facts) -> str:
    one = facts.flow
    parts = facts.by_group((arm.label, f"{arm.received} of {arm.allocated}") for arm in one.arms)
    analysed = facts.by_group((arm.label, arm.analysed) for arm in one.arms)
    instead = f" ({one.replacements} as replacements)" if one.replacements else ""
    return (
        f"{one.assessed} assessed, {one.excluded.total} excluded, {one.in_screening} in screening,"
        f" {one.randomized} randomized{instead}."
        f" Treated of allocated: {parts}. With the primary outcome: {analysed}."
    )


def losses(facts: Facts) -> str:
    told = [
        f"{_of(facts, arm)}lost: {_reasons(arm.lost)}; stopped treatment: {_reasons(arm.discontinued)}"
        for arm in facts.flow.arms
    ]
    errors = listed(f"{words(kind).lower()} {n}" for kind, n in facts.flow.errors)
    return f"{'. '.join(told)}. Randomization errors (nobody leaves by one): {errors or 'none'}."


def _of(facts: Facts, arm: ArmFlow) -> str:
    return f"{arm.label}, " if facts.shows_arms else ""


def _reasons(of: Reasons) -> str:
    told = listed(f"{words(why).lower()} {n}" for why, n in of.by_reason)
    return f"{of.total} ({told})" if of.total else "0"


def analysed_for_both(facts: Facts) -> str:
    safety = facts.by_group(zip(facts.harms.labels, facts.harms.at_risk, strict=True))
    return f"{flow(facts)} Analysed for harms (first dose started): {safety}."


def losses_with_harm(facts: Facts) -> str:
    stopped = (
        facts.frames["ADSL"].filter(yes("SAFFL"))["DCTREAS"].is_in(["ADVERSE EVENT", "SERIOUS ADVERSE EVENT"]).sum()
    )
    return f"{losses(facts)} Stopped treatment for an adverse event, all arms: {int(stopped)}."


def dates(facts: Facts) -> str:
    adsl = facts.frames["ADSL"]
    randomized = adsl["RANDDT"].drop_nulls().to_list()
    if not randomized:
        return f"Nobody has been randomized by {day(facts.context.cut_off_at.date())}."
    watched = sorted(adsl["SAFDURD"].drop_nulls().to_list())
    middle = watched[len(watched) // 2] if watched else 0
    return (
        f"Recruitment {day(min(randomized))} to {day(max(randomized))}; data cut-off {day(facts.context.cut_off_at.date())}."
        f" Observed for harms: median {middle} days, at most {watched[-1] if watched else 0}."
    )


def as_delivered(facts: Facts) -> str:
    told = [
        f"{one.group + ': ' if facts.shows_arms else ''}{one.completed} of {one.participants} completed the course, by doses"
        f" {listed(f'{n}: {people}' for n, people in one.by_number)}"
        for one in doses(facts.frames, facts.plan, facts.grouping)
    ]
    held = facts.snapshot["attendance"]
    came = int(held["attended"].sum() or 0)
    sessions = f" Sessions of the programme attended: {came} of {held.height}." if held.height else ""
    return f"{'. '.join(told)}.{sessions}"


def baseline(facts: Facts) -> str:
    table = baseline_table(facts.frames, facts.plan, facts.grouping)
    sizes = facts.by_group(zip(table.labels, table.sizes, strict=True))
    told = (_characteristic(facts, table.labels, row) for row in table.rows)
    where = "" if facts.shows_arms else " Pooled; by arm after unblinding."
    return f"Randomized: {sizes}. {'; '.join(told)}.{where}"


def _characteristic(facts: Facts, labels: tuple[str, ...], row: NumberRow | CategoryRow) -> str:
    if isinstance(row, NumberRow):
        return f"{row.name} {facts.by_group(zip(labels, map(mean_sd, row.by_group), strict=True))}"
    shares = [
        listed(f"{words(value)} {n}" for value, n in zip(row.values, group, strict=True)) for group in row.by_group
    ]
    return f"{row.name} {facts.by_group(zip(labels, shares, strict=True))}"


def outcome_results(facts: Facts) -> str:
    states = score_states(facts.frames, facts.plan, facts.grouping)
    primary = facts.plan.scale(facts.plan.primary_domain).label
    at = facts.plan.visit_label(facts.plan.primary_visit)
    there = [
        f"{one.scale}{f' {one.group}' if facts.shows_arms else ''} {one.present} of {one.expected}"
        for one in states
        if one.visit == at
    ]
    known = f"With data at {at.lower()}, of those expected: {listed(there, 10) or f'{primary} none yet'}."
    return f"{known} {_effect(facts) if facts.shows_arms else HELD}"


def _effect(facts: Facts) -> str:
    plan = facts.plan
    found = efficacy(
        facts.frames, plan, facts.grouping, plan.primary_domain, plan.primary_visit, reference=facts.reference
    )
    if found.model is None:
        return f"No comparison could be made: {found.problem}"
    told = [
        f"{arm} − {base}: {number(one.difference, 2)} {interval(one.lower, one.upper, 2)}"
        for (arm, base), one in zip(found.compared, found.model.contrasts, strict=True)
    ]
    answered = [
        f"responders {one.threshold}: {listed(share(x, n) for x, n in one.counts)}, difference {points(one.differences[0])}"
        for one in found.responders
        if one.differences
    ]
    return f"{found.scale.label}, adjusted difference {'; '.join(told)}. {'; '.join(answered)}."


def harm_results(facts: Facts) -> str:
    told = " ".join(_counts(facts, facts.harms.row(name)) for name in (ANY, ANY_SERIOUS, ANY_FATAL))
    return f"{told} {plural(len(facts.harms.tabulated), 'term')} tabulated.{_withheld(facts)}"


def _counts(facts: Facts, row: HarmRow) -> str:
    told = facts.by_group(
        (label, f"{share(g.participants, g.denominator)}, {plural(g.events, 'event')}")
        for label, g in zip(facts.harms.labels, row.groups, strict=True)
    )
    return f"{row.term}: {told}."


def _withheld(facts: Facts) -> str:
    return "" if facts.shows_arms else f" Events of special interest are not counted here. {HELD}"


def harm_effects(facts: Facts) -> str:
    row = facts.harms.row(ANY)
    if not facts.shows_arms:
        return (
            f"{_counts(facts, row)} Each of {plural(len(facts.harms.terms), 'term')} and {len(facts.plan.aesi)} prespecified"
            f" events has a difference and a ratio with intervals in the closed report. {HELD}"
        )
    pairs = zip(facts.harms.compared, row.differences, row.ratios, strict=True)
    return f"{_counts(facts, row)} " + "; ".join(
        f"{arm} against {base}: difference {points(difference)} points, ratio {ratio(of)}"
        for (arm, base), difference, of in pairs
    )


def zero_events(facts: Facts) -> str:
    at_risk = facts.by_group(zip(facts.harms.labels, facts.harms.at_risk, strict=True))
    if not facts.shows_arms:
        return (
            f"All {len(facts.plan.aesi)} prespecified events have a row in the closed report, zeros with their denominator and"
            f" upper limit, “not assessed” where nobody was asked. At risk: {at_risk}."
        )
    never = [row.term for row in facts.harms.special if not row.participants]
    unasked = [row.term for row in facts.harms.special if any(group.not_assessed for group in row.groups)]
    return (
        f"At risk: {at_risk}. Did not occur: {listed(never, 30) or 'each occurred'}. Not assessed in some arm:"
        f" {listed(unasked) or 'none'}."
    )


def unforeseen_harms(facts: Facts) -> str:
    kinds = facts.harms.terms if not facts.shows_arms else tuple(r for r in facts.harms.terms if not r.special_interest)
    found = sum(g.spontaneous or 0 for row in kinds for g in row.groups)
    threshold = facts.plan.frequency_threshold_percent
    chosen = "all are reported" if threshold is None else f"tabulated from {threshold:g} % of an arm, the rest named"
    return (
        f"Told unprompted or to an open question, by everybody who meets participants: {plural(found, 'event')} of"
        f" {plural(len(kinds), 'term')} outside the prespecified list; {chosen}."
    )


def omitted(facts: Facts) -> str:
    below = listed((row.term for row in facts.harms.below_threshold), 20)
    kept = f"All events stand in ADAE of snapshot {facts.context.snapshot_short}."
    return f"Terms left out of the table of harms: {below or 'none'}. {kept}"
