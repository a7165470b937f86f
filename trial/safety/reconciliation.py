"""Reconciliation of serious events with the sponsor's safety database: a listing is compared, each difference is answered.

Invariants
1. A listing is kept as it came, with its hash; its differences are computed when it comes in and never change.
2. Each difference gets one answer: which side was put right, or why both stand; with a name and a reason.
3. It is the medical monitor's work: a difference shows the detail of events. No treatment is in it on either side.
"""

import hashlib
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.clock import local_date
from trial.conduct.trials import get_trial
from trial.database.columns import choice, prose
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.safety.causality import sponsor_assessment_of
from trial.safety.listings import Facts, as_csv, compare, read_listing
from trial.safety.susars import latest_susar_assessment
from trial.safety.watch import WatchedCase, cases_under_watch

_CRITERIA = (
    "death", "life_threatening", "hospitalization", "disability", "congenital_anomaly", "medically_important",
)  # fmt: skip


class Resolution(StrEnum):
    HERE_CORRECTED = "here_corrected"
    THERE_CORRECTED = "there_corrected"
    EXPLAINED = "explained"


class ListingNotFound(NotFound):
    code = "reconciliation.listing_not_found"


class DifferenceNotFound(NotFound):
    code = "reconciliation.difference_not_found"


class AlreadyAnswered(Conflict):
    code = "reconciliation.already_answered"


class UploadListing(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    name: str = Bounded(min_length=1, max_length=120)
    content: str = Bounded(min_length=1, max_length=1_000_000, repr=False)
    idempotency_key: str


class AnswerDifference(BaseModel):
    model_config = ConfigDict(frozen=True)

    difference_id: UUID
    resolution: Resolution
    answer: str = Bounded(min_length=3, max_length=2000)


class SafetyListing(Record, table=True):
    __tablename__ = "safety_listing"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"), digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    number: int
    name: str = Field(max_length=120)
    sha256: str = Field(max_length=64)
    content: str = prose(repr=False)
    cases_there: int
    cases_here: int
    uploaded_by: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)


class ListingDifference(Record, table=True):
    __tablename__ = "listing_difference"
    __table_args__ = in_schema("trial", UniqueConstraint("listing_id", "participant", "event", "field"))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    listing_id: UUID = Field(foreign_key="trial.safety_listing.id", index=True)
    participant: str = Field(max_length=40)
    event: int
    field: str = Field(max_length=40)
    ours: str = prose()
    theirs: str = prose()


class DifferenceAnswer(Record, table=True):
    __tablename__ = "difference_answer"
    __table_args__ = in_schema("trial")

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    difference_id: UUID = Field(foreign_key="trial.listing_difference.id", unique=True)
    resolution: Resolution = choice(Resolution)
    answer: str = prose()
    answered_by: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)


def upload_listing(session: TrialSession, actor: Actor, command: UploadListing) -> SafetyListing:
    """Compare a listing with what is recorded now. Raises ``ListingUnreadable``."""
    authorize(session, actor, Action.LISTING_UPLOADED, trial_id=command.trial_id)
    made = exactly_once(
        session,
        actor,
        Action.LISTING_UPLOADED,
        command.idempotency_key,
        command,
        lambda: _compare(session, actor, command).id,
    )
    found = session.get(SafetyListing, made)
    assert found is not None, "listings are never removed"
    return found


