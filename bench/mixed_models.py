"""MMRM by REML, beside what else fits the same model here.

    .venv/bin/python bench/mixed_models.py [--participants 1000] [--repeats 7] [--small 200]

Each line is the median of the repeats. Beside ours:

statsmodels   MixedLM with a random intercept, which is our compound symmetry (no Kenward–Roger there)
plain numpy   one evaluation of the unstructured restricted likelihood, participant by participant: an optimizer without
              derivatives needs hundreds of these
R             where Rscript is: nlme's gls (unstructured and heterogeneous AR(1), REML), and lmerTest with pbkrtest (random
              intercept, Kenward–Roger for every coefficient) on ``--small`` participants, since it works with matrices of
              outcomes × outcomes; mmrm, where that package is installed. Ours on the same rows in the same run
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from trial.statistics.mixed_models import MmrmResult, mmrm

VISITS = 6
R_SCRIPT = """
asked <- commandArgs(TRUE)
d <- read.csv(asked[1], stringsAsFactors = TRUE)
d$arm <- relevel(d$arm, ref = "P")
repeats <- as.integer(asked[3])
timed <- function(name, fit) {
  first <- system.time(once <- try(fit(), silent = TRUE))[["elapsed"]]
  if (inherits(once, "try-error")) return(invisible())
  # What takes long is timed once.
  times <- if (first > 5) first else sapply(seq_len(repeats), function(i) system.time(fit())[["elapsed"]])
  cat(name, median(times), format(as.numeric(logLik(once)), digits = 14), "\\n")
}
formula <- y ~ base*visit + site + arm*visit
seen <- d[!is.na(d$y), ]
seen$place <- as.integer(seen$visit)
if (asked[2] == "gls" && requireNamespace("nlme", quietly = TRUE)) {
  library(nlme)
  timed("us", function() gls(formula, seen, corSymm(form = ~place | id), varIdent(form = ~1 | visit), method = "REML"))
  timed("ar1h", function() gls(formula, seen, corAR1(form = ~place | id), varIdent(form = ~1 | visit), method = "REML"))
}
if (asked[2] == "kr" && requireNamespace("lmerTest", quietly = TRUE) && requireNamespace("pbkrtest", quietly = TRUE)) {
  suppressMessages(library(lmerTest))
  timed("cs", function() {
    fit <- lmer(y ~ base*visit + site + arm*visit + (1 | id), seen, REML = TRUE)
    summary(fit, ddf = "Kenward-Roger")
    fit
  })
}
if (asked[2] == "mmrm" && requireNamespace("mmrm", quietly = TRUE)) {
  suppressMessages(library(mmrm))
  timed("us", function() mmrm(y ~ base*visit + site + arm*visit + us(visit | id), data = d, reml = TRUE,
    control = mmrm_control(method = "Kenward-Roger", vcov = "Kenward-Roger-Linear", optimizer = "nlminb")))
}
"""
R_NAMES = {
    "gls": "R nlme gls, REML (no df)",
    "kr": "R lmerTest + pbkrtest, random intercept, Kenward–Roger",
    "mmrm": "R mmrm, Kenward–Roger",
}


def a_trial(participants: int, seed: int = 1) -> dict[str, Any]:
    """Six visits, dropout and missed visits: the columns that ``mmrm`` takes."""
    rng = np.random.default_rng(seed)
    lags = np.abs(np.subtract.outer(range(VISITS), range(VISITS)))
    spread = np.linspace(6, 8, VISITS)
    sigma = np.outer(spread, spread) * 0.8**lags
    base, arm, site = (
        rng.normal(65, 5, participants),
        rng.integers(0, 2, participants),
        rng.integers(0, 4, participants),
    )
    y = 0.7 * base[:, None] - 0.4 * np.arange(VISITS) * arm[:, None] + 0.5 * site[:, None]
    y = y + rng.multivariate_normal(np.zeros(VISITS), sigma, participants)
    left = rng.integers(2, VISITS + 6, participants)
    y[(np.arange(VISITS)[None, :] >= left[:, None]) | (rng.random(y.shape) < 0.05)] = np.nan
    return {
        "outcome": y.ravel(),
        "participant": np.repeat(np.arange(participants), VISITS),
        "visit": np.tile(np.arange(1, VISITS + 1), participants),
        "arm": np.repeat(np.where(arm == 1, "K", "P"), VISITS),
        "covariates": {"base": np.repeat(base, VISITS)},
        "factors": {"site": np.repeat([f"S{s}" for s in site], VISITS)},
    }


def median(run: Callable[[], object], repeats: int) -> float:
    """Median seconds, after one run that is not counted."""
    run()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def one_likelihood(rows: dict[str, Any], fit: MmrmResult) -> float:
    """The restricted likelihood at the fitted covariance, one participant after another."""
    seen = ~np.isnan(rows["outcome"])
    y, who, when = rows["outcome"][seen], rows["participant"][seen], rows["visit"][seen] - 1
    x = fit.design.matrix
    information, pull, total, squares = np.zeros((x.shape[1],) * 2), np.zeros(x.shape[1]), 0.0, 0.0
    edges = np.flatnonzero(np.diff(who)) + 1
    for part in np.split(np.arange(len(y)), edges):
        v = fit.sigma[0][np.ix_(when[part], when[part])]
        inverse = np.linalg.inv(v)
        weighted = inverse @ x[part]
        information += x[part].T @ weighted
        pull += weighted.T @ y[part]
        squares += y[part] @ inverse @ y[part]
        total += np.linalg.slogdet(v)[1]
    left = squares - pull @ np.linalg.solve(information, pull)
    free = len(y) - x.shape[1]
    return -0.5 * float(total + np.linalg.slogdet(information)[1] + left + free * np.log(2 * np.pi))


def by_statsmodels(rows: dict[str, Any], fit: MmrmResult) -> Any:
    """The random-intercept model on our own design matrix."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    seen = ~np.isnan(rows["outcome"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixedLM(rows["outcome"][seen], fit.design.matrix, groups=rows["participant"][seen]).fit(reml=True)


