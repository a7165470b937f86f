"""Our answer for each case of ``endpoints_r.json`` beside R's: a mapping of what is compared to (ours, theirs)."""

import numpy as np

from tests.oracles.mmrm_calls import data
from tests.oracles.reading import cases, rows
from trial.statistics import (
    ancova,
    binomial_test,
    cochran_mantel_haenszel,
    common_odds_ratio,
    count_model,
    cox,
    event_rate_test,
    kaplan_meier,
    log_rank,
    mmrm,
)

R_CASES = cases("endpoints_r.json")


def compared(case):
    """{quantity: (ours, theirs)}, both flat arrays."""
    found = _CALLS[case["kind"]](case)
    return {name: tuple(np.asarray(side, float).ravel() for side in pair) for name, pair in found.items()}


def largest_relative(pair) -> float:
    ours, theirs = pair
    return float((np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-12)).max())


def _ancova(case):
    here = [row for row in rows(case["data"]) if row["visit"] == case["visit"] and row["y"]]
    fit = ancova(
        [float(row["y"]) for row in here],
        [row["arm"] for row in here],
        reference="Placebo",
        covariates={"base": [float(row["base"]) for row in here]},
        factors={"site": [row["site"] for row in here]},
        robust=None if case["robust"] == "const" else case["robust"],
    )
    theirs, c = case["result"], fit.contrast
    means = {m.arm: (m.mean, m.standard_error, m.lower, m.upper) for m in fit.ls_means}
    keys = ("estimate", "se", "df", "lower", "upper", "p")
    return {
        "coefficients": (
            [[b.estimate, b.standard_error] for b in fit.coefficients],
            np.column_stack([theirs["coefficients"][key] for key in ("estimate", "se")]),
        ),
        "means": (
            [means[arm] for arm in theirs["lsmeans"]["arm"]],
            np.column_stack([theirs["lsmeans"][key] for key in ("mean", "se", "lower", "upper")]),
        ),
        "contrast": (
            [c.difference, c.standard_error, c.df, c.lower, c.upper, c.p_value],
            [theirs["contrast"][key] for key in keys],
        ),
        "spread": ([fit.residual_sd, fit.n], [theirs["sigma"], theirs["n"]]),
    }


def survival_data():
    """(time, status, arm, stratum) of km_data.csv."""
    found = rows("km_data.csv")
    return (
        np.array([float(row["time"]) for row in found]),
        np.array([float(row["status"]) for row in found]),
        np.array([row["arm"] for row in found]),
        np.array([row["stratum"] for row in found]),
    )


def _curve(case):
    time, status, arm, _ = survival_data()
    theirs = case["result"]
    found = {}
    for place, name in enumerate("KP"):
        curve = kaplan_meier(time[arm == name], status[arm == name], case["level"], interval=case["interval"])
        shown, here = curve.events > 0, [i for i, s in enumerate(theirs["strata"]) if s == f"arm={name}"]
        columns = {
            "surv": curve.survival,
            "std.err": curve.standard_error,
            "lower": curve.lower,
            "upper": curve.upper,
            "n.risk": curve.at_risk,
            "n.event": curve.events,
        }
        for key, ours in columns.items():
            found[f"{key} {name}"] = (ours[shown], [theirs[key][i] for i in here])
        limits = (curve.median, *curve.median_interval)
        other = [theirs[key][place] for key in ("median", "median_lower", "median_upper")]
        found[f"median {name}"] = (
            [-1.0 if v is None else v for v in limits],
            [-1.0 if v == "NA" else v for v in other],
        )
    return found


def _log_rank(case):
    time, status, arm, stratum = survival_data()
    ours = log_rank(time, status, arm, strata=stratum if case["stratified"] else None, rho=case["rho"])
    return _log_rank_numbers(ours, case["result"])


def _log_rank_numbers(ours, theirs):
    return {
        "events": ([*ours.observed, *ours.expected], [*theirs["obs"], *theirs["exp"]]),
        "statistic": (ours.statistic, theirs["chisq"]),
    }


def _never_at_risk(case):
    return _log_rank_numbers(log_rank(case["time"], case["status"], case["arm"]), case["result"])


def _cox(case):
    time, status, arm, stratum = survival_data()
    extra = {"strata": stratum} if case["stratified"] else {"factors": {"stratum": stratum}}
    ours, theirs = cox(time, status, arm, reference="K", ties=case["ties"], **extra), case["result"]
    listed = [np.atleast_1d(theirs[key]) for key in ("coef", "se", "p")]
    return {
        "coefficients": ([ours.coefficients, [e.standard_error for e in ours.estimates], ours.p_values], listed),
        "likelihood": ([ours.log_likelihood_null, ours.log_likelihood], theirs["loglik"]),
        "tests": (
            [ours.score.statistic, ours.wald.statistic, ours.likelihood_ratio.statistic],
            [theirs["score"], theirs["wald"], theirs["lr"]],
        ),
    }


