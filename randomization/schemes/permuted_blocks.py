"""Permuted blocks, of one size or of sizes drawn at random.

Method: the list is cut into blocks; within a block every arm stands as often as the ratio says, and all
    arrangements are equally likely. With several sizes, each block's size is drawn uniformly among them.
    Source: Hill (1951); Zelen (1974), J Chronic Dis 27:365; Rosenberger & Lachin (2016), chapter 3.

Derivation from the stratum's stream (``stream.py`` defines its words): the k-th block's size is
``sizes[k-th integer below len(sizes)]`` of the use ``block sizes``, the sizes sorted upwards; the i-th block
of size s is the i-th arrangement, in the use ``blocks of s``, of the template with s/R · r₀ times arm 0, then
s/R · r₁ times arm 1, …, where R is the sum of the ratio. The last block is cut at the wanted length.

Invariants
1. A shorter list is the beginning of a longer one.
2. At the end of every block the arms stand exactly in the ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from randomization.schemes.scheme import check_length, check_ratio, is_whole
from randomization.schemes.stream import ArmIndices, Stream

LARGEST_BLOCK = 1000


@dataclass(frozen=True)
class PermutedBlocks:
    """ratio: a whole number of at least 1 for each arm. sizes: different multiples of the ratio's sum."""

    name: ClassVar[str] = "permuted_blocks"

    ratio: tuple[int, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_ratio(self.ratio)
        if not self.sizes:
            raise ValueError("sizes must name at least one block size")
        for size in self.sizes:
            self._check_size(size)
        if len(set(self.sizes)) != len(self.sizes):
            raise ValueError("sizes must all be different: each size is drawn equally often")
        object.__setattr__(self, "sizes", tuple(sorted(self.sizes)))

    def _check_size(self, size: int) -> None:
        unit = sum(self.ratio)
        if not is_whole(size) or size < unit or size % unit or size > LARGEST_BLOCK:
            raise ValueError(f"sizes must be multiples of {unit} in [{unit}, {LARGEST_BLOCK}], not {size!r}")

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        """The first ``length`` arms of the list that ``stream`` holds."""
        check_length(length)
        sizes = self.block_sizes(stream, length)
        if len(self.sizes) == 1:
            use = f"blocks of {self.sizes[0]}"
            return stream.use(use).arrangements(self._templates[0], len(sizes)).reshape(-1)[:length]
        ends = np.cumsum(sizes)
        starts = ends - sizes
        arms = np.empty(int(ends[-1]) if length else 0, dtype=np.uint8)
        for size, template in zip(self.sizes, self._templates, strict=True):
            of_size = starts[sizes == size]
            blocks = stream.use(f"blocks of {size}").arrangements(template, len(of_size))
            arms[of_size[:, np.newaxis] + np.arange(size)] = blocks
        return arms[:length]

    def block_sizes(self, stream: Stream, length: int) -> NDArray[np.intp]:
        """The sizes of the blocks that cover ``length`` slots, in their order."""
        most = -(-length // self.sizes[0])
        if len(self.sizes) == 1:  # an integer below 1 is 0, whatever the word
            return np.full(most, self.sizes[0], dtype=np.intp)
        drawn = stream.use("block sizes").integers(len(self.sizes), most).astype(np.intp)
        sizes = np.array(self.sizes, dtype=np.intp)[drawn]
        needed = int(np.searchsorted(np.cumsum(sizes), length)) + 1
        return sizes[: needed if length else 0]

    @cached_property
    def _templates(self) -> tuple[ArmIndices, ...]:
        """For each size the arms that stand in such a block, rising."""
        arms, unit = np.arange(len(self.ratio), dtype=np.uint8), sum(self.ratio)
        return tuple(np.repeat(arms, np.array(self.ratio) * (size // unit)) for size in self.sizes)

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio), "sizes": list(self.sizes)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]), sizes=tuple(parameters["sizes"]))
