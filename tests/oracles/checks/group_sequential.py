"""Group sequential designs and inference against their oracles.

Each measure gives the largest difference and how many values it is over. Where an oracle is known to be wrong the case
is left out, and the note says so; the alpha property (last rows) is what shows who is right.
"""

import re

import numpy as np
from scipy.special import ndtr, ndtri

from tests.oracles import design_calls as read
from tests.oracles.reading import cases
from tests.oracles.validation import Check
from tests.trial.statistics.group_sequential.brownian_twin import mean_of_estimate, never_crossing
from trial.statistics.group_sequential import (
    EventsSimulation,
    GroupSequentialDesign,
    MeansSimulation,
    NormalPrior,
    Spending,
    bias_adjusted_mean,
    conditional_power,
    enthusiastic_prior,
    least_promising,
    posterior,
    predictive_power,
    probability_of_success,
    promising_zone,
    sceptical_prior,
    stagewise_inference,
    stagewise_p_value,
)

ROOM = "Group sequential designs"
JT = "Jennison & Turnbull (2000)"
GS, RP, LR, LD = "gsDesign 3.10.1", "rpact 4.3.0", "lrstat 0.2.15", "ldbounds 2.0.2"
ONE_LINE = "bounds above z = 6 are left out: gsDesign takes spending as 2 − 2Φ(x), which cancels there, and caps at 20"


def worst(pairs, *, relative=False):
    """Largest difference over (ours, theirs) pairs of numbers or arrays, and how many values."""
    largest, count = 0.0, 0
    for ours, theirs in pairs:
        a, b = np.atleast_1d(np.asarray(ours, float)), np.atleast_1d(np.asarray(theirs, float))
        known = np.isfinite(b)
        gap = np.abs(a - b)[known]
        largest = max(largest, float((gap / np.abs(b[known]) if relative else gap).max(initial=0.0)))
        count += int(known.sum())
    return largest, count


def numbers(values):
    """R's NA as NaN."""
    return np.array([np.nan if v in ("NA", None) else float(v) for v in np.atleast_1d(values)])


def upto(values, most):
    """Values beyond ``most`` count as unknown."""
    array = numbers(values)
    return np.where(np.abs(array) < most, array, np.nan)


def gs_cases(kind, shaped=None):
    name = "gsd_efficacy_gsDesign.json" if kind <= 2 else "gsd_futility_gsDesign.json"
    found = [c for c in cases(name) if c["test_type"] == kind]
    return [c for c in found if shaped is None or ('sfu="' in c["call"]) == shaped]


def gs_upper(kind, shaped=None):
    return worst((read.gsdesign(c).bounds.efficacy, upto(c["upper_z"], 6.0)) for c in gs_cases(kind, shaped))


def gs_lower(kind):
    return worst((read.gsdesign(c).bounds.futility, numbers(c["lower_z"])) for c in gs_cases(kind))


def gs_sizes(kind):
    pairs = []
    for case in gs_cases(kind):
        design = read.gsdesign(case)
        ours = [design.bounds.inflation, design.expected_information(0.0), design.expected_information(1.0)]
        pairs.append((ours, [case["inflationFactor"], *case["en_over_fixed"]]))
    return worst(pairs, relative=True)


def gs_chances(kind):
    pairs = []
    for case in gs_cases(kind):
        design = read.gsdesign(case)
        for column, effect in enumerate((0.0, 1.0)):
            pairs.append((design.crossing(effect).efficacy, [row[column] for row in case["upper_prob"]]))
    return worst(pairs)


def rp_cases(sides):
    found = [c for c in cases("gsd_efficacy_rpact.json") if c["sided"] == sides]
    # A first bound near 8 or beyond drifts rpact's later ones: an impossible first look.
    return [c for c in found if sides == 1 or np.nanmax(numbers(c["criticalValues"])) < 6.0]


def rp_design(case):
    return read.rpact(case["call"], case["informationRates"])


def rp_upper(sides):
    return worst((rp_design(c).bounds.efficacy, upto(c["criticalValues"], 7.0)) for c in rp_cases(sides))


