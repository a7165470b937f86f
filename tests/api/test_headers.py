"""What a browser is told with every answer."""

import pytest

from api.middleware.headers import SECURITY_HEADERS
from trial.settings import Settings

SECURE = Settings(secure_cookies=True)
EVERY_KIND_OF_ANSWER = ["/style", "/nowhere", "/api/v1/nowhere", "/api/v1/openapi.json", "/static/nothing.css"]


@pytest.mark.parametrize("path", EVERY_KIND_OF_ANSWER)
def test_every_answer_has_every_security_header(browse, path):
    headers = browse(development=True).get(path).headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize("path", EVERY_KIND_OF_ANSWER[:4])
def test_nothing_but_static_files_is_stored(browse, path):
    assert browse(development=True).get(path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("permission", ["unsafe-inline", "unsafe-eval", "nonce-", "*", "data:", "http:", "https:"])
def test_the_content_policy_allows_nothing_inline_evaluated_or_foreign(permission):
    assert permission not in SECURITY_HEADERS["Content-Security-Policy"]


def test_no_page_holds_an_inline_script_style_or_handler(browse):
    browser = browse(development=True)
    for path in ("/style", "/style/sign-in", "/style/sheet", "/developers", "/nowhere"):
        html = browser.get(path).text
        assert "<style" not in html
        assert " style=" not in html
        assert "javascript:" not in html
        assert " on" + "click" not in html
        assert html.count("<script") == html.count("<script src=")


def test_strict_transport_is_asked_for_over_tls_only(browse):
    assert "strict-transport-security" not in browse().get("/nowhere").headers
    assert "strict-transport-security" in browse(settings=SECURE).get("/nowhere").headers
    assert "strict-transport-security" in browse(base_url="https://127.0.0.1").get("/nowhere").headers


def test_a_request_id_from_outside_is_not_believed(browse):
    forged = "11111111-1111-4111-8111-111111111111"
    answer = browse().get("/api/v1/nowhere", headers={"X-Request-ID": forged})
    assert answer.headers["x-request-id"] != forged
    assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"


def test_two_requests_have_two_ids(browse):
    browser = browse()
    assert len({browser.get("/nowhere").headers["x-request-id"] for _ in range(5)}) == 5
