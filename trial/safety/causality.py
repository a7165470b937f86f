"""Causality: the investigator's judgement and the sponsor's, kept apart, and expectedness, which is the sponsor's.

Invariants
1. Whose side an assessment is on follows from the role that gives it; nobody chooses.
2. Neither side downgrades the other: an event is suspected when either calls it related.
3. Which categories count as related is the protocol's choice.
4. Until the investigator has assessed, a serious event counts as suspected.
5. A sponsor's later assessment is a further row; none is overwritten. It keeps the version of the reference safety
   information that it was judged against, whatever an amendment brings later.
6. The causality of an event is its relation to the study treatment. Where the protocol names other components, each side
   judges the relation to each of them beside it; only the study treatment makes an event suspected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import document, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.protocol.schema import AdverseEventRules
from trial.safety.adverse_events import AdverseEvent, get_event


class Side(StrEnum):
    INVESTIGATOR = "investigator"
    SPONSOR = "sponsor"


class CausalityUnknown(InvalidInput):
    code = "causality.unknown_category"


class ComponentUnknown(InvalidInput):
    code = "causality.unknown_component"


class ExpectednessMisplaced(InvalidInput):
    code = "causality.expectedness_misplaced"


class AssessAdverseEvent(BaseModel):
    """``expected`` is the sponsor's to say: in nature and severity as in the reference safety information.

    ``relations`` holds a category for each component beside the study treatment that is judged.
    """

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    causality: str = Bounded(min_length=1, max_length=48)
    relations: dict[str, str] = {}
    expected: bool | None = None
    narrative: str = Bounded(default="", max_length=8000)
    reason: str | None = Bounded(default=None, max_length=2000)


class SponsorAssessment(ParticipantRecord, table=True):
    """``reference_document`` names document and version; ``reference_version`` is the version alone."""

    __tablename__ = "sponsor_assessment"
    __table_args__ = in_schema("trial")

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    causality: str = Field(max_length=48)
    expected: bool
    reference_document: str = prose()
    reference_version: str | None = Field(default=None, max_length=64)
    relations: dict[str, str] = document(default_factory=dict)
    narrative: str = prose()
    assessed_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class Causality:
    """Both judgements of one event; ``None`` where one is missing."""

    investigator: str | None
    sponsor: str | None
    expected: bool | None
    investigator_relations: Mapping[str, str] = field(default_factory=dict)
    sponsor_relations: Mapping[str, str] = field(default_factory=dict)

    def related(self, rules: AdverseEventRules) -> bool | None:
        """Whether either side calls it related; ``None`` while neither has judged."""
        given = [each for each in (self.investigator, self.sponsor) if each is not None]
        return None if not given else any(each in rules.causality.related_codes for each in given)

    def related_to(self, rules: AdverseEventRules, component: str) -> bool | None:
        """Whether either side calls it related to a component beside the study treatment; ``None`` if neither judged."""
        sides = (self.investigator_relations, self.sponsor_relations)
        given = [side[component] for side in sides if component in side]
        return None if not given else any(each in rules.causality.related_codes for each in given)

    def suspected(self, rules: AdverseEventRules) -> bool:
        """Related for either side, or not yet assessed by the investigator."""
        return self.investigator is None or bool(self.related(rules))


def side_of(actor: Actor, event: AdverseEvent) -> Side:
    """The sponsor's side for who assesses in the whole study; the investigator's for who assesses at the site."""
    in_study = may(actor, Permission.ADVERSE_EVENT_ASSESS, event.trial_id)
    return Side.SPONSOR if in_study else Side.INVESTIGATOR


def expected_by_reference(rules: AdverseEventRules, event: AdverseEvent) -> bool:
    """What the reference safety information suggests: the term is listed, and the event was not fatal."""
    return event.term in rules.reference_safety_information.expected_terms and not event.death


def assess_adverse_event(session: TrialSession, actor: Actor, command: AssessAdverseEvent) -> Causality:
    """Give one side's judgement. Raises ``CausalityUnknown``, ``ComponentUnknown``, ``ExpectednessMisplaced``."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.EVENT_ASSESSED, event.participant_id, reason=command.reason)
    session.refresh(event)
    rules = casebook.protocol.adverse_events
    _check_category(rules, command.causality)
    _check_components(rules, command.relations)
    if side_of(actor, event) is Side.SPONSOR:
        _assess_as_sponsor(session, actor, casebook, event, command)
    else:
        _assess_as_investigator(session, actor, casebook, event, command)
    session.flush()
    return causality_of(session, event)


def _check_components(rules: AdverseEventRules, relations: Mapping[str, str]) -> None:
    known = [component.code for component in rules.other_components]
    for component, category in relations.items():
        if component not in known:
            named = ", ".join(known) or "none"
            raise ComponentUnknown(
                f"The protocol has no component {component} beside the study treatment; it has: {named}.",
                fields={"relations": f"Choose among: {named}."},
            )
        _check_category(rules, category, field_name=f"relation-{component}")


def _check_category(rules: AdverseEventRules, causality: str, *, field_name: str = "causality") -> None:
    known = [category.code for category in rules.causality.categories]
    if causality not in known:
        raise CausalityUnknown(
            f"The protocol's scale has no category {causality}. Choose one of: {', '.join(known)}.",
            fields={field_name: f"Choose one of: {', '.join(known)}."},
        )


def _assess_as_investigator(
    session: TrialSession, actor: Actor, casebook: Casebook, event: AdverseEvent, command: AssessAdverseEvent
) -> None:
    if command.expected is not None:
        raise ExpectednessMisplaced("Whether an event was expected is the sponsor's to say. Leave it out.")
    event.causality, event.causality_by, event.causality_at = (
        command.causality,
        actor.account_id,
        casebook.now,
    )
    event.relations = {**event.relations, **command.relations}
    session.add(event)


def _assess_as_sponsor(
    session: TrialSession, actor: Actor, casebook: Casebook, event: AdverseEvent, command: AssessAdverseEvent
) -> None:
    if command.expected is None:
        raise ExpectednessMisplaced(
            "Say whether the event was expected, by the reference safety information.",
            fields={"expected": "This is required."},
        )
    reference = casebook.protocol.adverse_events.reference_safety_information
    session.add(
        SponsorAssessment(
            **casebook.stamp(session),
            event_id=event.id,
            causality=command.causality,
            expected=command.expected,
            reference_document=f"{reference.document}, version {reference.version}",
            reference_version=reference.version,
            relations=command.relations,
            narrative=command.narrative,
            assessed_by=actor.account_id,
        )
    )


def sponsor_assessment_of(session: TrialSession, event_id: UUID) -> SponsorAssessment | None:
    """The sponsor's latest judgement."""
    return session.exec(
        select(SponsorAssessment)
        .where(SponsorAssessment.event_id == event_id)
        .order_by(col(SponsorAssessment.recorded_at).desc(), col(SponsorAssessment.id).desc())
    ).first()


def causality_of(session: TrialSession, event: AdverseEvent) -> Causality:
    """Both judgements as they stand."""
    sponsor = sponsor_assessment_of(session, event.id)
    return Causality(
        event.causality,
        sponsor.causality if sponsor else None,
        sponsor.expected if sponsor else None,
        dict(event.relations),
        dict(sponsor.relations) if sponsor else {},
    )