def rp_sizes(found):
    pairs = []
    for case in found:
        design, said = rp_design(case), case["characteristics"]
        ours = [design.bounds.inflation, *(design.expected_information(e) for e in (0.0, 0.5, 1.0))]
        names = ("inflationFactor", "ASN_H0_over_nFixed", "ASN_H01_over_nFixed", "ASN_H1_over_nFixed")
        pairs.append((ours, numbers([said[name] for name in names])))
    return worst(pairs, relative=True)


def rp_futility(*, binding):
    pairs = []
    for case in (c for c in cases("gsd_futility_rpact.json") if c["binding"] == binding):
        design = rp_design({**case, "informationRates": np.atleast_1d(case["informationRates"])})
        pairs.append((design.bounds.efficacy, upto(case["criticalValues"], 4.5)))
        pairs.append((design.bounds.futility[:-1], upto(case["futilityBounds"], 5.9)))
    return worst(pairs)


def rp_futility_sizes():
    return rp_sizes(
        [{**c, "informationRates": np.atleast_1d(c["informationRates"])} for c in cases("gsd_futility_rpact.json")]
    )


def rp_wedge(part):
    pairs = []
    for case in cases("gsd_two_sided_futility_rpact.json"):
        bounds = rp_design(case).bounds
        if part == "efficacy":
            pairs.append((bounds.efficacy, upto(case["criticalValues"], 6.0)))
        else:
            pairs.append((bounds.futility[:-1], numbers(case["futilityBounds"])))
    return worst(pairs)


def rp_families(part):
    found = cases("gsd_families_rpact.json")
    if part == "sizes":
        return rp_sizes(found)
    pairs = []
    for case in found:
        bounds = rp_design(case).bounds
        pairs.append((bounds.efficacy, case["criticalValues"]))
        if case["futilityBounds"] is not None:
            said = numbers(case["futilityBounds"])
            pairs.append((bounds.futility[:-1], np.where(said > -5.9, said, np.nan)))
    return worst(pairs)


def lr_upper():
    pairs = []
    for case in cases("gsd_efficacy_lrstat.json"):
        t = case["informationRates"]
        if "sf" in case["type"] or np.allclose(np.diff(t, prepend=0.0), t[0]):
            pairs.append((read.lrstat(case["call"], t).bounds.efficacy, upto(case["upper_z"], 7.0)))
    return worst(pairs)


def ld_upper():
    trusted = [c for c in cases("gsd_efficacy_ldbounds.json") if np.array(c["upper_z"], float).max() < 4.0]
    return worst((read.ldbounds(c).bounds.efficacy, c["upper_z"]) for c in trusted)


INFERENCE = cases("inference_conditional_power.json")


def lr_looks(kind):
    """(our analysis with theta = z / √I, the oracle's result) of lrstat's getCI or getRCI."""
    for case in (c for c in INFERENCE if c["kind"] == kind):
        call = case["call"]
        t = [float(x) for x in re.search(r"informationRates=c\(([^)]*)\)", call)[1].split(",")]
        equal = np.allclose(np.diff(t, prepend=0.0), t[0])
        if "sf" in call or (equal and len(t) > 1):
            design = read.lrstat(call, t)
            observed = t if "sf" in call else [x / t[-1] for x in t]
            information = read.number("IMax", call) * t[-1] / observed[-1]
            effect = design.bounds.drift / np.sqrt(information)
            yield design.analyse(observed, read.number("zL", call), effect=effect), case["result"]


def lr_stagewise():
    pairs = []
    for analysis, said in lr_looks("lrstat_getCI"):
        after = analysis.stagewise
        ours = [after.p_value, after.median_unbiased, after.lower, after.upper]
        pairs.append((ours, [said["pvalue"], said["thetahat"], said["lower"], said["upper"]]))
    return worst(pairs)


def lr_repeated():
    pairs = []
    for analysis, said in lr_looks("lrstat_getRCI"):
        ours = [analysis.repeated_p, analysis.repeated_estimate, *analysis.repeated_interval]
        pairs.append((ours, [said["pvalue"], said["thetahat"], said["lower"], said["upper"]]))
    return worst(pairs)


QUARTERS = (0.25, 0.5, 0.75, 1.0)
OBF = Spending("lan_demets_obrien_fleming")
X = GroupSequentialDesign(QUARTERS, OBF)
XF = GroupSequentialDesign(QUARTERS, OBF, futility=Spending("hwang_shih_decani", -2.0))


