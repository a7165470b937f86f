"""Safety: dictionary, special interest, seriousness, causality, clocks, stopping rules, blinding guesses.

Invariants
1. Seriousness is the logical or of its criteria, never typed; severity is another thing.
2. Which causality categories count as related is the protocol's choice, written beside the scale.
3. A clock counts calendar days (or hours) from a recorded instant.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trial.protocol.schema.base import Code, Coded, Count, Fraction, Part, Positive, Sourced, Text


class Dictionary(Part):
    """``meddra`` pins a release of the sponsor's own; ``confirm_from`` is the confidence from which a coding stands unseen."""

    name: Literal["CTCAE"]
    version: Literal["5.0", "6.0"]
    meddra: Annotated[str, Field(pattern=r"^\d{1,2}\.\d$")] | None = None
    confirm_from: Fraction = 0.95


class SpecialInterest(Part):
    """Prespecified events: a packaged list by name, or terms of the dictionary written here.

    ``checklist_form`` is the form whose record at a visit shows that the checklist was asked there; without it, a visit
    of ``asked_by_checklist_at`` that was done shows it.
    """

    list_name: Literal["aesi_ketamine"] | None = None
    terms: tuple[Text, ...] = ()
    asked_by_checklist_at: tuple[Code, ...] = ()
    checklist_form: Code | None = None

    @model_validator(mode="after")
    def _is_one_of_the_two(self) -> Self:
        if (self.list_name is None) == (not self.terms):
            raise ValueError("give either list_name or terms")
        return self


SeriousnessName = Literal[
    "death", "life_threatening", "hospitalization", "disability", "congenital_anomaly", "medically_important"
]


class SeriousnessCriterion(Part):
    name: SeriousnessName
    label: Text


class CausalityCategory(Part):
    code: Code
    label: Text
    related: bool


class Causality(Part):
    scale: Text
    categories: Annotated[tuple[CausalityCategory, ...], Field(min_length=2)]

    @property
    def related_codes(self) -> frozenset[str]:
        return frozenset(category.code for category in self.categories if category.related)


class ExpeditedClock(Sourced):
    """A report that falls due; ``jurisdiction`` is an agency, or ``PROTOCOL`` for the sponsor's own rule."""

    id: Code
    jurisdiction: Literal["PROTOCOL", "FDA", "EU"]
    report: Text
    applies_to: Literal[
        "sae",
        "susar_fatal_or_life_threatening",
        "susar_fatal_or_life_threatening_complete",
        "susar_other",
        "susar_became_fatal_or_life_threatening",
        "follow_up_information",
    ]
    within_days: Count | None = None
    within_hours: Count | None = None
    counted_from: Literal["awareness", "sponsor_receipt", "initial_report", "receipt_of_change"]

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.within_days is None) == (self.within_hours is None):
            raise ValueError("give exactly one of within_days and within_hours")
        return self


class ReferenceSafetyInformation(Part):
    document: Text
    version: Text
    expected_terms: tuple[Text, ...]


class TreatmentComponent(Coded):
    """A part of what participants get, to which an event may be related; one of them is the study treatment."""

    study_treatment: bool = False


class FollowUpDays(Part):
    """How many days after the last report a special situation is asked about again."""

    overdose: Count = 7
    medication_error: Count = 7
    pregnancy: Count = 60


class FrequencyThreshold(Sourced):
    """Terms that fewer participants than this had in every arm are listed below the table of harms, not tabulated.

    Prespecified events, serious ones and deaths are tabulated whatever their number.
    """

    at_least_percent: Annotated[float, Field(gt=0, lt=100)]


class AdverseEventRules(Part):
    """``components`` may be left out: an event is then related to the study treatment alone."""

    dictionary: Dictionary
    recorded_from: Text
    recorded_until: Text
    special_interest: SpecialInterest
    ascertainment: Text
    seriousness: Annotated[tuple[SeriousnessCriterion, ...], Field(min_length=1)]
    severity_required: bool = False
    causality: Causality
    components: tuple[TreatmentComponent, ...] = ()
    follow_up_days: FollowUpDays = FollowUpDays()
    reference_safety_information: ReferenceSafetyInformation
    clocks: Annotated[tuple[ExpeditedClock, ...], Field(min_length=1)]
    frequency_threshold: FrequencyThreshold | None = None

    @model_validator(mode="after")
    def _one_component_is_the_study_treatment(self) -> Self:
        if self.components and sum(one.study_treatment for one in self.components) != 1:
            raise ValueError("mark exactly one component as the study treatment")
        if len({one.code for one in self.components}) != len(self.components):
            raise ValueError("two components have the same code")
        return self

    @property
    def other_components(self) -> tuple[TreatmentComponent, ...]:
        """The components beside the study treatment; relation to that one is the event's causality."""
        return tuple(one for one in self.components if not one.study_treatment)


class HarmBound(Sourced):
    """What every bound on harm says. ``special_interest`` narrows it to the named events of special interest.

    A bound by arm is the board's alone, and pauses nothing by itself: a pause that follows one arm would tell every site.
    """

    id: Code
    text: Text
    by_arm: bool = False
    seen_by: Literal["board", "everybody"] = "board"
    pauses_recruitment: bool = False
    special_interest: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _an_arm_tells_nobody_but_the_board(self) -> Self:
        if self.by_arm and (self.pauses_recruitment or self.seen_by != "board"):
            raise ValueError(
                "a bound by arm is seen by the board alone and pauses nothing: both would tell the sites an arm"
            )
        if self.pauses_recruitment and self.seen_by != "everybody":
            raise ValueError("a bound that pauses recruitment is seen by everybody: the pause is")
        return self


class RelatedEventsRule(HarmBound):
    """Stop to think when so many related events have happened, in one arm or in all together."""

    kind: Literal["related_events"]
    events: Literal["fatal", "serious"]
    of_one_kind: bool
    count: Count


class PosteriorRateRule(HarmBound):
    """Bayesian bound: probability that the share of participants with an event exceeds a limit, with a beta prior."""

    kind: Literal["posterior_rate"]
    events: Literal["serious", "aesi_serious", "aesi"]
    rate_limit: Fraction
    probability_above: Fraction
    prior_a: Positive
    prior_b: Positive


class ExactRateRule(HarmBound):
    """Exact bound: the one-sided lower Clopper-Pearson limit of the share of participants with an event exceeds a limit."""

    kind: Literal["exact_rate"]
    events: Literal["serious", "aesi_serious", "aesi"]
    rate_limit: Fraction
    confidence: Annotated[float, Field(ge=0.5, lt=1)]


StoppingRule = Annotated[RelatedEventsRule | PosteriorRateRule | ExactRateRule, Field(discriminator="kind")]


class DeviationKind(Part):
    code: Code
    label: Text
    important: bool


class GuessForm(Part):
    """Who guesses the arm, and when. The answers are the arms and *don't know*; nobody is told the truth."""

    occasion: Code
    label: Text
    visit: Code
    guessers: Annotated[tuple[Literal["participant", "infusion_nurse", "assessor"], ...], Field(min_length=1)]


class BlindingGuesses(Part):
    forms: Annotated[tuple[GuessForm, ...], Field(min_length=1)]
    certainty_low: int
    certainty_high: int
    reasons: Annotated[tuple[Coded, ...], Field(min_length=1)]
    indices: tuple[Literal["bang", "james"], ...]