def _in_their_order(fit, terms):
    """Our coefficients in the order of R's terms: ``visitV2:armKetamine`` is ``arm=Ketamine:visit=V2``."""
    found = {c.name: c.test for c in fit.coefficients}

    def ours(term):
        parts = [
            part.replace("visit", "visit=").replace("site", "site=").replace("arm", "arm=") for part in term.split(":")
        ]
        name = ":".join(sorted(parts, key=lambda part: part.startswith("visit=")))
        return found["intercept" if name == "(Intercept)" else name]

    return [ours(term) for term in terms]


def _gls(case):
    fit = mmrm(**data(case["data"]), reference="Placebo", covariance=case["covariance"], method="satterthwaite")
    theirs = case["result"]
    tests = _in_their_order(fit, theirs["term"])
    return {
        "log-likelihood": (fit.log_likelihood, theirs["logLik"]),
        "estimates": ([t.estimate for t in tests], theirs["estimate"]),
        "standard errors": ([t.standard_error for t in tests], theirs["se"]),
    }


def complete(name):
    """The columns of a data file for participants who were seen at every visit."""
    found = data(name)
    who = np.array(found["participant"])
    missed = set(who[np.isnan(found["outcome"])])
    kept = np.array([w not in missed for w in who])
    visits = len(set(found["visit"]))
    kept &= np.array([(who == w).sum() == visits for w in who])

    def chosen(values):
        return [v for v, keep in zip(values, kept, strict=True) if keep]

    return {
        **{key: chosen(found[key]) for key in ("participant", "visit", "arm")},
        "outcome": found["outcome"][kept],
        "covariates": {"base": chosen(found["covariates"]["base"])},
        "factors": {"site": chosen(found["factors"]["site"])},
    }


def _lmer(case):
    whole = case["kind"] == "lmer_complete"
    columns, theirs = (complete if whole else data)(case["data"]), case["result"]
    fit = mmrm(**columns, reference="Placebo", covariance="cs", method="satterthwaite")
    tests = _in_their_order(fit, theirs["term"])
    found = {
        "log-likelihood": (fit.log_likelihood, theirs["logLik"]),
        "estimates": ([t.estimate for t in tests], theirs["estimate"]),
        "standard errors": ([t.standard_error for t in tests], theirs["se"]),
        "Satterthwaite df": ([t.df for t in tests], theirs["satterthwaite_df"]),
    }
    if whole:
        fit = mmrm(**columns, reference="Placebo", covariance="cs")
        tests, several = _in_their_order(fit, theirs["term"]), fit.test_arm_by_visit()
        found["Kenward–Roger errors"] = ([t.standard_error for t in tests], theirs["kr_se"])
        found["Kenward–Roger df"] = (
            [*(t.df for t in tests), several.denominator_df],
            [*theirs["kr_df"], theirs["interaction_ddf"]],
        )
        found["Kenward–Roger F"] = (
            [several.statistic, several.p_value],
            [theirs["interaction_f"], theirs["interaction_p"]],
        )
    return found


def _counts(case):
    ours = count_model(
        case["y"], case["t"], case["arm"], reference="A", covariates={"x": case["x"]}, family=case["family"]
    )
    theirs = case["result"]
    found = {
        "coefficients": (ours.coefficients, theirs["coef"][1:]),
        "standard errors": ([e.standard_error for e in ours.estimates], theirs["se"][1:]),
        "dispersion": (ours.dispersion, theirs["dispersion"]),
    }
    if "logLik" in theirs:
        found["log-likelihood"] = (ours.log_likelihood, theirs["logLik"])
    return found


def _binomial(case):
    ours = binomial_test(case["x"], case["n"], case["share"], alternative=case["alternative"])
    return {"p": (ours.p_value, case["result"])}


def _poisson(case):
    return {"p": (event_rate_test(case["x"], case["t"], case["rate"]).p_value, case["result"])}


def _mantel_haenszel(case):
    counts, theirs = [case[key] for key in ("x1", "n1", "x0", "n0")], case["result"]
    ratio, test = common_odds_ratio(*counts), cochran_mantel_haenszel(*counts, continuity=case["continuity"])
    return {
        "odds ratio": ([ratio.estimate, ratio.lower, ratio.upper], [theirs["or"], *theirs["conf.int"]]),
        "test": ([test.statistic, test.p_value], [theirs["statistic"], theirs["p"]]),
    }


_CALLS = {
    "ancova": _ancova,
    "kaplan_meier": _curve,
    "log_rank": _log_rank,
    "log_rank_group_never_at_risk": _never_at_risk,
    "cox": _cox,
    "gls": _gls,
    "lmer": _lmer,
    "lmer_complete": _lmer,
    "count_model": _counts,
    "binom.test": _binomial,
    "poisson.test": _poisson,
    "mantelhaen": _mantel_haenszel,
}
