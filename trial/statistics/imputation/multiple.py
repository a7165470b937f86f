"""Multiple imputation of a trial's repeated outcomes, under MAR and by reference to another arm.

Strategies for what follows a participant's last seen visit (or the visit of an intercurrent event):

mar               as others of the own arm with the same past
jump-to-reference the mean jumps to the reference arm's; past deviations from the own arm's mean carry on
copy-reference    as if always in the reference arm: past deviations are from the reference arm's mean
copy-increments   from the last mean of the own arm on, the increments are those of the reference arm

Visits missed in between are always imputed under MAR. The reference arm's own participants have MAR in every strategy.

Invariants
1. What was seen is never changed, in any imputation.
2. The same generator state gives the same imputations.

Source: Rubin (1987); Carpenter, Roger & Kenward (2013), J Biopharm Stat 23, 1352–1371.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trial.statistics.checks import (
    EmptyArm,
    FloatArray,
    OutOfRange,
    check_count,
    check_named,
    check_no_twin,
    check_same_length,
    check_size,
    finite_vector,
    labels_of,
    measured,
)
from trial.statistics.checks import (
    numbers as as_numbers,
)
from trial.statistics.estimates import sealed
from trial.statistics.imputation.posterior import Draw, conditional, posterior_draws
from trial.statistics.mixed_models.patterns import BoolArray

Strategy = Literal["mar", "jump-to-reference", "copy-reference", "copy-increments"]

_MOST_STEPS = 1_000_000

STRATEGIES: dict[str, str] = {
    "mar": "missing at random",
    "jump-to-reference": "jump to reference",
    "copy-reference": "copy reference",
    "copy-increments": "copy increments in reference",
}


@dataclass(frozen=True, eq=False)
class Imputations:
    """``values`` (M, n, T) complete; ``missing`` (n, T) where they were imputed; ``after`` (n, T) by the strategy."""

    values: FloatArray
    missing: BoolArray
    after: BoolArray
    method: str
    unit: str = ""

    def __post_init__(self) -> None:
        sealed(self)

    @property
    def count(self) -> int:
        return len(self.values)

    def shifted(self, delta: ArrayLike) -> Imputations:
        """With ``delta`` added to what was imputed after the last seen visit: one number, or (n, T)."""
        by = np.broadcast_to(np.asarray(delta, dtype=np.float64), self.after.shape)
        return Imputations(
            self.values + np.where(self.after, by, 0.0),
            self.missing,
            self.after,
            f"{self.method}, shifted",
            self.unit,
        )

    def __str__(self) -> str:
        return f"{self.count} imputations of {int(self.missing.sum())} outcomes ({self.method})"


@dataclass(frozen=True, eq=False)
class _Data:
    y: FloatArray
    arm: NDArray[np.str_]
    arms: tuple[str, ...]
    covariates: FloatArray
    last: NDArray[np.int64]  # how many visits come before the strategy starts
    strategy: NDArray[np.str_]
    reference: str


def impute(
    outcome: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    rng: np.random.Generator,
    strategy: Strategy | ArrayLike = "mar",
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    event_before: ArrayLike | None = None,
    by_arm: bool = True,
    imputations: int = 100,
    burn_in: int = 200,
    between: int = 20,
    unit: str = "",
) -> Imputations:
    """Fill missing outcomes ``imputations`` times.

    outcome: (n, T) in order of visits, NaN where missed. arm: (n,) labels; reference: one of them.
    rng: the only source of randomness. strategy: one for all, or (n,) one for each participant.
    covariates: name → (n,) finite numbers, such as the baseline score; factors: name → (n,) labels. Their effects differ by
    visit.
    event_before: (n,) index in [0, T] of the first visit after an intercurrent event; from there on the strategy holds
    where the outcome is missing. None: from the first visit after the last seen.
    by_arm: own slopes and covariance for each arm (Carpenter et al.); else one covariance and common slopes.
    imputations: at least 2. burn_in, between: steps of data augmentation. unit: of the outcome, kept with the result and
    with what is pooled from it.
    Raises OutOfRange, EmptyArm, TooFewParticipants.

    >>> y = np.array([[5.0, 4.0], [6.0, np.nan], [4.0, 3.5], [7.0, 6.0], [5.5, 5.0], [6.5, 6.2], [4.5, 4.4]] * 2)
    >>> filled = impute(y, ["A"] * 7 + ["B"] * 7, reference="A", rng=np.random.default_rng(1), imputations=5)
    >>> print(filled)
    5 imputations of 2 outcomes (missing at random)
    """
    data = _read(outcome, arm, reference, strategy, covariates or {}, factors or {}, event_before)
    for name, value, least in (("imputations", imputations, 2), ("burn_in", burn_in, 0), ("between", between, 1)):
        if check_count(name, value, _MOST_STEPS) < least:
            raise OutOfRange(f"{name} must be a whole number from {least}; {value!r} was given.")
    missing = np.isnan(data.y)
    after = missing & (np.arange(data.y.shape[1])[None, :] >= data.last[:, None])
    streams = _streams(data, rng, by_arm=by_arm, count=int(imputations), burn_in=int(burn_in), between=int(between))
    values = np.stack([_fill(data, missing, after, parameters, rng) for parameters in streams])
    used = sorted(set(data.strategy.tolist()), key=list(STRATEGIES).index)
    return Imputations(values, missing, after, ", ".join(STRATEGIES[name] for name in used), unit)


def _read(
    outcome: ArrayLike,
    arm: ArrayLike,
    reference: str,
    strategy: str | ArrayLike,
    covariates: Mapping[str, ArrayLike],
    factors: Mapping[str, ArrayLike],
    event_before: ArrayLike | None,
) -> _Data:
    y = as_numbers("outcome", outcome)
    if y.ndim != 2 or np.any(np.isinf(y)):
        raise OutOfRange(
            "outcome must be participants × visits and hold finite numbers, or NaN where a visit was missed."
        )
    check_size("outcome", y)
    n, t = y.shape
    arms = labels_of("arm", arm)
    numbers = {name: measured(name, values) for name, values in check_named("covariates", covariates).items()}
    labels = {name: labels_of(name, values) for name, values in check_named("factors", factors).items()}
    check_no_twin(numbers, labels)
    found = tuple(str(a) for a in np.unique(arms))
    if len(found) < 2 or reference not in found:
        raise EmptyArm(f"At least two arms with participants are needed, one of them {reference!r}; found: {found}.")
    given_strategy = np.asarray(strategy).astype(str)
    if given_strategy.shape not in ((), (n,)):
        raise OutOfRange(f"strategy must be one name, or one for each of the {n} participants.")
    chosen = np.broadcast_to(given_strategy, (n,))
    unknown = sorted(set(chosen.tolist()) - set(STRATEGIES))
    if unknown:
        raise OutOfRange(f"strategy must be one of {', '.join(STRATEGIES)}; {unknown[0]!r} was given.")
    seen = ~np.isnan(y)
    last = np.where(seen.any(axis=1), t - np.argmax(seen[:, ::-1], axis=1), 0)
    if event_before is not None:
        given = finite_vector("event_before", event_before)
        if np.any((given < 0) | (given > t)):
            raise OutOfRange(f"event_before must be in [0, {t}].")
        last = given.astype(np.int64)
    check_same_length(numbers, labels, outcome=y, arm=arms, event_before=last)
    columns = [values - values.mean() for values in numbers.values()]
    columns += [(values == at) - np.mean(values == at) for values in labels.values() for at in np.unique(values)[1:]]
    x = np.column_stack(columns) if columns else np.zeros((n, 0))
    return _Data(y, arms, found, x, last.astype(np.int64), chosen, reference)


def _streams(
    data: _Data, rng: np.random.Generator, *, by_arm: bool, count: int, burn_in: int, between: int
) -> Iterator[dict[str, tuple[FloatArray, FloatArray]]]:
    """For each imputation: for each arm, everybody's mean if they were in it, and its covariance."""
    n = len(data.y)

    def chain(y: FloatArray, x: FloatArray) -> Iterator[Draw]:
        return posterior_draws(y, x, rng, count=count, burn_in=burn_in, between=between)

    if by_arm:
        x = np.column_stack([np.ones(n), data.covariates])
        chains = [chain(data.y[data.arm == a], x[data.arm == a]) for a in data.arms]
        for draws in zip(*chains, strict=True):
            yield {a: (x @ draw.slopes, draw.sigma) for a, draw in zip(data.arms, draws, strict=True)}
        return
    own = (data.arm[:, None] == np.array(data.arms)[None, :]).astype(np.float64)
    for draw in chain(data.y, np.column_stack([own, data.covariates])):
        yield {a: (_as_if(data, draw, place), draw.sigma) for place, a in enumerate(data.arms)}