def lr_conditional():
    pairs = []
    for case in (c for c in INFERENCE if c["kind"] == "lrstat_getCP"):
        k = int(read.number("L", case["call"]))
        drift = read.number("theta", case["call"]) * np.sqrt(read.number("IMax", case["call"]))
        z = read.number("zL", case["call"])
        pairs.append(
            (conditional_power(z, QUARTERS[k - 1], QUARTERS[k:], X.bounds.efficacy[k:], drift), case["result"])
        )
    return worst(pairs)


def gs_conditional():
    pairs = []
    for case in (c for c in INFERENCE if c["kind"].startswith("gsCP_")):
        design, k, z = _gs_look(case["call"])
        unit = np.sqrt(100.0 * design.bounds.inflation)
        ours = [_gs_power(design, k, z, theta * unit) for theta in case["theta"]]
        pairs.append((ours, case["total"]))
    return worst(pairs)


def _gs_look(call):
    return (XF if "xf" in call else X), int(read.number("i", call)), read.number("zi", call)


def _gs_power(design, k, z, drift):
    lower = None if design.futility is None else design.bounds.futility[k:]
    return conditional_power(z, QUARTERS[k - 1], QUARTERS[k:], design.bounds.efficacy[k:], drift, lower)


def gs_predictive():
    pairs = []
    for case in (c for c in INFERENCE if c["kind"] == "gsPP_normal_prior"):
        design, k, z = _gs_look(case["call"])
        lower = None if design.futility is None else design.bounds.futility[k:]
        half = design.bounds.drift / 2.0
        ours = predictive_power(
            z, QUARTERS[k - 1], QUARTERS[k:], design.bounds.efficacy[k:], lower, prior_mean=half, prior_sd=half
        )
        pairs.append((ours, case["result"]))
    return worst(pairs)


def gs_second_stage():
    """condPower: a second stage of another size, combined by the inverse normal."""
    pairs = []
    for case in (c for c in INFERENCE if c["kind"] == "gsDesign_condPower"):
        t, n2, z1 = (read.number(name, case["call"]) for name in ("timing", "n2", "z1"))
        design = GroupSequentialDesign((t, 1.0), OBF)
        n1 = 100.0 * design.bounds.inflation * t
        drift = z1 / np.sqrt(n1) * np.sqrt(n2 / (1.0 - t))
        pairs.append((conditional_power(z1, t, [1.0], design.bounds.efficacy[1:], [drift]), case["result"]))
    return worst(pairs)


def gs_bound_power():
    pairs = []
    for case in (c for c in INFERENCE if c["kind"] == "gsBoundCP"):
        ours = []
        for bounds in (XF.bounds.futility, XF.bounds.efficacy):
            for k in range(3):
                z = float(bounds[k])
                observed = z / np.sqrt(QUARTERS[k])
                ours.append(_gs_power(XF, k + 1, z, observed if "thetahat" in case["call"] else XF.bounds.drift))
        pairs.append((ours, case["result"]))
    return worst(pairs)


def gs_success():
    case = next(c for c in INFERENCE if c["kind"] == "gsCPOS")
    return worst([(probability_of_success(XF, NormalPrior(1.0, 0.5), after=3), case["result"])])


RPACT = [c for c in INFERENCE if c["kind"] == "rpact_analysis"]
RPACT_3 = cases("inference_rpact.json")


def rp_looks():
    """(case, design, look from 0, z and estimate positive for benefit, standard error)."""
    for case in RPACT:
        design = read.rpact(case["design"])
        sign = -1.0 if "directionUpper=FALSE" in case["call"] else 1.0
        for k in range(case["stage"]):
            z = -float(ndtri(case["overall_p"][k]))
            estimate, statistic = sign * case["effect_sizes"][k], case["stage_test_statistics_overall"][k]
            if design.sides == 2:
                z, estimate = abs(z), abs(estimate)
            yield case, design, k, z, estimate, abs(estimate / statistic)