def _compare(session: TrialSession, actor: Actor, command: UploadListing) -> SafetyListing:
    theirs = read_listing(command.content)
    trial = get_trial(session, command.trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    ours = facts_of_cases(session, trial.id)
    last = session.exec(select(func.max(SafetyListing.number)).where(SafetyListing.trial_id == trial.id)).one()
    listing = SafetyListing(
        **session.stamp(),
        trial_id=trial.id,
        number=(last or 0) + 1,
        name=command.name,
        sha256=hashlib.sha256(command.content.encode()).hexdigest(),
        content=command.content,
        cases_there=len(theirs),
        cases_here=len(ours),
        uploaded_by=actor.account_id,
        printed_name=actor.display_name,
    )
    session.add(listing)
    session.flush()
    for found in compare(ours, theirs):
        session.add(
            ListingDifference(
                **session.stamp(),
                trial_id=trial.id,
                listing_id=listing.id,
                participant=found.participant[:40],
                event=found.event,
                field=found.field,
                ours=found.ours,
                theirs=found.theirs,
            )
        )
    session.flush()
    return listing


def answer_difference(session: TrialSession, actor: Actor, command: AnswerDifference) -> DifferenceAnswer:
    """Settle one difference. Raises ``DifferenceNotFound``, ``AlreadyAnswered``."""
    difference = session.get(ListingDifference, command.difference_id, with_for_update={"key_share": True})
    if difference is None:
        raise DifferenceNotFound("There is no such difference. Choose one from the listing.")
    authorize(session, actor, Action.DIFFERENCE_ANSWERED, trial_id=difference.trial_id, reason=command.answer)
    known = select(DifferenceAnswer.id).where(DifferenceAnswer.difference_id == difference.id)
    if session.exec(known).first() is not None:
        raise AlreadyAnswered("This difference has been answered already. Read the answer beside it.")
    given = DifferenceAnswer(
        **session.stamp(),
        trial_id=difference.trial_id,
        answered_by=actor.account_id,
        printed_name=actor.display_name,
        **command.model_dump(),
    )
    session.add(given)
    session.flush()
    return given


def facts_of_cases(session: TrialSession, trial_id: UUID) -> Facts:
    """Our side of the comparison: every serious event as it is recorded now."""
    return {
        (case.participant, case.event.number): _facts(session, case)
        for case in cases_under_watch(session, trial_id)
        if case.event.serious
    }


def _facts(session: TrialSession, case: WatchedCase) -> dict[str, str]:
    event = case.event
    sponsor, susar = sponsor_assessment_of(session, event.id), latest_susar_assessment(session, event.id)
    received = event.sponsor_received_at
    return {
        "term": event.term,
        "onset": event.onset[:10],
        "serious": _flag(event.serious),
        **{name: _flag(getattr(event, name)) for name in _CRITERIA},
        "outcome": event.outcome,
        "causality_investigator": event.causality or "",
        "causality_sponsor": sponsor.causality if sponsor else "",
        "expected": _flag(sponsor.expected if sponsor else None),
        "susar": _flag(susar.is_susar if susar else None),
        "received_on": "" if received is None else local_date(received, "UTC").isoformat(),
    }


def _flag(value: bool | None) -> str:
    return {True: "Y", False: "N", None: ""}[value]


def our_listing(session: TrialSession, actor: Actor, trial_id: UUID) -> str:
    """Our side as CSV, in the columns that a listing has. Raises ``NotPermitted``."""
    check_may(actor, Permission.SUSAR_ASSESS, trial_id)
    return as_csv(facts_of_cases(session, trial_id))


def listings_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[tuple[SafetyListing, int, int]]:
    """Every listing, the newest first, with how many differences it has and how many wait. Raises ``NotPermitted``."""
    check_may(actor, Permission.SUSAR_ASSESS, trial_id)
    found = select(SafetyListing).where(SafetyListing.trial_id == trial_id).order_by(col(SafetyListing.number).desc())
    return [_counted(session, listing) for listing in session.exec(found)]


def _counted(session: TrialSession, listing: SafetyListing) -> tuple[SafetyListing, int, int]:
    all_of = select(func.count()).select_from(ListingDifference).where(ListingDifference.listing_id == listing.id)
    answered = (
        select(func.count())
        .select_from(DifferenceAnswer)
        .join(ListingDifference, col(ListingDifference.id) == col(DifferenceAnswer.difference_id))
        .where(ListingDifference.listing_id == listing.id)
    )
    total = session.exec(all_of).one()
    return listing, total, total - session.exec(answered).one()


def listing_for(session: TrialSession, actor: Actor, trial_id: UUID, listing_id: UUID) -> SafetyListing:
    """Raises ``ListingNotFound``, ``NotPermitted``."""
    check_may(actor, Permission.SUSAR_ASSESS, trial_id)
    found = session.get(SafetyListing, listing_id)
    if found is None or found.trial_id != trial_id:
        raise ListingNotFound("There is no such listing in this trial. Choose one from the list.")
    return found


def differences_of(session: TrialSession, listing_id: UUID) -> list[tuple[ListingDifference, DifferenceAnswer | None]]:
    """The differences of a listing with their answers, by case and field; for readers that have been let in."""
    wanted = select(ListingDifference).where(ListingDifference.listing_id == listing_id)
    found = session.exec(
        wanted.order_by(ListingDifference.participant, col(ListingDifference.event), ListingDifference.field)
    ).all()
    answers = {
        one.difference_id: one
        for one in session.exec(
            select(DifferenceAnswer).where(col(DifferenceAnswer.difference_id).in_([each.id for each in found]))
        )
    }
    return [(one, answers.get(one.id)) for one in found]
