"""Kits of a demo trial: a first shipment to each site, and more whenever the total on the shelf falls low.

Invariants
1. Whether more is sent depends on totals alone, as the real supply manager sees them.
2. Every shipment holds both arms in equal numbers.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from api.cli.demo.calendar import at
from api.cli.demo.gatherings import gathering
from api.cli.demo.stage import Place, Stage
from api.cli.demo.timeline import InTurn, Story
from randomization.kits.shipments import ReceiveKits, ShipKits, ShippedLot, receive_kits, ship_kits
from randomization.kits.stock import stock_of
from randomization.ledger.tallies import numbers_given
from trial.database.session import TrialSession
from trial.protocol.schema.allocation import MAIN_STAGE

GOOD_FOR = timedelta(days=540)


def kits_an_arm(stage: Stage, place: Place) -> int:
    """Three weeks of the site's recruitment, and never fewer than six."""
    return max(6, round(stage.planned * place.share / 15))


def send(stage: Stage, session: TrialSession, place: Place, *, first: bool = False) -> UUID:
    """The supply manager ships one set; the first one to a site is half as large again."""
    kits = kits_an_arm(stage, place) * (3 if first else 2) // 2
    expires = stage.clock.now().date() + GOOD_FOR
    lots = tuple(
        ShippedLot(arm=arm, lot=f"{arm}-{expires:%y%m}{place.code}", expires_on=expires, kits=kits)
        for arm in stage.protocol.arm_codes
    )
    command = ShipKits(trial_id=stage.trial.id, site_id=place.id, lots=lots, idempotency_key=stage.key())
    return ship_kits(session, stage.person("supply-manager"), command).id


def take_in(stage: Stage, session: TrialSession, place: Place, shipment: UUID) -> None:
    """The site's pharmacy takes the shipment in."""
    command = ReceiveKits(shipment_id=shipment, idempotency_key=stage.key())
    receive_kits(session, stage.at("pharmacist-1", place), command)


def shelf_watch(stage: Stage, place: Place) -> Story:
    """Every Monday until the trial is full: is there enough for the next three weeks?"""
    for monday in stage.calendar.mondays(place.opens_in_week + 1):
        session = yield gathering(stage, monday)
        if numbers_given(session, stage.trial.id, MAIN_STAGE) >= stage.planned:
            return
        left = stock_of(session, stage.at("coordinator", place), place.id).available
        if left >= 2 * kits_an_arm(stage, place):
            continue
        shipment = send(stage, session, place)
        session = yield InTurn(at(monday + timedelta(days=1), 13, 25, place.zone))
        take_in(stage, session, place, shipment)
