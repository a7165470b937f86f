"""A site's shelf, laid open inside the strongroom: is there a usable kit of every arm, and which one is taken.

Invariants
1. The shelf is refused as a whole when any arm has no usable kit, whatever the slot; the sentence is always the same.
2. Among the kits that match, each is equally likely to be taken; the choice uses fresh entropy and no order.
3. Only who holds the shelf's lock takes from it.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from sqlmodel import col, select

from randomization.kits.contents import KitContent, kit_key, open_content
from randomization.kits.kits import Kit, KitStatus
from trial.clock import local_date
from trial.conduct.sites import Site
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.ids import draw_below
from trial.protocol.schema import Protocol


class NoUsableKit(Conflict):
    code = "kit.none_usable"


@dataclass(frozen=True, slots=True)
class OpenShelf:
    """The usable kits of a site by arm. Exists inside the strongroom only."""

    kits: dict[str, list[UUID]] = field(repr=False)

    @property
    def total(self) -> int:
        return sum(len(kits) for kits in self.kits.values())


def lock_shelf(session: TrialSession, site_id: UUID) -> None:
    """Wait until nobody else takes from the site's shelf. Rows that refer to the site may be added meanwhile."""
    session.exec(select(Site.id).where(Site.id == site_id).with_for_update(key_share=True)).one()


def open_shelf(session: TrialSession, site: Site, protocol: Protocol) -> OpenShelf:
    """Every usable kit at the site. Raises ``NoUsableKit`` unless there is one of every arm."""
    key = kit_key(session, site.trial_id)
    rows = session.exec(
        select(Kit.id, KitContent.content)
        .join(KitContent, col(KitContent.kit_id) == col(Kit.id))
        .where(Kit.site_id == site.id, Kit.status == KitStatus.AVAILABLE)
        .where(col(Kit.use_by) >= usable_until(site, protocol, session))
        .order_by(Kit.number)
    )
    kits: dict[str, list[UUID]] = {arm: [] for arm in protocol.arm_codes}
    for kit_id, token in rows:
        kits.setdefault(open_content(key, kit_id, bytes(token)).arm, []).append(kit_id)
    if not all(kits.values()):
        raise no_usable_kit()
    return OpenShelf(kits)


def usable_until(site: Site, protocol: Protocol, session: TrialSession) -> date:
    """The day up to which a kit taken today must be good: the last on which a dose of the course may fall."""
    days = protocol.infusions.days.all_within_days if protocol.infusions else 1
    return local_date(session.now(), site.zone) + timedelta(days=days - 1)


def no_usable_kit() -> NoUsableKit:
    return NoUsableKit(
        "The stock at this site does not allow it now, so no kit was taken. Ask the supply manager for a shipment, then"
        " try again."
    )


def choose_kit(session: TrialSession, shelf: OpenShelf, arm: str) -> Kit:
    """One of the matching kits, uniformly at random, locked. The caller gives it its new status."""
    matching = shelf.kits[arm]
    chosen = matching[draw_below(session.entropy, len(matching), "kit choice")]
    kit = session.get(Kit, chosen, with_for_update={"key_share": True}, populate_existing=True)
    if kit is None or kit.status is not KitStatus.AVAILABLE:
        # Set aside in the instant since the shelf was opened: the same refusal as for an empty shelf.
        raise no_usable_kit()
    return kit
