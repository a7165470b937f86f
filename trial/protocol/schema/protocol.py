"""The whole protocol, and the names by which everyone asks it.

Invariants
1. A protocol that exists is consistent: what one part names, another part defines (``checks`` says how).
2. No rule of any one trial is in code; it is in the file.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Annotated, Self, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from trial.errors import NotFound
from trial.protocol.schema.allocation import MAIN_STAGE, Factor, FurtherStage, Randomization, Supply
from trial.protocol.schema.arms import Arm, Blinding
from trial.protocol.schema.base import Code, Count, Part
from trial.protocol.schema.checks import problems_of
from trial.protocol.schema.design import (
    Board,
    Design,
    LockStage,
    Responsibility,
    SafetyReviews,
    SampleSize,
)
from trial.protocol.schema.identity import Identity, Programme, Sites
from trial.protocol.schema.infusions import InfusionPlan
from trial.protocol.schema.instruments import Domain, Instrument
from trial.protocol.schema.outcomes import Analysis, Endpoint, Endpoints, Estimand, Subgroup
from trial.protocol.schema.safety import AdverseEventRules, BlindingGuesses, DeviationKind, StoppingRule
from trial.protocol.schema.schedule import Criterion, Form, Schedule, Visit

T = TypeVar("T")


class NotInProtocol(NotFound):
    code = "protocol.not_in_protocol"


class Protocol(Part):
    """One version of one trial's protocol."""

    identity: Identity
    sites: Sites
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    ratio: dict[Code, Count]
    blinding: Blinding
    programme: Programme | None = None
    randomization: Randomization
    supply: Supply
    infusions: InfusionPlan | None = None
    eligibility: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    schedule: Schedule
    forms: Annotated[tuple[Form, ...], Field(min_length=1)]
    instruments: Annotated[tuple[Instrument, ...], Field(min_length=1)]
    adverse_events: AdverseEventRules
    estimand: Estimand
    endpoints: Endpoints
    analysis: Analysis
    subgroups: tuple[Subgroup, ...]
    sample_size: SampleSize
    design: Design
    stopping_rules: tuple[StoppingRule, ...]
    safety_reviews: SafetyReviews
    board: Board
    guesses: BlindingGuesses
    deviations: tuple[DeviationKind, ...]
    lock_stages: Annotated[tuple[LockStage, ...], Field(min_length=1)]
    responsibilities: tuple[Responsibility, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        problems = tuple(problems_of(self))
        if problems:
            raise PydanticCustomError(
                "protocol_inconsistent",
                "{sentences}",
                {"problems": problems, "sentences": "; ".join(problem.sentence for problem in problems)},
            )
        return self

    @property
    def code(self) -> str:
        return self.identity.code

    @property
    def version(self) -> str:
        return self.identity.version

    @property
    def arm_codes(self) -> tuple[str, ...]:
        return tuple(arm.code for arm in self.arms)

    @property
    def shares(self) -> tuple[int, ...]:
        """The allocation ratio in the order of the arms."""
        return tuple(self.ratio[arm.code] for arm in self.arms)

    @property
    def allocation_rule(self) -> Hashable:
        """What makes somebody's chances: arms with their shares, the scheme with its parameters, factors with their levels.

        Words, treatments, caps, and the form on which a factor is recorded are no part of it, nor is any order.
        """
        shares = frozenset(zip(self.arm_codes, self.shares, strict=True))
        factors = frozenset((factor.name, frozenset(factor.level_codes)) for factor in self.factors)
        return shares, self.randomization.scheme, factors, self.randomization.site_is_factor

    def allocates_like(self, other: Protocol, stage: str = MAIN_STAGE) -> bool:
        """Whether an allocation list that was made for a stage of one of the two serves participants of the other."""
        if stage in self._further or stage in other._further:
            both = stage in self._further and stage in other._further
            return both and self.at_stage(stage).allocation_rule == other.at_stage(stage).allocation_rule
        return self is other or self.allocation_rule == other.allocation_rule

    @property
    def _further(self) -> set[str]:
        return {stage.code for stage in self.randomization.further}

    @property
    def most_by_arm_caps(self) -> int | None:
        """How many may be randomized in all before, by the ratio, some arm is at its cap; ``None`` without caps."""
        whole = sum(self.ratio.values())
        return min((arm.at_most * whole // self.ratio[arm.code] for arm in self.arms if arm.at_most), default=None)

    def stage(self, code: str) -> FurtherStage:
        return _named("further randomization", code, ((stage.code, stage) for stage in self.randomization.further))

    def at_stage(self, code: str) -> Protocol:
        """The protocol as a randomization sees it: its own arms and ratio, all else the trial's. ``main`` is the first one."""
        ratio = {} if code == MAIN_STAGE else self.stage(code).ratio
        if not ratio:
            return self
        arms = tuple(arm for arm in self.arms if arm.code in ratio)
        return self.model_copy(update={"arms": arms, "ratio": dict(ratio)})

    @property
    def visits(self) -> tuple[Visit, ...]:
        return self.schedule.visits

    @property
    def visit_codes(self) -> tuple[str, ...]:
        return tuple(visit.code for visit in self.visits)

    @property
    def factors(self) -> tuple[Factor, ...]:
        return self.randomization.factors

    @property
    def inclusion(self) -> tuple[Criterion, ...]:
        return tuple(criterion for criterion in self.eligibility if criterion.kind == "inclusion")

    @property
    def exclusion(self) -> tuple[Criterion, ...]:
        return tuple(criterion for criterion in self.eligibility if criterion.kind == "exclusion")

    def arm(self, code: str) -> Arm:
        return _named("arm", code, ((arm.code, arm) for arm in self.arms))

    def visit(self, code: str) -> Visit:
        return _named("visit", code, ((visit.code, visit) for visit in self.visits))

    def visit_of_dose(self, number: int) -> Visit:
        """The visit at which the dose of this number is given."""
        return _named("dose", str(number), ((str(visit.dose), visit) for visit in self.visits if visit.dose))

    def factor(self, name: str) -> Factor:
        return _named("factor", name, ((factor.name, factor) for factor in self.factors))

    def form(self, code: str) -> Form:
        return _named("form", code, ((form.code, form) for form in self.forms))

    def criterion(self, criterion_id: str) -> Criterion:
        return _named("criterion", criterion_id, ((found.id, found) for found in self.eligibility))

    def instrument(self, instrument_id: str) -> Instrument:
        return _named("instrument", instrument_id, ((found.id, found) for found in self.instruments))

    def domain(self, instrument_id: str, name: str) -> Domain:
        domains = self.instrument(instrument_id).domains
        return _named(f"domain of {instrument_id}", name, ((found.name, found) for found in domains))

    def endpoint(self, endpoint_id: str) -> Endpoint:
        return _named("endpoint", endpoint_id, ((found.id, found) for found in self.endpoints.all))


def _named(kind: str, name: str, offered: Iterable[tuple[str, T]]) -> T:
    found = dict(offered)
    if name not in found:
        known = ", ".join(found) or "none"
        raise NotInProtocol(f"The protocol has no {kind} {name!r}; it has {known}.")
    return found[name]
