"""Whether how a protocol allocates agrees with the rest of it: factors, scheme, caps, kits."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, Final

from trial.protocol.schema.allocation import Minimization, RecordedAt
from trial.protocol.schema.problems import Path, Problem, recorded, twice, visit_exists

if TYPE_CHECKING:
    from trial.protocol.schema.protocol import Protocol


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
    yield from visit_exists(protocol, (*here, "before_visit"), randomization.before_visit)
    for place, code in enumerate(protocol.supply.dispensed_at):
        yield from visit_exists(protocol, ("supply", "dispensed_at", place), code)
    yield from _prepared_without_kits(protocol)


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


def _caps(protocol: Protocol, here: Path) -> Iterator[Problem]:
    levels = {factor.name: factor.level_codes for factor in protocol.factors}
    for place, cap in enumerate(protocol.randomization.caps):
        for factor, level in cap.levels.items():
            if level not in levels.get(factor, ()):
                yield Problem((*here, place, "levels"), f"there is no stratification factor {factor!r} with {level!r}")


_TWO_EQUAL_ARMS: Final = frozenset({"biased_coin", "big_stick", "maximal_procedure"})


def _scheme(protocol: Protocol, here: Path) -> Iterator[Problem]:
    scheme = protocol.randomization.scheme
    shares = [share for code, share in protocol.ratio.items() if code in {arm.code for arm in protocol.arms}]
    if scheme.name in _TWO_EQUAL_ARMS and (len(shares) != 2 or len(set(shares)) > 1):
        yield Problem(
            (*here, "name"),
            f"{scheme.name} is defined for two arms at 1:1 only; choose block_urn or permuted_blocks for other ratios",
        )
    if scheme.name == "urn" and len(set(shares)) > 1:
        yield Problem((*here, "name"), "urn is defined for equal ratios only; choose block_urn for this one")
    if scheme.name == "biased_coin" and not Fraction(1, 2) <= Fraction(str(scheme.probability)) <= 1:
        yield Problem((*here, "probability"), "the arm that is behind needs a probability in [1/2, 1]")
    if scheme.name == "minimization":
        yield from _minimization(protocol, scheme, shares, here)


def _minimization(protocol: Protocol, scheme: Minimization, shares: list[int], here: Path) -> Iterator[Problem]:
    names = {factor.name for factor in protocol.factors}
    names |= {"site"} if protocol.randomization.site_is_factor else set()
    if not names:
        yield Problem((*here, "name"), "minimization needs at least one factor; name one, or let the site be one")
    yield from twice((*here, "weights"), "factor", [weight.factor for weight in scheme.weights])
    for place, weight in enumerate(scheme.weights):
        if weight.factor not in names:
            yield Problem((*here, "weights", place, "factor"), f"{weight.factor!r} is no factor of this trial")
    seats = sum(shares) // (gcd(*shares) or 1)
    if seats and Fraction(str(scheme.probability_of_best)) * seats < 1:
        yield Problem(
            (*here, "probability_of_best"),
            f"the preferred seat of {seats} needs a probability of at least 1/{seats}, or it is no preference",
        )


def _choice_codes(protocol: Protocol, place: RecordedAt) -> tuple[str, ...] | None:
    form = next((form for form in protocol.forms if form.code == place.form), None)
    field = form.field(place.field) if form else None
    if field is None:
        return None
    return ("yes", "no") if field.kind == "yes_no" else tuple(choice.code for choice in field.choices)
