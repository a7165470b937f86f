"""Spending functions: how much of alpha (or beta) may be used up by a fraction of the planned information.

Invariants
1. Each function is 0 at fraction 0, exactly ``alpha`` at fraction 1, and never decreases between.
2. Each is pure; ``Spending`` only names one with its parameter, so that a protocol file can hold it.

What it does not do: turn spending into bounds (``efficacy``, ``futility``), or clip fractions beyond 1 (``looks``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trial.statistics.checks import FloatArray, OutOfRange, check_choice, check_in, numbers

Points = Sequence[tuple[float, float]]


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


def exponential(fraction: ArrayLike, alpha: float, nu: float = 0.75) -> FloatArray:
    """Exponential spending, α^(t^−ν).

    nu: in (0, 10]; near 0.8 for O'Brien–Fleming, towards 0 all is spent early.
    Other arguments, result and errors as for ``ld_obrien_fleming``.
    Source: Anderson & Clark (2010). Oracle: gsDesign ``sfExponential``.

    >>> exponential([0.5, 1.0], 0.025, 0.75).round(6)
    array([0.002021, 0.025   ])
    """
    t, total = _checked(fraction, alpha)
    shape = check_in("nu", nu, 0.0, 10.0, "(]")
    with np.errstate(divide="ignore", over="ignore"):
        spent = np.exp(np.log(total) * t**-shape)
    return _pinned(spent, t, total)


def stepwise(fraction: ArrayLike, alpha: float, points: Points) -> FloatArray:
    """The user's own spending: straight lines between given points, from (0, 0) to (1, 1).

    points: pairs (fraction of information, fraction of alpha spent by then); both rise, within [0, 1], information
        strictly. (1, 1) may be left out.
    Other arguments, result and errors as for ``ld_obrien_fleming``.
    Oracle: gsDesign ``sfLinear``; rpact ``asUser``.

    >>> stepwise([0.25, 0.5, 1.0], 0.025, [(0.5, 0.2)])
    array([0.0025, 0.005 , 0.025 ])
    """
    t, total = _checked(fraction, alpha)
    at, share = _check_points(points)
    return _pinned(total * np.interp(t, at, share), t, total)


@dataclass(frozen=True)
class Spending:
    """A spending function by the name that a protocol file gives it, with its parameter where it has one.

    name: a key of ``SPENDING_FUNCTIONS``.
    parameter: γ of Hwang–Shih–DeCani, ρ of Kim–DeMets, ν of the exponential; None for the two Lan–DeMets types.
    points: for ``stepwise`` only, pairs (fraction of information, fraction of alpha).
    Raises OutOfRange.

    >>> Spending("hwang_shih_decani", -4.0)(0.75, 0.1).round(6)
    np.float64(0.035609)
    """

    name: str
    parameter: float | None = None
    points: Points | None = None

    def __post_init__(self) -> None:
        check_choice("spending", self.name, SPENDING_FUNCTIONS)
        for given, kind, word in (
            (self.parameter, _WITH_PARAMETER, "parameter"),
            (self.points, ("stepwise",), "points"),
        ):
            if (given is None) == (self.name in kind):
                needs = "needs" if self.name in kind else "takes no"
                raise OutOfRange(f"spending {self.name} {needs} {word}.")
        self(1.0, 0.025)
        if self.points is not None:
            object.__setattr__(self, "points", tuple((float(at), float(share)) for at, share in self.points))

    def __call__(self, fraction: ArrayLike, alpha: float, /) -> FloatArray:
        function = SPENDING_FUNCTIONS[self.name]
        more = self.points if self.parameter is None else self.parameter
        return function(fraction, alpha) if more is None else function(fraction, alpha, more)

    def __str__(self) -> str:
        title = _TITLES[self.name]
        if self.points is not None:
            return title.format(", ".join(f"{share:g} by {at:g}" for at, share in self.points))
        return title if self.parameter is None else title.format(self.parameter)


SPENDING_FUNCTIONS: Final[dict[str, Callable[..., FloatArray]]] = {
    "lan_demets_obrien_fleming": ld_obrien_fleming,
    "lan_demets_pocock": ld_pocock,
    "hwang_shih_decani": hwang_shih_decani,
    "kim_demets": kim_demets,
    "exponential": exponential,
    "stepwise": stepwise,
}
_WITH_PARAMETER: Final = ("hwang_shih_decani", "kim_demets", "exponential")
_TITLES: Final = {
    "lan_demets_obrien_fleming": "Lan–DeMets, O'Brien–Fleming type",
    "lan_demets_pocock": "Lan–DeMets, Pocock type",
    "hwang_shih_decani": "Hwang–Shih–DeCani, γ = {:g}",
    "kim_demets": "Kim–DeMets, ρ = {:g}",
    "exponential": "exponential, ν = {:g}",
    "stepwise": "straight lines, {}",
}


def _check_points(points: Points) -> tuple[FloatArray, FloatArray]:
    """The corners of a stepwise spending with both ends added."""
    try:
        given: FloatArray = np.asarray([*points], dtype=np.float64)
    except (TypeError, ValueError):
        raise OutOfRange(f"points must be pairs of numbers; {points!r} was given.") from None
    if given.ndim != 2 or given.shape[1] != 2:
        raise OutOfRange("points must be pairs (fraction of information, fraction of alpha), at least one.")
    ends = [row for row in ([0.0, 0.0], [1.0, 1.0]) if row[0] not in given[:, 0]]
    corners = np.array(sorted([*given.tolist(), *ends]))
    inside = bool(np.all((corners >= 0.0) & (corners <= 1.0)))
    if not (inside and np.all(np.diff(corners[:, 0]) > 0.0) and np.all(np.diff(corners[:, 1]) >= 0.0)):
        raise OutOfRange("points must rise within [0, 1]: information strictly, alpha never falling.")
    if corners[0, 1] != 0.0 or corners[-1, 1] != 1.0:
        raise OutOfRange("points must spend nothing at information 0 and everything at 1.")
    return corners[:, 0], corners[:, 1]


def _checked(fraction: ArrayLike, alpha: float) -> tuple[FloatArray, float]:
    t = numbers("fraction", fraction)
    if not np.all((t >= 0.0) & (t <= 1.0)):
        raise OutOfRange(f"fraction must be in [0, 1]; {fraction!r} was given.")
    return t, check_in("alpha", alpha, 0.0, 1.0)


def _pinned(spent: FloatArray, t: FloatArray, total: float) -> FloatArray:
    """Exactly nothing at 0 and everything at 1, which rounding would miss by an ulp."""
    pinned: FloatArray = np.where(t == 1.0, total, np.where(t == 0.0, 0.0, np.minimum(spent, total)))
    return pinned[()]


def check_spending(spend: object) -> None:
    """Anything that can be called may be a spending function."""
    if not callable(spend):
        raise OutOfRange(f"A spending function is needed; {spend!r} was given.")
