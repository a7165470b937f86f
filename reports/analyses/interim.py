"""The interim look: where the primary comparison stands against the bounds of the design.

Purpose: turn the adjusted comparison into the statistic of the design, and say in words what the bounds say.

Invariants
1. z is positive in the direction of benefit over the reference arm; the scale's direction decides what that is.
2. Information is the number with the primary endpoint over the number that the design plans to have it; to recruit more or
   fewer moves no look.
3. Where the report was not told which arm is the reference, no direction is claimed: z stands against the efficacy
   bound on both sides, and futility and conditional power are left out.
4. The text says what the bounds say; it recommends nothing. The board does.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.analyses.efficacy import Efficacy
from reports.context import Looks, ReportContext
from trial.errors import DomainError
from trial.statistics.group_sequential import Analysis, GroupSequentialDesign
from trial.statistics.group_sequential.design import normal_deviate
from trial.statistics.linear import Contrast


@dataclass(frozen=True)
class InterimLook:
    """One comparison at one look. ``result`` is None where it could not be computed; ``problem`` says why."""

    arm: str
    reference: str
    oriented: bool
    design: GroupSequentialDesign
    analysed: int
    planned: int
    z: float | None
    result: Analysis | None
    fractions: tuple[float, ...]  # of the looks so far, this one the last
    problem: str

    @property
    def fraction(self) -> float:
        return self.analysed / self.planned if self.planned else 0.0

    @property
    def crossed(self) -> str:
        """efficacy, futility, harm or none; only efficacy where no direction is claimed."""
        if self.result is None:
            return "none"
        return self.result.crossed if self.oriented or self.result.crossed == "efficacy" else "none"

    @property
    def decision(self) -> str:
        """What the bounds say, in one sentence."""
        return _decision(self)


def interim_looks(comparison: Efficacy, context: ReportContext, *, oriented: bool) -> tuple[InterimLook, ...]:
    """One look for each arm that is compared with the reference; empty when the protocol plans none."""
    looks = context.plan.looks
    if looks is None:
        return ()
    return tuple(
        _look(arm, base, comparison, context, looks, looks.design, oriented) for arm, base in comparison.compared
    )


def _look(
    arm: str,
    reference: str,
    comparison: Efficacy,
    context: ReportContext,
    looks: Looks,
    design: GroupSequentialDesign,
    oriented: bool,
) -> InterimLook:
    analysed = sum(one.analysed for one in comparison.arms)
    planned = round(context.information_basis * (1 - looks.missing_share))
    contrast = _contrast(comparison, arm)
    gain = None if contrast is None else _improvement(contrast, better_is_higher=comparison.scale.higher_is_better)
    z = None if contrast is None or gain is None else normal_deviate(gain / contrast.standard_error, contrast.df)
    past = context.past_fractions
    now = analysed / planned if planned else 0.0
    result, problem = None, comparison.problem or "The primary comparison could not be estimated."
    if contrast is not None and gain is not None:
        estimate = (gain if oriented else abs(gain), contrast.standard_error, contrast.df)
        unit = comparison.scale.unit or "points"
        result, problem = _at_look(design, (*past, now), estimate, looks.difference, unit)
    return InterimLook(arm, reference, oriented, design, analysed, planned, z, result, (*past, now), problem)


def _contrast(comparison: Efficacy, arm: str) -> Contrast | None:
    model = comparison.model
    return None if model is None else next((c for c in model.contrasts if c.arm == arm), None)


def _improvement(contrast: Contrast, *, better_is_higher: bool) -> float:
    """The difference, positive for benefit."""
    return contrast.difference if better_is_higher else -contrast.difference


def _at_look(
    design: GroupSequentialDesign,
    fractions: tuple[float, ...],
    estimate: tuple[float, float, float],
    effect: float,
    unit: str,
) -> tuple[Analysis | None, str]:
    size, error, df = estimate
    try:
        return design.analyse_estimate(fractions, size, error, df=df, effect=effect, unit=unit), ""
    except DomainError as refused:
        return None, refused.sentence


def binding(design: GroupSequentialDesign) -> str:
    """Whether futility binds, in a word."""
    return "binding" if design.binding else "non-binding"


def _decision(look: InterimLook) -> str:
    result = look.result
    if result is None or look.z is None:
        return f"The bounds cannot be read at this look. {look.problem}"
    if not look.oriented:
        side = "has reached" if look.crossed == "efficacy" else "has not reached"
        return (
            f"|z| = {abs(look.z):.2f} {side} the efficacy bound {result.efficacy_bound:.2f}."
            " Which arm the difference favours is read from the table; no direction is claimed here."
        )
    place = f"Here z = {look.z:.2f}, efficacy bound {result.efficacy_bound:.2f}"
    if result.futility_bound is not None:
        sign = "±" if look.design.sides == 2 else ""
        place += f", futility bound {sign}{result.futility_bound:.2f} ({binding(look.design)})"
    if result.final:
        outcome = {"efficacy": "is rejected", "harm": "is rejected, against the treatment"}.get(
            look.crossed, "is not rejected"
        )
        return f"At the full planned information the null hypothesis {outcome}. {place}.".replace("= -", "= −")
    said = {
        "efficacy": "The efficacy bound has been crossed: by the design the null hypothesis is rejected at this look.",
        "futility": (
            "z is below the futility bound: by the design the trial stops for futility."
            if look.design.binding
            else "z is below the futility bound: the design would permit stopping for futility; it does not bind."
        ),
        "harm": "The bound on the other side has been crossed: by the design the null hypothesis is rejected, against the"
        " treatment.",
        "none": "Neither bound has been crossed: the design gives no reason to stop.",
    }[look.crossed]
    return f"{said} {place}.".replace("= -", "= −").replace("bound -", "bound −")
