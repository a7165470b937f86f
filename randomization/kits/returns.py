"""Kits that come back: from a participant to the site, counted; from the site to the depot, listed.

Invariants
1. A kit comes back from the participant who got it, once, with a count that its content allows.
2. What goes to the depot is chosen by number; the depot says what arrived, and what did not is lost.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, func, or_, select

from randomization.kits.dispensing import Dispensing
from randomization.kits.kits import Kit, KitStatus, check_has_kits, find_kit, find_kits_at, move_kit
from randomization.kits.promises import KitReplacement
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may, may
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.participants import ParticipantRecord
from trial.conduct.randomization_errors import RandomizationErrorMark
from trial.conduct.sites import Site, get_site
from trial.database.columns import document, instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.protocol.versions import newest_active_version


class KitNotWithParticipant(Conflict):
    code = "kit.not_with_participant"


class TooManyUnits(InvalidInput):
    code = "kit.too_many_units"


class DepotReturnNotFound(NotFound):
    code = "kit_return.not_found"


class DepotReturnReceived(Conflict):
    code = "kit_return.already_received"


class NotInReturn(InvalidInput):
    code = "kit_return.kit_not_in_it"


class TakeBackKit(BaseModel):
    """``units`` are those that came back unused: vials, bottles, capsules, as the protocol counts its kits."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    number: str = Bounded(max_length=16)
    units: int = Bounded(ge=0, le=10_000)
    remark: str = Bounded(default="", max_length=1000)
    idempotency_key: str


class SendBackKits(BaseModel):
    model_config = ConfigDict(frozen=True)

    site_id: UUID
    numbers: tuple[str, ...]
    reason: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str


class ReceiveAtDepot(BaseModel):
    model_config = ConfigDict(frozen=True)

    return_id: UUID
    lost: tuple[str, ...] = ()
    idempotency_key: str


class KitReturn(ParticipantRecord, table=True):
    __tablename__ = "kit_return"
    __table_args__ = in_schema("trial")

    kit_id: UUID = Field(foreign_key="trial.kit.id", unique=True)
    units: int
    units_per_kit: int
    remark: str = prose()
    returned_at: datetime = instant()
    taken_by: UUID = Field(foreign_key="access.account.id")


class DepotReturn(TrialRecord, table=True):
    __tablename__ = "depot_return"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    number: int
    kits: list[str] = document()
    reason: str = prose()
    sent_at: datetime = instant()
    sent_by: UUID = Field(foreign_key="access.account.id")
    received_at: datetime | None = instant(default=None)
    received_by: UUID | None = Field(default=None, foreign_key="access.account.id")


def take_back_kit(session: TrialSession, actor: Actor, command: TakeBackKit) -> KitReturn:
    """A participant brings a kit back. Raises ``KitNotFound``, ``KitNotWithParticipant``, ``TooManyUnits``, ``NotPermitted``."""
    casebook = open_casebook(session, command.participant_id, to_write=True)
    authorize(session, actor, Action.KIT_RETURNED, trial_id=casebook.trial.id, site_id=casebook.site.id)
    made = exactly_once(
        session,
        actor,
        Action.KIT_RETURNED,
        command.idempotency_key,
        command,
        lambda: _take_back(session, actor, casebook, command),
    )
    return session.get_one(KitReturn, made)


def _take_back(session: TrialSession, actor: Actor, casebook: Casebook, command: TakeBackKit) -> UUID:
    check_has_kits(casebook.protocol)
    kit = find_kit(session, casebook.trial.id, command.number, to_write=True)
    if kit not in kits_with(session, casebook.participant.id):
        raise KitNotWithParticipant(
            f"{casebook.participant.code} does not have kit {kit.number}. Read the number on the label again.",
            fields={"number": "Not a kit that this participant has."},
        )
    per_kit = casebook.protocol.supply.units_per_kit
    if command.units > per_kit:
        raise TooManyUnits(
            f"A kit holds {per_kit} units, so {command.units} cannot come back. Count again.",
            fields={"units": f"At most {per_kit}."},
        )
    move_kit(session, kit, KitStatus.RETURNED)
    made = KitReturn(
        **casebook.stamp(session),
        kit_id=kit.id,
        units=command.units,
        units_per_kit=per_kit,
        remark=command.remark,
        returned_at=session.now(),
        taken_by=actor.account_id,
    )
    session.add(made)
    return made.id


