"""Two pages, password then code; the same words for every failure; a session that only its browser has."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from api.pages.everyone.sign_in import safe_next
from tests.support.doors import COOKIE, Doors
from tests.support.house import PASSWORD
from trial.reference.permissions import ROLES


def test_a_coordinator_comes_in_through_both_pages(doors: Doors, page):
    doors.sign_in(page, "coordinator-s1")
    assert page.url == f"{doors.address}/t/TEST-1"
    assert page.get_by_role("heading", level=1).inner_text() == "Today"
    assert Axe().run(page).violations_count == 0


def come(doors: Doors, username: str, password: str):
    with doors.client() as stranger:
        first = stranger.get("/sign-in")
        csrf = first.text.split('name="csrf-token" content="')[1].split('"')[0]
        stranger.csrf = csrf
        return stranger.send_form("/sign-in", username=username, password=password)


def test_nobody_learns_from_the_answer_whether_a_name_exists(doors: Doors):
    known = come(doors, "coordinator-s1", "a wrong password")
    unknown = come(doors, "coordinator-s9", "a wrong password")
    assert known.status_code == unknown.status_code == 401
    words = [
        answer.text.replace(name, "NAME") for answer, name in ((known, "coordinator-s1"), (unknown, "coordinator-s9"))
    ]
    without_tokens = [text.split("<main")[1].split('name="csrf_token"')[0] for text in words]
    assert without_tokens[0] == without_tokens[1]
    assert "a wrong password" not in known.text


def test_the_password_alone_opens_no_page(doors: Doors):
    answer = come(doors, "coordinator-s1", PASSWORD)
    assert answer.status_code == 303
    with doors.client() as half:
        half.cookies.set(COOKIE, answer.cookies[COOKIE])
        assert half.get("/t/TEST-1").headers["location"].startswith("/sign-in")


def test_the_cookie_is_kept_from_scripts_and_other_sites(doors: Doors):
    cookie = come(doors, "coordinator-s1", PASSWORD).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_signing_out_ends_the_session_itself(doors: Doors):
    with doors.client("coordinator-s1") as client:
        token = client.cookies[COOKIE]
        assert client.send_form("/sign-out").headers["location"] == "/sign-in"
    with doors.client() as thief:
        thief.cookies.set(COOKIE, token)
        assert thief.get("/t/TEST-1").status_code == 303


def test_a_page_asked_for_before_signing_in_is_where_one_lands(doors: Doors, page):
    page.goto(f"{doors.address}/account")
    page.get_by_label("User name").fill("coordinator-s1")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code from your authenticator").fill(doors.code("coordinator-s1"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account")


@pytest.mark.parametrize(
    "planted",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "",
        "/\\/x",
        "account",
    ],
)
def test_next_never_leads_elsewhere(planted: str):
    assert safe_next(planted) == "/"


def test_next_keeps_a_path_of_ours():
    assert safe_next("/t/TEST-1/meetings?done=voted") == "/t/TEST-1/meetings?done=voted"


def test_a_stranger_is_sent_to_sign_in_and_a_program_is_told(doors: Doors):
    with doors.client() as stranger:
        assert stranger.get("/t/TEST-1").headers["location"] == "/sign-in?next=%2Ft%2FTEST-1"
        assert stranger.post("/session/extend").status_code == 403


def test_staying_signed_in_answers_without_a_page(doors: Doors):
    with doors.client("coordinator-s1") as client:
        assert client.send_form("/session/extend").status_code == 204


def test_a_password_is_changed_with_the_present_one_and_other_sessions_end(doors: Doors):
    new = "three words apart"
    with doors.client("coordinator-s1") as elsewhere, doors.client("coordinator-s1") as client:
        wrong = {
            "new_password": {"password": PASSWORD, "new_password": "short", "new_password_again": "short"},
            "new_password_again": {"password": PASSWORD, "new_password": new, "new_password_again": "three words"},
            "": {"password": "not the present one", "new_password": new, "new_password_again": new},
        }
        for field, given in wrong.items():
            refused = client.send_form("/account/password", **given)
            assert refused.status_code in {401, 422}
            assert f'id="{field}-error"' in refused.text if field else "is not right" in refused.text
            assert new not in refused.text
        same = client.send_form("/account/password", **dict.fromkeys(wrong[""], PASSWORD))
        assert "This is your present password." in same.text
        given = {"password": PASSWORD, "new_password": new, "new_password_again": new}
        answer = client.send_form("/account/password", **given)
        assert answer.headers["location"] == "/account?done=password"
        assert client.get("/account").status_code == 200
        assert elsewhere.get("/account").status_code == 303
        assert "is not right" in client.send_form("/account/password", **given).text
    assert come(doors, "coordinator-s1", new).status_code == 303


def test_every_way_that_a_role_is_shown_leads_somewhere(doors: Doors):
    wrong = []
    for role in ROLES:
        with doors.client(doors.username(role)) as client:
            frame = client.get("/t/TEST-1").text.partition("<main")[0]
            for way in sorted(set(re.findall(r'href="(/[^"]*)"', frame)) - {"/"}):
                answer = client.get(way)
                if answer.status_code != 200:
                    wrong.append(f"{role} {way}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
