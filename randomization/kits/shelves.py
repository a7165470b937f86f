"""A site's shelf, laid open inside the strongroom: is there a usable kit of every arm, and which one is taken.

Invariants
1. The shelf is refused as a whole when any arm has no usable kit, whatever the slot; the sentence is always the same. The arms
   are those of the version whose list the participant is on: kits of an arm that an amendment dropped hinder nobody else.
2. Among the kits that match, each is equally likely to be taken; the choice uses fresh entropy and no order.
3. A kit whose content or number was altered stops its shelf, and is named so that it can be set aside.
4. A kit is taken by one statement that changes its status: nobody takes it twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from randomization.kits.contents import arms_in
from randomization.sealing import DataKey, SealBroken
from trial.clock import local_date
from trial.conduct.sites import Site
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.ids import draw_below
from trial.protocol.schema import Protocol

_SHELF: Final = (
    "SELECT kit.id::text AS key, kit.number, kit_content.content"
    " FROM trial.kit JOIN sealed.kit_content ON kit_content.kit_id = kit.id"
    " WHERE kit.site_id = %(site)s AND kit.status = 'available' AND kit.use_by >= %(use_by)s ORDER BY kit.number"
)
_TAKE: Final = "UPDATE trial.kit SET status = 'assigned' WHERE id = %(kit)s AND status = 'available' RETURNING id"


class NoUsableKit(Conflict):
    code = "kit.none_usable"


class KitAltered(SealBroken):
    code = "kit.altered"


@dataclass(frozen=True, slots=True)
class ShelvedKit:
    """``key`` is its id as text: of a whole shelf, one kit's is read as more."""

    key: str
    number: str

    @property
    def id(self) -> UUID:
        return UUID(self.key)


@dataclass(frozen=True, slots=True)
class OpenShelf:
    """The usable kits of a site by arm. Exists inside the strongroom only."""

    kits: dict[str, list[ShelvedKit]] = field(repr=False)

    @property
    def total(self) -> int:
        return sum(len(kits) for kits in self.kits.values())


def open_shelf(
    session: TrialSession, key: DataKey, site: Site, protocol: Protocol, arms_there: Collection[str] = ()
) -> OpenShelf:
    """Every usable kit at the site; ``key`` is that of the trial's kits. ``arms_there`` are the arms of which each must have one,
    by itself those of the protocol.

    Raises ``NoUsableKit`` if any arm has none, ``KitAltered``.
    """
    use_by = last_day_of_use(site, protocol, session)
    kits: dict[str, list[ShelvedKit]] = {arm: [] for arm in arms_there or protocol.arm_codes}
    shelf = session.run_sql(_SHELF, site=site.id, use_by=use_by)
    try:
        arms = list(arms_in(key, shelf))
    except SealBroken:
        raise _altered(key, shelf) from None
    for row, arm in zip(shelf, arms, strict=True):
        kits.setdefault(arm, []).append(ShelvedKit(row.key, row.number))
    if not all(kits.values()):
        raise no_usable_kit()
    return OpenShelf(kits)


def _altered(key: DataKey, shelf: Sequence[Any]) -> KitAltered:
    """Which kit does not open: looked for one by one, for this is not met in normal work."""
    for row in shelf:
        try:
            list(arms_in(key, [row]))
        except SealBroken:
            return KitAltered(
                f"What is recorded of kit {row.number} was altered or moved in the database, so no kit was taken. Set it aside,"
                " tell the administrator, then try again."
            )
    raise AssertionError("one of them did not open")


def last_day_of_use(site: Site, protocol: Protocol, session: TrialSession) -> date:
    """The day up to which a kit taken today must be good: the last on which a dose of the course may fall."""
    days = protocol.infusions.days.all_within_days if protocol.infusions else 1
    return local_date(session.now(), site.zone) + timedelta(days=days - 1)


def no_usable_kit() -> NoUsableKit:
    return NoUsableKit(
        "The stock at this site does not allow it now, so no kit was taken. Ask the supply manager for a shipment, then"
        " try again."
    )


def take_kit(session: TrialSession, shelf: OpenShelf, arm: str) -> ShelvedKit:
    """One of the matching kits, uniformly at random; from now on it is assigned. Raises ``NoUsableKit``."""
    matching = list(shelf.kits.get(arm, ()))
    while matching:
        kit = matching.pop(draw_below(session.entropy, len(matching), "kit choice"))
        # Somebody may have taken or set it aside in the instant since the shelf was opened: then another is drawn.
        if session.run_sql(_TAKE, kit=kit.key):
            return kit
    raise no_usable_kit()
