"""Endpoints against their oracles: linear and mixed models, proportions, rates, survival, blinding, imputation."""

from functools import cache

import numpy as np

from tests.oracles.mmrm_calls import MMRM_CASES, coefficients, contrasts, fit, ls_means
from tests.oracles.validation import Check

MMRM = "mmrm 0.3.16 (nlminb)"


@cache
def _mmrm_pairs():
    """Each case with (ours, theirs) of contrasts, LS means and coefficients: estimate, standard error, df first."""
    fits = [(case, fit(case)) for case in MMRM_CASES]
    return [(case, ours, [make(ours, case) for make in (contrasts, ls_means, coefficients)]) for case, ours in fits]


def _column(place, methods=("Kenward-Roger", "Satterthwaite")):
    def largest():
        gaps = [
            np.abs(mine[:, place] - theirs[:, place]) / np.maximum(np.abs(theirs[:, place]), 1e-12)
            for case, _, pairs in _mmrm_pairs()
            if case["method"] in methods
            for mine, theirs in pairs
        ]
        return float(max(gap.max() for gap in gaps)), sum(gap.size for gap in gaps)

    return largest


def _likelihood():
    """How far below the reference's log-likelihood ours is, at most."""
    below = [case["logLik"] - ours.log_likelihood for case, ours, _ in _mmrm_pairs()]
    return max(1e-9, *below), len(below)  # below 1e-9 it is the rounding of numbers near 2,700


def _sigma():
    gaps = [np.abs(ours.sigma[0] / np.array(case["varcor"]) - 1.0) for case, ours, _ in _mmrm_pairs()]
    return float(max(gap.max() for gap in gaps)), sum(gap.size for gap in gaps)


_LAST_DIGITS = "nlminb stops within 1e-7 of a Toeplitz correlation; our gradient is zero to rounding."

MIXED = (
    Check(
        "Mixed models",
        "mmrm",
        "Patterson & Thompson 1971",
        MMRM,
        "log-likelihood, below",
        1e-8,
        _likelihood,
        "The log-likelihoods differ in the twelfth of their digits.",
    ),
    Check(
        "Mixed models", "mmrm (estimates)", "Mallinckrodt et al. 2008", MMRM, "relative", 1e-6, _column(0), _LAST_DIGITS
    ),
    Check(
        "Mixed models", "mmrm (covariance over visits)", "Jennrich & Schluchter 1986", MMRM, "relative", 2e-6, _sigma
    ),
    Check(
        "Mixed models",
        "mmrm (standard errors, Kenward–Roger)",
        "Kenward & Roger 1997",
        MMRM,
        "relative",
        1e-6,
        _column(1, ("Kenward-Roger",)),
    ),
    Check(
        "Mixed models",
        "mmrm (standard errors, model and empirical)",
        "Liang & Zeger 1986",
        MMRM,
        "relative",
        1e-6,
        _column(1, ("Satterthwaite",)),
    ),
    Check(
        "Mixed models",
        "mmrm (df, Kenward–Roger)",
        "Kenward & Roger 1997",
        MMRM,
        "relative",
        1e-6,
        _column(2, ("Kenward-Roger",)),
    ),
    Check(
        "Mixed models",
        "mmrm (df, Satterthwaite)",
        "Satterthwaite 1946; Bell & McCaffrey 2002",
        MMRM,
        "relative",
        1e-6,
        _column(2, ("Satterthwaite",)),
    ),
)

CHECKS: tuple[Check, ...] = MIXED
