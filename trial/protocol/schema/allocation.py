"""How participants are allocated, without anything that must stay secret.

Invariants
1. What would help to guess the next arm (block sizes, limits of imbalance, seeds, an uploaded list) is no part of a
   protocol: the randomization statistician gives it when the list is designed, and it is stored sealed.
2. A stratum is read from recorded fields; nobody types one.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from trial.protocol.schema.base import Check, Code, Coded, Count, Fraction, Part, Positive, Text

MAIN_STAGE: Final = "main"
"""The stage of the trial's first randomization."""
Chance = (
    Annotated[float, Field(gt=0, le=1)]
    | Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}/[1-9][0-9]{0,5}$")]
)
"""A probability as it is meant: 0.8, or "2/3" where no decimal says it."""


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


class Complete(Part):
    """The ratio's chances for everybody, whatever came before."""

    name: Literal["complete"]


class RandomAllocationRule(Part):
    """Each stratum's list holds the arms exactly in the ratio, in any order."""

    name: Literal["random_allocation_rule"]


class BiasedCoin(Part):
    """Efron's coin: ``probability`` is that of the arm that is behind. Two arms, 1:1."""

    name: Literal["biased_coin"]
    probability: Chance = "2/3"


class Urn(Part):
    """Wei's urn: ``start`` balls of each arm, and ``added`` balls of every other arm after an allocation. Equal ratio."""

    name: Literal["urn"]
    start: Annotated[int, Field(ge=0, le=10_000)] = 0
    added: Annotated[int, Field(ge=1, le=10_000)] = 1


class _Limited(Part):
    @model_validator(mode="before")
    @classmethod
    def _limits_are_secret(cls, given: Any) -> Any:
        named = [key for key in given if str(key) in {"limit", "mti", "lambda"}] if isinstance(given, dict) else []
        if named:
            raise ValueError(
                f"{named[0]} is no part of a protocol, for it helps to guess the next arm; the randomization "
                "statistician gives it, sealed, when the list is designed"
            )
        return given


class BigStick(_Limited):
    """A fair coin until one arm leads by the limit. Two arms, 1:1."""

    name: Literal["big_stick"]


class BlockUrn(_Limited):
    """The block urn design: any ratio, any number of arms, imbalance bounded."""

    name: Literal["block_urn"]


class MaximalProcedure(_Limited):
    """All lists within the limit of imbalance are equally likely. Two arms, 1:1."""

    name: Literal["maximal_procedure"]


class UploadedList(Part):
    """A list made elsewhere; the randomization statistician uploads it when the list is designed."""

    name: Literal["uploaded_list"]


class FactorWeight(Part):
    factor: Code
    weight: Positive


class Minimization(Part):
    """Allocation that keeps the factors' margins balanced, with a random element."""

    name: Literal["minimization"]
    distance: Literal["range", "variance", "standard_deviation"]
    probability_of_best: Fraction
    weights: tuple[FactorWeight, ...] = ()
    overall_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0


Scheme = (
    PermutedBlocks
    | Complete
    | RandomAllocationRule
    | BiasedCoin
    | Urn
    | BigStick
    | BlockUrn
    | MaximalProcedure
    | UploadedList
    | Minimization
)


class Cap(Part):
    """At most so many participants with these levels: one stratum, or several at once."""

    levels: Annotated[dict[Code, Code], Field(min_length=1)]
    at_most: Count


class FurtherStage(Part):
    """Another randomization of those who are in the trial: a second stage of treatment, or a sub-study of some of them.

    It is due once ``from_visit`` is done, for those of whom ``when`` holds in what is recorded at that visit; doses and kits
    of the visits after it are those of this stage. ``ratio`` names some of the trial's arms, by itself all as
    the trial has them; scheme, factors and kits are the trial's. Other treatments are a trial of their own.
    """

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    label: Text
    from_visit: Code
    when: Check | None = None
    ratio: dict[Code, Count] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_name_of_its_own(self) -> Self:
        if self.code == MAIN_STAGE or self.code.startswith("envelopes_"):
            raise ValueError(f"{self.code!r} names a stage that every trial has; choose another code")
        return self


class Replacements(Part):
    """Who of those randomized is replaced: ``before_first_dose``, who left the study (withdrawn, lost, died) without a dose;
    ``before_completion``, whoever left it before its end. ``at_most`` so many in the whole trial."""

    when: Literal["before_first_dose", "before_completion"]
    at_most: Count


class Randomization(Part):
    """``further`` are the randomizations after the first one, in the order of their visits. ``caps`` bound strata;
    ``warn_at_slots`` is how many slots are left when a stratum counts as low, by itself a tenth of the stratum and at least
    eight. Without ``replacements`` nobody who leaves is replaced."""

    scheme: Annotated[Scheme, Field(discriminator="name")]
    site_is_factor: bool
    factors: tuple[Factor, ...]
    within_days_of_eligibility: Count
    before_visit: Code | None = None
    site_cap_fraction: Annotated[float, Field(gt=0, le=1)]
    caps: tuple[Cap, ...] = ()
    warn_at_slots: Count | None = None
    further: tuple[FurtherStage, ...] = ()
    replacements: Replacements | None = None

    @property
    def has_list(self) -> bool:
        """Whether a list is made beforehand; minimization decides for each participant anew."""
        return not isinstance(self.scheme, Minimization)


class Supply(Part):
    """How the treatment comes to the site, and what a label says: the same words whatever is behind it.

    With ``numbered_kits`` each allocation names a kit: ``kit`` says what one is, ``dispensed_at`` when one is handed out.
    Without, an allocation names none: the unblinded pharmacist prepares each dose from stock of the pharmacy.
    """

    numbered_kits: bool = True
    kit: Text | None = None
    units_per_kit: Count = 1
    dispensed_at: tuple[Code, ...] = ()
    replacements_numbered_apart: bool = True
    replacements_allowed: bool = True
    label: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _kits_are_described_where_there_are_any(self) -> Self:
        said = {"kit", "units_per_kit", "dispensed_at"} & self.model_fields_set
        if self.numbered_kits and (self.kit is None or not self.dispensed_at):
            raise ValueError("say what a kit is (kit) and at which visits one is handed out (dispensed_at)")
        if not self.numbered_kits and said:
            raise ValueError(f"there are no numbered kits, so leave out {', '.join(sorted(said))}")
        return self

    @property
    def label_words(self) -> tuple[str, ...]:
        """What stands on a label: its own words, or else what a kit is."""
        return self.label or ((self.kit,) if self.kit else ())
