"""Endpoints against R's own packages: what ``endpoints_r.json`` holds."""

from functools import cache

from tests.oracles.endpoint_calls import R_CASES, compared, largest_relative
from tests.oracles.validation import Check


@cache
def _pairs():
    return [(case, quantity, pair) for case in R_CASES for quantity, pair in compared(case).items()]


def _largest(kinds, quantities=None):
    def largest():
        found = [
            pair
            for case, quantity, pair in _pairs()
            if case["kind"] in kinds and (quantities is None or quantity in quantities)
        ]
        return max(map(largest_relative, found)), sum(len(ours) for ours, _ in found)

    return largest


def _below_gls():
    """How far below R's log-likelihood ours is, at most."""
    pairs = [p for c, q, p in _pairs() if c["kind"] in ("gls", "lmer", "lmer_complete") and q == "log-likelihood"]
    return max(1e-9, *(float(theirs[0] - ours[0]) for ours, theirs in pairs)), len(pairs)


_STOPS = "R's optimizer stops before the last digits; closed forms beside it agree to rounding."

CHECKS = (
    Check(
        "Linear models",
        "ancova (coefficients, LS means, contrasts)",
        "MacKinnon & White 1985",
        "R lm, sandwich 3.0.2, emmeans 1.8.4",
        "relative",
        1e-9,
        _largest(("ancova",)),
    ),
    Check(
        "Mixed models",
        "mmrm (us, ar1, ar1h, cs, csh)",
        "Patterson & Thompson 1971",
        "nlme 3.1.162 gls, lme4 1.1.31",
        "log-likelihood, below",
        1e-8,
        _below_gls,
        "gls stops up to 1e-7 below the maximum, so its estimates are only compared to 1e-4.",
    ),
    Check(
        "Mixed models",
        "mmrm (cs: df, Satterthwaite)",
        "Satterthwaite 1946",
        "lmerTest 3.1.3, random intercept",
        "relative",
        5e-6,
        _largest(("lmer", "lmer_complete"), ("Satterthwaite df",)),
        "lmerTest differentiates numerically; with outcomes of size 1e6 or 1e-6 its df lose all digits and ours do not change.",
    ),
    Check(
        "Mixed models",
        "mmrm (cs: errors, df and F test, Kenward–Roger)",
        "Kenward & Roger 1997",
        "pbkrtest 0.5.2, random intercept, complete data",
        "relative",
        1e-6,
        _largest(("lmer_complete",), ("Kenward–Roger errors", "Kenward–Roger df", "Kenward–Roger F")),
        "pbkrtest takes the expected information, ours (as mmrm and SAS) the observed: one and the same for complete data only.",
    ),
    Check(
        "Rates",
        "count_model (Poisson, quasi-Poisson, negative binomial)",
        "McCullagh & Nelder 1989; Lawless 1987",
        "R glm, MASS 7.3.58 glm.nb with theta.ml to 1e-14",
        "relative",
        1e-6,
        _largest(("count_model",)),
        _STOPS,
    ),
    Check(
        "Proportions",
        "binomial_test",
        "Clopper & Pearson 1934; Blaker 2000",
        "R 4.2.2 binom.test",
        "relative",
        1e-9,
        _largest(("binom.test",)),
    ),
    Check(
        "Proportions",
        "common_odds_ratio, cochran_mantel_haenszel",
        "Mantel & Haenszel 1959; Robins, Breslow & Greenland 1986",
        "R 4.2.2 mantelhaen.test",
        "relative",
        1e-9,
        _largest(("mantelhaen",)),
        "With continuity correction and less than half an event of difference ours is 0; R leaves the correction off.",
    ),
    Check(
        "Rates",
        "event_rate_test",
        "Garwood 1936",
        "R 4.2.2 poisson.test",
        "relative",
        1e-9,
        _largest(("poisson.test",)),
    ),
    Check(
        "Survival",
        "kaplan_meier (log-log, log, plain; 80 % and 95 %; medians)",
        "Greenwood 1926; Brookmeyer & Crowley 1982",
        "survival 3.5-3",
        "relative",
        1e-9,
        _largest(("kaplan_meier",)),
        "Where the curve is 0 R has no limits (NA); ours are 0 and the last upper one, and take no part in the median's.",
    ),
    Check(
        "Survival",
        "log_rank (rho 0, 0.5, 1; strata; a group never at risk)",
        "Harrington & Fleming 1982",
        "survival 3.5-3",
        "relative",
        1e-9,
        _largest(("log_rank", "log_rank_group_never_at_risk")),
    ),
    Check(
        "Survival",
        "cox (Efron, Breslow, exact; strata; factors)",
        "Efron 1977; Breslow 1974",
        "survival 3.5-3",
        "relative",
        1e-8,
        _largest(("cox",)),
        _STOPS,
    ),
)
