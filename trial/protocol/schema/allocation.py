"""How participants are allocated, without anything that must stay secret.

Invariants
1. Block sizes and seeds are no part of a protocol: the randomization statistician gives them when the list is
   designed, and they are stored sealed.
2. A stratum is read from recorded fields; nobody types one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from trial.protocol.schema.base import Code, Coded, Count, Fraction, Part, Positive, Text


class RecordedAt(Part):
    """The form's field that holds a fact."""

    form: Code
    field: Code


class Factor(Part):
    """A stratification factor. Its levels are the codes of the choices of the field where it is recorded."""

    name: Code
    label: Text
    levels: Annotated[tuple[Coded, ...], Field(min_length=2)]
    recorded_at: RecordedAt

    @property
    def level_codes(self) -> tuple[str, ...]:
        return tuple(level.code for level in self.levels)


class PermutedBlocks(Part):
    name: Literal["permuted_blocks"]
    sizes: Literal["random", "fixed"] = "random"

    @model_validator(mode="before")
    @classmethod
    def _block_sizes_are_secret(cls, given: Any) -> Any:
        if isinstance(given, dict) and any("block" in str(key) for key in given):
            raise ValueError(
                "block sizes are no part of a protocol; the randomization statistician gives them, sealed, "
                "when the list is designed"
            )
        return given


class FactorWeight(Part):
    factor: Code
    weight: Positive


class Minimization(Part):
    """Allocation that keeps the factors' margins balanced, with a random element."""

    name: Literal["minimization"]
    distance: Literal["range", "variance", "standard_deviation"]
    probability_of_best: Fraction
    weights: tuple[FactorWeight, ...] = ()


class Randomization(Part):
    scheme: Annotated[PermutedBlocks | Minimization, Field(discriminator="name")]
    site_is_factor: bool
    factors: tuple[Factor, ...]
    within_days_of_eligibility: Count
    before_visit: Code | None = None
    site_cap_fraction: Annotated[float, Field(gt=0, le=1)]


class Supply(Part):
    """What a kit is and when one is taken."""

    kit: Text
    units_per_kit: Count
    dispensed_at: Annotated[tuple[Code, ...], Field(min_length=1)]
    replacements_numbered_apart: bool = True
