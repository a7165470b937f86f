"""Sample sizes against their oracles."""

import re

import numpy as np

from tests.oracles import design_calls as read
from tests.oracles.checks.group_sequential import numbers, worst
from tests.oracles.reading import cases
from tests.oracles.validation import Check
from trial.statistics.sample_size import (
    event_probability,
    sample_size_ancova,
    sample_size_events,
    sample_size_means,
    sample_size_proportions,
    sample_size_repeated,
)

ROOM = "Sample size"
RP_3 = "rpact 3.3.4"
CASES = cases("sample_size.json")
TOLERANCE = "rpact solves the t test to about 4e-7"


def ours(case):
    call = case["call"]
    design = None if "kMax=1" in case["design"] else read.rpact(case["design"])
    shared = {"ratio": read.number("allocationRatioPlanned", call), "design": design}
    shared["power"] = 1.0 - read.number("beta", case["design"])
    if case["kind"] == "survival":
        accrual = float(re.search(r"accrualTime=c\(0, ([^)]*)\)", call)[1])
        lost = -np.log(1.0 - read.number("dropoutRate1", call, 0.0)) / 12.0
        given = {"accrual": accrual, "follow_up": read.number("followUpTime", call), "dropout_hazard": lost}
        return sample_size_events(read.number("hazardRatio", call), read.number("lambda2", call), **given, **shared)
    shared["margin"] = -read.number("thetaH0", call, 0.0)
    if case["kind"] == "means":
        normal = "normalApproximation=TRUE" in call
        return sample_size_means(read.number("alternative", call), read.number("stDev", call), normal=normal, **shared)
    return sample_size_proportions(read.number("pi1", call), read.number("pi2", call), **shared)


def rpact_3(kind):
    """Non-inferiority of means and rates, and time to event with dropout, by rpact 3.3.4."""
    pairs = []
    for case in (c for c in cases("sample_size_rpact.json") if c["kind"] == kind):
        size, said = ours(case), case["result"]
        if kind == "survival":
            pairs.append((size.participants, said.get("maxNumberOfSubjects", said["nFixed"])))
            pairs.append((size.events, said.get("maxNumberOfEvents", said["eventsFixed"])))
            names, fixed = ("expectedEventsH0", "expectedEventsH01", "expectedEventsH1"), "eventsFixed"
        else:
            pairs.append((size.maximum, said.get("maxNumberOfSubjects", said["nFixed"])))
            names, fixed = tuple(f"expectedNumberOfSubjects{h}" for h in ("H0", "H01", "H1")), "nFixed"
            critical = said.get("criticalValuesEffectScale")
            if critical is not None and np.size(critical) == len(size.at_looks):
                pairs.append((size.critical_effects, np.atleast_1d(critical)))
        if size.design is not None:
            pairs.append(([size.expected(effect) for effect in (0.0, 0.5, 1.0)], [said[name] for name in names]))
        assert fixed in said or size.design is not None
    return worst(pairs, relative=True)


def rpact_sizes(kind):
    pairs = []
    for case in (c for c in CASES if c["kind"] == kind):
        size, said = ours(case), case["result"]
        pairs.append(([size.fixed_total, size.maximum], [said["nFixed"], said["maxNumberOfSubjects"]]))
        pairs.append((size.at_looks, said["numberOfSubjects"]))
        if size.design is not None:
            expected = [size.expected(effect) for effect in (0.0, 0.5, 1.0)]
            pairs.append((expected, [said["EN_H0"], said["EN_H01"], said["EN_H1"]]))
    return worst(pairs, relative=True)


def rpact_critical(kind):
    pairs = []
    for case in (c for c in CASES if c["kind"] == kind):
        said = case["result"]["criticalValuesEffectScale"]
        if said != "NA":
            pairs.append((ours(case).critical_effects, said))
    return worst(pairs, relative=True)


def rpact_power():
    pairs = []
    for case in (c for c in CASES if c["kind"] == "power_asn"):
        design, most = read.rpact(case["design"]), read.number("nMax", case["call"])
        effect = read.number("theta", case["call"]) * np.sqrt(most) / design.bounds.drift
        chances = design.crossing(effect)
        pairs.append((chances.efficacy, numbers(case["result"]["rejectPerStage"])))
        pairs.append((chances.expected_information * most / 100.0, case["result"]["asn"] / 100.0))
    return worst(pairs)