def by_r(rows: dict[str, Any], package: str, repeats: int) -> dict[str, tuple[float, float]]:
    """Structure → (median seconds, log-likelihood) of an R package; empty where it, or Rscript, is not installed."""
    found = shutil.which("Rscript")
    if found is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.csv", Path(folder) / "bench.R"
        columns = (rows["participant"], rows["arm"], rows["factors"]["site"], rows["covariates"]["base"], rows["visit"])
        lines = ["id,arm,site,base,visit,y"]
        for *labels, y in zip(*columns, rows["outcome"], strict=True):
            lines.append(",".join([f"p{labels[0]}", labels[1], labels[2], repr(float(labels[3])), f"V{labels[4]}"]))
            lines[-1] += "," + ("NA" if np.isnan(y) else repr(float(y)))
        data.write_text("\n".join(lines), encoding="utf-8")
        script.write_text(R_SCRIPT, encoding="utf-8")
        words = [found, str(script), str(data), package, str(repeats)]
        run = subprocess.run(words, capture_output=True, text=True, check=False)
    told = [line.split() for line in run.stdout.splitlines()]
    return {name: (float(seconds), float(likelihood)) for name, seconds, likelihood in told}


def beside_r(rows: dict[str, Any], participants: int, package: str, repeats: int) -> None:
    """A line for each structure that the R package fits on these rows, ours timed in the same run."""
    method = "satterthwaite" if package == "gls" else "kenward-roger"
    for structure, (seconds, likelihood) in by_r(rows, package, max(repeats // 3, 1)).items():
        fit = mmrm(**rows, reference="P", covariance=structure, method=method)
        ours = median(lambda s=structure: mmrm(**rows, reference="P", covariance=s, method=method), repeats)
        gap = fit.log_likelihood - likelihood
        print(
            f"| {structure}, {participants} participants | {1000 * ours:.0f} ms | {fit.log_likelihood:.4f} | {R_NAMES[package]}: "
            f"{1000 * seconds:,.0f} ms ({seconds / ours:.0f}×), log-likelihood {likelihood:.4f} (ours {gap:+.0e}) |"
        )


def main() -> None:
    """Print a table."""
    words = argparse.ArgumentParser()
    words.add_argument("--participants", type=int, default=1000)
    words.add_argument("--repeats", type=int, default=7)
    words.add_argument("--small", type=int, default=200)
    asked = words.parse_args()
    rows = a_trial(asked.participants)
    print(f"{asked.participants} participants × {VISITS} visits, {int((~np.isnan(rows['outcome'])).sum())} outcomes")
    print("| fit | median | log-likelihood | beside it |")
    print("| --- | --- | --- | --- |")
    for structure in ("us", "toeph", "ar1h", "cs"):
        fit = mmrm(**rows, reference="P", covariance=structure)
        ours = median(lambda s=structure: mmrm(**rows, reference="P", covariance=s), asked.repeats)
        beside = ""
        if structure == "us":
            plain = median(lambda fit=fit: one_likelihood(rows, fit), asked.repeats)
            gap = abs(one_likelihood(rows, fit) - fit.log_likelihood)
            beside = (
                f"one plain evaluation {1000 * plain:.0f} ms (ours = {ours / plain:.1f} of them; differs by {gap:.0e})"
            )
        elif structure == "cs":
            other = by_statsmodels(rows, fit)
            taken = median(lambda fit=fit: by_statsmodels(rows, fit), max(asked.repeats // 2, 1))
            beside = f"statsmodels MixedLM {1000 * taken:.0f} ms ({taken / ours:.0f}×), log-likelihood {other.llf:.4f}"
        print(f"| {structure}, Kenward–Roger | {1000 * ours:.0f} ms | {fit.log_likelihood:.4f} | {beside} |")
    if shutil.which("Rscript") is None:
        print("R is not installed here: nothing of it to compare with.")
        return
    for package in ("gls", "mmrm"):
        beside_r(rows, asked.participants, package, asked.repeats)
    beside_r(a_trial(asked.small), asked.small, "kr", asked.repeats)


if __name__ == "__main__":
    main()
