"""Every dose that was prepared at a site, masked: who prepared, checked and took it, and when; never what it was drawn from."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from randomization.pharmacy.handovers import BagHandover
from randomization.pharmacy.preparations import Preparation
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.participants import Participant
from trial.conduct.sites import get_site
from trial.database.session import TrialSession


@dataclass(frozen=True, slots=True)
class PreparationAccount:
    participant: str
    infusion: int
    prepared_at: datetime
    prepared_by: UUID
    lot_recorded: bool
    verified_at: datetime | None
    verified_by: UUID | None
    received_at: datetime | None


def preparations_at(session: TrialSession, actor: Actor, site_id: UUID) -> list[PreparationAccount]:
    """Oldest first. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    rows = session.exec(
        select(Preparation, Participant.code, BagHandover)
        .join(Participant, col(Participant.id) == col(Preparation.participant_id))
        .outerjoin(BagHandover, col(BagHandover.preparation_id) == col(Preparation.id))
        .where(Preparation.site_id == site.id)
        .order_by(col(Preparation.prepared_at), Participant.code, col(Preparation.id))
    )
    return [
        PreparationAccount(
            participant=code,
            infusion=made.infusion,
            prepared_at=made.prepared_at,
            prepared_by=made.prepared_by,
            lot_recorded=made.lot_recorded,
            verified_at=made.verified_at,
            verified_by=made.verified_by,
            received_at=taken.received_at if taken else None,
        )
        for made, code, taken in rows
    ]
