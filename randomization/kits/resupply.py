"""Resupply: on fixed days, in fixed sets, by simulated demand, so that nobody who is blinded learns stock by arm.

Invariants
1. A set holds the protocol's ratio, a fixed number of times. Shipments that follow a review are whole sets.
2. A review happens on its weekday alone, for every active site at once, and rests on counts that everybody may know
   (``demand``). Neither whether a shipment comes nor how large it is depends on any arm.
3. Stock by arm is opened under seal for the supply manager alone. It starts no shipment: where it is worse than the
   review says, that is told to the supply manager, with what an unplanned shipment would tell others.
4. Whoever opens stock by arm leaves a record.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from math import gcd
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, func, select

from randomization.kits.contents import contents_of
from randomization.kits.demand import SiteSupply, chance_of_running_out, sets_needed
from randomization.kits.kits import Kit, KitStatus, check_has_kits
from randomization.kits.shelves import last_day_of_use
from randomization.kits.shipments import ShipKits, Shipment, ShippedLot, ship_kits
from randomization.ledger.allocations import Allocation
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.conduct.sites import Site, get_site, sites_of
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import Protocol
from trial.protocol.versions import active_protocols, newest_active_version, protocol_of

LOOK_BACK: Final = timedelta(days=90)
MOST_SETS: Final = 12
_WEEK: Final = 7
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class NoSupplyPlan(Conflict):
    code = "supply.no_plan"


class NotReviewDay(Conflict):
    code = "supply.not_review_day"


class AlreadyReviewed(Conflict):
    code = "supply.already_reviewed"


class NoActiveSite(Conflict):
    code = "supply.no_active_site"


class LotsIncomplete(InvalidInput):
    code = "supply.lots_incomplete"


class PlanSupply(BaseModel):
    """``weekday`` is 0 for Monday. ``times`` is how often the smallest whole ratio stands in a set."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    times: int = Bounded(ge=1, le=50)
    weekday: int = Bounded(ge=0, le=6)
    lead_days: int = Bounded(ge=0, le=120)
    confidence: float = Bounded(ge=0.5, le=0.9999)
    idempotency_key: str


