"""A design to and from the design section of a protocol file, as a plain mapping.

Invariants
1. ``design_from_section(section_of(design)) == design`` for every design that a file can hold.
2. A spending function of the user's own, being code, cannot stand in a file.

What it does not do: read YAML, or know the schema's classes (``trial.protocol.schema.design`` has the same names).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trial.errors import InvalidInput
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.efficacy import EfficacyRule, HaybittlePeto, WangTsiatis
from trial.statistics.group_sequential.futility import FixedFutility, HarmSpending
from trial.statistics.group_sequential.planning import FutilityRule
from trial.statistics.group_sequential.spending import Spending

PARAMETERS: Final[dict[str, str]] = {
    "hwang_shih_decani": "gamma",
    "kim_demets": "rho",
    "exponential": "nu",
    "stepwise": "points",
    "wang_tsiatis": "delta",
    "haybittle_peto": "interim",
    "fixed": "bounds",
}
_NAMED_SHAPES: Final = {"obrien_fleming": 0.0, "pocock": 0.5}


class NotForAFile(InvalidInput):
    code = "statistics.design_not_for_a_file"


def design_from_section(section: Mapping[str, Any]) -> GroupSequentialDesign:
    """The design of a protocol's design section; without looks a fixed design.

    Keys: alpha_one_sided, power, sides (1), looks (each information_fraction, and efficacy and futility, true by default),
    efficacy (function with its parameter), futility (function with its parameter, beta, binding, total).
    Raises OutOfRange, FallingInformation; a missing key is named.
    """
    if not isinstance(section, Mapping):
        raise OutOfRange(f"The design section must be a mapping; {section!r} was given.")
    looks = section.get("looks") or ()
    futility = section.get("futility")
    power = _needed(section, "power")
    fractions = (*(float(_needed(look, "information_fraction")) for look in looks), 1.0)
    beta = 1.0 - power if futility is None or futility.get("beta") is None else futility["beta"]
    efficacy = section.get("efficacy")
    return GroupSequentialDesign(
        information_fractions=fractions,
        efficacy=Spending("lan_demets_obrien_fleming") if efficacy is None else _efficacy(efficacy),
        alpha=_needed(section, "alpha_one_sided"),
        beta=round(beta, 12),
        futility=None if futility is None else _futility(futility),
        binding=bool(futility and futility.get("binding")),
        sides=section.get("sides") or 1,
        efficacy_looks=_flags(looks, "efficacy"),
        futility_looks=_flags(looks, "futility"),
    )


def section_of(design: GroupSequentialDesign) -> dict[str, Any]:
    """What the design section says of a design: only what differs from a default. Raises NotForAFile."""
    looks: list[dict[str, Any]] = []
    for k, fraction in enumerate(design.information_fractions[:-1]):
        look = {"number": k + 1, "name": f"Interim analysis {k + 1}", "information_fraction": fraction}
        for name, without in (("efficacy", design.without_efficacy), ("futility", design.without_futility)):
            if k in without:
                look[name] = False
        looks.append(look)
    section: dict[str, Any] = {"alpha_one_sided": design.alpha, "power": round(1.0 - design.beta, 12), "looks": looks}
    if design.sides == 2:
        section["sides"] = 2
    if looks:
        section["efficacy"] = _rule(design.efficacy)
    if design.futility is not None:
        section["futility"] = {**_rule(design.futility), "beta": design.beta, "binding": design.binding}
    return section


def _efficacy(part: Mapping[str, Any]) -> EfficacyRule:
    name, parameter = _function(part)
    if name in _NAMED_SHAPES:
        return WangTsiatis(_NAMED_SHAPES[name])
    if name == "wang_tsiatis":
        return WangTsiatis(parameter)
    if name == "haybittle_peto":
        return HaybittlePeto(tuple(parameter) if isinstance(parameter, list | tuple) else float(parameter))
    return _spending(name, parameter)


def _futility(part: Mapping[str, Any]) -> FutilityRule:
    name, parameter = _function(part)
    if name == "fixed":
        return FixedFutility(tuple(float(z) for z in parameter))
    spending = _spending(name, parameter)
    total = part.get("total")
    return spending if total is None else HarmSpending(spending, total)


def _spending(name: str, parameter: Any) -> Spending:
    if name == "stepwise":
        return Spending(name, points=tuple((float(at), float(share)) for at, share in parameter))
    return Spending(name, None if parameter is None else float(parameter))


def _function(part: Mapping[str, Any]) -> tuple[str, Any]:
    name = _needed(part, "function")
    key = PARAMETERS.get(name)
    return name, None if key is None else _needed(part, key)


def _rule(rule: EfficacyRule | FutilityRule) -> dict[str, Any]:
    if isinstance(rule, HarmSpending):
        return {**_rule(rule.spending), "total": rule.total}
    if isinstance(rule, FixedFutility):
        return {"function": "fixed", "bounds": list(rule.bounds)}
    if isinstance(rule, HaybittlePeto):
        interim = list(rule.interim) if isinstance(rule.interim, tuple) else rule.interim
        return {"function": "haybittle_peto", "interim": interim}
    if isinstance(rule, WangTsiatis):
        named = next((name for name, delta in _NAMED_SHAPES.items() if delta == rule.delta), None)
        return {"function": named} if named else {"function": "wang_tsiatis", "delta": rule.delta}
    if not isinstance(rule, Spending):
        raise NotForAFile(
            "A spending function given as code cannot stand in a protocol file; name one, or give points."
        )
    if rule.points is not None:
        return {"function": rule.name, "points": [list(point) for point in rule.points]}
    return {"function": rule.name} | ({} if rule.parameter is None else {PARAMETERS[rule.name]: rule.parameter})


def _flags(looks: Any, name: str) -> tuple[bool, ...] | None:
    flags = (*(look.get(name, True) is not False for look in looks), True)
    return None if all(flags) else flags


def _needed(part: Mapping[str, Any], key: str) -> Any:
    value = part.get(key)
    if value is None:
        raise OutOfRange(f"{key} is missing from the design section.")
    return value
