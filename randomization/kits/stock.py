"""Stock as everybody may see it: totals and kits by number, never by arm; and the alert that it runs low.

Invariants
1. No count here is by arm, and no alert depends on one arm: the total alone decides.
2. Kits are listed by number, which is random.
"""

from dataclasses import dataclass
from datetime import date, datetime
from math import gcd
from uuid import UUID

from sqlmodel import col, select

from randomization.kits.kits import Kit, KitStatus
from trial.access.actors import Actor
from trial.access.alerts import Alert, AlertKind, raise_alert
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.sites import Site, get_site
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol

BLOCKS_IN_RESERVE = 3


@dataclass(frozen=True, slots=True)
class StockView:
    """One site's stock, masked."""

    site: str
    counts: dict[KitStatus, int]
    kits: tuple["KitLine", ...]
    seen_at: datetime

    @property
    def available(self) -> int:
        return self.counts[KitStatus.AVAILABLE]


@dataclass(frozen=True, slots=True)
class KitLine:
    number: str
    status: KitStatus
    use_by: date


def stock_of(session: TrialSession, actor: Actor, site_id: UUID) -> StockView:
    """What stands on the site's shelf. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    kits = session.exec(select(Kit).where(Kit.site_id == site.id).order_by(col(Kit.number))).all()
    counts = {status: sum(kit.status is status for kit in kits) for status in KitStatus}
    lines = tuple(KitLine(kit.number, kit.status, kit.use_by) for kit in kits)
    return StockView(site.code, counts, lines, session.now())


def low_stock_level(protocol: Protocol) -> int:
    """A total at which it is time to send more: three times the smallest set that keeps the ratio."""
    shares = protocol.shares
    return BLOCKS_IN_RESERVE * sum(shares) // gcd(*shares)


def alert_when_low(session: TrialSession, site: Site, protocol: Protocol, *, left: int) -> None:
    """Tell the supply manager when the total is at the level or below, until it is seen. Arms play no part in it."""
    if left <= low_stock_level(protocol) and not _is_told(session, site):
        raise_alert(
            session,
            AlertKind.STOCK_LOW,
            "supply_manager_unblinded",
            f"Site {site.code} has {left} usable kits left in all. Send the next set.",
            trial_id=site.trial_id,
            site_id=site.id,
        )


def _is_told(session: TrialSession, site: Site) -> bool:
    """Whether an alert of this site still waits to be seen."""
    waiting = select(Alert.id).where(
        Alert.kind == AlertKind.STOCK_LOW, Alert.site_id == site.id, col(Alert.seen_at).is_(None)
    )
    return session.exec(waiting).first() is not None
