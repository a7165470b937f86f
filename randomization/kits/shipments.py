"""Shipments: from the depot to a site, in sets that hold every arm; numbers and order drawn at random.

Invariants
1. A shipment holds kits of every arm of one active version of the protocol, so that neither its coming nor its date tells of
   one. An earlier version's serve participants who were allocated under it, and sites that have not adopted the newest.
2. Kits are numbered and written in an order that is drawn at random: nothing groups by arm.
3. What is kept of the command, for the case that it is repeated, is a keyed digest: counts by arm cannot be guessed back.
"""

import hmac
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, func, select

from randomization.kits.contents import UnsealedContent, kit_key, store_content
from randomization.kits.kits import Kit, KitStatus, check_has_kits, draw_number, move_kit
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.conduct.sites import get_site
from trial.conduct.trials import Trial
from trial.database.columns import choice, instant
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, InvalidInput, NotFound
from trial.ids import Entropy, draw_below
from trial.keys import KeyPurpose
from trial.protocol.versions import active_protocols, newest_active_version, protocol_of


class ShipmentStatus(StrEnum):
    SENT = "sent"
    RECEIVED = "received"


class ShipmentNotFound(NotFound):
    code = "shipment.not_found"


class ShipmentAlreadyReceived(Conflict):
    code = "shipment.already_received"


class ShipmentLacksArm(InvalidInput):
    code = "shipment.lacks_an_arm"


class ShipmentExpired(InvalidInput):
    code = "shipment.expired"


class KitNotInShipment(InvalidInput):
    code = "shipment.kit_not_in_it"


class ShippedLot(BaseModel):
    """So many kits of one arm, from one lot."""

    model_config = ConfigDict(frozen=True)

    arm: str = Bounded(repr=False)
    lot: str = Bounded(min_length=1, max_length=40, repr=False)
    expires_on: date = Bounded(repr=False)
    kits: int = Bounded(ge=1, le=10_000, repr=False)


