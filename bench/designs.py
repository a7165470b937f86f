"""How long the statistics take, beside something outside that does a part of the same work in the same run.

    .venv/bin/python bench/designs.py [--only WORD]

Where Rscript has rpact or gsDesign, both sides of the same task are timed in this run and the ratio is printed. Beside them
stands a reference that is always there: scipy's multivariate normal distribution, asked once for the chance of crossing the
bounds of the same design at its default accuracy (about 1e-5): a design solves some hundred such chances, to 1e-14. For
simulation it is plain numpy over participants. Times are medians; the first call of each, which makes the quadrature rules,
is shown apart.
Beside R processor time is taken on both sides, as the machine may be shared; the load average is printed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import stdtrit
from scipy.stats import multivariate_normal

sys.path.insert(0, str(Path(__file__).parents[1]))

from trial.statistics.group_sequential import (
    EventsSimulation,
    GroupSequentialDesign,
    MeansSimulation,
    Spending,
    equal_looks,
)

OBF, HSD = Spending("lan_demets_obrien_fleming"), Spending("hwang_shih_decani", -2.0)


def median_ms(
    do: Callable[[], object], least: int = 7, seconds: float = 1.0, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median over repeats for about a second."""
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < least or time.perf_counter() - begun < seconds:
        start = clock()
        do()
        times.append(clock() - start)
    return 1e3 * float(np.median(times))


