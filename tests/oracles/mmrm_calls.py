"""Our fit for each case of ``mmrm_ancova.json``, and its numbers beside the oracle's."""

from functools import cache

import numpy as np

from tests.oracles.reading import cases, rows
from trial.statistics.mixed_models import MmrmResult, mmrm

METHODS = {
    ("Kenward-Roger", "Kenward-Roger"): ("kenward-roger-full", None),
    ("Kenward-Roger", "Kenward-Roger-Linear"): ("kenward-roger", None),
    ("Satterthwaite", "Asymptotic"): ("satterthwaite", None),
    ("Satterthwaite", "Empirical"): ("satterthwaite", "empirical"),
}
MMRM_CASES = [case for case in cases("mmrm_ancova.json") if "cov" in case]
GLS_CASE = next(case for case in cases("mmrm_ancova.json") if "cov" not in case)


@cache
def data(name):
    """The columns of a data file as ``mmrm`` takes them."""
    found = rows(name)
    column = {key: [row[key] for row in found] for key in found[0]}
    return {
        "outcome": np.array([float(y) if y else np.nan for y in column["y"]]),
        "participant": column["id"],
        "visit": column["visit"],
        "arm": column["arm"],
        "covariates": {"base": [float(b) for b in column["base"]]},
        "factors": {"site": column["site"]},
    }


def fit(case) -> MmrmResult:
    method, robust = METHODS[case["method"], case["vcov"]]
    return mmrm(**data(case["data"]), reference="Placebo", covariance=case["cov"], method=method, robust=robust)


def contrasts(ours, case):
    """(ours, theirs): estimate, standard error, df, limits, p; one row a visit."""
    theirs = case["contrast_ketamine_minus_placebo"]
    mine = [[c.difference, c.standard_error, c.df, c.lower, c.upper, c.p_value] for c in ours.contrasts]
    keys = ("estimate", "se", "df", "lower", "upper", "p")
    return np.array(mine), np.column_stack([np.array(theirs[key], float) for key in keys])


def ls_means(ours, case):
    """(ours, theirs): mean, standard error, df, limits; in the oracle's order."""
    found = {(m.visit, m.arm): (m.mean, m.standard_error, m.df, m.lower, m.upper) for m in ours.ls_means}
    theirs = case["lsmeans"]
    mine = [found[cell] for cell in zip(theirs["visit"], theirs["arm"], strict=True)]
    keys = ("emmean", "se", "df", "lower", "upper")
    return np.array(mine), np.column_stack([np.array(theirs[key], float) for key in keys])


def coefficients(ours, case):
    """(ours, theirs): estimate, standard error, df."""
    mine = [[c.test.estimate, c.test.standard_error, c.test.df] for c in ours.coefficients]
    theirs = case["coefficients"]
    return np.array(mine), np.column_stack([np.array(theirs[key], float) for key in ("estimate", "se", "df")])


def largest_relative(pair) -> float:
    ours, theirs = pair
    return float((np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-12)).max())
