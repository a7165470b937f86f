"""What a sceptic and an enthusiast conclude: normal priors on an effect, and their posteriors.

Invariants
1. A normal prior and a normal estimate give a normal posterior, precisions adding.

What it does not do: choose anybody's prior; the two named ones follow from the design's effect alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

from scipy.special import ndtr, ndtri

from trial.statistics.checks import OutOfRange, check_in, check_level, one_number
from trial.statistics.estimates import normal_quantile


@dataclass(frozen=True)
class NormalPrior:
    """Effect ~ normal(mean, sd²) before the trial; sd in (0, ∞], ∞ is flat."""

    mean: float
    sd: float
    name: str = "normal prior"

    def __post_init__(self) -> None:
        check_in("mean", self.mean, -1e12, 1e12)
        check_in("sd", self.sd, 0.0, inf, "(]")


@dataclass(frozen=True)
class Posterior:
    """The effect after prior and data: mean, sd and a central interval of probability ``level``, in ``unit``."""

    mean: float
    sd: float
    lower: float
    upper: float
    level: float
    prior: NormalPrior
    unit: str

    def probability_above(self, effect: float) -> float:
        """P(true effect > ``effect``)."""
        return float(ndtr((self.mean - check_in("effect", effect, -1e12, 1e12)) / self.sd))

    def __str__(self) -> str:
        return (
            f"{self.prior.name}: effect {self.mean:.4g} ({100 * self.level:g} % {self.lower:.4g} to {self.upper:.4g}, "
            f"unit {self.unit}), P(effect > 0) = {self.probability_above(0.0):.4f}; normal prior and estimate"
        )


def sceptical_prior(effect: float, chance: float = 0.05) -> NormalPrior:
    """Centred on no effect, with P(true effect beyond ``effect``) = ``chance``.

    effect: the design's, not 0. chance: in (0, 0.5). Raises OutOfRange.
    Source: Spiegelhalter, Freedman & Parmar (1994).

    >>> round(sceptical_prior(2.5).sd, 4)
    1.5199
    """
    return NormalPrior(0.0, _sd(effect, chance), "sceptical prior")


def enthusiastic_prior(effect: float, chance: float = 0.05) -> NormalPrior:
    """Centred on the design's effect, with P(no effect or worse) = ``chance``; arguments as for ``sceptical_prior``."""
    return NormalPrior(one_number("effect", effect), _sd(effect, chance), "enthusiastic prior")


def posterior(
    estimate: float, standard_error: float, prior: NormalPrior, *, level: float = 0.95, unit: str = "effect"
) -> Posterior:
    """The posterior of an effect from a normal estimate.

    estimate, standard_error: in the unit of the prior; standard_error in (0, 1e12). level: in (0, 1).
    Raises OutOfRange. Source: Spiegelhalter, Abrams & Myles (2004) chapter 3.

    >>> print(posterior(2.0, 1.0, sceptical_prior(2.5)))
    sceptical prior: effect 1.396 (95 % -0.2416 to 3.033, unit effect), P(effect > 0) = 0.9526; normal prior and estimate
    """
    data = check_in("standard_error", standard_error, 0.0, 1e12) ** -2.0
    before = 0.0 if check_prior(prior).sd == inf else prior.sd**-2.0
    sd = 1.0 / sqrt(data + before)
    mean = (data * check_in("estimate", estimate, -1e12, 1e12) + before * prior.mean) * sd * sd
    reach = normal_quantile(check_level(level)) * sd
    return Posterior(mean, sd, mean - reach, mean + reach, level, prior, unit)


def check_prior(prior: NormalPrior) -> NormalPrior:
    """A normal prior, and nothing else."""
    if not isinstance(prior, NormalPrior):
        raise OutOfRange(f"prior must be a NormalPrior; {prior!r} was given.")
    return prior


def _sd(effect: float, chance: float) -> float:
    size = check_in("size of effect", abs(one_number("effect", effect)), 0.0, 1e12)
    return size / float(-ndtri(check_in("chance", chance, 0.0, 0.5)))
