"""The sponsor decides and moves levers; the administrator gives roles and credentials and sees no trial data."""

import re

from sqlmodel import select

from tests.support.board import Board
from tests.support.doors import Doors
from tests.support.house import PASSWORD
from tests.support.walk import done, fill
from trial.access.accounts import Account, find_account
from trial.access.actions import Action
from trial.access.alerts import AlertKind, raise_alert
from trial.access.policies import declare
from trial.access.resets import CredentialReset
from trial.conduct.trials import get_trial

T = "/t/TEST-1"


def levers(doors: Doors) -> tuple[bool, bool, bool]:
    with doors.house.database.session() as session:
        trial = get_trial(session, doors.house.trial.id)
        return trial.randomizing_open, trial.dosing_open, trial.follow_up_open


def test_accepting_a_recommendation_moves_its_levers(doors: Doors):
    record = Board(doors.house).recommended("stop_dosing")
    with doors.client("sponsor") as sponsor:
        url = f"{T}/recommendations/{record.id}/decision"
        silent = sponsor.send_form(url, answer="accept", reason="", idempotency_key="0123456789")
        assert silent.status_code == 422
        answer = sponsor.send_form(url, answer="accept", reason="As the board says.", idempotency_key="0123456789")
        assert answer.status_code == 303
        assert "Accepted" in sponsor.get(f"{T}/recommendations").text
    assert levers(doors) == (False, False, True)


def test_one_lever_moves_by_itself_and_needs_a_reason(doors: Doors):
    with doors.client("sponsor") as sponsor:
        assert sponsor.send_form(f"{T}/levers", randomizing="closed", reason="").status_code == 422
        assert sponsor.send_form(f"{T}/levers", randomizing="same", reason="none").status_code == 422
        assert sponsor.send_form(f"{T}/levers", randomizing="closed", reason="Supply is late.").status_code == 303
    assert levers(doors) == (False, True, True)


def test_a_protocol_that_is_wrong_is_refused_with_its_lines_and_kept(doors: Doors):
    with doors.client("sponsor") as sponsor:
        answer = sponsor.send_form(f"{T}/versions", text="identity:\n  code: X")
    assert answer.status_code == 422
    assert "line" in answer.text
    assert "code: X" in answer.text


def test_the_foot_of_every_page_names_the_product_and_its_version_alone(doors: Doors):
    with doors.client("sponsor") as sponsor:
        for page in ("versions", f"versions/{doors.house.version.id}/adoption"):
            (foot,) = re.findall(r'<footer class="foot">(.*?)</footer>', sponsor.get(f"{T}/{page}").text, re.DOTALL)
            assert re.fullmatch(r"Protocol version [\d.]+ · Equipoise [\w.]+", re.sub(r"<[^>]+>", "", foot).strip())


def test_the_administrator_adds_a_person_who_can_then_come_in(doors: Doors):
    with doors.client("administrator") as administrator:
        fields = {"username": "new.nurse", "display_name": "New Nurse", "role": "infusion_nurse"}
        without_site = administrator.send_form(f"{T}/people", **fields)
        assert without_site.status_code == 422
        assert "Name the site" in without_site.text
        with doors.house.database.session() as session:
            assert find_account(session, "new.nurse") is None, "half a person was kept"
        made = administrator.send_form(f"{T}/people", **fields, site_id=str(doors.house.site_id("S1")))
    assert made.status_code == 201
    assert re.search(r"new\.nurse\n[a-z2-7-]{24}", made.text)
    assert "second-factor" in made.text


def test_new_credentials_for_somebody_who_can_reach_an_arm_take_two_administrators(doors: Doors):
    house = doors.house
    with house.database.transaction() as session:
        second = house.hire(session, "administrator", suffix="two")
    pharmacist = house.people[("pharmacist_unblinded", "S1")].id
    with doors.client("administrator") as first:
        asked = first.send_form(f"{T}/people/{pharmacist}/reset", reason="Lost the phone.")
        assert asked.status_code == 201
        assert "second-factor" not in asked.text
        with house.database.session() as session:
            reset = session.exec(select(CredentialReset)).one()
        assert first.send_form(f"{T}/resets/{reset.id}/approve").status_code == 403
    with doors.client(second.username) as other:
        assert "new credentials to approve" in other.get(T).text
        approved = other.send_form(f"{T}/resets/{reset.id}/approve")
        assert approved.status_code == 201
        assert "second-factor" in approved.text


def test_a_role_ends_with_a_reason_and_the_history_keeps_it(doors: Doors):
    house = doors.house
    person = house.people[("coordinator", "S1")].id
    with doors.client("administrator") as administrator:
        page = administrator.get(f"{T}/people/{person}").text
        end = re.search(rf'action="({T}/people/{person}/roles/[^"]+/end)"', page)
        assert end is not None
        assert administrator.send_form(end[1], reason="").status_code == 422
        assert administrator.send_form(end[1], reason="Left the site.").status_code == 303
        assert "coordinator-s1" not in administrator.get(f"{T}/access-history").text
    with doors.client("coordinator-s1") as left:
        assert left.get(T).status_code == 404


