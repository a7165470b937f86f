"""The adjusted comparison of arms at a visit, by the model that the protocol names.

Purpose: one shape for the results of analysis of covariance and of the mixed model for repeated measures, so that tables,
figures and interim looks need not ask which it was.

Invariants
1. The protocol's model is tried first, with all its factors. Where the data cannot bear it, less is asked in a fixed order:
   without site, without factors, without visits after the one in question; then analysis of covariance. What was done, and
   why, is said in ``method`` and ``departure``.
2. What cannot be estimated at all is said in words.
3. Nothing is imputed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from reports.context import AnalysisPlan
from trial.errors import DomainError
from trial.statistics.linear import Contrast, LsMean, ancova
from trial.statistics.mixed_models import MmrmResult, mmrm


@dataclass(frozen=True)
class Adjusted:
    """Differences and means at one visit; ``by_visit`` is the whole mixed model where that was fitted."""

    contrasts: tuple[Contrast, ...]
    ls_means: tuple[LsMean, ...]
    method: str
    adjusted_for: tuple[str, ...]
    by_visit: MmrmResult | None = None
    departure: str = ""

    @property
    def contrast(self) -> Contrast:
        """The only contrast of a two-arm trial."""
        (only,) = self.contrasts
        return only


@dataclass(frozen=True)
class ChangeRows:
    """Changes from baseline, one row a participant and visit, with the factors in columns of their own names."""

    rows: pl.DataFrame  # USUBJID, GROUP, AVISIT, BASE, CHG and the columns of ``factors``
    factors: Mapping[str, str]  # the factor's name → its column; site first


def compare(
    changes: ChangeRows, plan: AnalysisPlan, visit: str, compared: tuple[tuple[str, str], ...]
) -> tuple[Adjusted | None, str]:
    """The comparison at ``visit`` (as printed), or None with the reason."""
    if not compared:
        return None, "There are not two arms to compare."
    here = changes.rows.filter(pl.col("AVISIT") == visit)
    if not {compared[0][1], *(arm for arm, _ in compared)} <= set(here["GROUP"].to_list()):
        return None, "An arm has nobody with data at baseline and at the visit."
    reference = compared[0][1]
    refusal = ""
    if plan.model == "mmrm":
        found, refusal = _first_that_fits(changes, plan, visit, reference)
        if found is not None:
            return found, ""
    fitted, problem = complete_cases(ChangeRows(here, changes.factors), reference)
    if fitted is None or not refusal:
        return fitted, problem
    told = f"The mixed model of the protocol could not be fitted: {refusal}"
    return Adjusted(fitted.contrasts, fitted.ls_means, fitted.method, fitted.adjusted_for, departure=told), ""


def _first_that_fits(
    changes: ChangeRows, plan: AnalysisPlan, visit: str, reference: str
) -> tuple[Adjusted | None, str]:
    """The mixed model with as much of the protocol as the data can bear; the first refusal where nothing fits."""
    refusal = ""
    for visits in _visit_sets(changes.rows, plan, visit):
        for names in _factor_sets(changes.factors):
            try:
                return _mixed(changes, plan, visits, names, visit, reference, refusal), ""
            except DomainError as refused:
                refusal = refusal or refused.sentence
    return None, refusal


def _visit_sets(rows: pl.DataFrame, plan: AnalysisPlan, visit: str) -> Iterator[tuple[str, ...]]:
    """The protocol's visits that have been reached, and then those up to the one in question."""
    seen = set(rows["AVISIT"].to_list())
    planned = [plan.visit_label(name) for name in plan.analysis_visits]
    if visit not in planned:
        planned = [visit]
    reached = tuple(name for name in planned if name in seen)
    yield reached
    until = reached[: reached.index(visit) + 1]
    if until != reached:
        yield until


def _factor_sets(factors: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """All factors; all but the first, which is the site; none."""
    every = tuple(factors)
    return tuple(dict.fromkeys((every, every[1:], ())))


def _mixed(
    changes: ChangeRows,
    plan: AnalysisPlan,
    visits: tuple[str, ...],
    names: tuple[str, ...],
    visit: str,
    reference: str,
    refusal: str,
) -> Adjusted:
    rows = changes.rows.filter(pl.col("AVISIT").is_in(visits)).sort("USUBJID", "AVISIT")
    factors = _levels(rows, changes.factors, names)
    fit = mmrm(
        rows["CHG"].to_numpy(),
        participant=rows["USUBJID"].to_list(),
        visit=rows["AVISIT"].to_list(),
        arm=rows["GROUP"].to_list(),
        reference=reference,
        covariates={"baseline": rows["BASE"].to_numpy()},
        factors=factors,
        covariance="toep" if plan.covariance == "toeplitz" else "us",
        method="satterthwaite" if plan.degrees_of_freedom == "satterthwaite" else "kenward-roger",
        visits=visits,
    )
    at_visit = [c for c in fit.contrasts if c.visit == visit]
    contrasts = tuple(
        Contrast(c.arm, c.reference, c.difference, c.standard_error, c.df, c.lower, c.upper, c.p_value, c.level)
        for c in at_visit
    )
    means = tuple(
        LsMean(m.arm, m.n, m.mean, m.standard_error, m.df, m.lower, m.upper) for m in fit.ls_means if m.visit == visit
    )
    departure = f"The model was reduced: {refusal}" if refusal else ""
    method = f"{_sentence_case(fit.method)}, over {_listed(visits)}"
    return Adjusted(contrasts, means, method, _terms(names, by_visit=True), fit, departure)


def complete_cases(changes: ChangeRows, reference: str) -> tuple[Adjusted | None, str]:
    """Analysis of covariance of one visit's rows with as many factors as the data can bear, or None with the reason."""
    problem = ""
    for names in _factor_sets(changes.factors):
        try:
            result = ancova(
                changes.rows["CHG"].to_numpy(),
                changes.rows["GROUP"].to_list(),
                reference=reference,
                covariates={"baseline": changes.rows["BASE"].to_numpy()},
                factors=_levels(changes.rows, changes.factors, names),
            )
        except DomainError as refused:
            problem = refused.sentence
        else:
            terms = _terms(names, by_visit=False)
            return Adjusted(result.contrasts, result.ls_means, "analysis of covariance; complete cases", terms), ""
    return None, problem


def _levels(rows: pl.DataFrame, factors: Mapping[str, str], names: tuple[str, ...]) -> dict[str, list[str]]:
    """Factors that have at least two levels here; what was not recorded is a level."""
    found = {name: rows[factors[name]].fill_null("not recorded").to_list() for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _terms(names: tuple[str, ...], *, by_visit: bool) -> tuple[str, ...]:
    first = "baseline score by visit" if by_visit else "baseline score"
    return (first, *(name.replace("_", " ") for name in names))


def _sentence_case(method: str) -> str:
    return method.replace("MMRM by REML", "mixed model for repeated measures by REML")


def _listed(visits: tuple[str, ...]) -> str:
    names = [name.lower() for name in visits]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