def rp_analyses(found):
    """(case, design, look from 0, sign of benefit, our analysis of the same t or normal statistic)."""
    for case in found:
        design = read.rpact(case["design"])
        for k in range(case["stage"]):
            sign = -1.0 if "directionUpper=FALSE" in case["call"] else 1.0
            effect = case["effect_sizes"][k]
            if design.sides == 2:
                sign = float(np.sign(effect))
            error = abs(effect / case["stage_test_statistics_overall"][k])
            df = None if case["normalApproximation"] else _participants(case, k) - 2.0
            yield (
                case,
                design,
                k,
                sign,
                design.analyse_estimate(design.information_fractions[: k + 1], sign * effect, error, df=df),
            )


def _participants(case, k):
    arms = [re.search(rf"\bn{arm}=c\(([^)]*)\)", case["dataInput"])[1].split(",") for arm in (1, 2)]
    return sum(float(n) for arm in arms for n in arm[: k + 1])


def rp_repeated_intervals():
    pairs = []
    for case, _, k, sign, analysis in rp_analyses([*RPACT, *RPACT_3]):
        said = sorted(sign * np.array([case["repeated_ci_lower"][k], case["repeated_ci_upper"][k]]))
        pairs.append((analysis.repeated_interval, said))
        if sign > 0 or "sided=1" in case["design"]:
            pairs.append((ndtr(-analysis.z), case["overall_p"][k]))
    return worst(pairs)


def rp_binding():
    """Repeated p and conditional rejection probability of one-sided designs, binding futility among them."""
    pairs = []
    for case, design, k, _, analysis in rp_analyses(RPACT_3):
        said = float(case["repeated_p"][k])
        if said < 0.499:
            pairs.append((analysis.repeated_p, said))
        if analysis.ahead is not None and not (design.binding and analysis.crossed == "futility"):
            pairs.append((analysis.conditional_power(0.0), case["conditionalRejectionProbabilities"][k]))
    return worst(pairs)


def rp_repeated_p():
    pairs = []
    for case, design, k, z, _, _ in rp_looks():
        said = float(case["repeated_p"][k])
        if said < 0.499:  # rpact's search ends at one half
            pairs.append((design.analyse(design.information_fractions[: k + 1], z).repeated_p, said))
    return worst(pairs)


def rp_rejection():
    """Conditional rejection probability: conditional power under no effect; both sides in a two-sided design."""
    pairs = []
    for case, design, k, z, _, _ in rp_looks():
        analysis = design.analyse(design.information_fractions[: k + 1], z)
        if analysis.ahead is not None:
            pairs.append((analysis.conditional_power(0.0), numbers(case["conditionalRejectionProbabilities"])[k]))
    return worst(pairs)


def rp_planned_power():
    """Conditional power under the observed effect with planned participants: a drift for each step."""
    pairs = []
    for case, design, k, z, estimate, error in rp_looks():
        planned = re.search(r"nPlanned=c\(([^)]*)\)", case["call"])
        if planned is None or k + 1 != case["stage"] or design.sides == 2:
            continue
        sd = error / np.sqrt(_inverse_sizes(case, k))
        t = np.array(design.information_fractions)
        gains = np.diff(t)[k:]
        steps = np.array([float(n) for n in planned[1].split(",")])
        drift = estimate / sd * np.sqrt(steps / 4.0) / np.sqrt(gains)
        lower = None
        if design.binding:
            lower = np.append(design.bounds.futility[k + 1 : -1], -np.inf)
        for j in range(k + 1, len(t)):
            low = None if lower is None else lower[: j - k]
            ours = conditional_power(
                z, t[k], t[k + 1 : j + 1], design.bounds.efficacy[k + 1 : j + 1], drift[: j - k], low
            )
            pairs.append((ours, numbers(case["conditionalPower"])[j]))
    return worst(pairs)


def _inverse_sizes(case, k):
    arms = [re.search(rf"\bn{arm}=c\(([^)]*)\)", case["dataInput"])[1].split(",") for arm in (1, 2)]
    return sum(1.0 / sum(float(n) for n in arm[: k + 1]) for arm in arms)


def rp_stagewise():
    pairs = []
    for case, design, k, sign, analysis in rp_analyses([*RPACT, *RPACT_3]):
        p = numbers(case["final_p"])[k]
        if np.isnan(p) or design.sides == 2:
            continue
        after = analysis.stagewise
        pairs.append((after.p_value, p))
        if k or case["normalApproximation"] or case not in RPACT_3:
            said = [sign * case[name][k] for name in ("median_unbiased", "final_ci_lower", "final_ci_upper")]
            pairs.append(([after.median_unbiased, after.lower, after.upper], [said[0], *sorted(said[1:])]))
    return worst(pairs)


