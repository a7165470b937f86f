"""Kit accountability: where each kit of a site is, who got it, what came back, and how it ended; masked, by number."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select

from randomization.kits.destruction import Destruction, DestructionWitness
from randomization.kits.dispensing import Dispensing
from randomization.kits.kits import Kit, KitStatus
from randomization.kits.promises import KitReplacement
from randomization.kits.returns import DepotReturn, KitReturn
from randomization.kits.shipments import Shipment
from randomization.ledger.allocations import Allocation
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.participants import Participant
from trial.conduct.randomization_errors import RandomizationErrorMark
from trial.conduct.sites import get_site
from trial.database.session import TrialSession


@dataclass(frozen=True, slots=True)
class KitAccount:
    """``ended_at`` is when the kit left the site for good: destroyed before a witness, or sent to the depot.
    ``by_mistake``: the participant was given it instead of their own."""

    number: str
    shipment: int
    status: KitStatus
    use_by: date
    received_at: datetime | None
    participant: str | None
    visit: str | None
    dispensed_at: datetime | None
    replaced_by: str | None = None
    returned_at: datetime | None = None
    units_returned: int | None = None
    ended_at: datetime | None = None
    by_mistake: bool = False


@dataclass(frozen=True, slots=True)
class _Given:
    participant_id: UUID
    visit: str | None
    dispensed_at: datetime | None
    by_mistake: bool = False


def accountability_of(session: TrialSession, actor: Actor, site_id: UUID) -> list[KitAccount]:
    """Every kit that was ever sent to the site, by number. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    rows = session.exec(
        select(Kit, Shipment)
        .join(Shipment, col(Shipment.id) == col(Kit.shipment_id))
        .where(Kit.site_id == site.id)
        .order_by(Kit.number)
    ).all()
    facts = _Facts.of(session, site.id)
    return [_account(kit, shipment, facts) for kit, shipment in rows]


def _account(kit: Kit, shipment: Shipment, facts: "_Facts") -> KitAccount:
    given, returned = facts.given.get(kit.id), facts.returned.get(kit.id)
    return KitAccount(
        number=kit.number,
        shipment=shipment.number,
        status=kit.status,
        use_by=kit.use_by,
        received_at=shipment.received_at,
        participant=facts.codes[given.participant_id] if given else None,
        visit=given.visit if given else None,
        dispensed_at=given.dispensed_at if given else None,
        replaced_by=facts.replaced.get(kit.id),
        returned_at=returned.returned_at if returned else None,
        units_returned=returned.units if returned else None,
        ended_at=facts.ended.get(kit.number) if kit.status in _ENDED else None,
        by_mistake=given is not None and given.by_mistake,
    )


_ENDED = frozenset({KitStatus.DESTROYED, KitStatus.SENT_BACK, KitStatus.AT_DEPOT})


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a site's kits, by kit: who has it, what replaced it, what came back, when it went."""

    codes: dict[UUID, str]
    given: dict[UUID, _Given]
    replaced: dict[UUID, str]
    returned: dict[UUID, KitReturn]
    ended: dict[str, datetime]

    @classmethod
    def of(cls, session: TrialSession, site_id: UUID) -> "_Facts":
        replaced = session.exec(
            select(KitReplacement.replaced_kit_id, Kit.number)
            .join(Kit, col(Kit.id) == col(KitReplacement.kit_id))
            .where(KitReplacement.site_id == site_id)
        )
        returned = session.exec(select(KitReturn).where(KitReturn.site_id == site_id))
        codes = session.exec(select(Participant.id, Participant.code).where(Participant.site_id == site_id))
        return cls(
            codes=dict(codes.all()),
            given=_given_at(session, site_id),
            replaced=dict(replaced.all()),
            returned={one.kit_id: one for one in returned},
            ended=_ended_at(session, site_id),
        )


def _given_at(session: TrialSession, site_id: UUID) -> dict[UUID, _Given]:
    """By kit: assigned at randomization, then as a replacement, then handed out, or given by mistake; the later knows more."""
    given: dict[UUID, _Given] = {}
    for allocation in session.exec(select(Allocation).where(Allocation.site_id == site_id)):
        if allocation.kit_id is not None:
            given[allocation.kit_id] = _Given(allocation.participant_id, None, None)
    for one in session.exec(select(KitReplacement).where(KitReplacement.site_id == site_id)):
        given[one.kit_id] = _Given(one.participant_id, one.visit, one.replaced_at if one.visit else None)
    for handed in session.exec(select(Dispensing).where(Dispensing.site_id == site_id)):
        given[handed.kit_id] = _Given(handed.participant_id, handed.visit, handed.dispensed_at)
    mistaken = select(RandomizationErrorMark.participant_id, Kit.id).where(
        RandomizationErrorMark.site_id == site_id,
        Kit.site_id == site_id,
        col(RandomizationErrorMark.kit_given) == col(Kit.number),
    )
    return given | {kit_id: _Given(who, None, None, by_mistake=True) for who, kit_id in session.exec(mistaken)}


def _ended_at(session: TrialSession, site_id: UUID) -> dict[str, datetime]:
    ended = {
        number: one.sent_at
        for one in session.exec(select(DepotReturn).where(DepotReturn.site_id == site_id))
        for number in one.kits
    }
    destroyed = session.exec(
        select(Destruction, DestructionWitness)
        .join(DestructionWitness, col(DestructionWitness.destruction_id) == col(Destruction.id))
        .where(Destruction.site_id == site_id, col(DestructionWitness.seen))
    )
    return ended | {number: witness.witnessed_at for one, witness in destroyed for number in one.kits}
