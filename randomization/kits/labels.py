"""What the labels of a shipment say, for those who label: numbers, one date, and the words of the protocol.

Invariants
1. Nothing of a kit's content is read here: not its arm, and not its lot, which could tell it.
2. The words are those of the protocol version under which the shipment was packed, so that a label printed again is
   the label that was printed.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from randomization.kits.shipments import Shipment, get_shipment, kits_in
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may, may
from trial.conduct.sites import Site, get_site
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol
from trial.protocol.versions import ProtocolVersion, protocol_of

CLINICAL_TRIAL_ONLY: Final = "For clinical trial use only."


@dataclass(frozen=True, slots=True)
class ShipmentLabels:
    site: Site
    shipment: int
    use_by: date
    words: tuple[str, ...]
    numbers: tuple[str, ...]


def labels_of(session: TrialSession, actor: Actor, shipment_id: UUID) -> ShipmentLabels:
    """For the depot that packs, and for a site that replaces a label that was spoilt.

    Raises ``ShipmentNotFound``, ``NotPermitted``.
    """
    shipment = get_shipment(session, shipment_id)
    if not may(actor, Permission.KIT_MANAGE, shipment.trial_id):
        check_may(actor, Permission.KIT_RECEIVE, shipment.trial_id, shipment.site_id)
    return ShipmentLabels(
        site=get_site(session, shipment.site_id),
        shipment=shipment.number,
        use_by=shipment.use_by,
        words=masked_words(_protocol(session, shipment)),
        numbers=tuple(kit.number for kit in kits_in(session, shipment.id)),
    )


def masked_words(protocol: Protocol) -> tuple[str, ...]:
    """What stands on every label, whatever it is stuck on; the last sentence is there even if the protocol forgot it."""
    words = protocol.supply.label_words
    return words if CLINICAL_TRIAL_ONLY in words else (*words, CLINICAL_TRIAL_ONLY)


def _protocol(session: TrialSession, shipment: Shipment) -> Protocol:
    return protocol_of(session.get_one(ProtocolVersion, shipment.protocol_version_id))