def test_the_administrators_pages_hold_no_trial_data(doors: Doors):
    with doors.client("administrator") as administrator:
        for path in ("overview", "meetings", "datasets", "audit", "participants", "locks"):
            assert administrator.get(f"{T}/{path}").status_code == 403


def test_an_alert_stays_until_somebody_of_the_role_has_seen_it(doors: Doors):
    house = doors.house
    with house.database.transaction() as session:
        declare(session, house.actor(session, "investigator"), Action.CODE_BROKEN)
        alert = raise_alert(
            session, AlertKind.CODE_BROKEN, "medical_monitor", "A code was broken.", trial_id=house.trial.id
        )
    with doors.client("coordinator-s1") as other:
        assert other.send_form(f"{T}/alerts/{alert.id}/seen").status_code == 404
    with doors.client("medical-monitor") as monitor:
        assert "A code was broken." in monitor.get(T).text
        assert monitor.send_form(f"{T}/alerts/{alert.id}/seen").status_code == 303
        assert "A code was broken." not in monitor.get(T).text


def test_a_token_is_shown_once_and_ends_when_it_is_revoked(doors: Doors):
    with doors.client("statistician-blinded") as owner:
        fields = {"name": "analysis server", "trial_id": str(doors.house.trial.id), "days": "30"}
        nothing_chosen = owner.send_form("/account/tokens", **fields, password=PASSWORD)
        assert nothing_chosen.status_code == 422
        made = owner.send_form("/account/tokens", **fields, permissions=["dataset:naive:pull"], password=PASSWORD)
        assert made.status_code == 201
        text = re.search(r"eqp_[0-9a-f]{64}", made.text)
        assert text is not None
        page = owner.get("/account").text
        assert text[0] not in page
        revoke = re.search(r'action="(/account/tokens/[^"]+/revoke)"', page)
        assert revoke is not None
        with doors.client() as program:
            bearer = {"Authorization": f"Bearer {text[0]}"}
            assert program.get("/api/v1/trials/TEST-1/datasets", headers=bearer).status_code == 200
            assert program.get("/t/TEST-1", headers=bearer).status_code == 403
            owner.send_form(revoke[1])
            assert program.get("/api/v1/trials/TEST-1/datasets", headers=bearer).status_code == 401
    with doors.house.database.session() as session:
        assert all("eqp_" not in str(account) for account in session.exec(select(Account)))


def test_the_sponsor_changes_the_planned_number_with_a_signature(doors: Doors):
    url = f"{T}/recruitment/planned-number"
    signed = {"password": PASSWORD, "reason": "The budget allows it."}
    with doors.client("sponsor") as sponsor:
        assert "of 40 participants" in sponsor.get(f"{T}/overview").text
        assert fill(sponsor, url, planned_participants="48", reason="Why not?", password="wrong").status_code == 401
        for number in ("40", "1", "many", ""):
            assert fill(sponsor, url, **signed, planned_participants=number).status_code == 422
        assert "Changes of the planned number" not in sponsor.get(f"{T}/recruitment").text
        assert done(fill(sponsor, url, **signed, planned_participants="48")) == f"{T}/recruitment"
        page = sponsor.get(f"{T}/recruitment").text
        assert "The budget allows it." in page
        assert "of 48 participants" in sponsor.get(f"{T}/overview").text
    with doors.client(doors.username("coordinator")) as coordinator:
        assert coordinator.get(url).status_code == 403


def test_the_sponsor_closes_a_site_and_pauses_a_cohort_with_a_signature(doors: Doors):
    signed = {"password": PASSWORD, "reason": "Enough for now."}
    site = f"{T}/sites/{doors.house.site_id('S1')}/recruitment"
    with doors.client("sponsor") as sponsor:
        wrong = fill(sponsor, site, reason="Enough for now.", password="not the password")
        assert wrong.status_code == 401
        assert done(fill(sponsor, site, **signed)) == f"{T}/recruitment"
        nothing = fill(sponsor, f"{T}/recruitment/pause", **signed)
        assert nothing.status_code == 422
        done(fill(sponsor, f"{T}/recruitment/pause", **signed, level_opioid_use="yes", site="S2"))
        page = sponsor.get(f"{T}/recruitment").text
        assert "Reopen S1" in page
        assert "Resume site=S2; opioid_use=yes" in page
        assert sponsor.get(f"{T}/recruitment/1/resume").status_code == 404
        done(fill(sponsor, f"{T}/recruitment/2/resume", **signed))
        done(fill(sponsor, site, **signed))
        assert "No cohort is paused." in sponsor.get(f"{T}/recruitment").text
