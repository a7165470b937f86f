"""Reads the design out of an oracle's R call, for gsDesign, rpact, lrstat and ldbounds."""

import re

from trial.statistics.group_sequential import (
    FixedFutility,
    GroupSequentialDesign,
    HarmSpending,
    HaybittlePeto,
    Spending,
    WangTsiatis,
    equal_looks,
)

NAMES = {
    "LDOF": "lan_demets_obrien_fleming",
    "LDPocock": "lan_demets_pocock",
    "HSD": "hwang_shih_decani",
    "Power": "kim_demets",
    "OF": "lan_demets_obrien_fleming",
    "P": "lan_demets_pocock",
    "KD": "kim_demets",
    "1": "lan_demets_obrien_fleming",
    "2": "lan_demets_pocock",
    "3": "kim_demets",
    "4": "hwang_shih_decani",
}
SHAPES = {"OF": 0.0, "P": 0.5, "Pocock": 0.5}


def number(name, call, default=None):
    found = re.search(rf"\b{name}\s*=\s*(-?[\d.]+(?:e-?\d+)?)", call)
    return float(found[1]) if found else default


def gsdesign(case):
    """A ``gsDesign::gsDesign`` case of either file; alpha there counts one side."""
    call, kind = case["call"], case["test_type"]
    total = {"alpha": 0.025, "beta": 0.1}
    named = re.search(r'sfu="(\w+)"', call)
    if named:
        delta = SHAPES.get(named[1], number("sfupar", call))
        efficacy = WangTsiatis(delta)
    else:
        efficacy = _gs_spending(call, "sfu")
    futility = None
    if kind >= 3:
        futility = _gs_spending(call, "sfl")
        futility = futility if kind <= 4 else HarmSpending(futility, number("astar", call))
    return GroupSequentialDesign(
        tuple(map(float, case["informationRates"])),
        efficacy,
        **total,
        futility=futility,
        binding=kind in (3, 5),
        sides=2 if kind == 2 else 1,
    )


def _gs_spending(call, side):
    found = re.search(rf"{side}=sf(\w+)(?:, {side}par=([-\d.]+))?", call)
    return Spending(NAMES[found[1]], float(found[2]) if found[2] else None)


def rpact(call, information=None):
    """A ``rpact::getDesignGroupSequential`` call; a two-sided alpha there counts both sides."""
    sides = int(number("sided", call, 1))
    if information is None:
        rates = re.search(r"informationRates=c\(([^)]*)\)", call)
        looks = number("kMax", call)
        information = [float(x) for x in rates[1].split(",")] if rates else equal_looks(int(looks))
    kind = re.search(r'typeOfDesign="(\w+)"', call)[1]
    if kind == "HP":
        efficacy = HaybittlePeto(number("constantBoundsHP", call, 3.0))
    elif kind.startswith("as"):
        user = _user_spending("userAlphaSpending", call, information)
        efficacy = user or _rpact_spending(kind[2:], number("gammaA", call))
    else:
        efficacy = WangTsiatis(SHAPES.get(kind, number("deltaWT", call)))
    beta = re.search(r'typeBetaSpending="bs(\w+)"', call)
    fixed = re.search(r"futilityBounds=c\(([^)]*)\)", call)
    futility = None
    if beta:
        user = _user_spending("userBetaSpending", call, information)
        futility = user or _rpact_spending(beta[1], number("gammaB", call))
    if fixed:
        futility = FixedFutility(tuple(float(x) for x in fixed[1].split(",")))
    return GroupSequentialDesign(
        tuple(map(float, information)),
        efficacy,
        alpha=number("alpha", call) / sides,
        beta=number("beta", call, 0.2),
        futility=futility,
        binding="bindingFutility=TRUE" in call,
        sides=sides,
    )


def _user_spending(name, call, information):
    found = re.search(rf"{name}=c\(([^)]*)\)", call)
    if found is None:
        return None
    spent = [float(x) for x in found[1].split(",")]
    return Spending("stepwise", points=tuple((t, x / spent[-1]) for t, x in zip(information[:-1], spent, strict=False)))


def _rpact_spending(name, parameter):
    return Spending(NAMES[name], parameter if name in ("KD", "HSD") else None)


def lrstat(call, information):
    """``lrstat::getBound``, ``getCI``, ``getRCI``, ``getCP``; they know no looks beyond those given."""
    kind = re.search(r'typeAlphaSpending="(\w+)"', call)[1]
    parameter = number("parameterAlphaSpending", call)
    if kind.startswith("sf"):
        efficacy = _rpact_spending(kind[2:], parameter)
        given = tuple(map(float, information))
        return GroupSequentialDesign(given if given[-1] == 1.0 else (*given, 1.0), efficacy)
    last = float(information[-1])
    shape = WangTsiatis(SHAPES.get(kind, parameter))
    return GroupSequentialDesign(tuple(float(t) / last for t in information), shape)


def ldbounds(case):
    """``ldbounds::ldBounds``; two-sided calls give each side's alpha."""
    kind = re.search(r"iuse=(\d)", case["type"])[1]
    spending = Spending(NAMES[kind], number("phi", case["type"]) if kind in "34" else None)
    fractions = tuple(map(float, case["informationRates"]))
    return GroupSequentialDesign(fractions, spending, sides=int(case["sided"]))
