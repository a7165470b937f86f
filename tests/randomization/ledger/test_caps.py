"""Caps of strata and of arms, and the alert that a stratum runs low: none of them looks at a slot."""

import pytest
from sqlmodel import select

from randomization.ledger.tallies import ArmCapsReached, StratumCapReached
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, randomized
from trial.access.alerts import Alert, AlertKind, alerts_for, mark_seen
from trial.protocol.loader import LoadedProtocol, ProtocolInvalid, parse_protocol, shipped_text

OPIOID = ("baseline", "opioid_use")
AT = "  site_cap_fraction: 0.40\n"


def keta(*changes: tuple[str, str]) -> LoadedProtocol:
    text = shipped_text("keta-pain")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_protocol(text)


def capped(levels: str, at_most: int = 2) -> LoadedProtocol:
    return keta((AT, f"{AT}  caps:\n    - {{levels: {levels}, at_most: {at_most}}}\n"))


def test_a_stratum_stops_at_its_cap_over_all_sites_and_others_go_on(database, clock):
    house = House.build(database, clock, loaded=capped('{opioid_use: "yes"}'))
    open_for_randomization(house)
    for site in ("S1", "S2"):
        randomized(house, site, facts={OPIOID: "yes"})
    third = ready_to_randomize(house, "S1", {OPIOID: "yes"})
    with pytest.raises(StratumCapReached):
        randomize(house, third)
    assert randomize(house, ready_to_randomize(house, "S1", {OPIOID: "no"})).randomization_number == "R0003"
    with pytest.raises(ProtocolInvalid, match="no stratification factor"):
        capped("{opioid_use: sometimes}")


def test_the_cap_of_an_arm_is_held_as_the_total_that_its_ratio_allows(database, clock):
    house = House.build(database, clock, loaded=keta(("  - code: KET\n", "  - code: KET\n    at_most: 1\n")))
    open_for_randomization(house)
    for _ in range(2):  # whatever arms these two have
        randomized(house)
    with pytest.raises(ArmCapsReached):
        randomized(house, "S2")


def test_a_stratum_that_runs_low_is_told_once_until_somebody_has_seen_it(database, clock):
    house = House.build(database, clock, loaded=keta((AT, f"{AT}  warn_at_slots: 11\n")))
    open_for_randomization(house, slots=12)

    def told() -> list[str]:
        with house.database.transaction() as session:
            found = select(Alert.sentence).where(Alert.kind == AlertKind.STRATUM_LOW)
            return list(session.exec(found.order_by(Alert.recorded_at)))

    randomized(house)
    assert told() == [], "eleven are left"
    randomized(house)
    randomized(house)
    (sentence,) = told()
    assert sentence.endswith("has 10 slots left of 12. Continue its list now.")
    assert "KET" not in sentence
    with house.database.transaction() as session:
        statistician = house.actor(session, "statistician_randomization")
        (alert,) = alerts_for(session, statistician, house.trial.id)
        mark_seen(session, statistician, house.trial.id, alert.id)
    randomized(house)
    assert len(told()) == 2
