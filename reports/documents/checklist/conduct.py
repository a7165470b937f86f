"""What the records of the trial say: people, sites, approvals, changes, consent, oversight, care."""

from __future__ import annotations

import polars as pl

from reports.analyses.groups import yes
from reports.documents.checklist.facts import Facts, listed, spoken
from reports.tables.words import day, plural, words
from trial.reference.permissions import permissions


def contributors(facts: Facts) -> str:
    roles: dict[str, list[str]] = {}
    for one in facts.people:
        roles.setdefault(one.role, []).append(f"{one.name}{f' ({one.site})' if one.site else ''}")
    told = "; ".join(f"{spoken(role)}: {listed(names, 6)}" for role, names in sorted(roles.items()))
    return told or f"Nobody holds a role in {facts.trial} yet."


def sponsor(facts: Facts) -> str:
    return f"For the sponsor of {facts.trial}: {facts.named('sponsor')}."


def committees(facts: Facts) -> str:
    return f"{board(facts)} Medical monitor: {facts.named('medical_monitor')}."


def board(facts: Facts) -> str:
    one, filled = facts.protocol.board, dict(facts.seats)
    seats = listed(f"{seat.expertise.lower()} ({filled.get(seat.seat, 'not filled')})" for seat in one.seats)
    return f"Data and safety monitoring board of {len(one.seats)}: {seats}; quorum {one.quorum}. {one.text}"


def settings(facts: Facts) -> str:
    sites = facts.snapshot["sites"]
    told = listed(
        f"{row['name']} ({row['country']}{', open since ' + day(row['activated_on']) if row['activated_on'] else ''})"
        for row in sites.iter_rows(named=True)
    )
    return f"{plural(sites.height, 'site')} of {facts.protocol.sites.planned} planned: {told or 'none yet'}."


def providers(facts: Facts) -> str:
    deliver = facts.holders("infusion_nurse", "investigator", "pharmacist_unblinded")
    duties = listed(
        one.task for one in facts.protocol.responsibilities if one.role in {"pharmacist_unblinded", "investigator"}
    )
    return (
        f"{plural(len(deliver), 'person', 'people')} hold roles that deliver treatment; duties: {duties or 'by role'}."
    )


def recruitment(facts: Facts) -> str:
    planned = facts.context.planned_participants or facts.protocol.sample_size.total
    return f"{facts.flow.randomized} of {planned} randomized at {facts.snapshot['sites'].height} sites by the cut-off."


def changes(facts: Facts) -> str:
    later = [one for one in facts.versions if one.label != facts.versions[0].label] if facts.versions else []
    told = "; ".join(f"version {one.label} ({one.dated}): {one.changes}" for one in later)
    decided = " ".join(facts.context.actions_since)
    first = facts.versions[0].label if facts.versions else facts.protocol.version
    return " ".join(part for part in (told or f"None since version {first} of {facts.trial}.", decided) if part)


def amendments(facts: Facts) -> str:
    rows = facts.snapshot["adoptions"].sort("site", "approved_on").iter_rows(named=True)
    told = listed((f"{row['site']} version {row['protocol_version']} {day(row['approved_on'])}" for row in rows), 10)
    return f"{changes(facts)} A version holds at a site from its own approval: {told or 'none approved yet'}."


def ethics(facts: Facts) -> str:
    rows = facts.snapshot["adoptions"].sort("approved_on", "site").iter_rows(named=True)
    told = listed((f"{row['site']} {day(row['approved_on'])} (version {row['protocol_version']})" for row in rows), 10)
    return f"Approvals recorded by site: {told or 'none yet'}."


def monitoring(facts: Facts) -> str:
    deviations = facts.frames["DV"].height
    return (
        f"Monitors: {facts.named('monitor')}. {facts.protocol.safety_reviews.text}. By the cut-off"
        f" {plural(deviations, 'deviation or error', 'deviations and errors')} had been recorded."
    )


def data_management(facts: Facts) -> str:
    who = facts.named("data_manager")
    stages = listed(
        f"{stage.name} (through {facts.protocol.visit(stage.through_visit).name})"
        for stage in facts.protocol.lock_stages
    )
    return (
        f"Entered once, checked on entry, every change audited with its reason. Data managers: {who}. Events coded with"
        f" {facts.plan.dictionary}. Locked in stages: {stages}. Access by role and site."
    )


def consent(facts: Facts) -> str:
    people = facts.snapshot["participants"]
    given = people.filter(pl.col("consented_on").is_not_null()).height
    who = listed(spoken(role) for role in sorted(permissions()["screening:write"].holders))
    return f"Taken and recorded by: {who}. {given} of {people.height} assessed had consented by the cut-off."


def ancillary_consent(facts: Facts) -> str:
    given = facts.snapshot["participants"].filter(pl.col("consented_on").is_not_null()).height
    return (
        f"{facts.trial} records one consent, to the trial itself ({given} given by the cut-off), and none for ancillary use of"
        " data or specimens; no specimen is recorded."
    )


def confidentiality(facts: Facts) -> str:
    can = listed(spoken(role) for role in sorted(permissions()["identity:read"].holders))
    return (
        f"The {facts.snapshot['participants'].height} participants are known by code; names and contacts lie apart, open to:"
        f" {can}. Reports and datasets hold neither."
    )


def aftercare(facts: Facts) -> str:
    period = facts.protocol.schedule.open_period
    return f"{period.name}: {period.text}" if period else f"{facts.trial} plans no treatment after the trial."


def permitted_care(facts: Facts) -> str:
    barred = [
        one.text
        for one in facts.protocol.exclusion
        if any(w in one.text.lower() for w in ("drug", "inhibitor", "opioid"))
    ]
    forms = [form.name for form in facts.protocol.forms if form.code in ("concomitant", "analgesics")]
    kinds = [kind.label for kind in facts.protocol.deviations if "rohibited" in kind.label]
    return (
        f"Recorded at visits ({listed(forms) or 'as it happens'}). Not with: {listed(barred) or 'nothing is barred'}."
        f" Important deviation: {listed(kinds) or 'none of this kind'}."
    )


def concomitant_care(facts: Facts) -> str:
    rows = facts.frames["CM"]
    names = (
        rows.group_by("CMTRT")
        .agg(pl.col("USUBJID").n_unique().alias("n"))
        .sort(["n", "CMTRT"], descending=[True, False])
    )
    told = listed((f"{words(name)} ({n} participants)" for name, n in names.drop_nulls().rows()), 8)
    return f"{rows['USUBJID'].n_unique()} participants with recorded other treatment: {told or 'none recorded'}."


def why_ended(facts: Facts) -> str:
    people = facts.frames["ADSL"].filter(yes("RANDFL"))
    going_on = people.filter(pl.col("EOSSTT") == "ONGOING").height
    decided = " ".join(facts.context.actions_since) or "No decision of the sponsor has been recorded."
    return f"At the cut-off {going_on} of {people.height} randomized were still in the trial. {decided}"


def data_sharing(facts: Facts) -> str:
    return (
        f"Kept with hashes: SDTM and ADaM datasets of {facts.trial} from snapshot {facts.context.snapshot_short}, with data"
        " dictionary and manifest, participants by code."
    )
