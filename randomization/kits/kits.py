"""Kits as everybody may see them: a number, a place, a status, a date by which to use them; what is in them is sealed.

Invariants
1. A number is random and has a check digit. Neither the number, nor its order, nor its range tells an arm.
2. ``use_by`` is one date for a whole shipment: the earliest of all the lots in it, whatever a kit holds.
3. A status changes only by a step of ``STEPS``.
4. A kit that was promised to a participant never goes back to the shelf for another one.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.database.columns import choice
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.ids import Entropy, draw_below
from trial.protocol.schema import Protocol

_DIGITS: Final = 6


class KitStatus(StrEnum):
    IN_TRANSIT = "in_transit"
    AVAILABLE = "available"
    ASSIGNED = "assigned"
    DISPENSED = "dispensed"
    RETURNED = "returned"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    SENT_BACK = "sent_back"
    AT_DEPOT = "at_depot"
    DESTROYED = "destroyed"
    LOST = "lost"


_S = KitStatus
# A kit that was not assigned becomes dispensed when it was given by mistake (``ledger.wrong_kits``), and in no other way.
STEPS: Final[dict[KitStatus, frozenset[KitStatus]]] = {
    _S.IN_TRANSIT: frozenset({_S.AVAILABLE, _S.QUARANTINED, _S.LOST}),
    _S.AVAILABLE: frozenset({_S.ASSIGNED, _S.DISPENSED, _S.QUARANTINED, _S.SENT_BACK, _S.LOST}),
    _S.ASSIGNED: frozenset({_S.DISPENSED, _S.QUARANTINED, _S.REJECTED, _S.LOST}),
    _S.DISPENSED: frozenset({_S.RETURNED, _S.REJECTED, _S.LOST}),
    _S.RETURNED: frozenset({_S.SENT_BACK, _S.DESTROYED, _S.LOST}),
    _S.QUARANTINED: frozenset({_S.AVAILABLE, _S.ASSIGNED, _S.DISPENSED, _S.REJECTED, _S.LOST}),
    _S.REJECTED: frozenset({_S.SENT_BACK, _S.DESTROYED, _S.LOST}),
    _S.SENT_BACK: frozenset({_S.AT_DEPOT, _S.LOST}),
    _S.AT_DEPOT: frozenset(),  # from here on it stands in the depot's own books
    _S.DESTROYED: frozenset(),
    _S.LOST: frozenset(),
}
ON_SITE: Final = frozenset({_S.AVAILABLE, _S.ASSIGNED, _S.RETURNED, _S.QUARANTINED, _S.REJECTED})
"""Where a kit is when somebody at the site can lay a hand on it."""


class KitNotFound(NotFound):
    code = "kit.not_found"


class KitStepNotPossible(Conflict):
    code = "kit.step_not_possible"


class NoKitsInTrial(Conflict):
    code = "kit.none_in_trial"


class NoKitNamed(InvalidInput):
    code = "kit.none_named"


class Kit(TrialRecord, table=True):
    __tablename__ = "kit"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    shipment_id: UUID = Field(foreign_key="trial.shipment.id", index=True)
    number: str = Field(max_length=16)
    status: KitStatus = choice(KitStatus)
    use_by: date


def check_has_kits(protocol: Protocol) -> None:
    """Raise ``NoKitsInTrial`` where the protocol numbers no kits."""
    if not protocol.supply.numbered_kits:
        raise no_kits_in_trial()


def no_kits_in_trial() -> NoKitsInTrial:
    return NoKitsInTrial(
        "There is no numbered kit here: the unblinded pharmacist prepares each dose. Ask the pharmacy."
    )


def can_become(kit: Kit, status: KitStatus) -> bool:
    return status in STEPS[kit.status]


def move_kit(session: TrialSession, kit: Kit, status: KitStatus) -> None:
    """Raise ``KitStepNotPossible`` unless the kit's status allows it."""
    if not can_become(kit, status):
        now, then = (value.value.replace("_", " ") for value in (kit.status, status))
        raise KitStepNotPossible(f"Kit {kit.number} is {now}, so it cannot become {then}. Check the number.")
    kit.status = status
    session.add(kit)


def find_kit(session: TrialSession, trial_id: UUID, number: str, *, to_write: bool = False) -> Kit:
    """By its number; ``to_write`` locks it. Raises ``KitNotFound``."""
    wanted = select(Kit).where(Kit.trial_id == trial_id, Kit.number == number)
    if to_write:
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.exec(wanted).first()
    if found is None:
        raise KitNotFound("There is no kit of this number in the trial. Read the number on the label again.")
    return found


def find_kits_at(session: TrialSession, site_id: UUID, numbers: Iterable[str]) -> list[Kit]:
    """The site's kits of these numbers, locked, by number. Raises ``NoKitNamed``, ``KitNotFound``."""
    wanted = set(numbers)
    if not wanted:
        raise NoKitNamed("No kit is named. Choose at least one.", fields={"numbers": "Choose at least one kit."})
    found = session.exec(
        select(Kit)
        .where(Kit.site_id == site_id, col(Kit.number).in_(wanted))
        .order_by(Kit.number)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    if missing := sorted(wanted - {kit.number for kit in found}):
        raise KitNotFound(f"The site has no kit {', '.join(missing)}. Read the number on the label again.")
    return list(found)


def kits_of_status(session: TrialSession, site_id: UUID, statuses: Iterable[KitStatus]) -> list[Kit]:
    """The site's kits that stand so, by number."""
    wanted = select(Kit).where(Kit.site_id == site_id, col(Kit.status).in_(list(statuses)))
    return list(session.exec(wanted.order_by(Kit.number)))


def draw_number(entropy: Entropy) -> str:
    """Six random digits and a check digit (Luhn), so that one wrong digit, or two swapped, is noticed."""
    digits = f"{draw_below(entropy, 10**_DIGITS, 'kit number'):0{_DIGITS}d}"
    return digits + check_digit(digits)


def check_digit(digits: str) -> str:
    """The Luhn digit that belongs behind ``digits``."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def number_is_well_formed(number: str) -> bool:
    """Whether the check digit fits."""
    return number.isdigit() and len(number) == _DIGITS + 1 and check_digit(number[:-1]) == number[-1]
