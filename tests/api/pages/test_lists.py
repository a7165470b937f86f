"""Allocation lists on pages: two people make one, readers see commitments, and what is sealed is on no page."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect
from sqlmodel import select

from randomization.ledger.allocation_lists import AllocationList, ListStatus
from tests.support.doors import Client, Doors
from tests.support.house import INSTALLER
from tests.support.participants import adopt, amended
from tests.support.randomization import sealed_list
from tests.support.variants import variant
from tests.support.walk import done, fill
from trial.conduct.sites import AddSite, add_site

LISTS = "/t/TEST-1/allocation-lists"
DESIGNER, SECOND = "statistician_randomization", "statistician_unblinded"
FIRST_PART, SECOND_PART, THIRD_PART = (bytes(range(start, start + 32)).hex() for start in (7, 60, 150))


def _design(client: Client, **fields) -> str:
    given = {"block_sizes": "14, 26", "slots_per_stratum": "26", "contribution": FIRST_PART, "stage": "main", **fields}
    return done(client.send_form(LISTS, **given))


def test_two_people_make_a_list_and_a_verifier_sees_commitments_and_nothing_else(doors: Doors):
    with (
        doors.client(doors.username(DESIGNER)) as designer,
        doors.client(doors.username(SECOND)) as second,
        doors.client("inspector") as inspector,
    ):
        page = _design(designer)
        waiting = designer.get(page).text
        assert "Waits for the second person" in waiting
        assert "Confirm and seal" not in waiting
        assert "list to confirm" in second.get("/t/TEST-1").text
        short = second.send_form(f"{page}/confirm", contribution="abcd")
        assert short.status_code == 422
        bad = second.send_form(f"{page}/confirm", contribution="not random!")
        assert "Not hexadecimal" in bad.text
        assert designer.send_form(f"{page}/confirm", contribution=SECOND_PART).status_code == 403
        done(fill(second, page, to=f"{page}/confirm", contribution=SECOND_PART))
        with doors.house.database.session() as session:
            (made,) = session.exec(select(AllocationList)).all()
        assert made.status is ListStatus.SEALED
        further = done(fill(designer, page, to=f"{page}/continue", slots_per_stratum="52", contribution=THIRD_PART))
        assert further != page
        for reader in (designer, second, inspector):
            for path in (LISTS, page, further):
                text = reader.get(path).text
                assert not any(secret in text for secret in ("14, 26", FIRST_PART, SECOND_PART, THIRD_PART))
            told = reader.get(page).text
            assert all(what in told for what in (made.root, made.design_commitment, made.contribution_commitment))
        assert "How far the strata" in designer.get(LISTS).text
        assert "How far the strata" not in inspector.get(LISTS).text
        assert inspector.get(f"/api/v1/trials/TEST-1/lists/{made.id}/commitment").status_code == 200


def test_a_refused_design_says_why_and_makes_nothing(doors: Doors):
    with doors.client(doors.username(DESIGNER)) as designer, doors.client(doors.username(SECOND)) as second:
        for fields in (
            {"block_sizes": "3"},
            {"block_sizes": "four"},
            {"slots_per_stratum": "-1"},
            {"contribution": ""},
        ):
            refused = designer.send_form(
                LISTS,
                **{
                    "block_sizes": "4,6",
                    "slots_per_stratum": "24",
                    "contribution": FIRST_PART,
                    "stage": "main",
                    **fields,
                },
            )
            assert refused.status_code == 422, fields
            assert "No list was designed" in refused.text
        assert second.send_form(LISTS, stage="main", contribution=FIRST_PART).status_code == 403
    with doors.house.database.session() as session:
        assert session.exec(select(AllocationList)).all() == []


def test_no_site_role_sees_a_list(doors: Doors):
    sealed_list(doors.house)
    with doors.house.database.session() as session:
        (made,) = session.exec(select(AllocationList)).all()
    for role in ("coordinator", "investigator", "infusion_nurse", "efficacy_assessor", "pharmacist_unblinded"):
        with doors.client(doors.username(role)) as client:
            assert client.get(LISTS).status_code == 403, role
            assert client.get(f"{LISTS}/{made.id}").status_code == 403, role
            assert LISTS not in client.get("/t/TEST-1").text


def test_a_site_that_came_late_is_named_until_it_has_a_list_of_its_own(doors: Doors):
    sealed_list(doors.house)
    with doors.house.database.transaction() as session:
        late = AddSite(trial_id=doors.house.trial.id, code="S9", name="Late", country="CHE", zone="Europe/Zurich")
        add_site(session, INSTALLER, late)
    with doors.client(doors.username(DESIGNER)) as designer, doors.client(doors.username(SECOND)) as second:
        assert "S9: no sealed list has strata of it" in designer.get(LISTS).text
        page = _design(designer, sites=["S9"])
        done(fill(second, page, to=f"{page}/confirm", contribution=SECOND_PART))
        assert "no sealed list has strata" not in designer.get(LISTS).text
        assert "site=S9" in designer.get(LISTS).text


def test_an_amendment_without_a_list_is_named_before_it_is_adopted_and_what_it_leaves_over_after(doors: Doors):
    house = doors.house
    sealed_list(house)
    house.clock.advance(timedelta(minutes=1))
    loaded = variant(ratio="{KET: 3, PBO: 1}", scheme="{name: complete}", version="2.0")
    version = amended(house, loaded=loaded)
    with (
        doors.client(doors.username(DESIGNER)) as designer,
        doors.client(doors.username(SECOND)) as second,
        doors.client("data-manager") as manager,
    ):
        told = designer.get(LISTS).text
        assert "Design the list of version 2.0 first" in told
        assert "Version 1.0 (permuted blocks)" in told
        assert "sites without a list" in designer.get("/t/TEST-1").text
        page = _design(designer, block_sizes="")
        done(fill(second, page, to=f"{page}/confirm", contribution=SECOND_PART))
        assert "Design the list of version" not in designer.get(LISTS).text
        assert "allocates otherwise" not in manager.get("/t/TEST-1/lists").text
        for site in house.sites:
            adopt(house, version, site)
        assert "made for version 1.0 of the protocol, and version 2.0" in manager.get("/t/TEST-1/lists").text
        with house.database.session() as session:
            first = session.exec(select(AllocationList).order_by(AllocationList.ordinal)).first()
        assert "Continue it" not in designer.get(f"{LISTS}/{first.id}").text
        assert "Continue it" in designer.get(page).text


def test_a_browser_draws_a_contribution(doors: Doors, page: Page):
    doors.sign_in(page, doors.username(DESIGNER), at_once=True)
    page.goto(f"{doors.address}{LISTS}")
    page.get_by_role("button", name="Draw it in this browser").click()
    expect(page.get_by_label("Your contribution to the seed")).to_have_value(re.compile(r"^[0-9a-f]{64}$"))
