"""Every page of the site's people in a real browser: no accessibility violation, no sideways scroll, under 100 KB."""

import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from tests.support.doors import Doors
from tests.support.events import serious, situation_of
from tests.support.looks import examiner, troubles
from tests.support.participants import assess, consented, infuse, order, participant, ready_to_randomize, screen
from tests.support.queries import answered, asked
from tests.support.randomization import open_for_randomization, randomized, shipped

LARGEST = 100_000
_ENTRIES = text("SELECT count(*) FROM audit.entry")


@pytest.fixture
def pages(doors: Doors) -> list[tuple[str, str]]:
    """Who looks at what, in a trial where something stands everywhere."""
    house = doors.house
    open_for_randomization(house)
    shipment = shipped(house)
    given = randomized(house)
    infuse(house, given, 1)
    event = serious(house, given)
    situation_of(house, given)
    ordered = randomized(house)
    order(house, ordered, 1)
    ready = ready_to_randomize(house)
    assessed = consented(house)
    screen(house, assessed)
    assess(house, assessed)
    fresh = consented(house)
    query, settled = asked(house, given), answered(house, asked(house, given, visit="M1"))
    codes = [participant(house, one).code for one in (given, ordered, ready, assessed, fresh)]
    a, b, c, d, e = (f"/participants/{code}" for code in codes)
    site = [
        "", "/participants", "/participants/register", a, b, c, d, e, f"{a}/consent", f"{e}/visits/SCR",
        f"{e}/visits/SCR/forms/demographics", f"{e}/visits/SCR/forms/labs", f"{e}/visits/SCR/ratings/C-SSRS",
        f"{a}/visits/M1", f"{d}/eligibility", f"{c}/randomize", f"{c}/randomize/sign", f"{a}/receipt", f"{a}/deviation",
        f"{a}/programme", f"{a}/treatments",
        f"{a}/randomization-error", f"{a}/randomization-error/wrong_stratum", f"{a}/randomization-error/wrong_kit",
        f"{a}/end-treatment", f"{a}/end-study", f"{e}/end-screening", f"{e}/identity", f"{a}/kit", "/stock",
        f"{a}/kit/replace", f"{a}/kit/return", "/stock/excursions", "/stock/counts", "/stock/returns", "/stock/destructions",
        "/stock/destroy", "/stock/quarantine", "/bags", "/opened-envelopes",
        f"/stock/shipments/{shipment.id}", "/adverse-events", f"{a}/adverse-events/report",
        "/queries", f"/queries/{query.id}",
        f"/adverse-events/{codes[0]}/{event.number}", f"/adverse-events/{codes[0]}/{event.number}/update",
        f"/adverse-events/{codes[0]}/{event.number}/correct", f"/adverse-events/{codes[0]}/{event.number}/files",
        f"{a}/special-situations/report", f"{a}/special-situations/report?about=pregnancy", "/special-situations",
        f"/special-situations/{codes[0]}/1", f"/special-situations/{codes[0]}/1/follow-up",
        "/reference-safety-information",
    ]  # fmt: skip
    investigator = [
        "", f"{d}/eligibility/sign", f"/adverse-events/{codes[0]}/{event.number}/assess",
        f"/adverse-events/{codes[0]}/{event.number}/sign", f"{a}/code-break", f"{b}/infusions/1", f"{a}/infusions/2",
    ]  # fmt: skip
    nurse = ["", "/infusions", f"{b}/infusions/1", f"{a}/infusions/1", f"{c}/infusions/1"]
    manager = ["", "/queries", f"/queries/{settled.id}", f"{a}/queries/raise", f"{c}/queries/raise?visit=SCR&form=labs"]
    assessor = ["", "/assessments", f"/assessments/{codes[4]}/BL/PROMIS-29", a]
    return [
        *(("coordinator", path) for path in site),
        *(("investigator", path) for path in investigator),
        *(("infusion_nurse", path) for path in nurse),
        *(("data_manager", path) for path in manager),
        *(("efficacy_assessor", path) for path in assessor),
        *(
            ("pharmacist_unblinded", path)
            for path in ("", "/preparations", "/stock", f"{a}/special-situations/report?about=overdose")
        ),
        ("supply_manager_unblinded", "/supply"),
        ("statistician_unblinded", "/envelopes"),
        *(("medical_monitor", path) for path in ("", f"/adverse-events/{codes[0]}/{event.number}/assess")),
    ]


def test_every_page_is_usable_on_desktop_and_phone(doors: Doors, chromium: Browser, pages):
    found = []
    for role in dict.fromkeys(role for role, _ in pages):
        with examiner(chromium) as context:
            page = context.new_page()
            doors.sign_in(page, doors.username(role), at_once=True)
            for path in (path for who, path in pages if who == role):
                answer = page.goto(f"{doors.address}/t/TEST-1{path}")
                assert answer is not None
                if answer.status != 200:
                    found.append(f"{role} {path}: {answer.status}")
                if len(answer.body()) > LARGEST:
                    found.append(f"{role} {path}: {len(answer.body())} bytes")
                found += troubles(page, f"{role} {path}")
    assert not found, "\n".join(found)


def test_a_session_that_reads_pages_writes_nothing(doors: Doors, pages):
    clients = {role: doors.client(doors.username(role)) for role in dict.fromkeys(role for role, _ in pages)}
    with doors.house.database.session() as session:
        before = session.execute(_ENTRIES).scalar_one()
    for role, path in pages:
        clients[role].get(f"/t/TEST-1{path}")
    for client in clients.values():
        client.close()
    with doors.house.database.session() as session:
        assert session.execute(_ENTRIES).scalar_one() == before