class ShipKits(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    site_id: UUID
    lots: tuple[ShippedLot, ...] = Bounded(min_length=1, repr=False)
    idempotency_key: str


class ReceiveKits(BaseModel):
    """``lost`` and ``quarantined`` are numbers of kits that did not arrive, or arrived in doubt (too warm, damaged)."""

    model_config = ConfigDict(frozen=True)

    shipment_id: UUID
    lost: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    idempotency_key: str


class Shipment(TrialRecord, table=True):
    __tablename__ = "shipment"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    number: int
    kits: int
    use_by: date
    status: ShipmentStatus = choice(ShipmentStatus)
    sent_at: datetime = instant()
    received_at: datetime | None = instant(default=None)
    received_by: UUID | None = Field(default=None, foreign_key="access.account.id")


class _Fingerprint(BaseModel):
    digest: str


def ship_kits(session: TrialSession, actor: Actor, command: ShipKits) -> Shipment:
    """Send a set of kits to a site. Raises ``NoKitsInTrial``, ``ShipmentLacksArm``, ``ShipmentExpired``, ``SiteNotFound``."""
    authorize(session, actor, Action.KITS_SHIPPED, trial_id=command.trial_id)
    made = exactly_once(
        session,
        actor,
        Action.KITS_SHIPPED,
        command.idempotency_key,
        _fingerprint(session, command),
        lambda: _send(session, command),
    )
    return get_shipment(session, made)


def _fingerprint(session: TrialSession, command: ShipKits) -> _Fingerprint:
    master = session.keyring.sealing.master_key().derive(KeyPurpose.SEALING)
    key = hmac.digest(master, b"equipoise/command-fingerprint/v1", "sha256")
    return _Fingerprint(digest=hmac.digest(key, command.model_dump_json().encode(), "sha256").hex())


def _send(session: TrialSession, command: ShipKits) -> UUID:
    site = get_site(session, command.site_id)
    if site.trial_id != command.trial_id:
        raise ShipmentNotFound("The site belongs to another trial. Choose one of this trial's sites.")
    version = newest_active_version(session, command.trial_id)
    check_has_kits(protocol_of(version))
    _check_lots(session, command)
    shipment = Shipment(
        **session.stamp(),
        trial_id=command.trial_id,
        protocol_version_id=version.id,
        site_id=site.id,
        number=_next_number(session, command.trial_id),
        kits=sum(lot.kits for lot in command.lots),
        use_by=min(lot.expires_on for lot in command.lots),
        status=ShipmentStatus.SENT,
        sent_at=session.now(),
    )
    session.add(shipment)
    session.flush()
    _pack(session, shipment, command)
    return shipment.id


def _check_lots(session: TrialSession, command: ShipKits) -> None:
    arms = {lot.arm for lot in command.lots}
    if not any(arms == set(one.arm_codes) for one in active_protocols(session, command.trial_id)):
        raise ShipmentLacksArm("A shipment holds kits of every arm of the protocol and of no other. Complete the set.")
    if min(lot.expires_on for lot in command.lots) <= session.now().date():
        raise ShipmentExpired("A lot of this shipment has expired. Send another lot.")


def _next_number(session: TrialSession, trial_id: UUID) -> int:
    session.exec(select(Trial.id).where(Trial.id == trial_id).with_for_update(key_share=True)).one()
    return session.exec(select(func.count(col(Shipment.id))).where(Shipment.trial_id == trial_id)).one() + 1


def _pack(session: TrialSession, shipment: Shipment, command: ShipKits) -> None:
    """One kit after the other, in a drawn order, each with a drawn number."""
    contents = [UnsealedContent(lot.arm, lot.lot, lot.expires_on) for lot in command.lots for _ in range(lot.kits)]
    _shuffle(contents, session.entropy)
    taken = set(session.exec(select(Kit.number).where(Kit.trial_id == shipment.trial_id)))
    kits = []
    for _ in contents:
        number = draw_number(session.entropy)
        while number in taken:
            number = draw_number(session.entropy)
        taken.add(number)
        kits.append(_kit(session, shipment, number))
    session.add_all(kits)
    with strongroom(session):
        key = kit_key(session, shipment.trial_id)
        for kit, content in zip(kits, contents, strict=True):
            store_content(session, key, kit, content)


def _kit(session: TrialSession, shipment: Shipment, number: str) -> Kit:
    return Kit(
        **session.stamp(),
        trial_id=shipment.trial_id,
        protocol_version_id=shipment.protocol_version_id,
        site_id=shipment.site_id,
        shipment_id=shipment.id,
        number=number,
        status=KitStatus.IN_TRANSIT,
        use_by=shipment.use_by,
    )


def _shuffle(contents: list[UnsealedContent], entropy: Entropy) -> None:
    """Fisher and Yates, with fresh entropy."""
    for last in range(len(contents) - 1, 0, -1):
        other = draw_below(entropy, last + 1, "packing order")
        contents[last], contents[other] = contents[other], contents[last]


def receive_kits(session: TrialSession, actor: Actor, command: ReceiveKits) -> Shipment:
    """The site has the shipment. Raises ``ShipmentNotFound``, ``ShipmentAlreadyReceived``, ``KitNotInShipment``."""
    shipment = get_shipment(session, command.shipment_id)
    authorize(session, actor, Action.KITS_RECEIVED, trial_id=shipment.trial_id, site_id=shipment.site_id)
    made = exactly_once(
        session,
        actor,
        Action.KITS_RECEIVED,
        command.idempotency_key,
        command,
        lambda: _receive(session, actor, shipment, command),
    )
    return get_shipment(session, made)


def _receive(session: TrialSession, actor: Actor, shipment: Shipment, command: ReceiveKits) -> UUID:
    session.refresh(shipment, with_for_update={"key_share": True})
    if shipment.status is not ShipmentStatus.SENT:
        raise ShipmentAlreadyReceived("This shipment is recorded as received already. Look at the site's stock.")
    kits = kits_in(session, shipment.id)
    unknown = {*command.lost, *command.quarantined} - {kit.number for kit in kits}
    if unknown or set(command.lost) & set(command.quarantined):
        raise KitNotInShipment("A number is not in this shipment, or is named twice. Compare it with the packing list.")
    for kit in kits:
        arrived = KitStatus.QUARANTINED if kit.number in command.quarantined else KitStatus.AVAILABLE
        move_kit(session, kit, KitStatus.LOST if kit.number in command.lost else arrived)
    shipment.status = ShipmentStatus.RECEIVED
    shipment.received_at = session.now()
    shipment.received_by = actor.account_id
    session.add(shipment)
    return shipment.id


def get_shipment(session: TrialSession, shipment_id: UUID) -> Shipment:
    """Raises ``ShipmentNotFound``."""
    found = session.get(Shipment, shipment_id)
    if found is None:
        raise ShipmentNotFound("There is no such shipment. Choose one from the site's stock.")
    return found


def kits_in(session: TrialSession, shipment_id: UUID) -> list[Kit]:
    """The packing list, by number."""
    return list(session.exec(select(Kit).where(Kit.shipment_id == shipment_id).order_by(col(Kit.number))))


def shipments_to(session: TrialSession, actor: Actor, site_id: UUID) -> list[Shipment]:
    """Every shipment to a site, oldest first. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    return list(session.exec(select(Shipment).where(Shipment.site_id == site.id).order_by(col(Shipment.number))))


def shipments_of(session: TrialSession, actor: Actor, trial_id: UUID) -> list[Shipment]:
    """Every shipment of the trial, the last one first, for the depot. Raises ``NotPermitted``."""
    check_may(actor, Permission.KIT_MANAGE, trial_id)
    found = select(Shipment).where(Shipment.trial_id == trial_id)
    return list(session.exec(found.order_by(col(Shipment.number).desc())))