def agsdest():
    pairs = []
    for case in (c for c in INFERENCE if c["kind"] == "AGSDest_stagewise"):
        k, z = int(read.number("T", case["call"])), read.number("z", case["call"])
        said, t = case["result"], QUARTERS[: int(read.number("T", case["call"]))]
        before = said["b"][: k - 1]
        after = stagewise_inference(t, before, z, per_drift=1.0 / np.sqrt(said["Imax"]))
        pairs.append(([stagewise_p_value(t, before, z), after.lower], [said["p_so"]["pvalue.so"], said["so"]["cb.so"]]))
    return worst(pairs)


UNEVEN = (
    (1.0,),
    (0.01, 0.02, 1.0),
    (0.98, 0.99, 1.0),
    (0.1, 0.35, 0.36, 0.9, 1.0),
    tuple(k / 50 for k in range(1, 51)),
    (*np.linspace(0.5, 0.9, 41), 1.0),
    (0.3, 0.31, 0.32, 0.33, 0.6, 0.61, 1.0),
)
RULES = (OBF, Spending("lan_demets_pocock"), Spending("kim_demets", 1.0), Spending("hwang_shih_decani", -8.0))


def alpha_of(sides):
    from trial.statistics.group_sequential import OBRIEN_FLEMING, POCOCK, HaybittlePeto

    pairs = []
    for t in UNEVEN:
        for rule in (*RULES, OBRIEN_FLEMING, POCOCK, HaybittlePeto(3.0)):
            bounds = GroupSequentialDesign(t, rule, sides=sides).bounds.efficacy
            lower = -bounds if sides == 2 else None
            pairs.append((1.0 - never_crossing(t, bounds, lower=lower), 0.025 * sides))
    return worst(pairs)


def alpha_binding():
    pairs = []
    for t in ((0.5, 1.0), (0.2, 0.3, 0.31, 0.9, 1.0), tuple(k / 20 for k in range(1, 21))):
        for rule in RULES[:2]:
            design = GroupSequentialDesign(t, rule, futility=Spending("hwang_shih_decani", -2.0), binding=True)
            upper, lower = design.bounds.efficacy, design.bounds.futility
            for effect, target in ((0.0, 0.025), (1.0, 0.9)):
                pairs.append((_crossed_upper(t, upper, lower, effect * design.bounds.drift), target))
    return worst(pairs)


def _crossed_upper(t, upper, lower, drift):
    from tests.trial.statistics.group_sequential.brownian_twin import crossing_upper

    return crossing_upper(t, upper, lower, drift)


def gs_spending():
    found = gs_cases(1, shaped=False)
    return worst((read.gsdesign(c).efficacy(c["informationRates"], 0.025), c["upper_cum_spend"]) for c in found)


def adjusted_mean():
    """The mean that our adjusted estimate gives the estimate, by the integration apart, against the estimate."""
    pairs = []
    for t, upper, lower in (
        ((0.5, 0.75, 1.0), (2.9626, 2.3590, 2.0141), (0.0785, 1.0055, -np.inf)),
        ((0.2, 0.6, 0.7, 1.0), (3.5, 2.7, 2.5, 2.1), (-np.inf,) * 4),
        ((1 / 3, 2 / 3, 1.0), (2.29, 2.29, 2.29), (-2.29, -2.29, -np.inf)),
    ):
        for estimate in (-1.0, 0.5, 2.0, 3.3, 5.0):
            adjusted = bias_adjusted_mean(t, upper, estimate, lower)
            pairs.append((mean_of_estimate(t, upper, lower, adjusted), estimate))
    return worst(pairs)


