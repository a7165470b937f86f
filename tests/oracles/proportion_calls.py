"""Our call for each kind of case in ``proportions_rates.json``: (ours, theirs) as lists of numbers."""

import math

from tests.oracles.reading import cases
from trial.statistics import exact_tests, proportions, rates, risk_comparisons, strata

PROPORTION_CASES = cases("proportions_rates.json")

_ONE = {
    "prop_ci_wilson": proportions.wilson,
    "prop_ci_wilsoncc": lambda x, n: proportions.wilson(x, n, continuity=True),
    "prop_ci_clopper-pearson": proportions.clopper_pearson,
    "prop_ci_agresti-coull": proportions.agresti_coull,
    "prop_ci_midp": proportions.mid_p,
    "prop_ci_wald": proportions.wald,
    "prop_ci_jeffreys": proportions.jeffreys,
}
_DIFFERENCE = {
    "riskdiff_mn": "miettinen-nurminen",
    "riskdiff_mee": "mee",
    "riskdiff_score": "newcombe",
    "riskdiff_scorecc": "newcombe-corrected",
    "riskdiff_ac": "agresti-caffo",
    "riskdiff_wald": "wald",
    "riskdiff_waldcc": "wald-corrected",
    "riskdiff_ha": "hauck-anderson",
    "riskdiff_blj": "brown-li",
    "riskdiff_MN_ratesci": "miettinen-nurminen",
    "riskdiff_Mee_ratesci": "mee",
    "riskdiff_MN_lrstat": "miettinen-nurminen",
}
_RATIO = {"riskratio_MN_ratesci": "score"}
_ODDS = {"oddsratio_MN_ratesci": "score-corrected"}
_RATES = {
    "poisson_rate_ratio_exact_central": "central",
    "poisson_exactci_central": "central",
    "poisson_exactci_minlike": "minlike",
    "poisson_exactci_blaker": "blaker",
    "poisson_rate_ratio_rateratio.test": "central",
}


def _number(value):
    return math.inf if value == "Inf" else float(value)


def _limits(estimate):
    return [estimate.lower, estimate.upper]


def _cells(case):
    given = case["inputs"]
    return given["x1"], given["n1"], given["x2"], given["n2"]


def _theirs(result):
    if "estimates" in result:
        return [_number(v) for v in result["estimates"][2:4]]
    keys = ("lwr.ci", "upr.ci") if "lwr.ci" in result else ("lower", "upper")
    return [_number(result[key]) for key in keys]


def pair(case):
    """(ours, theirs), or None for a ratio without events, which Equipoise refuses."""
    kind, result = case["kind"], case["result"]
    if kind in _ONE:
        return _limits(_ONE[kind](case["inputs"]["x"], case["inputs"]["n"])), _theirs(result)
    if kind in _DIFFERENCE:
        return _limits(risk_comparisons.risk_difference(*_cells(case), method=_DIFFERENCE[kind])), _theirs(result)
    if kind in (*_RATIO, *_ODDS):
        x1, _, x2, _ = _cells(case)
        if x1 == x2 == 0:
            return None  # an interval of (0, ∞) around nothing: ours is an error
        if kind in _RATIO:
            ours = risk_comparisons.risk_ratio(*_cells(case), method=_RATIO[kind])
        else:
            ours = risk_comparisons.odds_ratio(*_cells(case), method=_ODDS[kind])
        return [ours.estimate, *_limits(ours)], [_number(result["est"]), *_theirs(result)]
    return _tests(case)


def _tests(case):
    kind, result = case["kind"], case["result"]
    if kind in ("fisher", "fisher_greater"):
        test = exact_tests.fisher(*_cells(case), alternative="two-sided" if kind == "fisher" else "greater")
        theirs = [result["p.value"], *result["conf.int"], result["estimate"]["odds ratio"]]
        return [test.p_value, test.lower, test.upper, test.odds_ratio], [_number(v) for v in theirs]
    if kind == "boschloo_two_sided":
        return [exact_tests.boschloo(*_cells(case)).p_value], [result]
    if kind == "boschloo_exact2x2":
        return [exact_tests.boschloo(*_cells(case), two_sided="central").p_value], [result]
    if kind == "barnard_z_pooled":
        return [exact_tests.barnard(*_cells(case)).p_value], [result]
    if kind == "chisq_pearson":
        test = exact_tests.pearson(*_cells(case))
        return [test.statistic, test.p_value], [result["statistic"]["X-squared"], result["p.value"]]
    if kind == "clopper_pearson":
        x, n = case["inputs"]["x"], case["inputs"]["n"]
        ours = [*_limits(proportions.clopper_pearson(x, n)), exact_tests.binomial_test(x, n, 0.5).p_value]
        return ours, [*result["conf.int"], result["p.value"]]
    if kind == "stratified_MH_RD":
        ours = strata.stratified_score_difference([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22])
        return _limits(ours), _theirs(result)
    return _rates(case)


def _rates(case):
    kind, result, given = case["kind"], case["result"], case["inputs"]
    theirs = [_number(v) for v in result["conf.int"]]
    if kind == "poisson_one_exact":
        p_value = rates.event_rate_test(given["x"], given["t"], 1.0).p_value
        return [*_limits(rates.event_rate(given["x"], given["t"])), p_value], [*theirs, result["p.value"]]
    if kind in _RATES:
        cells = (given["x1"], given["t1"], given["x2"], given["t2"])
        return _limits(rates.rate_ratio(*cells, two_sided=_RATES[kind])), theirs
    return None