class ReviewSupply(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    idempotency_key: str


class ArmLot(BaseModel):
    """The lot from which an arm's kits are taken."""

    model_config = ConfigDict(frozen=True)

    arm: str = Bounded(repr=False)
    lot: str = Bounded(min_length=1, max_length=40, repr=False)
    expires_on: date = Bounded(repr=False)


class ShipSets(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    site_id: UUID
    sets: int = Bounded(ge=1, le=MOST_SETS)
    lots: tuple[ArmLot, ...] = Bounded(repr=False)
    idempotency_key: str


class SupplyPlan(TrialRecord, table=True):
    __tablename__ = "supply_plan"
    __table_args__ = in_schema("trial")

    times: int
    weekday: int
    lead_days: int
    confidence: float


class SupplyReview(TrialRecord, table=True):
    """What a review proposed for one site: a function of what everybody may know."""

    __tablename__ = "supply_review"
    __table_args__ = in_schema("trial")

    plan_id: UUID = Field(foreign_key="trial.supply_plan.id")
    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    reviewed_on: date
    usable: int
    chance: float
    sets: int


class StockReading(TrialRecord, table=True):
    """That somebody opened a site's stock by arm."""

    __tablename__ = "stock_reading"
    __table_args__ = in_schema("trial")

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    read_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class SealedStock:
    """Usable kits by arm. For the supply manager, on a page that says that it is unblinded."""

    site: Site
    usable: dict[str, int] = field(repr=False)
    is_short: bool = field(repr=False)


def plan_supply(session: TrialSession, actor: Actor, command: PlanSupply) -> SupplyPlan:
    """Set size, day, time of delivery and confidence from now on. Raises ``NotPermitted``, ``NoKitsInTrial``."""
    authorize(session, actor, Action.SUPPLY_PLANNED, trial_id=command.trial_id)

    def do() -> UUID:
        version = newest_active_version(session, command.trial_id)
        check_has_kits(protocol_of(version))
        made = SupplyPlan(
            **session.stamp(),
            protocol_version_id=version.id,
            **command.model_dump(exclude={"idempotency_key"}),
        )
        session.add(made)
        return made.id

    return session.get_one(
        SupplyPlan, exactly_once(session, actor, Action.SUPPLY_PLANNED, command.idempotency_key, command, do)
    )


def plan_of(session: TrialSession, trial_id: UUID) -> SupplyPlan:
    """The plan in force. Raises ``NoSupplyPlan``."""
    found = select(SupplyPlan).where(SupplyPlan.trial_id == trial_id)
    plan = session.exec(found.order_by(col(SupplyPlan.recorded_at).desc(), col(SupplyPlan.id))).first()
    if plan is None:
        raise NoSupplyPlan("There is no supply plan yet. Say how large a set is, and on which day stock is reviewed.")
    return plan


def set_of(protocol: Protocol, plan: SupplyPlan) -> dict[str, int]:
    """What one set holds, by arm: known from the protocol's ratio."""
    shares = protocol.shares
    return {arm: plan.times * share // gcd(*shares) for arm, share in zip(protocol.arm_codes, shares, strict=True)}


def review_supply(session: TrialSession, actor: Actor, command: ReviewSupply) -> list[SupplyReview]:
    """Today's review of every active site. Raises ``NotPermitted``, ``NoSupplyPlan``, ``NotReviewDay``, ``AlreadyReviewed``."""
    authorize(session, actor, Action.SUPPLY_REVIEWED, trial_id=command.trial_id)
    made = exactly_once(
        session,
        actor,
        Action.SUPPLY_REVIEWED,
        command.idempotency_key,
        command,
        lambda: _review(session, command.trial_id),
    )
    day = session.get_one(SupplyReview, made).reviewed_on
    return [one for one in reviews_of(session, command.trial_id) if one.reviewed_on == day]


def _review(session: TrialSession, trial_id: UUID) -> UUID:
    plan, today = plan_of(session, trial_id), session.now().date()
    session.refresh(plan, with_for_update={"key_share": True})
    if today.weekday() != plan.weekday:
        raise NotReviewDay(
            f"Stock is reviewed on {_DAYS[plan.weekday]}s, and on no other day: a day that is chosen could tell something."
        )
    if any(one.reviewed_on == today for one in reviews_of(session, trial_id)):
        raise AlreadyReviewed("Today's review is made already. The next one is in a week.")
    version = newest_active_version(session, trial_id)
    protocol = protocol_of(version)
    size = sum(set_of(protocol, plan).values())
    active = [site for site in sites_of(session, trial_id) if site.activated_on is not None and site.closed_on is None]
    if not active:
        raise NoActiveSite("No site is active, so there is no stock to review.")
    made = []
    for site in active:
        supply, seed = public_supply(session, site, protocol, plan), today.toordinal()
        made.append(
            SupplyReview(
                **session.stamp(),
                trial_id=trial_id,
                protocol_version_id=version.id,
                plan_id=plan.id,
                site_id=site.id,
                reviewed_on=today,
                usable=supply.usable,
                chance=round(chance_of_running_out(supply, seed=seed), 4),
                sets=sets_needed(supply, size, plan.confidence, most=MOST_SETS, seed=seed),
            )
        )
    session.add_all(made)
    return made[0].id


def public_supply(session: TrialSession, site: Site, protocol: Protocol, plan: SupplyPlan) -> SiteSupply:
    """What everybody may know of a site's stock and pace: totals, dates, and how many were randomized."""
    good_until = last_day_of_use(site, protocol, session) + timedelta(days=plan.lead_days + _WEEK)
    coming = {KitStatus.AVAILABLE, KitStatus.IN_TRANSIT}
    kits = session.exec(select(Kit).where(Kit.site_id == site.id)).all()
    since = session.now() - LOOK_BACK
    recent = session.exec(
        select(func.count(col(Allocation.id))).where(Allocation.site_id == site.id, Allocation.randomized_at >= since)
    ).one()
    return SiteSupply(
        ratio=tuple(protocol.shares),
        kits_each=len(protocol.supply.dispensed_at),
        received=len(kits),
        usable=sum(kit.status in coming and kit.use_by >= good_until for kit in kits),
        per_day=(recent + 1) / LOOK_BACK.days,
        days=plan.lead_days + _WEEK,
    )


def reviews_of(session: TrialSession, trial_id: UUID) -> list[SupplyReview]:
    """Every review, the last one first."""
    found = select(SupplyReview).where(SupplyReview.trial_id == trial_id)
    return list(session.exec(found.order_by(col(SupplyReview.reviewed_on).desc(), col(SupplyReview.id))))


def sealed_stock(session: TrialSession, actor: Actor, site_id: UUID) -> SealedStock:
    """A site's usable kits by arm; the reading is recorded. Raises ``SiteNotFound``, ``NotPermitted``, ``NoSupplyPlan``."""
    site = get_site(session, site_id)
    authorize(session, actor, Action.STOCK_BY_ARM_READ, trial_id=site.trial_id, site_id=site.id)
    version, plan = newest_active_version(session, site.trial_id), plan_of(session, site.trial_id)
    protocol = protocol_of(version)
    session.add(
        StockReading(
            **session.stamp(),
            trial_id=site.trial_id,
            protocol_version_id=version.id,
            site_id=site.id,
            read_by=actor.account_id,
        )
    )
    usable = _by_arm(session, site, protocol)
    least = set_of(protocol, plan)
    return SealedStock(site, usable, any(usable[arm] < least[arm] for arm in least))


def _by_arm(session: TrialSession, site: Site, protocol: Protocol) -> dict[str, int]:
    """Every arm of the protocol, and arms that it dropped or will have, of which kits are on the shelf."""
    use_by = last_day_of_use(site, protocol, session)
    kits = session.exec(
        select(Kit.id).where(Kit.site_id == site.id, Kit.status == KitStatus.AVAILABLE, col(Kit.use_by) >= use_by)
    ).all()
    counts = dict.fromkeys(protocol.arm_codes, 0)
    with strongroom(session):
        for content in contents_of(session, site.trial_id, kits).values() if kits else ():
            counts[content.arm] = counts.get(content.arm, 0) + 1
    return counts


def ship_sets(session: TrialSession, actor: Actor, command: ShipSets) -> Shipment:
    """Send whole sets, of the newest version that has exactly these arms.

    Raises ``NoSupplyPlan``, ``LotsIncomplete`` and what ``ship_kits`` raises.
    """
    check_may(actor, Permission.KIT_MANAGE, command.trial_id)
    plan, named = plan_of(session, command.trial_id), sorted(lot.arm for lot in command.lots)
    protocol = next(
        (one for one in active_protocols(session, command.trial_id) if sorted(one.arm_codes) == named), None
    )
    if protocol is None:
        raise LotsIncomplete("Name one lot for every arm of the protocol and for no other.")
    one = set_of(protocol, plan)
    lots = tuple(
        ShippedLot(arm=lot.arm, lot=lot.lot, expires_on=lot.expires_on, kits=command.sets * one[lot.arm])
        for lot in command.lots
    )
    whole = ShipKits(
        trial_id=command.trial_id, site_id=command.site_id, lots=lots, idempotency_key=command.idempotency_key
    )
    return ship_kits(session, actor, whole)


def packing_list(session: TrialSession, actor: Actor, shipment: Shipment) -> list[tuple[str, str, str]]:
    """Number, arm and lot of each kit, for who sticks the labels on; the reading is recorded. Raises ``NotPermitted``."""
    authorize(session, actor, Action.STOCK_BY_ARM_READ, trial_id=shipment.trial_id, site_id=shipment.site_id)
    session.add(
        StockReading(
            **session.stamp(),
            trial_id=shipment.trial_id,
            protocol_version_id=shipment.protocol_version_id,
            site_id=shipment.site_id,
            read_by=actor.account_id,
        )
    )
    kits = session.exec(select(Kit).where(Kit.shipment_id == shipment.id).order_by(Kit.number)).all()
    with strongroom(session):
        held = contents_of(session, shipment.trial_id, [kit.id for kit in kits])
    return [(kit.number, held[kit.id].arm, held[kit.id].lot) for kit in kits]
