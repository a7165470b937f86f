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

from randomization.schemes.minimization import Balance, Imbalance, MarginalCounts, Minimization
from randomization.schemes.permuted_blocks import PermutedBlocks
from randomization.schemes.scheme import AdaptiveScheme, ListScheme, Scheme, exact
from randomization.schemes.stream import ArmIndices, Stream

__all__ = [
    "AdaptiveScheme",
    "ArmIndices",
    "Balance",
    "Imbalance",
    "ListScheme",
    "MarginalCounts",
    "Minimization",
    "PermutedBlocks",
    "Scheme",
    "Stream",
    "exact",
    "scheme_from_parameters",
]

_BY_NAME: dict[str, type[PermutedBlocks | Minimization]] = {
    PermutedBlocks.name: PermutedBlocks,
    Minimization.name: Minimization,
}


def scheme_from_parameters(parameters: Mapping[str, Any]) -> PermutedBlocks | Minimization:
    """The scheme that ``parameters()`` described."""
    name = parameters.get("scheme")
    if name not in _BY_NAME:
        raise ValueError(f"scheme must be one of {', '.join(sorted(_BY_NAME))}, not {name!r}")
    return _BY_NAME[name].from_parameters(parameters)
