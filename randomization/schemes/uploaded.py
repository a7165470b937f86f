"""A list that was made elsewhere and uploaded. Its arms are parameters: no seed has part in them.

What the seed of such a list is good for: it hides the design commitment until the list is opened. What the
commitments prove: that the list is the one that was uploaded. That it was made by chance they cannot prove.

Derivation: the arms of a stratum are those that the parameters name for it.

Invariants
1. The list of a stratum has as many slots as were uploaded for it, and none can be added.
2. The order of the strata plays no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from randomization.schemes.scheme import check_length, check_ratio, is_whole
from randomization.schemes.stream import ArmIndices, Stream


@dataclass(frozen=True)
class UploadedList:
    """ratio: what the protocol says. strata: each stratum's key with the indices of its arms, in their order."""

    name: ClassVar[str] = "uploaded_list"

    ratio: tuple[int, ...]
    strata: tuple[tuple[str, tuple[int, ...]], ...] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        object.__setattr__(self, "strata", tuple(sorted((key, tuple(arms)) for key, arms in self.strata)))
        check_ratio(self.ratio)
        if len({key for key, _ in self.strata}) != len(self.strata):
            raise ValueError("strata must each be named once")
        for key, arms in self.strata:
            self._check_arms(key, arms)

    def _check_arms(self, key: str, arms: tuple[int, ...]) -> None:
        if not arms:
            raise ValueError(f"strata must hold at least one slot each; {key} holds none")
        if not all(is_whole(arm) and 0 <= arm < len(self.ratio) for arm in set(arms)):
            raise ValueError(f"strata must hold indices of arms in [0, {len(self.ratio) - 1}]; {key} holds others")

    def length_of(self, stratum: str) -> int:
        """How many slots were uploaded for a stratum."""
        return len(self._arms_of(stratum))

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        check_length(length)
        arms = self._arms_of(stream.stratum)
        if length > len(arms):
            raise ValueError(f"length must be at most {len(arms)} in {stream.stratum}, as uploaded, not {length}")
        return np.array(arms[:length], dtype=np.uint8)

    def _arms_of(self, stratum: str) -> tuple[int, ...]:
        for key, arms in self.strata:
            if key == stratum:
                return arms
        raise ValueError(f"strata must name {stratum}, and the uploaded list does not")

    def parameters(self) -> dict[str, Any]:
        return {
            "scheme": self.name,
            "ratio": list(self.ratio),
            "strata": [[key, list(arms)] for key, arms in self.strata],
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        strata = tuple((key, tuple(arms)) for key, arms in parameters["strata"])
        return cls(ratio=tuple(parameters["ratio"]), strata=strata)
