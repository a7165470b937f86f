"""The hand-over: a checked bag leaves the pharmacy, and somebody of the infusion team takes it for one participant.

Invariants
1. A bag is taken only when a second person has checked it, its order still stands, and its beyond-use time has not come.
2. Who takes it reads the participant's code from the masked label; another one is refused. Who prepared does not take it.
3. Nothing here knows what is in a bag: label, times and refusals are the same for every arm.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from randomization.kits.kits import Kit
from randomization.kits.labels import CLINICAL_TRIAL_ONLY
from randomization.ledger.allocations import allocation_of_dose
from randomization.pharmacy.preparations import (
    Preparation,
    PreparationStatus,
    SecondPersonNeeded,
    get_preparation,
    preparation_for,
    still_fits,
)
from randomization.pharmacy.worksheets import beyond_use_at
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.clock import local_date
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.infusion_courses import InfusionOrder
from trial.conduct.participants import ParticipantRecord
from trial.conduct.sites import get_site
from trial.database.columns import instant
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput


class BagNotChecked(Conflict):
    code = "bag.not_checked"


class BagOutdated(Conflict):
    code = "bag.order_changed"


class BagBeyondUse(Conflict):
    code = "bag.beyond_use"


class BagTaken(Conflict):
    code = "bag.already_taken"


class BagOfAnother(InvalidInput):
    code = "bag.of_another_participant"


class ReceiveBag(BaseModel):
    """``participant`` is the code as read from the bag's label."""

    model_config = ConfigDict(frozen=True)

    preparation_id: UUID
    participant: str = Bounded(min_length=1, max_length=48)
    idempotency_key: str


class BagHandover(ParticipantRecord, table=True):
    __tablename__ = "bag_handover"
    __table_args__ = in_schema("trial")

    preparation_id: UUID = Field(foreign_key="trial.preparation.id", unique=True)
    infusion: int
    beyond_use_at: datetime | None = instant(default=None)
    received_at: datetime = instant()
    received_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag as its label shows it."""

    preparation_id: UUID
    participant: str
    randomization_number: str
    kit_number: str | None
    infusion: int
    volume_ml: float
    rate_ml_per_h: float
    minutes: int
    words: tuple[str, ...]
    prepared_at: datetime
    beyond_use_at: datetime | None
    is_checked: bool
    received_at: datetime | None


def receive_bag(session: TrialSession, actor: Actor, command: ReceiveBag) -> BagHandover:
    """Take a bag for the bedside.

    Raises ``PreparationNotFound``, ``NotPermitted``, ``BagOfAnother``, ``BagNotChecked``, ``BagOutdated``,
    ``BagBeyondUse``, ``BagTaken``, ``SecondPersonNeeded``.
    """
    preparation = get_preparation(session, command.preparation_id)
    authorize(session, actor, Action.BAG_RECEIVED, trial_id=preparation.trial_id, site_id=preparation.site_id)
    made = exactly_once(
        session,
        actor,
        Action.BAG_RECEIVED,
        command.idempotency_key,
        command,
        lambda: _receive(session, actor, preparation, command),
    )
    return session.get_one(BagHandover, made)


def _receive(session: TrialSession, actor: Actor, preparation: Preparation, command: ReceiveBag) -> UUID:
    casebook = open_casebook(session, preparation.participant_id, to_write=True)
    session.refresh(preparation, with_for_update={"key_share": True})
    _check_bag(session, casebook, preparation)
    if preparation.prepared_by == actor.account_id:
        raise SecondPersonNeeded(
            "Who prepared the bag does not take it to the bedside. Ask somebody of the infusion team."
        )
    if command.participant.strip().upper() != casebook.participant.code:
        raise BagOfAnother(
            "The label names another participant. Do not give this bag; call the pharmacy.",
            fields={"participant": "Not the code on this bag's label."},
        )
    made = BagHandover(
        **casebook.stamp(session),
        preparation_id=preparation.id,
        infusion=preparation.infusion,
        beyond_use_at=beyond_use_at(casebook, preparation.prepared_at),
        received_at=session.now(),
        received_by=actor.account_id,
    )
    session.add(made)
    return made.id


def _check_bag(session: TrialSession, casebook: Casebook, preparation: Preparation) -> None:
    if handover_of(session, preparation.id) is not None:
        raise BagTaken("This bag was taken already. Ask the pharmacy which bag is yours.")
    if preparation.status is not PreparationStatus.VERIFIED:
        raise BagNotChecked("No second person has checked this bag yet. Ask the pharmacy.")
    order = session.get_one(InfusionOrder, preparation.order_id)
    last = preparation_for(session, order.id)
    if last is None or last.id != preparation.id or not still_fits(session, casebook, preparation, order):
        raise BagOutdated("The order was changed after this bag was prepared. Send it back to the pharmacy.")
    until = beyond_use_at(casebook, preparation.prepared_at)
    if until is not None and session.now() > until:
        raise BagBeyondUse("This bag is past its beyond-use time. Send it back; the pharmacy prepares another.")


def handover_of(session: TrialSession, preparation_id: UUID) -> BagHandover | None:
    """That a bag was taken, and by whom."""
    return session.exec(select(BagHandover).where(BagHandover.preparation_id == preparation_id)).first()


def bag_of(session: TrialSession, preparation: Preparation) -> Bag:
    """What the label of a preparation shows: nothing that depends on the arm."""
    casebook = open_casebook(session, preparation.participant_id)
    order = session.get_one(InfusionOrder, preparation.order_id)
    taken = handover_of(session, preparation.id)
    return Bag(
        preparation_id=preparation.id,
        participant=casebook.participant.code,
        randomization_number=allocation_of_dose(session, casebook, preparation.infusion).number,
        kit_number=session.get_one(Kit, preparation.kit_id).number if preparation.kit_id else None,
        infusion=preparation.infusion,
        volume_ml=order.volume_ml,
        rate_ml_per_h=order.rate_ml_per_h,
        minutes=order.minutes,
        words=_words(casebook),
        prepared_at=preparation.prepared_at,
        beyond_use_at=beyond_use_at(casebook, preparation.prepared_at),
        is_checked=preparation.status is PreparationStatus.VERIFIED,
        received_at=taken.received_at if taken else None,
    )


def _words(casebook: Casebook) -> tuple[str, ...]:
    treatments = " or ".join(sorted(arm.name for arm in casebook.protocol.arms))
    return (f"Study infusion: {treatments}.", CLINICAL_TRIAL_ONLY)


def bags_today(session: TrialSession, actor: Actor, site_id: UUID) -> list[Bag]:
    """Every bag that was prepared today at the site, by participant. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.INFUSION_WRITE, site.trial_id, site.id)
    today = local_date(session.now(), site.zone)
    orders = select(InfusionOrder.id).where(InfusionOrder.site_id == site.id, InfusionOrder.for_day == today)
    found = session.exec(select(Preparation).where(col(Preparation.order_id).in_(orders)))
    current = [one for one in found if (last := preparation_for(session, one.order_id)) and last.id == one.id]
    return sorted((bag_of(session, one) for one in current), key=lambda bag: bag.participant)