def _as_if(data: _Data, draw: Draw, place: int) -> FloatArray:
    """Everybody's mean in the arm of that place."""
    arms = len(data.arms)
    mean: FloatArray = draw.slopes[place] + data.covariates @ draw.slopes[arms:]
    return mean


def _fill(
    data: _Data,
    missing: BoolArray,
    after: BoolArray,
    parameters: Mapping[str, tuple[FloatArray, FloatArray]],
    rng: np.random.Generator,
) -> FloatArray:
    """One completed data set: visits between seen ones first, then what follows by the strategy."""
    filled = np.where(missing, 0.0, data.y)
    between = missing & ~after
    for arm in data.arms:
        mine = data.arm == arm
        mean, sigma = parameters[arm]
        _draw_rows(filled, mine & between.any(axis=1), ~missing, between, mean, sigma, rng)
    base_mean, base_sigma = parameters[data.reference]
    for arm in data.arms:
        own_mean, own_sigma = parameters[arm]
        for strategy in np.unique(data.strategy):
            rows = (data.arm == arm) & (data.strategy == strategy) & after.any(axis=1)
            borrowed = arm != data.reference and strategy != "mar"
            mean = _strategy_mean(str(strategy), own_mean, base_mean, data.last) if borrowed else own_mean
            _draw_rows(filled, rows, ~after, after, mean, base_sigma if borrowed else own_sigma, rng)
    return filled


