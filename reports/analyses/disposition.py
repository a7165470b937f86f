"""The participants' flow as CONSORT draws it, and the sums that must come out.

Invariants (``check_flow`` raises when one does not hold)
1. assessed = excluded + in screening + randomized
2. randomized = sum of allocated
3. allocated = received + not received
4. allocated = analysed + not analysed, and lost to follow-up is a part of not analysed
5. Randomization errors are a part of those randomized: nobody leaves the flow by one.
6. Replacements are a part of those randomized, and so are those whom they replace: as randomized.
7. Reasons add up to what they explain. Discontinuing treatment is not loss to follow-up: the lists are independent.

What it does not do: draw; ``reports/figures/flow`` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import Frames, Grouping, count_by, yes
from reports.context import AnalysisPlan
from trial.errors import InvalidInput

_RANDOMIZATION_ERROR = "RANDOMIZATION ERROR"  # DVSCAT of deviations that are errors with an allocation


class FlowDoesNotAddUp(InvalidInput):
    code = "report.flow_does_not_add_up"


@dataclass(frozen=True)
class Reasons:
    """A number and what it consists of."""

    total: int
    by_reason: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class ArmFlow:
    """One column below randomization."""

    label: str
    allocated: int
    received: int
    not_received: Reasons
    discontinued: Reasons
    lost: Reasons
    analysed: int
    not_analysed: Reasons


@dataclass(frozen=True)
class Flow:
    """The whole diagram."""

    assessed: int
    excluded: Reasons  # by category
    excluded_detail: tuple[tuple[str, int], ...]
    in_screening: int
    randomized: int
    errors: tuple[tuple[str, int], ...]  # participants by kind of randomization error; all of them stay randomized
    arms: tuple[ArmFlow, ...]
    replacements: int = 0  # of those randomized, how many stand in for somebody who left


def participant_flow(frames: Frames, plan: AnalysisPlan, grouping: Grouping) -> Flow:
    """The flow at the cut-off, checked."""
    adsl = frames["ADSL"]
    randomized = adsl.filter(yes("RANDFL"))
    out = adsl.filter(pl.col("EXCLCAT").is_not_null() & ~yes("RANDFL"))
    states = grouping.of(randomized.join(_primary_state(frames, plan), on="USUBJID", how="left"), "TRT01P")
    flow = Flow(
        assessed=adsl.height,
        excluded=Reasons(out.height, count_by(out, "EXCLCAT")),
        excluded_detail=count_by(out, "EXCLREAS"),
        in_screening=adsl.height - out.height - randomized.height,
        randomized=randomized.height,
        errors=_randomization_errors(frames),
        arms=tuple(_arm_flow(label, states.filter(pl.col("GROUP") == label)) for label in grouping.labels),
        replacements=_replacements(randomized),
    )
    check_flow(flow)
    return flow


def _randomization_errors(frames: Frames) -> tuple[tuple[str, int], ...]:
    marked = frames["DV"].filter(pl.col("DVSCAT") == _RANDOMIZATION_ERROR).unique(["USUBJID", "DVDECOD"])
    return count_by(marked, "DVDECOD")


def _replacements(randomized: pl.DataFrame) -> int:
    """None in a dataset of elsewhere that has no such variable."""
    return randomized["REPLSUBJ"].count() if "REPLSUBJ" in randomized.columns else 0


def _primary_state(frames: Frames, plan: AnalysisPlan) -> pl.DataFrame:
    """For each participant whether the primary outcome is there, and the state of the visit that gives it."""
    visit = plan.visit_label(plan.primary_visit)
    at_visit = pl.col("AVISIT") == visit
    known = frames["ADQS"].filter(
        at_visit & (pl.col("DOMAINNM") == plan.primary_domain) & yes("ANL01FL") & pl.col("CHG").is_not_null()
    )
    state = frames["ADVISIT"].filter(at_visit).select("USUBJID", "VISSTAT")
    people = frames["ADSL"].select("USUBJID")
    known = known.select("USUBJID", known=pl.lit(value=True)).unique("USUBJID")
    joined = people.join(known, on="USUBJID", how="left").join(state, on="USUBJID", how="left")
    return joined.with_columns(pl.col("known").fill_null(value=False))


def _arm_flow(label: str, arm: pl.DataFrame) -> ArmFlow:
    not_received = arm.filter(~yes("SAFFL")).with_columns(
        why=pl.when(pl.col("EOTSTT") == "NOT STARTED").then(pl.col("DCTREAS")).otherwise(pl.lit("AWAITING FIRST DOSE"))
    )
    discontinued = arm.filter(yes("SAFFL") & (pl.col("EOTSTT") == "DISCONTINUED"))
    missing = arm.filter(~pl.col("known")).with_columns(why=_why_not_analysed())
    lost = missing.filter(pl.col("EOSSTT") == "DISCONTINUED")
    return ArmFlow(
        label=label,
        allocated=arm.height,
        received=arm.filter(yes("SAFFL")).height,
        not_received=Reasons(not_received.height, count_by(not_received, "why")),
        discontinued=Reasons(discontinued.height, count_by(discontinued, "DCTREAS")),
        lost=Reasons(lost.height, count_by(lost, "DCSREAS")),
        analysed=arm.height - missing.height,
        not_analysed=Reasons(missing.height, count_by(missing, "why")),
    )


def _why_not_analysed() -> pl.Expr:
    state = pl.col("VISSTAT")
    return (
        pl.when(pl.col("EOSSTT") == "DISCONTINUED")
        .then(pl.lit("LEFT THE STUDY"))
        .when(state.is_in(["FUTURE", "DUE"]) | state.is_null())
        .then(pl.lit("VISIT NOT YET DUE OR DONE"))
        .when(state.is_in(["MISSED", "OVERDUE"]))
        .then(pl.lit("VISIT MISSED OR OVERDUE"))
        .otherwise(pl.lit("SCORE OR BASELINE MISSING"))
    )


def check_flow(flow: Flow) -> None:
    """Raise unless every sum of the diagram comes out."""
    _check("assessed", flow.assessed, flow.excluded.total + flow.in_screening + flow.randomized)
    _check("randomized", flow.randomized, sum(arm.allocated for arm in flow.arms))
    _check_reasons("excluded", flow.excluded)
    if any(number > flow.randomized for _, number in flow.errors):
        raise FlowDoesNotAddUp("More participants bear a randomization error than were randomized. Check the records.")
    if flow.replacements and flow.replacements >= flow.randomized:
        raise FlowDoesNotAddUp("Everybody randomized is a replacement, so nobody could be replaced. Check the records.")
    for arm in flow.arms:
        name = f"arm {arm.label}"
        _check(f"{name}: allocated by receipt", arm.allocated, arm.received + arm.not_received.total)
        _check(f"{name}: allocated by analysis", arm.allocated, arm.analysed + arm.not_analysed.total)
        if arm.lost.total > arm.not_analysed.total or arm.discontinued.total > arm.received:
            raise FlowDoesNotAddUp(f"{name}: a part is larger than its whole. Check the disposition records.")
        for reasons in (arm.not_received, arm.discontinued, arm.lost, arm.not_analysed):
            _check_reasons(name, reasons)


def _check_reasons(name: str, reasons: Reasons) -> None:
    _check(f"{name}: reasons", reasons.total, sum(number for _, number in reasons.by_reason))


def _check(name: str, whole: int, parts: int) -> None:
    if whole != parts:
        raise FlowDoesNotAddUp(
            f"The participant flow does not add up ({name}: {whole}, its parts {parts})."
            " Check the disposition records of the snapshot; no diagram is drawn from it."
        )
