"""What is known of the effect at a look, in sentences that name their methods.

Invariants
1. Nothing is said where the report was not told which arm is the reference: no direction is known then.
2. What holds only for a trial that ends here is said at an efficacy stop and at the final analysis, and nowhere else.
3. Effects are improvements over the reference arm, in the scale's unit; a worsening is negative.

What it does not do: recommend.
"""

from __future__ import annotations

from math import isinf

from reports.analyses.interim import InterimLook
from reports.tables.words import chance, interval, number, p_value
from trial.errors import DomainError
from trial.statistics.group_sequential import Analysis, StagewiseInference


def look_statements(look: InterimLook) -> tuple[str, ...]:
    """One sentence a statement; none without a direction or a statistic."""
    result = look.result
    if not look.oriented or result is None:
        return ()
    return (_estimate(look, result), _repeated(result), *_to_come(result), *_if_it_ends(result))


def _estimate(look: InterimLook, result: Analysis) -> str:
    return (
        f"Improvement of {look.arm} over {look.reference} at this look: {number(result.estimate, 2)} {result.unit}"
        f" (standard error {number(result.standard_error, 2)}), not corrected for the looks."
    )


def _repeated(result: Analysis) -> str:
    low, high = result.repeated_interval
    level = f"{100 * (1 - 2 * result.rules.alpha):g} %"
    if isinf(low):
        return f"This look has no efficacy bound, and so no repeated {level} confidence interval."
    said = f"Repeated {level} confidence interval {interval(low, high, 2)} {result.unit}"
    p = "" if result.repeated_p is None else f", repeated p {p_value(result.repeated_p)}"
    return f"{said}{p}: valid whatever stops or does not stop the trial (Jennison & Turnbull 1989)."


def _to_come(result: Analysis) -> tuple[str, ...]:
    if result.conditional_power_design is None:
        return ()
    return (
        (
            f"Conditional power: {chance(result.conditional_power_design)} under the design's effect of"
            f" {number(result.effect, 2)} {result.unit}, {chance(result.conditional_power_observed)} under the effect seen so"
            " far (Lan & Wittes 1988)."
        ),
        (
            f"Predictive power: {chance(result.predictive_power)}, averaged over what this look leaves open of the effect,"
            " flat prior (Spiegelhalter, Freedman & Blackburn 1986). Futility bounds are not counted in either."
        ),
    )


def _if_it_ends(result: Analysis) -> tuple[str, ...]:
    if not result.final and result.crossed not in ("efficacy", "harm"):
        return ()
    try:
        after = result.stagewise
    except DomainError as refused:
        return (f"Estimates for a trial that ends here cannot be given. {refused.sentence}",)
    return _ended(after, "The trial ends" if result.final else "If the trial ends")


def _ended(after: StagewiseInference, ends: str) -> tuple[str, ...]:
    sided = "one-sided" if after.sides == 1 else "two-sided"
    level = f"{100 * after.level:g} %"
    method = after.method[0].upper() + after.method[1:]
    return (
        (
            f"{ends} at this look: {sided} p {p_value(after.p_value)}, median-unbiased improvement"
            f" {number(after.median_unbiased, 2)} {after.unit}, {level} confidence interval"
            f" {interval(after.lower, after.upper, 2)}, the earlier looks counted. {method}."
        ),
    )