def _strategy_mean(strategy: str, own: FloatArray, base: FloatArray, last: NDArray[np.int64]) -> FloatArray:
    """The joint mean (n, T) from which past deviations are taken and to which they are added."""
    before = np.arange(own.shape[1])[None, :] < last[:, None]
    if strategy == "copy-reference":
        return base
    if strategy == "jump-to-reference":
        return np.where(before, own, base)
    place = np.maximum(last - 1, 0)
    rows = np.arange(len(own))
    # Before anything was seen both arms start from the same baseline, so the increments are the reference's own course.
    lead = np.where(last > 0, own[rows, place] - base[rows, place], 0.0)
    return np.where(before, own, base + lead[:, None])


def _draw_rows(
    filled: FloatArray,
    rows: BoolArray,
    given: BoolArray,
    wanted: BoolArray,
    mean: FloatArray,
    sigma: FloatArray,
    rng: np.random.Generator,
) -> None:
    """Draw the ``wanted`` entries of ``rows`` given the ``given`` ones, in place, pattern by pattern."""
    chosen = np.flatnonzero(rows)
    if not len(chosen):
        return
    keys = np.concatenate([given[chosen], wanted[chosen]], axis=1)
    patterns, member = np.unique(keys, axis=0, return_inverse=True)
    t = filled.shape[1]
    for place, pattern in enumerate(patterns):
        here = chosen[member.reshape(-1) == place]
        known, target = pattern[:t] & ~pattern[t:], pattern[t:]
        both = known | target
        slope, factor = conditional(sigma[np.ix_(both, both)], known[both])
        past = filled[np.ix_(here, known)] - mean[np.ix_(here, known)]
        middle = mean[np.ix_(here, target)] + past @ slope.T
        filled[np.ix_(here, target)] = middle + rng.standard_normal(middle.shape) @ factor.T
