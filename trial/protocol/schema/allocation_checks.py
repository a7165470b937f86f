"""Whether how a protocol allocates agrees with the rest of it: factors, scheme, caps, kits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, Final

from trial.protocol.schema.allocation import Minimization, RecordedAt, Scheme
from trial.protocol.schema.problems import Path, Problem, recorded, twice, visit_exists

if TYPE_CHECKING:
    from trial.protocol.schema.base import Condition
    from trial.protocol.schema.protocol import Protocol
    from trial.protocol.schema.schedule import Visit


def allocation_problems(protocol: Protocol) -> Iterator[Problem]:
    here: Path = ("randomization",)
    randomization = protocol.randomization
    for place, factor in enumerate(protocol.factors):
        path = (*here, "factors", place)
        yield from recorded(protocol, (*path, "recorded_at"), factor.recorded_at)
        codes = _choice_codes(protocol, factor.recorded_at)
        if codes is not None and set(codes) != set(factor.level_codes):
            yield Problem(
                (*path, "levels"),
                f"the levels of {factor.name!r} ({', '.join(factor.level_codes)}) differ from the answers of "
                f"the field where it is recorded ({', '.join(codes)})",
            )
    yield from _scheme(protocol, (*here, "scheme"))
    yield from _caps(protocol, (*here, "caps"))
    yield from _replacements(protocol, (*here, "replacements"))
    yield from visit_exists(protocol, (*here, "before_visit"), randomization.before_visit)
    for place, code in enumerate(protocol.supply.dispensed_at):
        yield from visit_exists(protocol, ("supply", "dispensed_at", place), code)
    yield from _prepared_without_kits(protocol)
    yield from _further(protocol, (*here, "further"))


def _prepared_without_kits(protocol: Protocol) -> Iterator[Problem]:
    if protocol.supply.numbered_kits:
        return
    bare = [arm.code for arm in protocol.arms if arm.preparation is None]
    if protocol.infusions is None or bare:
        yield Problem(
            ("supply", "numbered_kits"),
            "without numbered kits the pharmacist prepares each dose, so every arm needs a preparation and the protocol an"
            " infusion plan; add them, or number the kits",
        )


def _further(protocol: Protocol, here: Path) -> Iterator[Problem]:
    stages = protocol.randomization.further
    yield from twice(here, "stage", [stage.code for stage in stages])
    for place, stage in enumerate(stages):
        path = (*here, place)
        visit = next((visit for visit in protocol.visits if visit.code == stage.from_visit), None)
        yield from visit_exists(protocol, (*path, "from_visit"), stage.from_visit)
        if visit is not None and visit.period == "screening":
            yield Problem((*path, "from_visit"), "nobody is randomized yet at a visit of the screening")
        if visit is not None:
            yield from _asked_at(visit, (*path, "when", "conditions"), stage.when.conditions if stage.when else ())
        strangers = sorted(set(stage.ratio) - set(protocol.arm_codes))
        if strangers or len(stage.ratio) == 1:
            yield Problem((*path, "ratio"), "name two or more of the trial's arms, or leave the ratio out")
        elif stage.ratio:
            yield from _stage_ratio(protocol, (*path, "ratio"), list(stage.ratio.values()))
    known = [stage.from_visit for stage in stages if stage.from_visit in protocol.visit_codes]
    order = [protocol.visit_codes.index(visit) for visit in known]
    if order != sorted(set(order)):
        yield Problem(here, "stages follow each other: give each a visit after the one before")


def _stage_ratio(protocol: Protocol, path: Path, shares: list[int]) -> Iterator[Problem]:
    """Every stage is randomized by the trial's scheme, which may not take the stage's own ratio."""
    scheme = protocol.randomization.scheme
    wrong = _unfit_ratio(scheme.name, shares) or _no_preference(scheme, shares)
    if wrong is not None:
        yield Problem(path, f"{wrong}; change this ratio, leave it out, or choose another scheme for the trial")


def _asked_at(visit: Visit, path: Path, conditions: Iterable[Condition]) -> Iterator[Problem]:
    there = {*visit.forms, *(instrument.id for instrument in visit.instruments)}
    for number, condition in enumerate(conditions):
        if condition.form not in there:
            yield Problem((*path, number, "form"), f"{condition.form!r} is not filled in at {visit.code}")


def _caps(protocol: Protocol, here: Path) -> Iterator[Problem]:
    levels = {factor.name: factor.level_codes for factor in protocol.factors}
    for place, cap in enumerate(protocol.randomization.caps):
        for factor, level in cap.levels.items():
            if level not in levels.get(factor, ()):
                yield Problem((*here, place, "levels"), f"there is no stratification factor {factor!r} with {level!r}")


def _replacements(protocol: Protocol, here: Path) -> Iterator[Problem]:
    rule, planned = protocol.randomization.replacements, protocol.sample_size.total
    if rule is not None and rule.at_most > planned:
        yield Problem(
            (*here, "at_most"),
            f"{rule.at_most} replacements are more than the {planned} participants who are planned; give a smaller number",
        )


_TWO_EQUAL_ARMS: Final = frozenset({"biased_coin", "big_stick", "maximal_procedure"})


def _scheme(protocol: Protocol, here: Path) -> Iterator[Problem]:
    scheme = protocol.randomization.scheme
    shares = [share for code, share in protocol.ratio.items() if code in {arm.code for arm in protocol.arms}]
    unfit = _unfit_ratio(scheme.name, shares)
    if unfit is not None:
        yield Problem((*here, "name"), f"{unfit}; choose block_urn or permuted_blocks for other ratios")
    if scheme.name == "biased_coin" and not Fraction(1, 2) <= Fraction(str(scheme.probability)) <= 1:
        yield Problem((*here, "probability"), "the arm that is behind needs a probability in [1/2, 1]")
    if scheme.name == "minimization":
        yield from _minimization(protocol, scheme, shares, here)


def _unfit_ratio(scheme: str, shares: list[int]) -> str | None:
    """Why a scheme cannot take this ratio."""
    if scheme in _TWO_EQUAL_ARMS and (len(shares) != 2 or len(set(shares)) > 1):
        return f"{scheme} is defined for two arms at 1:1 only"
    if scheme == "urn" and len(set(shares)) > 1:
        return "urn is defined for equal ratios only"
    return None


def _no_preference(scheme: Scheme, shares: list[int]) -> str | None:
    seats = sum(shares) // (gcd(*shares) or 1)
    if not isinstance(scheme, Minimization) or not seats or Fraction(str(scheme.probability_of_best)) * seats >= 1:
        return None
    return f"the preferred seat of {seats} needs a probability of at least 1/{seats}, or it is no preference"


def _minimization(protocol: Protocol, scheme: Minimization, shares: list[int], here: Path) -> Iterator[Problem]:
    names = {factor.name for factor in protocol.factors}
    names |= {"site"} if protocol.randomization.site_is_factor else set()
    if not names:
        yield Problem((*here, "name"), "minimization needs at least one factor; name one, or let the site be one")
    yield from twice((*here, "weights"), "factor", [weight.factor for weight in scheme.weights])
    for place, weight in enumerate(scheme.weights):
        if weight.factor not in names:
            yield Problem((*here, "weights", place, "factor"), f"{weight.factor!r} is no factor of this trial")
    unpreferred = _no_preference(scheme, shares)
    if unpreferred is not None:
        yield Problem((*here, "probability_of_best"), unpreferred)


def _choice_codes(protocol: Protocol, place: RecordedAt) -> tuple[str, ...] | None:
    form = next((form for form in protocol.forms if form.code == place.form), None)
    field = form.field(place.field) if form else None
    if field is None:
        return None
    return ("yes", "no") if field.kind == "yes_no" else tuple(choice.code for choice in field.choices)