def least_by_definition():
    """At the least promising power the plain test, enlarged as the rule says, needs exactly its own bound."""
    pairs = []
    for most in (1.5, 2.0, 3.0):
        for t in (0.25, 0.5, 0.75):
            least = least_promising(t, most, wanted=0.8)
            z = (ndtri(least) + 1.959963984540054 / np.sqrt(1 - t)) / (np.sqrt((1 - t) / t) + np.sqrt(t / (1 - t)))
            needed = (1.959963984540054 - z * np.sqrt(t)) / np.sqrt(1 - t)
            second = min(t * ((needed + ndtri(0.8)) / z) ** 2, most - t)
            pairs.append(((np.sqrt(second) * needed + z * np.sqrt(t)) / np.sqrt(t + second), 1.959963984540054))
    return worst(pairs)


def zone_formula():
    pairs = []
    for t in (0.3, 0.5, 0.7):
        design = GroupSequentialDesign((t, 1.0), OBF)
        for z in np.linspace(1.2, 2.0, 9):
            said = promising_zone(design.analyse([t], float(z)), most=10.0)
            if said.zone == "promising" and said.total_fraction < 9.99:
                needed = (float(design.bounds.efficacy[1]) - z * np.sqrt(t)) / np.sqrt(1 - t)
                pairs.append((said.factor, t / z**2 * (needed + ndtri(0.9)) ** 2 / (1 - t)))
    return worst(pairs, relative=True)


def prior_by_grid():
    pairs = []
    effects = np.linspace(-30.0, 30.0, 60_001)
    for prior in (sceptical_prior(2.5), enthusiastic_prior(2.5)):
        for estimate, error in ((1.2, 1.0), (3.0, 0.6)):
            weight = np.exp(-0.5 * ((effects - prior.mean) / prior.sd) ** 2 - 0.5 * ((estimate - effects) / error) ** 2)
            ours = posterior(estimate, error, prior)
            mean = float(weight @ effects / weight.sum())
            above = float((weight[effects > 0].sum() + weight[effects == 0].sum() / 2) / weight.sum())
            pairs.append(([ours.mean, ours.probability_above(0.0)], [mean, above]))
    return worst(pairs)


def simulated():
    """Large trials, in Monte Carlo standard errors of their difference from the integration."""
    pairs = []
    for design in (X, XF):
        for difference in (0.0, 0.4, 0.8):
            result = MeansSimulation(design, difference, 7.0, (1000, 2000, 3000, 4000), trials=100_000).run()
            gap = abs(result.power - result.power_by_integration) / max(result.power_error, 1e-6)
            pairs.append((gap, 0.0))
    return worst(pairs)


def simulated_events():
    """The same for time to event, where the integration takes Schoenfeld's information."""
    pairs = []
    for design in (X, XF):
        for ratio in (1.0, 0.8):
            plan = EventsSimulation(design, ratio, 0.1, (250, 250), (90, 180, 270, 360), 12.0, 0.01, trials=20_000)
            result = plan.run()
            pairs.append((abs(result.power - result.power_by_integration) / result.power_error, 0.0))
    return worst(pairs)


def entry(function, source, oracle, scale, tolerance, largest, note=""):
    return Check(ROOM, f"group_sequential.{function}", source, oracle, scale, tolerance, largest, note)