def r_and_gsdesign():
    pairs = []
    for case in CASES:
        call = case["call"]
        if case["kind"] == "power.t.test":
            size = sample_size_means(read.number("delta", call), read.number("sd", call), power=0.9).fixed
            pairs.append((size, case["n_per_group"]))
        if case["kind"] == "power.prop.test":
            pairs.append((sample_size_proportions(0.6, 0.4, power=0.9).fixed, case["n_per_group"]))
        if case["kind"] == "nNormal_gsDesign":
            size = sample_size_means(read.number("delta1", call), read.number("sd", call), normal=True)
            pairs.append((size.fixed_total, case["n_total"]))
    return worst(pairs, relative=True)


def lrstat_repeated():
    case = next(c for c in CASES if c["kind"] == "MMRM_samplesize_lrstat")
    visits = 64.0 * 0.7 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    size = sample_size_repeated(3.0, visits, np.exp(-0.02 * np.array([1.0, 2.0, 4.0, 6.0])))
    return worst([(size.fixed_total, case["result"]["numberOfSubjects"])], relative=True)


def residuals():
    """ANCOVA without its lost degrees of freedom is the t test of residuals."""
    pairs = []
    for rho in (0.0, 0.3, 0.6, -0.8):
        ours = sample_size_ancova(2.5, 7.0, rho, covariates=0).fixed
        pairs.append((ours, sample_size_means(2.5, 7.0 * np.sqrt(1 - rho**2)).fixed))
    return worst(pairs, relative=True)


def events():
    """The chance of an event by quadrature over entry times, and Schoenfeld's formula."""
    pairs = []
    x, w = np.polynomial.legendre.leggauss(60)
    for hazard, accrual, after, lost in ((0.1, 12.0, 12.0, 0.0), (0.3, 2.0, 1.0, 0.2), (0.02, 24.0, 6.0, 0.01)):
        stay = after + accrual * (1.0 + x) / 2.0
        seen = hazard / (hazard + lost) * -np.expm1(-(hazard + lost) * stay)
        pairs.append((event_probability(hazard, accrual, after, lost), float(w @ seen / 2.0)))
    for ratio in (1.0, 2.0):
        needed = (1.0 + ratio) ** 2 / ratio * (3.2415155500854342 / np.log(0.7)) ** 2
        size = sample_size_events(0.7, 0.1, accrual=12.0, follow_up=12.0, ratio=ratio)
        pairs.append((size.fixed_events, needed))
    return worst(pairs, relative=True)


def entry(function, source, oracle, scale, tolerance, largest, note=""):
    return Check(ROOM, f"sample_size.{function}", source, oracle, scale, tolerance, largest, note)


RP = "rpact 4.3.0"
R = "R 4.2.2 power.t.test, power.prop.test; gsDesign 3.10.1 nNormal"
CHECKS = (
    entry("sample_size_means", "Julious (2010)", RP, "relative", 1e-6, lambda: rpact_sizes("means"), TOLERANCE),
    entry(
        "sample_size_means (critical effects)", "Julious (2010)", RP, "relative", 1e-6, lambda: rpact_critical("means")
    ),
    entry("sample_size_proportions", "Fleiss et al. (2003)", RP, "relative", 1e-7, lambda: rpact_sizes("rates")),
    entry("sample_size_means (margin)", "Julious (2010)", RP_3, "relative", 1e-6, lambda: rpact_3("means"), TOLERANCE),
    entry(
        "sample_size_proportions (margin)",
        "Farrington & Manning (1990)",
        RP_3,
        "relative",
        1e-6,
        lambda: rpact_3("rates"),
    ),
    entry(
        "sample_size_events (dropout, looks)", "Schoenfeld (1981)", RP_3, "relative", 1e-7, lambda: rpact_3("survival")
    ),
    entry("critical_difference", "Fleiss et al. (2003)", RP, "relative", 1e-6, lambda: rpact_critical("rates")),
    entry("power and expected size", "Jennison & Turnbull (2000) 2.4", RP, "as given", 1e-6, rpact_power),
    entry("sample_size_means, sample_size_proportions", "as named", R, "relative", 1e-7, r_and_gsdesign),
    entry("sample_size_repeated", "Lu, Luo & Chen (2008)", "lrstat 0.2.15", "relative", 1e-7, lrstat_repeated),
    entry("sample_size_ancova", "Borm et al. (2007)", "the t test of residuals", "relative", 1e-12, residuals),
    entry("sample_size_events", "Schoenfeld (1981)", "formula and quadrature", "relative", 1e-10, events),
)
