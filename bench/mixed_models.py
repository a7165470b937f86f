"""MMRM by REML, beside what else fits the same model here.

    .venv/bin/python bench/mixed_models.py [--participants 1000] [--repeats 7]

Each line is the median of the repeats. Beside ours:

statsmodels   MixedLM with a random intercept, which is our compound symmetry (no Kenward–Roger there)
plain numpy   one evaluation of the unstructured restricted likelihood, participant by participant: an optimizer without
              derivatives needs hundreds of these
mmrm          R's mmrm, where Rscript and the package are installed; skipped, and said so, where not
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
suppressMessages(library(mmrm))
d <- read.csv(commandArgs(TRUE)[1], stringsAsFactors = TRUE)
f <- function() mmrm(y ~ base*visit + site + arm*visit + us(visit|id), data = d, reml = TRUE,
  control = mmrm_control(method = "Kenward-Roger", vcov = "Kenward-Roger-Linear", optimizer = "nlminb"))
f()
times <- sapply(seq_len(as.integer(commandArgs(TRUE)[2])), function(i) system.time(f())[["elapsed"]])
cat(median(times), as.numeric(logLik(f())))
"""


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


def by_r(rows: dict[str, Any], repeats: int) -> tuple[float, float] | None:
    """Median seconds and log-likelihood of R's mmrm, or None where it is not installed."""
    found = shutil.which("Rscript")
    if found is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.csv", Path(folder) / "bench.R"
        columns = (rows["participant"], rows["arm"], rows["factors"]["site"], rows["covariates"]["base"], rows["visit"])
        lines = ["id,arm,site,base,visit,y"]
        for *labels, y in zip(*columns, rows["outcome"], strict=True):
            lines.append(",".join([f"p{labels[0]}", labels[1], labels[2], repr(float(labels[3])), f"V{labels[4]}"]))
            lines[-1] += "," + ("NA" if np.isnan(y) else repr(float(y)))
        data.write_text("\n".join(lines), encoding="utf-8")
        script.write_text(R_SCRIPT, encoding="utf-8")
        run = subprocess.run([found, str(script), str(data), str(repeats)], capture_output=True, text=True, check=False)
    if run.returncode:
        return None
    seconds, likelihood = run.stdout.split()[-2:]
    return float(seconds), float(likelihood)


def main() -> None:
    """Print a table."""
    words = argparse.ArgumentParser()
    words.add_argument("--participants", type=int, default=1000)
    words.add_argument("--repeats", type=int, default=7)
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
    r = by_r(rows, asked.repeats)
    print(
        "R mmrm is not installed here: nothing to compare with."
        if r is None
        else f"R mmrm, us: {r[0]:.3f} s, {r[1]:.4f}"
    )


if __name__ == "__main__":
    main()
