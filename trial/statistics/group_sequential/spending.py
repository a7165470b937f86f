"""Spending functions: how much of alpha (or beta) may be used up by a fraction of the planned information.

Invariants
1. Each function is 0 at fraction 0, exactly ``alpha`` at fraction 1, and never decreases between.
2. Each is pure; ``Spending`` only names one with its parameter, so that a protocol file can hold it.

What it does not do: turn spending into bounds (``boundaries``), or clip fractions beyond 1 (``design``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trial.statistics.checks import FloatArray, OutOfRange, check_in


class SpendingFunction(Protocol):
    """Cumulative spending at information fractions in [0, 1]: shape in, shape out."""

    def __call__(self, fraction: ArrayLike, alpha: float, /) -> FloatArray: ...


def ld_obrien_fleming(fraction: ArrayLike, alpha: float) -> FloatArray:
    """O'Brien–Fleming-type spending, 2 − 2Φ(z_{1−α/2} / √t).

    fraction: any shape, in [0, 1], unitless.
    alpha: total to spend, in (0, 1), one-sided.
    Returns the same shape: cumulative spending.
    Raises OutOfRange.
    Source: Lan & DeMets (1983). Oracle: gsDesign ``sfLDOF``.

    >>> ld_obrien_fleming([0.5, 1.0], 0.025).round(6)
    array([0.001525, 0.025   ])
    """
    t, total = _checked(fraction, alpha)
    with np.errstate(divide="ignore"):
        spent: FloatArray = 2.0 * ndtr(ndtri(total / 2.0) / np.sqrt(t))
    return _pinned(spent, t, total)


def ld_pocock(fraction: ArrayLike, alpha: float) -> FloatArray:
    """Pocock-type spending, α ln(1 + (e − 1) t).

    Arguments, result and errors as for ``ld_obrien_fleming``.
    Source: Lan & DeMets (1983). Oracle: gsDesign ``sfLDPocock``.

    >>> ld_pocock([0.5, 1.0], 0.025).round(6)
    array([0.015503, 0.025   ])
    """
    t, total = _checked(fraction, alpha)
    return _pinned(total * np.log1p((np.e - 1.0) * t), t, total)


def hwang_shih_decani(fraction: ArrayLike, alpha: float, gamma: float = -4.0) -> FloatArray:
    """Hwang–Shih–DeCani spending, α (1 − e^{−γt}) / (1 − e^{−γ}); α t when γ = 0.

    gamma: in [-40, 40]; −4 is near O'Brien–Fleming, 1 near Pocock.
    Other arguments, result and errors as for ``ld_obrien_fleming``.
    Source: Hwang, Shih & DeCani (1990). Oracle: gsDesign ``sfHSD``.

    >>> hwang_shih_decani([0.5, 1.0], 0.1, -4.0).round(6)
    array([0.01192, 0.1    ])
    """
    t, total = _checked(fraction, alpha)
    shape = check_in("gamma", gamma, -40.0, 40.0, "[]")
    if shape == 0.0:
        return total * t
    return _pinned(total * np.expm1(-shape * t) / np.expm1(-shape), t, total)


def kim_demets(fraction: ArrayLike, alpha: float, rho: float = 3.0) -> FloatArray:
    """Power-family spending, α t^ρ.

    rho: in (0, 50].
    Other arguments, result and errors as for ``ld_obrien_fleming``.
    Source: Kim & DeMets (1987). Oracle: gsDesign ``sfPower``.

    >>> kim_demets([0.5, 1.0], 0.025, 2.0)
    array([0.00625, 0.025  ])
    """
    t, total = _checked(fraction, alpha)
    return total * t ** check_in("rho", rho, 0.0, 50.0, "(]")


@dataclass(frozen=True)
class Spending:
    """A spending function by the name that a protocol file gives it, with its parameter where it has one.

    name: a key of ``SPENDING_FUNCTIONS``.
    parameter: γ of Hwang–Shih–DeCani or ρ of Kim–DeMets; None for the two Lan–DeMets types.

    >>> Spending("hwang_shih_decani", -4.0)(0.75, 0.1).round(6)
    np.float64(0.035609)
    """

    name: str
    parameter: float | None = None

    def __post_init__(self) -> None:
        if self.name not in SPENDING_FUNCTIONS:
            raise OutOfRange(f"spending must be one of {', '.join(SPENDING_FUNCTIONS)}; {self.name!r} was given.")
        if (self.parameter is None) == (self.name in _WITH_PARAMETER):
            needs = "needs" if self.name in _WITH_PARAMETER else "takes no"
            raise OutOfRange(f"spending {self.name} {needs} parameter.")
        self(1.0, 0.025)

    def __call__(self, fraction: ArrayLike, alpha: float, /) -> FloatArray:
        function = SPENDING_FUNCTIONS[self.name]
        return function(fraction, alpha) if self.parameter is None else function(fraction, alpha, self.parameter)

    def __str__(self) -> str:
        title = _TITLES[self.name]
        return title if self.parameter is None else title.format(self.parameter)


SPENDING_FUNCTIONS: Final[dict[str, Callable[..., FloatArray]]] = {
    "lan_demets_obrien_fleming": ld_obrien_fleming,
    "lan_demets_pocock": ld_pocock,
    "hwang_shih_decani": hwang_shih_decani,
    "kim_demets": kim_demets,
}
_WITH_PARAMETER: Final = ("hwang_shih_decani", "kim_demets")
_TITLES: Final = {
    "lan_demets_obrien_fleming": "Lan–DeMets, O'Brien–Fleming type",
    "lan_demets_pocock": "Lan–DeMets, Pocock type",
    "hwang_shih_decani": "Hwang–Shih–DeCani, γ = {:g}",
    "kim_demets": "Kim–DeMets, ρ = {:g}",
}


def _checked(fraction: ArrayLike, alpha: float) -> tuple[FloatArray, float]:
    t: FloatArray = np.asarray(fraction, dtype=np.float64)
    if not np.all((t >= 0.0) & (t <= 1.0)):
        raise OutOfRange(f"fraction must be in [0, 1]; {fraction!r} was given.")
    return t, check_in("alpha", alpha, 0.0, 1.0)


def _pinned(spent: FloatArray, t: FloatArray, total: float) -> FloatArray:
    """Exactly nothing at 0 and everything at 1, which rounding would miss by an ulp."""
    pinned: FloatArray = np.where(t == 1.0, total, np.where(t == 0.0, 0.0, np.minimum(spent, total)))
    return pinned[()]
