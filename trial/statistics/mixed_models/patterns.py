"""Sums over participants, kept by pattern of missing visits.

Everything that a fit by REML asks of the data is one of two sums, for matrices A that depend on a participant only through
the visits seen (and the group of the covariance):

    Σ_i Z_iᵀ A_g(i) Z_i     (q × q, for many A at once)          ``CrossProducts.sandwich``
    Σ_{i in g} Z_i B Z_iᵀ   (visits × visits, for each pattern)  ``CrossProducts.spread``

So the crossed products of Z are added up once for each pattern, and an iteration's cost no longer depends on the number
of participants.

Invariants
1. Visits that were missed are rows of zeros, and A is zero there.
2. Products are taken pattern by pattern: small ones are not split over threads, which costs more than it gives on a busy
   machine.
3. Where the stored products would take more than ``_BUDGET`` numbers, they are formed again at each call, in parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trial.statistics.checks import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_BUDGET = 24_000_000


@dataclass(frozen=True, eq=False)
class Patterns:
    """Who was seen when: ``seen`` (G, T), ``group`` (G,) of the covariance, ``counts`` (G,) participants.

    ``member`` (n,) gives each participant's pattern.
    """

    seen: BoolArray
    group: IntArray
    counts: FloatArray
    member: IntArray


def find_patterns(seen: BoolArray, group: IntArray) -> Patterns:
    """The distinct rows of ``seen`` (n, T) within ``group`` (n,)."""
    keyed = np.column_stack([group, seen.astype(np.int64)])
    rows, member, counts = np.unique(keyed, axis=0, return_inverse=True, return_counts=True)
    return Patterns(rows[:, 1:].astype(bool), rows[:, 0], counts.astype(np.float64), member.reshape(-1))


class CrossProducts:
    """The crossed products of ``z`` (n, T, q) by pattern."""

    def __init__(self, z: FloatArray, patterns: Patterns) -> None:
        self.patterns = patterns
        self.visits, self.width = int(z.shape[1]), int(z.shape[2])
        self._pairs = np.triu_indices(self.visits)
        self._triangle = np.triu_indices(self.width)
        order = np.argsort(patterns.member, kind="stable")
        ends = np.cumsum(patterns.counts).astype(np.int64)
        self.rows = [z[part] for part in np.split(order, ends[:-1])]
        per_pattern = len(self._pairs[0]) * len(self._triangle[0])
        self._at_once = max(_BUDGET // per_pattern, 1)
        fits = len(ends) <= self._at_once
        self._stored: FloatArray | None = self._products(0, len(ends)) if fits else None

    def sandwich(self, a: FloatArray) -> FloatArray:
        """Σ_i Z_iᵀ A_kg(i) Z_i for symmetric ``a`` (K, G, T, T), as (K, q, q)."""
        entries = a[:, :, self._pairs[0], self._pairs[1]]
        packed = np.zeros((len(a), len(self._triangle[0])))
        for start, stop, products in self._parts():
            for place in range(start, stop):
                packed += entries[:, place] @ products[place - start]
        full = np.empty((len(a), self.width, self.width))
        full[:, self._triangle[0], self._triangle[1]] = packed
        full[:, self._triangle[1], self._triangle[0]] = packed
        return full

    def spread(self, b: FloatArray) -> FloatArray:
        """Σ_{i in g} Z_i B Z_iᵀ for symmetric ``b`` (q, q), as (G, T, T)."""
        weights = np.where(self._triangle[0] == self._triangle[1], 1.0, 2.0) * b[self._triangle]
        halves = np.where(self._pairs[0] == self._pairs[1], 1.0, 0.5)
        full = np.empty((len(self.rows), self.visits, self.visits))
        for start, stop, products in self._parts():
            entries = products @ weights * halves
            full[start:stop, self._pairs[0], self._pairs[1]] = entries
            full[start:stop, self._pairs[1], self._pairs[0]] = entries
        return full

    def _parts(self) -> Iterator[tuple[int, int, FloatArray]]:
        total = len(self.rows)
        if self._stored is not None:
            yield 0, total, self._stored
            return
        for start in range(0, total, self._at_once):
            stop = min(start + self._at_once, total)
            yield start, stop, self._products(start, stop)

    def _products(self, start: int, stop: int) -> FloatArray:
        """(patterns, pairs of visits, upper triangle): C_ab + C_abᵀ, and C_aa on the diagonal."""
        t, q = self.visits, self.width
        out = np.empty((stop - start, len(self._pairs[0]), len(self._triangle[0])))
        halves = np.where(self._pairs[0] == self._pairs[1], 0.5, 1.0)[:, None]
        for place in range(start, stop):
            flat = self.rows[place].reshape(-1, t * q)
            crossed = (flat.T @ flat).reshape(t, q, t, q)
            pairs = crossed[self._pairs[0], :, self._pairs[1], :]
            upper = pairs[:, self._triangle[0], self._triangle[1]]
            lower = pairs[:, self._triangle[1], self._triangle[0]]
            out[place - start] = (upper + lower) * halves
        return out
