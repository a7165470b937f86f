"""Attacks in which another site makes a signed-in browser send a change."""

import re

import pytest
from fastapi import APIRouter

from api.cookies import session_cookie_name, visitor_cookie_name
from api.middleware.csrf import token_for
from api.permissions import public
from trial.settings import Settings

SESSION = session_cookie_name(secure=False)
router = APIRouter()
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@router.post("/page/change", openapi_extra=public())
@router.post("/api/v1/change", openapi_extra=public())
def change() -> dict[str, str]:
    return {"changed": "yes"}


@pytest.fixture
def signed_in(browse):
    browser = browse(router, development=True)
    browser.cookies.set(SESSION, "the-victims-session")
    return browser


def token_on(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def assert_refused(answer):
    assert answer.status_code == 403
    assert "changed" not in answer.text


def test_a_form_of_our_own_page_is_accepted(signed_in):
    token = token_on(signed_in.get("/style").text)
    answer = signed_in.post("/page/change", data={"csrf_token": token, "x": "1"}, headers=SAME_ORIGIN)
    assert answer.json() == {"changed": "yes"}


def test_a_multipart_form_of_our_own_page_is_accepted(signed_in):
    token = token_on(signed_in.get("/style").text)
    files = {"file": ("a.txt", b"abc", "text/plain")}
    assert signed_in.post("/page/change", data={"csrf_token": token}, files=files).status_code == 200


def test_a_request_of_our_own_script_is_accepted(signed_in):
    headers = SAME_ORIGIN | {"X-CSRF-Token": token_for("the-victims-session")}
    assert signed_in.post("/api/v1/change", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/page/change", "/api/v1/change"])
def test_cross_site_form_post_without_token_is_refused(signed_in, path):
    assert_refused(signed_in.post(path, data={"x": "1"}))


def test_cross_site_form_post_with_the_right_token_is_refused_by_its_origin(signed_in):
    body = {"csrf_token": token_for("the-victims-session")}
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ):
        assert_refused(signed_in.post("/page/change", data=body, headers=headers))


def test_sandboxed_frame_with_null_origin_cannot_guess_the_token(signed_in):
    assert_refused(signed_in.post("/page/change", data={"csrf_token": "0" * 64}, headers={"Origin": "null"}))


def test_token_of_another_session_is_refused(signed_in):
    body = {"csrf_token": token_for("the-attackers-session")}
    assert_refused(signed_in.post("/page/change", data=body, headers=SAME_ORIGIN))


def test_token_from_before_sign_in_is_void_after_it(browse):
    browser = browse(router, development=True)
    before = token_on(browser.get("/style/sign-in").text)
    assert browser.post("/page/change", data={"csrf_token": before}).status_code == 200
    browser.cookies.set(SESSION, "fresh-session")
    assert_refused(browser.post("/page/change", data={"csrf_token": before}))


def test_login_forgery_a_stranger_cannot_sign_the_victim_in(browse):
    assert_refused(browse(router).post("/page/change", data={"username": "attacker"}))


def test_json_body_with_a_session_cookie_needs_the_header(signed_in):
    assert_refused(signed_in.post("/api/v1/change", json={"csrf_token": token_for("the-victims-session")}))


def test_bearer_header_beside_a_session_cookie_does_not_switch_the_check_off(signed_in):
    assert_refused(signed_in.post("/api/v1/change", json={}, headers={"Authorization": "Bearer anything"}))


def test_token_in_the_address_is_not_accepted(signed_in):
    assert_refused(signed_in.post(f"/page/change?csrf_token={token_for('the-victims-session')}"))


def test_a_program_with_its_own_token_needs_no_forgery_token(browse):
    answer = browse(router).post("/api/v1/change", json={}, headers={"Authorization": "Bearer t"})
    assert answer.status_code == 200


def test_method_override_is_not_a_way_around(signed_in):
    for method in ("PUT", "PATCH", "DELETE"):
        assert_refused(signed_in.send(method, "/page/change", data={"x": "1"}))


def test_the_body_reaches_the_route_unharmed(browse):
    from fastapi import Form

    echo = APIRouter()

    @echo.post("/echo", openapi_extra=public())
    def read(word: str = Form()) -> dict[str, str]:
        return {"word": word}

    browser = browse(echo, development=True)
    token = token_on(browser.get("/style").text)
    assert browser.post("/echo", data={"word": "grüezi & co", "csrf_token": token}).json() == {"word": "grüezi & co"}


def test_the_visitors_cookie_is_kept_from_scripts_and_other_sites(browse):
    cookie = browse(development=True).get("/style/sign-in").headers["set-cookie"]
    assert cookie.startswith(f"{visitor_cookie_name(secure=False)}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    secure = browse(settings=Settings(secure_cookies=True), development=True).get("/style/sign-in")
    assert secure.headers["set-cookie"].startswith("__Host-")
    assert "Secure" in secure.headers["set-cookie"].split("; ")
