"""Allocations: who was randomized, when, by whom, in which stratum as used, and with which kit; never to which arm.

Invariants
1. One allocation a participant and stage; one participant a position; one participant a kit.
2. An allocation is signed as it is written and never changes.
3. Number and kit tell nothing of the arm; the stratum is the one that was used, whatever is corrected later.
4. There is a kit exactly where the protocol numbers kits, whatever the arm.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, func, select

from randomization.kits.kits import Kit
from randomization.ledger.receipts import ReceiptWords, Seat, receipt_line
from trial.access.actors import Actor
from trial.conduct.casebooks import Casebook
from trial.conduct.further_stages import visits_governed
from trial.conduct.participant_readers import may_see
from trial.conduct.participants import NotRandomized, Participant, ParticipantRecord, check_randomized, get_participant
from trial.conduct.sites import Site
from trial.conduct.trials import Trial
from trial.database.columns import instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import NotPermitted
from trial.protocol.schema.allocation import MAIN_STAGE


class Allocation(ParticipantRecord, table=True):
    __tablename__ = "allocation"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("participant_id", "stage"),
        UniqueConstraint("trial_id", "number"),
        UniqueConstraint("counter_id", "position"),
    )

    stage: str = Field(max_length=32)
    number: str = Field(max_length=48)
    list_id: UUID = Field(foreign_key="trial.allocation_list.id", index=True)
    counter_id: UUID = Field(foreign_key="trial.stratum_counter.id")
    position: int
    stratum: str = prose()
    kit_id: UUID | None = Field(default=None, foreign_key="trial.kit.id", unique=True)
    randomized_at: datetime = instant()
    randomized_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class RandomizationReceipt:
    """What the person at the site gets. ``kit_number`` is ``None`` where the pharmacist prepares without kits; ``line`` says it
    all so that it can be proved: see ``receipts``."""

    allocation_id: UUID
    participant: str
    randomization_number: str
    kit_number: str | None
    randomized_at: datetime
    line: str


def find_allocation(session: TrialSession, participant: Participant, stage: str = MAIN_STAGE) -> Allocation:
    """The participant's allocation in a stage. Raises ``NotRandomized``."""
    found = allocation_in(session, participant, stage)
    if found is None:
        check_randomized(participant)
        raise NotRandomized(f"{participant.code} is not randomized in “{stage}” yet. Do that first.")
    return found


def allocation_in(session: TrialSession, participant: Participant, stage: str) -> Allocation | None:
    """The participant's allocation in a stage, if there is one."""
    found = select(Allocation).where(Allocation.participant_id == participant.id, Allocation.stage == stage)
    return session.exec(found).first()


def every_allocation(session: TrialSession, participant: Participant) -> list[Allocation]:
    """The participant's allocations in all stages, the first one first. Raises ``NotRandomized``."""
    check_randomized(participant)
    found = select(Allocation).where(Allocation.participant_id == participant.id)
    return sorted(session.exec(found), key=lambda one: (one.stage != MAIN_STAGE, one.randomized_at, one.number))


def allocation_at(session: TrialSession, casebook: Casebook, visit: str) -> Allocation:
    """The allocation whose treatment is given at a visit: the last stage's that comes before it. Raises ``NotRandomized``."""
    if not casebook.protocol.randomization.further:
        return find_allocation(session, casebook.participant)
    by_stage = {one.stage: one for one in every_allocation(session, casebook.participant)}
    for stage, visits in visits_governed(casebook, by_stage):
        if visit in visits:
            return by_stage[stage]
    return by_stage[MAIN_STAGE]


def allocation_of_dose(session: TrialSession, casebook: Casebook, number: int) -> Allocation:
    """The allocation whose treatment is given as the dose of this number. Raises ``NotRandomized``."""
    if not casebook.protocol.randomization.further:
        return find_allocation(session, casebook.participant)
    return allocation_at(session, casebook, casebook.protocol.visit_of_dose(number).code)


def latest_allocation(session: TrialSession, participant: Participant) -> Allocation:
    """The one that was made last. Raises ``NotRandomized``."""
    return every_allocation(session, participant)[-1]


def allocations_of(
    session: TrialSession, trial_id: UUID, *, until: datetime | None = None, stage: str = MAIN_STAGE
) -> list[Allocation]:
    """Every allocation of a stage in the order of its number, R10000 after R9999; with ``until`` those made by then."""
    found = select(Allocation).where(Allocation.trial_id == trial_id, Allocation.stage == stage)
    if until is not None:
        found = found.where(col(Allocation.randomized_at) <= until)
    return list(session.exec(found.order_by(func.length(Allocation.number), Allocation.number)))


def receipt_of(session: TrialSession, allocation_id: UUID) -> RandomizationReceipt:
    """The receipt of an allocation: numbers, never an arm."""
    made, participant, kit, site, trial = session.execute(
        select(Allocation, Participant.code, Kit.number, Site.code, Trial.code)  # type: ignore[call-overload]  # SQLModel's overloads end at four
        .join(Participant, col(Participant.id) == col(Allocation.participant_id))
        .outerjoin(Kit, col(Kit.id) == col(Allocation.kit_id))
        .join(Site, col(Site.id) == col(Allocation.site_id))
        .join(Trial, col(Trial.id) == col(Allocation.trial_id))
        .where(Allocation.id == allocation_id)
    ).one()
    words = ReceiptWords(trial, made.stage, site, participant, made.number, kit, made.randomized_at)
    return receipt_from(session, made, words)


def receipt_from(session: TrialSession, made: Allocation, words: ReceiptWords) -> RandomizationReceipt:
    """The receipt of an allocation whose words the caller has read already."""
    seat = Seat(made.list_id, made.counter_id, made.position, made.stratum)
    line = receipt_line(session.vault, words, seat)
    return RandomizationReceipt(made.id, words.participant, made.number, words.kit, made.randomized_at, line)


def receipt_for(
    session: TrialSession, actor: Actor, participant_id: UUID, stage: str = MAIN_STAGE
) -> RandomizationReceipt:
    """The receipt again, for a reader. Raises ``ParticipantNotFound``, ``NotPermitted``, ``NotRandomized``."""
    participant = get_participant(session, participant_id)
    if not may_see(actor, participant):
        raise NotPermitted("This participant belongs to a site that your roles do not reach.")
    return receipt_of(session, find_allocation(session, participant, stage).id)
