"""From what the protocol says in the open and the designer adds under seal to the design of a list.

Invariants
1. Scheme, arms, ratio and factors come from the protocol; block sizes, limits and uploaded lists from the designer.
2. A scheme gets all that it needs and nothing that it does not know: the rest is refused, by name.
"""

from __future__ import annotations

from typing import Protocol as Typed

from randomization.lists import (
    AdaptiveDesign,
    Factor,
    ListDesign,
    ListDesignInvalid,
    biased_coin,
    made,
    minimization,
    permuted_blocks,
    read_uploaded_list,
)
from randomization.schemes import (
    BigStick,
    BlockUrn,
    Complete,
    ListSchemes,
    MaximalProcedure,
    RandomAllocationRule,
    Urn,
)
from trial.protocol.schema import Protocol, allocation

SITE = "site"
_LIMITED = (allocation.BigStick, allocation.BlockUrn, allocation.MaximalProcedure)


class UnderSeal(Typed):
    """What the designer adds."""

    @property
    def block_sizes(self) -> tuple[int, ...]: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def uploaded(self) -> str | None: ...
    @property
    def codes(self) -> dict[str, dict[str, str]]: ...
    @property
    def slots_per_stratum(self) -> int: ...


def design_from(protocol: Protocol, sites: tuple[str, ...], given: UnderSeal) -> ListDesign | AdaptiveDesign:
    """The design of a list for these sites. Raises ``ListDesignInvalid``, ``UploadedListInvalid``."""
    scheme = protocol.randomization.scheme
    _check_given(scheme, given)
    if isinstance(scheme, allocation.Minimization):
        return _adaptive(protocol, scheme)
    factors = factors_of(protocol, sites)
    if isinstance(scheme, allocation.UploadedList):
        return read_uploaded_list(given.uploaded or "", protocol.arm_codes, protocol.shares, factors, given.codes)
    made_scheme = made(lambda: _list_scheme(scheme, protocol.shares, given))
    return ListDesign(protocol.arm_codes, made_scheme, given.slots_per_stratum, factors)


def _check_given(scheme: allocation.Scheme, given: UnderSeal) -> None:
    blocks = isinstance(scheme, allocation.PermutedBlocks)
    uploads = isinstance(scheme, allocation.UploadedList)
    wanted = {
        "block sizes": (blocks, bool(given.block_sizes)),
        "a limit of imbalance": (isinstance(scheme, _LIMITED), given.limit is not None),
        "an uploaded list": (uploads, given.uploaded is not None),
        "slots for each stratum": (not uploads and scheme.name != "minimization", bool(given.slots_per_stratum)),
    }
    for what, (needed, is_given) in wanted.items():
        if needed and not is_given:
            raise ListDesignInvalid(f"The protocol randomizes by {scheme.name}, which needs {what}. Give it.")
        if is_given and not needed:
            bare = what.removeprefix("a ").removeprefix("an ")
            raise ListDesignInvalid(f"The protocol randomizes by {scheme.name}, which takes no {bare}. Leave it out.")
    if isinstance(scheme, allocation.PermutedBlocks) and (scheme.sizes == "fixed") != (len(given.block_sizes) == 1):
        raise ListDesignInvalid(
            f"The protocol asks for blocks of {scheme.sizes} size: give one size for fixed, two or more for random."
        )


def _list_scheme(scheme: allocation.Scheme, ratio: tuple[int, ...], given: UnderSeal) -> ListSchemes:
    limit = given.limit or 0
    match scheme:
        case allocation.PermutedBlocks():
            return permuted_blocks(ratio, given.block_sizes)
        case allocation.Complete():
            return Complete(ratio)
        case allocation.RandomAllocationRule():
            return RandomAllocationRule(ratio)
        case allocation.BiasedCoin(probability=probability):
            return biased_coin(ratio, probability)
        case allocation.Urn(start=start, added=added):
            return Urn(ratio, start, added)
        case allocation.BigStick():
            return BigStick(limit, ratio)
        case allocation.BlockUrn():
            return BlockUrn(ratio, limit)
        case allocation.MaximalProcedure():
            return MaximalProcedure(limit, ratio)
    raise ListDesignInvalid(f"{scheme.name} makes no list from a seed.")


def _adaptive(protocol: Protocol, rule: allocation.Minimization) -> AdaptiveDesign:
    given = {weight.factor: weight.weight for weight in rule.weights}
    weights = given or dict.fromkeys(factor_names(protocol), 1.0)
    scheme = minimization(protocol.shares, weights, rule.probability_of_best, rule.distance, rule.overall_weight)
    return AdaptiveDesign(protocol.arm_codes, scheme)


def factors_of(protocol: Protocol, sites: tuple[str, ...]) -> tuple[Factor, ...]:
    own = tuple(Factor(factor.name, factor.level_codes) for factor in protocol.factors)
    return (Factor(SITE, sites), *own) if protocol.randomization.site_is_factor else own


def factor_names(protocol: Protocol) -> tuple[str, ...]:
    """The names of the factors, the site among them where it is one."""
    own = tuple(factor.name for factor in protocol.factors)
    return (SITE, *own) if protocol.randomization.site_is_factor else own
