"""The register of unblindings shows that somebody was unblinded, and never to what."""

from uuid import uuid4

import pytest
from sqlmodel import select

from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.register import Unblinding, UnblindingReason
from tests.support.doors import Doors
from tests.support.randomization import open_for_randomization, randomized

REGISTER = "/t/TEST-1/unblindings"


@pytest.fixture
def broken(doors: Doors):
    house = doors.house
    open_for_randomization(house)
    command = BreakCode(
        participant_id=randomized(house),
        reason=UnblindingReason.MEDICAL_NEED,
        note="Anaphylaxis at night",
        idempotency_key=str(uuid4()),
    )
    with house.database.transaction() as session:
        actor = house.actor(session, "investigator", "S1")
        return break_code(session, actor, house.proof("investigator", "S1"), command)


def test_the_medical_monitor_assesses_what_it_meant(doors: Doors, broken):
    with doors.client("medical-monitor") as monitor:
        home = monitor.get("/t/TEST-1").text
        assert "unblindings to assess" in home
        told = monitor.get(REGISTER).text
        assert "Anaphylaxis at night" in told
        assert broken.participant in told
        with doors.house.database.session() as session:
            entry = session.exec(select(Unblinding).where(Unblinding.kind == "emergency")).one()
        empty = monitor.send_form(f"{REGISTER}/{entry.id}", impact="", bias_possible="yes")
        assert empty.status_code == 422
        done = monitor.send_form(f"{REGISTER}/{entry.id}", impact="Ratings go to another person.", bias_possible="no")
        assert done.status_code == 303
        assert "No bias expected" in monitor.get(REGISTER).text
        papers = [monitor.get(f"{REGISTER}/register.pdf").content for _ in range(2)]
        assert papers[0] == papers[1]
        assert papers[0].startswith(b"%PDF-")
        assert monitor.send_form(f"{REGISTER}/{entry.id}", impact="Again.", bias_possible="no").status_code == 409


def test_the_register_names_no_arm(doors: Doors, broken):
    for username in ("medical-monitor", "data-manager", "inspector"):
        with doors.client(username) as reader:
            told = reader.get(REGISTER).text.partition("<main")[2]
            assert broken.participant in told
            assert broken.name.lower() not in told.lower()
            assert f">{broken.arm}<" not in told
