"""Allocation rules: parameters, a stream of bits and perhaps a state in; arms, as indices, out.

Invariants
1. A scheme is a frozen value: the same parameters, stream and state give the same arms everywhere.
2. Parameters are checked when a scheme is made; a ``ValueError`` names the parameter and its range.
3. ``parameters()`` is plain JSON matter, and ``scheme_from_parameters`` gives the same scheme back.

Two kinds. A *list scheme* makes a whole list before the first participant comes. An *adaptive scheme* decides
for each participant from those before. Schemes know no database, no key, no site and no name of an arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from randomization.schemes.coins import BiasedCoin, BigStick, Complete
from randomization.schemes.fixed_totals import MaximalProcedure, RandomAllocationRule
from randomization.schemes.minimization import Balance, Imbalance, MarginalCounts, Minimization
from randomization.schemes.permuted_blocks import PermutedBlocks
from randomization.schemes.scheme import AdaptiveScheme, ListScheme, Scheme, exact, in_lowest_terms
from randomization.schemes.stream import ArmIndices, Stream
from randomization.schemes.uploaded import UploadedList
from randomization.schemes.urns import BlockUrn, Urn

__all__ = [
    "LIST_SCHEMES",
    "AdaptiveScheme",
    "AnyScheme",
    "ArmIndices",
    "Balance",
    "BiasedCoin",
    "BigStick",
    "BlockUrn",
    "Complete",
    "Imbalance",
    "ListScheme",
    "ListSchemes",
    "MarginalCounts",
    "MaximalProcedure",
    "Minimization",
    "PermutedBlocks",
    "RandomAllocationRule",
    "Scheme",
    "Stream",
    "UploadedList",
    "Urn",
    "exact",
    "in_lowest_terms",
    "scheme_from_parameters",
]

ListSchemes = (
    PermutedBlocks
    | Complete
    | RandomAllocationRule
    | BiasedCoin
    | Urn
    | BigStick
    | BlockUrn
    | MaximalProcedure
    | UploadedList
)
AnyScheme = ListSchemes | Minimization

LIST_SCHEMES: tuple[type[ListSchemes], ...] = (
    PermutedBlocks,
    Complete,
    RandomAllocationRule,
    BiasedCoin,
    Urn,
    BigStick,
    BlockUrn,
    MaximalProcedure,
    UploadedList,
)
_BY_NAME: dict[str, type[AnyScheme]] = {made.name: made for made in (*LIST_SCHEMES, Minimization)}


def scheme_from_parameters(parameters: Mapping[str, Any]) -> AnyScheme:
    """The scheme that ``parameters()`` described."""
    name = parameters.get("scheme")
    if name not in _BY_NAME:
        raise ValueError(f"scheme must be one of {', '.join(sorted(_BY_NAME))}, not {name!r}")
    return _BY_NAME[name].from_parameters(parameters)
