"""Counts of a controlled substance: what should stand on the site's shelf against what was counted, in cartons.

Invariants
1. What is expected is computed from the record when the count is entered, and is not told before: who counts, counts.
2. A difference has a reason, is kept as it was found, and alerts the monitor and the supply manager at once.
3. A count changes no kit: what is missing is then looked for, and marked as lost by itself.
"""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from randomization.kits.kits import ON_SITE, KitNotFound, kits_of_status
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.conduct.sites import Site, get_site
from trial.database.columns import document, instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.protocol.versions import newest_active_version

ALERTED = ("monitor", "supply_manager_unblinded")


class DifferenceUnexplained(InvalidInput):
    code = "count.difference_unexplained"


class CountStock(BaseModel):
    """``missing`` are numbers on the list that were not found. ``reason`` is needed when the count differs."""

    model_config = ConfigDict(frozen=True)

    site_id: UUID
    counted: int = Bounded(ge=0, le=100_000)
    missing: tuple[str, ...] = ()
    reason: str = Bounded(default="", max_length=1000)
    idempotency_key: str


class StockCount(TrialRecord, table=True):
    __tablename__ = "stock_count"
    __table_args__ = in_schema("trial")

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    expected: int
    counted: int
    missing: list[str] = document()
    reason: str = prose()
    counted_at: datetime = instant()
    counted_by: UUID = Field(foreign_key="access.account.id")

    @property
    def difference(self) -> int:
        return self.counted - self.expected


def count_stock(session: TrialSession, actor: Actor, command: CountStock) -> StockCount:
    """Record a count. Raises ``SiteNotFound``, ``NotPermitted``, ``KitNotFound``, ``DifferenceUnexplained``."""
    site = get_site(session, command.site_id)
    authorize(
        session,
        actor,
        Action.STOCK_COUNTED,
        trial_id=site.trial_id,
        site_id=site.id,
        reason=command.reason or None,
    )
    made = exactly_once(
        session,
        actor,
        Action.STOCK_COUNTED,
        command.idempotency_key,
        command,
        lambda: _count(session, actor, site, command),
    )
    return session.get_one(StockCount, made)


def _count(session: TrialSession, actor: Actor, site: Site, command: CountStock) -> UUID:
    there = {kit.number for kit in kits_of_status(session, site.id, ON_SITE)}
    if unknown := sorted(set(command.missing) - there):
        raise KitNotFound(f"Kit {', '.join(unknown)} is not expected at the site. Read the number again.")
    made = StockCount(
        **session.stamp(),
        trial_id=site.trial_id,
        protocol_version_id=newest_active_version(session, site.trial_id).id,
        site_id=site.id,
        expected=len(there),
        counted=command.counted,
        missing=sorted(set(command.missing)),
        reason=command.reason,
        counted_at=session.now(),
        counted_by=actor.account_id,
    )
    if made.difference or made.missing:
        if len(command.reason.strip()) < 3:
            raise DifferenceUnexplained(
                "The count is not what the record expects. Count again; if it stays so, say what you know of it.",
                fields={"reason": "The count differs: give a reason, or that none is known."},
            )
        _alert(session, site, made)
    session.add(made)
    return made.id


def _alert(session: TrialSession, site: Site, made: StockCount) -> None:
    sentence = (
        f"A count of kits at site {site.code} found {made.counted} where {made.expected} were expected. "
        "Look at the count, and settle it with the site."
    )
    for role in ALERTED:
        raise_alert(session, AlertKind.COUNT_DIFFERS, role, sentence, trial_id=site.trial_id, site_id=site.id)


def counts_of(session: TrialSession, actor: Actor, site_id: UUID) -> list[StockCount]:
    """Every count at a site, the last one first. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    found = select(StockCount).where(StockCount.site_id == site.id)
    return list(session.exec(found.order_by(col(StockCount.counted_at).desc(), col(StockCount.id))))