TWO_SIDED = "gsDesign solves two-sided spending bounds to about 1e-6 at this tolerance; ours meet alpha to 1e-12"
LR_NOTE = "O'Brien–Fleming, Pocock and Wang–Tsiatis bounds at unequal spacing are left out: lrstat's miss alpha by up to 0.0045"
LD_NOTE = "designs with a first bound above 4 are left out: ldbounds' grid misses there by up to 0.022; ours meet alpha to 1e-12"
RP_NOTE = "rpact's quadrature misses by up to 2e-5 in uneven designs (median 3e-8); ours meet alpha to 1e-12 there"
RP_FIRST = "designs with a first bound above 6 are left out: there rpact's later bounds drift by up to 1.8e-4"
RP_HIGH = "bounds above 4.5 are left out: rpact's own, at one alpha, differ there by 4e-5 from case to case"
RP_OWN = "rpact 3.3, its own test values"
RP_3, RP_BOTH = "rpact 3.3.4", "rpact 4.3.0 and 3.3.4"
RP_RANDOM = (
    "random looks, alpha, beta; only designs in which rpact's own bounds meet alpha to 1e-8 by an integration apart"
)
RP_FINAL = (
    "two-sided cases are left out: rpact orders them by the upper bounds alone. rpact 3.3 takes the interval of a trial that "
    "stops at its first look by t as normal, rpact 4.3 as t, and so do we"
)
RP_WEDGE = "beta is spent from the look on at which the one-sided bound is above 0, as rpact's betaAdjustment=TRUE does"
APART = "integration apart (score scale, Clenshaw–Curtis)"
CHECKS = (
    entry("design (spending, one-sided)", "Lan & DeMets (1983)", GS, "z", 1e-7, lambda: gs_upper(1, shaped=False), ONE_LINE),
    entry("design (Wang–Tsiatis, one-sided)", "Wang & Tsiatis (1987)", GS, "z", 1e-7, lambda: gs_upper(1, shaped=True)),
    entry("design (Wang–Tsiatis, two-sided)", "Wang & Tsiatis (1987)", GS, "z", 1e-7, lambda: gs_upper(2, shaped=True)),
    entry("design (spending, two-sided)", "Lan & DeMets (1983)", GS, "z", 2e-6, lambda: gs_upper(2, shaped=False), TWO_SIDED),
    entry("design (inflation, expected size; one-sided)", f"{JT} 2.4", GS, "relative", 1e-7, lambda: gs_sizes(1)),
    entry("design (inflation, expected size; two-sided)", f"{JT} 2.4", GS, "relative", 2e-6, lambda: gs_sizes(2)),
    entry("crossing (one-sided)", f"{JT} 19.2", GS, "probability", 1e-7, lambda: gs_chances(1)),
    entry("design (non-binding beta spending, efficacy)", "Pampallona et al. (2001)", GS, "z", 1e-7, lambda: gs_upper(4)),
    entry("design (non-binding beta spending, futility)", "Pampallona et al. (2001)", GS, "z", 2e-7, lambda: gs_lower(4)),
    entry("design (binding beta spending, efficacy)", f"{JT} 7.3", GS, "z", 2e-6, lambda: gs_upper(3)),
    entry("design (binding beta spending, futility)", f"{JT} 7.3", GS, "z", 1e-6, lambda: gs_lower(3)),
    entry("design (binding harm bound, efficacy)", f"{JT} 7.3", GS, "z", 2e-6, lambda: gs_upper(5)),
    entry("design (binding harm bound, lower)", f"{JT} 7.3", GS, "z", 1e-6, lambda: gs_lower(5)),
    entry("design (non-binding harm bound, lower)", f"{JT} 7.3", GS, "z", 1e-7, lambda: gs_lower(6)),
    entry("design (sizes, non-binding futility)", f"{JT} 7.3", GS, "relative", 1e-6, lambda: gs_sizes(4)),
    entry("design (sizes, binding futility)", f"{JT} 7.3", GS, "relative", 1e-6, lambda: gs_sizes(3)),
    entry("design (sizes, binding harm bound)", f"{JT} 7.3", GS, "relative", 1e-6, lambda: gs_sizes(5)),
    entry("design (sizes, non-binding harm bound)", f"{JT} 7.3", GS, "relative", 1e-6, lambda: gs_sizes(6)),
    entry("design (all families, one-sided)", "as named", RP, "z", 2e-5, lambda: rp_upper(1), RP_NOTE),
    entry("design (all families, two-sided)", "as named", RP, "z", 1e-6, lambda: rp_upper(2), RP_FIRST),
    entry("design (sizes, one-sided)", f"{JT} 2.4", RP, "relative", 2e-5, lambda: rp_sizes(rp_cases(1)), RP_NOTE),
    entry("design (sizes, two-sided)", f"{JT} 2.4", RP, "relative", 1e-6, lambda: rp_sizes(rp_cases(2))),
    entry("design (futility, binding)", f"{JT} 7.3", RP, "z", 1e-6, lambda: rp_futility(binding=True), RP_HIGH),
    entry("design (futility, non-binding)", f"{JT} 7.3", RP, "z", 1e-6, lambda: rp_futility(binding=False)),
    entry("design (sizes, futility)", f"{JT} 7.3", RP, "relative", 1e-6, rp_futility_sizes),
    entry("design (two-sided futility, efficacy)", f"{JT} 5", RP_OWN, "z", 1e-6, lambda: rp_wedge("efficacy")),
    entry("design (two-sided futility, inner bounds)", f"{JT} 5", RP_OWN, "z", 1e-7, lambda: rp_wedge("inner"), RP_WEDGE),
    entry(
        "design (sizes, two-sided futility)",
        f"{JT} 5",
        RP_OWN,
        "relative",
        1e-6,
        lambda: rp_sizes(cases("gsd_two_sided_futility_rpact.json")),
    ),
    entry("design (every family and futility)", "as named", RP_3, "z", 1e-6, lambda: rp_families("bounds"), RP_RANDOM),
    entry("design (sizes, every family and futility)", f"{JT} 2.4", RP_3, "relative", 1e-6, lambda: rp_families("sizes")),
    entry("design (one-sided)", "as named", LR, "z", 2e-5, lr_upper, LR_NOTE),
    entry("design (spending)", "Lan & DeMets (1983)", LD, "z", 2e-4, ld_upper, LD_NOTE),
    entry("stagewise_inference", "Tsiatis, Rosner & Mehta (1984)", LR, "as given", 5e-6, lr_stagewise),
    entry("stagewise_inference", "Tsiatis, Rosner & Mehta (1984)", RP_BOTH, "as given", 1e-6, rp_stagewise, RP_FINAL),
    entry("stagewise_inference (lower limit, p)", "Tsiatis, Rosner & Mehta (1984)", "AGSDest 2.3.4", "as given", 1e-5, agsdest),
    entry("repeated interval, p, estimate", "Jennison & Turnbull (1989)", LR, "as given", 1e-6, lr_repeated),
    entry("repeated_interval (normal and t)", "Jennison & Turnbull (1989)", RP_BOTH, "as given", 1e-6, rp_repeated_intervals),
    entry("repeated p, conditional power (binding too)", f"{JT} 9.2, 10.2", RP_3, "probability", 1e-6, rp_binding),
    entry("repeated_p_value", f"{JT} 9.2", RP, "probability", 1e-6, rp_repeated_p),
    entry("conditional_power (design's size)", "Lan & Wittes (1988)", LR, "probability", 1e-6, lr_conditional),
    entry("conditional_power (futility counted)", "Lan & Wittes (1988)", GS, "probability", 2e-7, gs_conditional),
    entry("conditional_power (no effect)", f"{JT} 10.2", RP, "probability", 1e-6, rp_rejection),
    entry("conditional_power (another size)", "Lehmacher & Wassmer (1999)", RP, "probability", 1e-6, rp_planned_power),
    entry("conditional_power (second stage)", "Proschan & Hunsberger (1995)", GS, "probability", 1e-6, gs_second_stage),
    entry("conditional_power (at bounds)", f"{JT} 10.2", f"{GS}, r = 18", "probability", 1e-6, gs_bound_power),
    entry("predictive_power (normal prior)", "Spiegelhalter et al. (1986)", GS, "probability", 1e-6, gs_predictive),
    entry("probability_of_success", "O'Hagan et al. (2005)", GS, "probability", 1e-6, gs_success),
    entry("Spending (four families)", "as named", GS, "probability", 1e-12, gs_spending),
    entry("bias_adjusted_mean", "Whitehead (1986)", APART, "E Z at full information", 1e-10, adjusted_mean),
    entry("promising_zone", "Mehta & Pocock (2011), eq. 6", "the closed formula", "relative", 1e-8, zone_formula),
    entry("least_promising", "Mehta & Pocock (2011)", "its defining equation", "z", 1e-9, least_by_definition),
    entry("posterior", "Spiegelhalter et al. (1994)", "sums over a grid", "as given", 1e-6, prior_by_grid),
    entry("MeansSimulation", "exact, from sufficient statistics", "integration", "standard errors", 4.0, simulated),
    entry("EventsSimulation", "log-rank at its events", "integration", "standard errors", 4.0, simulated_events),
    entry("design (alpha, one-sided, to 50 looks)", JT, APART, "probability", 1e-12, lambda: alpha_of(1)),
    entry("design (alpha, two-sided, to 50 looks)", JT, APART, "probability", 1e-12, lambda: alpha_of(2)),
    entry("design (alpha and power, binding, to 20 looks)", JT, APART, "probability", 1e-10, alpha_binding),
)  # fmt: skip