def kits_with(session: TrialSession, participant_id: UUID) -> list[Kit]:
    """The kits that a participant has now, by number; one that they were given by mistake too."""
    handed_out = select(Dispensing.kit_id).where(Dispensing.participant_id == participant_id)
    stood_in = select(KitReplacement.kit_id).where(KitReplacement.participant_id == participant_id)
    mistaken = (
        select(Kit.id)
        .join(RandomizationErrorMark, col(RandomizationErrorMark.kit_given) == col(Kit.number))
        .where(RandomizationErrorMark.participant_id == participant_id, RandomizationErrorMark.trial_id == Kit.trial_id)
    )
    theirs = or_(*(col(Kit.id).in_(ways) for ways in (handed_out, stood_in, mistaken)))
    mine = select(Kit).where(theirs, Kit.status == KitStatus.DISPENSED)
    return list(session.exec(mine.order_by(Kit.number)))


def send_back_kits(session: TrialSession, actor: Actor, command: SendBackKits) -> DepotReturn:
    """The site sends kits to the depot: unused, returned or rejected ones.

    Raises ``SiteNotFound``, ``NotPermitted``, ``NoKitNamed``, ``KitNotFound``, ``KitStepNotPossible``.
    """
    site = get_site(session, command.site_id)
    authorize(session, actor, Action.KITS_SENT_BACK, trial_id=site.trial_id, site_id=site.id, reason=command.reason)
    made = exactly_once(
        session,
        actor,
        Action.KITS_SENT_BACK,
        command.idempotency_key,
        command,
        lambda: _send_back(session, actor, site, command),
    )
    return get_depot_return(session, made)


def _send_back(session: TrialSession, actor: Actor, site: Site, command: SendBackKits) -> UUID:
    kits = find_kits_at(session, site.id, command.numbers)
    _move_all(session, kits, KitStatus.SENT_BACK)
    version = newest_active_version(session, site.trial_id)
    sent = session.exec(select(func.count(col(DepotReturn.id))).where(DepotReturn.trial_id == site.trial_id)).one()
    made = DepotReturn(
        **session.stamp(),
        trial_id=site.trial_id,
        protocol_version_id=version.id,
        site_id=site.id,
        number=sent + 1,
        kits=[kit.number for kit in kits],
        reason=command.reason,
        sent_at=session.now(),
        sent_by=actor.account_id,
    )
    session.add(made)
    return made.id


def receive_at_depot(session: TrialSession, actor: Actor, command: ReceiveAtDepot) -> DepotReturn:
    """The depot has what the site sent. Raises ``DepotReturnNotFound``, ``DepotReturnReceived``, ``NotInReturn``."""
    found = get_depot_return(session, command.return_id)
    authorize(session, actor, Action.KITS_BACK_AT_DEPOT, trial_id=found.trial_id)
    exactly_once(
        session,
        actor,
        Action.KITS_BACK_AT_DEPOT,
        command.idempotency_key,
        command,
        lambda: _receive(session, actor, found, command),
    )
    return found


def _receive(session: TrialSession, actor: Actor, found: DepotReturn, command: ReceiveAtDepot) -> UUID:
    session.refresh(found, with_for_update={"key_share": True})
    if found.received_at is not None:
        raise DepotReturnReceived("This return is recorded as received already.")
    if set(command.lost) - set(found.kits):
        raise NotInReturn("A number is not in this return. Compare it with the site's list.")
    for kit in find_kits_at(session, found.site_id, found.kits):
        move_kit(session, kit, KitStatus.LOST if kit.number in command.lost else KitStatus.AT_DEPOT)
    found.received_at, found.received_by = session.now(), actor.account_id
    session.add(found)
    return found.id


def _move_all(session: TrialSession, kits: Iterable[Kit], status: KitStatus) -> None:
    for kit in kits:
        move_kit(session, kit, status)


def get_depot_return(session: TrialSession, return_id: UUID) -> DepotReturn:
    """Raises ``DepotReturnNotFound``."""
    found = session.get(DepotReturn, return_id)
    if found is None:
        raise DepotReturnNotFound("There is no such return. Choose one from the list.")
    return found


def depot_returns_of(session: TrialSession, actor: Actor, site_id: UUID) -> list[DepotReturn]:
    """Every return of a site, oldest first; for those who account for kits there, and for the depot."""
    site = get_site(session, site_id)
    if not may(actor, Permission.KIT_MANAGE, site.trial_id):
        check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    found = select(DepotReturn).where(DepotReturn.site_id == site.id)
    return list(session.exec(found.order_by(col(DepotReturn.number))))
