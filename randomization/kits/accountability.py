"""Kit accountability: where each kit of a site is and who got it; masked, by number."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, or_, select

from randomization.kits.dispensing import Dispensing
from randomization.kits.kits import Kit, KitStatus
from randomization.kits.shipments import Shipment
from randomization.ledger.allocations import Allocation
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.participants import Participant
from trial.conduct.sites import get_site
from trial.database.session import TrialSession


@dataclass(frozen=True, slots=True)
class KitAccount:
    number: str
    shipment: int
    status: KitStatus
    use_by: date
    received_at: datetime | None
    participant: str | None
    visit: str | None
    dispensed_at: datetime | None


def accountability_of(session: TrialSession, actor: Actor, site_id: UUID) -> list[KitAccount]:
    """Every kit that was ever sent to the site, by number. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    rows = session.execute(
        select(Kit, Shipment, Participant.code, Dispensing.visit, Dispensing.dispensed_at)  # type: ignore[call-overload]  # SQLModel's overloads end at four
        .join(Shipment, col(Shipment.id) == col(Kit.shipment_id))
        .outerjoin(Dispensing, col(Dispensing.kit_id) == col(Kit.id))
        .outerjoin(Allocation, col(Allocation.kit_id) == col(Kit.id))
        .outerjoin(
            Participant,
            or_(
                col(Participant.id) == col(Dispensing.participant_id),
                col(Participant.id) == col(Allocation.participant_id),
            ),
        )
        .where(Kit.site_id == site.id)
        .order_by(Kit.number)
    )
    return [
        KitAccount(kit.number, shipment.number, kit.status, kit.use_by, shipment.received_at, code, visit, dispensed_at)
        for kit, shipment, code, visit, dispensed_at in rows
    ]
