"""Which schemes fit a protocol, and the scenario that it describes.

Block sizes and limits are chosen here for the comparison; those of the real list are given when it is designed, and sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from randomization.ledger.designs import SITE, factor_names
from randomization.lists import made, minimization
from randomization.schemes import (
    AnyScheme,
    Balance,
    BiasedCoin,
    BigStick,
    BlockUrn,
    Complete,
    MaximalProcedure,
    Minimization,
    PermutedBlocks,
    RandomAllocationRule,
    Urn,
    exact,
)
from randomization.simulation.courses import Scenario
from trial.protocol.schema import Protocol, allocation

USUAL_LIMIT = 3


@dataclass(frozen=True)
class Candidate:
    """A scheme with the name that tables call it."""

    label: str
    scheme: AnyScheme
    is_the_protocols: bool = False


def scenario_of(
    protocol: Protocol,
    *,
    participants: int | None = None,
    sites: int | None = None,
    preference: float | None = None,
    trend: float | None = None,
) -> Scenario:
    """The protocol's trial; by default a preference of a quarter of the effect, and a trend as large as the effect."""
    effect = protocol.sample_size.difference / protocol.sample_size.standard_deviation
    codes, contrast = protocol.arm_codes, protocol.estimand.contrast
    own = tuple((factor.name, len(factor.levels)) for factor in protocol.factors)
    site = ((SITE, sites or protocol.sites.planned),) if protocol.randomization.site_is_factor else ()
    return Scenario(
        participants=participants or protocol.sample_size.total,
        ratio=protocol.shares,
        factors=(*site, *own),
        experimental=codes.index(contrast.arm),
        control=codes.index(contrast.against),
        effect=effect,
        preference=effect / 4 if preference is None else preference,
        trend=effect if trend is None else trend,
        alpha=2 * protocol.design.alpha_one_sided,
    )


def candidates_for(
    protocol: Protocol, *, block_sizes: Sequence[int] = (), limit: int = USUAL_LIMIT
) -> tuple[Candidate, ...]:
    """Every scheme that the protocol's arms and ratio allow; the protocol's own is marked. Raises ``ListDesignInvalid``."""
    ratio, unit = protocol.shares, sum(protocol.shares)
    random_sizes = tuple(block_sizes) or (2 * unit, 3 * unit)
    fixed = min(random_sizes)
    schemes: list[AnyScheme] = [Complete(ratio), RandomAllocationRule(ratio)]
    schemes += [made(lambda: PermutedBlocks(ratio, (fixed,))), made(lambda: PermutedBlocks(ratio, random_sizes))]
    schemes.append(made(lambda: BlockUrn(ratio, limit)))
    if len(set(ratio)) == 1:
        schemes.append(_urn(protocol))
    if len(ratio) == 2 and len(set(ratio)) == 1:
        schemes += [_coin(protocol), BigStick(limit, ratio), MaximalProcedure(limit, ratio)]
    if factor_names(protocol):
        schemes.append(_minimization(protocol))
    return tuple(Candidate(label_of(one), one, _is_own(protocol, one)) for one in dict.fromkeys(schemes))


def _is_own(protocol: Protocol, scheme: AnyScheme) -> bool:
    own = protocol.randomization.scheme
    if isinstance(own, allocation.PermutedBlocks) and isinstance(scheme, PermutedBlocks):
        return (own.sizes == "random") == (len(scheme.sizes) > 1)
    return own.name == scheme.name


def _urn(protocol: Protocol) -> Urn:
    scheme = protocol.randomization.scheme
    if isinstance(scheme, allocation.Urn):
        return Urn(protocol.shares, scheme.start, scheme.added)
    return Urn(protocol.shares)


def _coin(protocol: Protocol) -> BiasedCoin:
    scheme = protocol.randomization.scheme
    probability = exact(scheme.probability) if isinstance(scheme, allocation.BiasedCoin) else Fraction(2, 3)
    return BiasedCoin(protocol.shares, probability)


def _minimization(protocol: Protocol) -> Minimization:
    rule = protocol.randomization.scheme
    if isinstance(rule, allocation.Minimization):
        weights = {one.factor: one.weight for one in rule.weights} or dict.fromkeys(factor_names(protocol), 1.0)
        return minimization(protocol.shares, weights, rule.probability_of_best, rule.distance, rule.overall_weight)
    return Minimization(protocol.shares, tuple(Balance(name) for name in factor_names(protocol)))


def label_of(scheme: AnyScheme) -> str:
    """The scheme in a few words, with what it was tried with."""
    match scheme:
        case PermutedBlocks(sizes=sizes):
            return f"Permuted blocks of {', '.join(map(str, sizes))}"
        case BiasedCoin(probability=probability):
            return f"Biased coin, {probability}"
        case Urn(start=start, added=added):
            return f"Urn ({start}, {added})"
        case BigStick(limit=limit) | MaximalProcedure(limit=limit) | BlockUrn(limit=limit):
            return f"{scheme.name.replace('_', ' ').capitalize()}, limit {limit}"
        case Minimization(probability=probability, imbalance=imbalance):
            return f"Minimization by {imbalance.value.replace('_', ' ')}, {float(probability):g}"
    return scheme.name.replace("_", " ").capitalize()
