"""Labels tell nothing: two shipments that differ in what they hold have the same labels, byte for byte."""

from datetime import date
from uuid import UUID

import pytest

from randomization.kits.labels import CLINICAL_TRIAL_ONLY, labels_of, masked_words
from randomization.kits.shipments import ShipKits, ShippedLot, ship_kits
from reports.documents.labels import LabelSheet, kit_labels
from tests.support.house import House
from tests.support.participants import protocol_at
from tests.support.randomization import shipped
from trial.errors import NotPermitted
from trial.ids import UnsafeSeededEntropy
from trial.protocol.loader import load_shipped

EARLY, LATE = date(2026, 9, 30), date(2027, 6, 30)


def _labels(house: House, *lots: ShippedLot) -> bytes:
    """The labels of a shipment that is taken back afterwards."""
    house.database.entropy = UnsafeSeededEntropy(11)
    with house.database.session() as session:
        manager = house.actor(session, "supply_manager_unblinded")
        command = ShipKits(
            trial_id=house.trial.id, site_id=house.site_id("S1"), lots=lots, idempotency_key=str(UUID(int=7, version=4))
        )
        found = labels_of(session, manager, ship_kits(session, manager, command).id)
        sheet = LabelSheet("TEST-1", "", found.site.code, found.shipment, found.use_by, found.words, found.numbers)
        session.rollback()
    return kit_labels(sheet)


def test_labels_of_two_worlds_with_swapped_treatments_are_the_same_bytes(house: House):
    one = _labels(
        house,
        ShippedLot(arm="KET", lot="K-7", expires_on=EARLY, kits=8),
        ShippedLot(arm="PBO", lot="P-1234", expires_on=LATE, kits=4),
    )
    other = _labels(
        house,
        ShippedLot(arm="PBO", lot="K-7", expires_on=EARLY, kits=8),
        ShippedLot(arm="KET", lot="P-1234", expires_on=LATE, kits=4),
    )
    assert one == other


def test_another_ratio_of_treatments_in_as_many_kits_shows_on_no_label(house: House):
    lots = [ShippedLot(arm=arm, lot="L", expires_on=LATE, kits=kits) for arm, kits in (("KET", 9), ("PBO", 3))]
    even = [lot.model_copy(update={"kits": 6}) for lot in lots]
    assert _labels(house, *lots) == _labels(house, *even)


@pytest.mark.parametrize("name", ["keta-pain", "second"])
def test_the_words_are_the_protocols_and_name_no_lot(name: str):
    words = masked_words(load_shipped(name).protocol)
    assert CLINICAL_TRIAL_ONLY in words
    assert not any("lot" in word.lower().split() for word in words)


def test_a_protocol_without_words_still_says_that_it_is_for_a_trial(house: House):
    protocol = protocol_at(house)
    bare = protocol.model_copy(update={"supply": protocol.supply.model_copy(update={"label": ()})})
    assert masked_words(bare) == (protocol.supply.kit, CLINICAL_TRIAL_ONLY)


def test_who_labels_gets_them_and_nobody_else(house: House):
    shipment = shipped(house, "S1", kits={"KET": 2, "PBO": 1})
    with house.database.session() as session:
        for role, site in (("supply_manager_unblinded", None), ("coordinator", "S1"), ("pharmacist_unblinded", "S1")):
            assert len(labels_of(session, house.actor(session, role, site), shipment.id).numbers) == 3
        for role, site in (("coordinator", "S2"), ("monitor", "S1"), ("sponsor", None)):
            with pytest.raises(NotPermitted):
                labels_of(session, house.actor(session, role, site), shipment.id)
