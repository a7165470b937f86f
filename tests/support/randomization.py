"""Seals lists, fills shelves and randomizes in a House, through the services that real use goes through.

What tests may know and nobody else: ``true_arms`` opens the strongroom as its own tests do.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from sqlmodel import select

from randomization.kits.contents import contents_of
from randomization.kits.kits import Kit
from randomization.kits.shipments import ReceiveKits, ShipKits, Shipment, ShippedLot, receive_kits, ship_kits
from randomization.ledger.allocation_lists import AllocationList
from randomization.ledger.allocations import RandomizationReceipt, allocations_of
from randomization.ledger.generation import ConfirmList, DesignList, confirm_list, design_list
from randomization.ledger.randomize import RandomizeParticipant, randomize_participant
from randomization.ledger.seats import arms_given
from tests.support.house import House
from tests.support.participants import participant, protocol_at, ready_to_randomize, site_code
from trial.database.session import strongroom
from trial.protocol.schema.allocation import MAIN_STAGE

FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
GOOD_UNTIL = date(2027, 6, 30)


def designed_list(
    house: House,
    *,
    blocks: tuple[int, ...] = (4, 6),
    slots: int | None = None,
    sites: tuple[str, ...] = (),
    **under_seal,
):
    """A list that waits for its second person. Other schemes than permuted blocks take ``blocks=()``."""
    with house.database.transaction() as session:
        return design_list(
            session,
            house.actor(session, "statistician_randomization"),
            DesignList(
                trial_id=house.trial.id,
                block_sizes=blocks,
                slots_per_stratum=(24 if blocks else 0) if slots is None else slots,
                sites=sites,
                contribution=FIRST,
                **under_seal,
            ),
        )


def confirmed_list(house: House, list_id: UUID) -> AllocationList:
    with house.database.transaction() as session:
        actor = house.actor(session, "statistician_unblinded")
        return confirm_list(session, actor, ConfirmList(list_id=list_id, contribution=SECOND))


def sealed_list(house: House, **design) -> AllocationList:
    """A list in use."""
    return confirmed_list(house, designed_list(house, **design).id)


def shipped(
    house: House, site: str = "S1", kits: dict[str, int] | None = None, *, until: date = GOOD_UNTIL
) -> Shipment:
    """A shipment on its way; by default sixteen kits of each arm."""
    counts = kits or dict.fromkeys(protocol_at(house, site).arm_codes, 16)
    lots = tuple(ShippedLot(arm=arm, lot=f"LOT-{arm}", expires_on=until, kits=count) for arm, count in counts.items())
    with house.database.transaction() as session:
        command = ShipKits(
            trial_id=house.trial.id, site_id=house.site_id(site), lots=lots, idempotency_key=str(uuid4())
        )
        return ship_kits(session, house.actor(session, "supply_manager_unblinded"), command)


def stocked(house: House, site: str = "S1", kits: dict[str, int] | None = None, *, until: date = GOOD_UNTIL) -> None:
    """A shelf that is filled."""
    shipment = shipped(house, site, kits, until=until)
    with house.database.transaction() as session:
        command = ReceiveKits(shipment_id=shipment.id, idempotency_key=str(uuid4()))
        receive_kits(session, house.actor(session, "coordinator", site), command)


def open_for_randomization(house: House, **design) -> AllocationList:
    """A sealed list and a filled shelf at every site."""
    made = sealed_list(house, **design)
    for site in house.sites:
        stocked(house, site)
    return made


def randomize(
    house: House, participant_id: UUID, *, key: str | None = None, stage: str = MAIN_STAGE
) -> RandomizationReceipt:
    site = site_code(house, participant_id)
    command = RandomizeParticipant(participant_id=participant_id, stage=stage, idempotency_key=key or str(uuid4()))
    with house.database.transaction() as session:
        actor = house.actor(session, "coordinator", site)
        return randomize_participant(session, actor, house.proof("coordinator", site), command)


def randomized(house: House, site: str = "S1", **who) -> UUID:
    """Somebody screened, signed and randomized."""
    participant_id = ready_to_randomize(house, site, **who)
    randomize(house, participant_id)
    return participant_id


def true_arms(house: House, stage: str = MAIN_STAGE) -> dict[str, str]:
    """The arm of each participant in a stage, by code, in the order of randomization."""
    with house.database.transaction() as session:
        allocations = allocations_of(session, house.trial.id, stage=stage)
        with strongroom(session):
            arms = arms_given(session, allocations)
    return {participant(house, one.participant_id).code: arms[one.id] for one in allocations}


def arms_of_kits(house: House) -> dict[str, str]:
    """The arm in each kit, by number."""
    with house.database.transaction() as session:
        kits = session.exec(select(Kit)).all()
        with strongroom(session):
            contents = contents_of(session, house.trial.id, [kit.id for kit in kits])
    return {kit.number: contents[kit.id].arm for kit in kits}