def once_ms(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return 1e3 * (time.perf_counter() - start)


def whole_design(looks: int) -> None:
    """Bounds, power, inflation and expected sizes without, at half and at the effect."""
    design = GroupSequentialDesign(equal_looks(looks), OBF)
    for effect in (0.0, 0.5, 1.0):
        design.expected_information(effect)


def binding_design(looks: int) -> None:
    GroupSequentialDesign(equal_looks(looks), OBF, futility=HSD, binding=True).bounds.inflation  # noqa: B018 - its cost


def scipy_crossing(looks: int) -> Callable[[], object]:
    """One chance of crossing no bound, by scipy."""
    t = np.array(equal_looks(looks))
    bounds = GroupSequentialDesign(tuple(t), OBF).bounds.efficacy
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    normal = multivariate_normal(cov=correlation, seed=1, allow_singular=False)
    return lambda: normal.cdf(np.minimum(bounds, 9.0))


def final_inference() -> None:
    analysis = LOOK_DESIGN.analyse([0.3, 0.55, 0.8], 2.5)
    assert analysis.stagewise.p_value < 0.025
    assert analysis.repeated_interval[0] < analysis.stagewise.median_unbiased


def repeated_p() -> None:
    assert LOOK_DESIGN.analyse([0.3, 0.55, 0.8], 2.5).repeated_p is not None


LOOK_DESIGN = GroupSequentialDesign(equal_looks(4), OBF)
SIMULATION = MeansSimulation(GroupSequentialDesign(equal_looks(3), OBF), 2.5, 7.0, (60, 120, 180))


EVENTS = EventsSimulation(
    GroupSequentialDesign(equal_looks(3), OBF), 0.7, 0.1, (240, 240), (115, 230, 344), 12.0, 0.01, trials=2_000
)


def plain_simulation(trials: int = 2_000) -> None:
    """The same trials by numpy, participant by participant."""
    random = np.random.default_rng(1)
    treated = random.normal(2.5, 7.0, (trials, 180))
    control = random.normal(0.0, 7.0, (trials, 180))
    crossed = np.zeros(trials, dtype=bool)
    for n, p in zip((60, 120, 180), SIMULATION.design.bounds.nominal_p, strict=True):
        a, b = treated[:, :n], control[:, :n]
        pooled = (a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / 2.0
        crossed |= (a.mean(axis=1) - b.mean(axis=1)) / np.sqrt(2.0 * pooled / n) >= -stdtrit(2 * n - 2, p)


def rows() -> list[tuple[str, Callable[[], object], Callable[[], object] | None, float, str]]:
    """What, ours, reference, how many times the reference makes the same amount, and what the reference does."""
    mvn = "scipy mvn.cdf, once"
    return [
        ("design, 5 looks", lambda: whole_design(5), scipy_crossing(5), 1.0, mvn),
        ("design, 10 looks", lambda: whole_design(10), scipy_crossing(10), 1.0, mvn),
        ("design, 20 looks", lambda: whole_design(20), scipy_crossing(20), 1.0, mvn),
        ("design, 50 looks", lambda: whole_design(50), None, 1.0, ""),
        ("binding futility, 10 looks", lambda: binding_design(10), scipy_crossing(10), 1.0, mvn),
        ("final inference, look 3", final_inference, scipy_crossing(3), 1.0, mvn),
        ("repeated p, look 3", repeated_p, scipy_crossing(3), 1.0, mvn),
        ("simulation, 100,000 trials", SIMULATION.run, plain_simulation, 50.0, "numpy, by participant"),
        ("log-rank simulation, 2,000", EVENTS.run, None, 1.0, ""),
    ]


R_SCRIPT = r"""
options(warn=-1)
time <- function(task, package, what, least=5, seconds=3) {
  what(); all <- c(); begun <- proc.time()[["elapsed"]]
  while (length(all) < least || proc.time()[["elapsed"]] - begun < seconds) {
    start <- sum(proc.time()[1:2]); what(); all <- c(all, 1000 * (sum(proc.time()[1:2]) - start))
    if (proc.time()[["elapsed"]] - begun > 25) break
  }
  cat(sprintf("%s\t%s\t%.4f\n", task, package, median(all)))
}
quiet <- function(expr) suppressWarnings(suppressMessages(invisible(expr)))
if (suppressWarnings(suppressMessages(require(gsDesign, quietly=TRUE)))) {
  version <- paste("gsDesign", packageVersion("gsDesign"))
  for (k in c(5, 10, 20)) time(sprintf("design, %d looks", k), version, function() gsDesign(k=k, test.type=1, sfu=sfLDOF))
  time("binding futility, 10 looks", version, function() gsDesign(k=10, test.type=3, sfu=sfLDOF, sfl=sfHSD, sflpar=-2))
}
if (suppressWarnings(suppressMessages(require(rpact, quietly=TRUE)))) {
  version <- paste("rpact", packageVersion("rpact"))
  for (k in c(5, 10, 20)) time(sprintf("design, %d looks", k), version, function() quiet(getDesignCharacteristics(
    getDesignGroupSequential(kMax=k, alpha=0.025, beta=0.1, sided=1, typeOfDesign="asOF"))))
  time("binding futility, 10 looks", version, function() quiet(getDesignGroupSequential(kMax=10, alpha=0.025, beta=0.1,
    sided=1, typeOfDesign="asOF", typeBetaSpending="bsHSD", gammaB=-2, bindingFutility=TRUE)), least=2)
  four <- quiet(getDesignGroupSequential(informationRates=c(0.3, 0.55, 0.8, 1), alpha=0.025, sided=1, typeOfDesign="asOF"))
  data <- quiet(getDataset(n1=c(60, 50, 50), n2=c(60, 50, 50), means1=c(2.5, 2.2, 2.0), means2=c(0.2, 0.1, 0.3),
    stDevs1=c(7, 7, 7), stDevs2=c(7, 7, 7)))
  time("final inference, look 3", version, function() quiet(getAnalysisResults(four, data, stage=3)), least=3)
  three <- quiet(getDesignGroupSequential(kMax=3, alpha=0.025, sided=1, typeOfDesign="asOF"))
  time("simulation, 100,000 trials", version, function() quiet(getSimulationMeans(three, groups=2, alternative=2.5, stDev=7,
    plannedSubjects=c(120, 240, 360), normalApproximation=FALSE, maxNumberOfIterations=100000, seed=1)), least=3)
  time("log-rank simulation, 2,000", version, function() quiet(getSimulationSurvival(three, lambda2=0.1, hazardRatio=0.7,
    plannedEvents=c(115, 230, 344), maxNumberOfSubjects=480, accrualTime=c(0, 12), directionUpper=FALSE,
    dropoutRate1=1 - exp(-0.12), dropoutRate2=1 - exp(-0.12), dropoutTime=12, maxNumberOfIterations=2000, seed=1)), least=3)
}
"""


def r_times() -> dict[tuple[str, str], float]:
    """Milliseconds by task and package, from R, where it is installed; empty where not."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return {}
    run = subprocess.run([rscript, "-e", R_SCRIPT], capture_output=True, text=True, check=False)
    rows = [line.split("\t") for line in run.stdout.splitlines() if line.count("\t") == 2]
    return {(task, package): float(ms) for task, package, ms in rows}


def print_r(ours: dict[str, float]) -> None:
    """Both sides of each task that a package of R has, in processor time, and the ratio."""
    theirs = r_times()
    if not theirs:
        print("Rscript with rpact or gsDesign is not installed here: their times are not in this run.")
        return
    print(f"\n{'processor time, same run':<28} {'ms':>9} {'R, ms':>13} {'ratio':>7}")
    for (task, package), ms in theirs.items():
        if task in ours:
            print(f"{task:<28} {ours[task]:>9.2f} {ms:>13.2f} {'1/' + format(ms / ours[task], '.0f'):>7}  {package}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    wanted = parser.parse_args().only
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'':<28} {'first ms':>9} {'ms':>9} {'reference ms':>13} {'ratio':>7}  reference")
    ours: dict[str, float] = {}
    for name, do, other, times, words in rows():
        if wanted not in name:
            continue
        first, here = once_ms(do), median_ms(do)
        there = times * median_ms(other, least=3) if other else float("nan")
        print(f"{name:<28} {first:>9.2f} {here:>9.2f} {there:>13.2f} {here / there:>7.2g}  {words}")
        ours[name] = median_ms(do, clock=time.process_time)
    print_r(ours)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
