"""What a browser enforces for us: cookies that no script reads, a policy that refuses what we did not send."""

from playwright.sync_api import expect

from tests.e2e.visitors import COOKIE, visitor
from tests.support.events import reported
from tests.support.participants import participant, pretend_randomized

EVIL = "<img src=x onerror=\"document.title='taken over'\"><script>document.title='taken over'</script>"


def test_cookies_are_readable_by_no_script_and_sent_by_no_other_site(at_look, chromium):
    with visitor(chromium, at_look) as one:
        one.sign_in("coordinator.s1")
        cookies = {cookie["name"]: cookie for cookie in one.page.context.cookies()}
        assert COOKIE in cookies
        for cookie in cookies.values():
            assert cookie["httpOnly"], cookie["name"]
            assert cookie["sameSite"] in ("Lax", "Strict"), cookie["name"]
        assert one.page.evaluate("document.cookie") == ""


def test_a_cookie_changes_at_sign_in_and_is_worth_nothing_after_sign_out(at_look, chromium):
    with visitor(chromium, at_look) as one:
        one.page.goto(f"{at_look.address}/sign-in")
        before = {cookie["value"] for cookie in one.page.context.cookies()}
        one.sign_in("coordinator.s1")
        kept = one.page.context.cookies()
        assert next(cookie["value"] for cookie in kept if cookie["name"] == COOKIE) not in before
        one.press("Sign out")
        one.page.context.add_cookies(kept)
        one.open("participants")
        expect(one.page.get_by_role("button", name="Continue")).to_be_visible()


def test_a_script_that_we_did_not_send_is_refused_and_seen_to_be(at_look, chromium):
    """Without this, clean consoles elsewhere would prove nothing."""
    with visitor(chromium, at_look) as one:
        one.page.goto(f"{at_look.address}/sign-in")
        one.page.evaluate(
            """() => {
              const script = document.createElement('script');
              script.textContent = "document.title = 'taken over'";
              document.head.append(script);
              document.body.insertAdjacentHTML('beforeend', '<p style="color: red">styled</p>');
            }"""
        )
        expect(one.page).to_have_title("Sign in · Equipoise")
        refused = " ".join(one.watch.errors)
        assert "script-src" in refused
        assert "style-src" in refused


def test_what_people_type_is_shown_and_never_run(at_look, chromium):
    house = at_look.house()
    one_id = pretend_randomized(house)
    event = reported(house, one_id, verbatim=EVIL)
    with visitor(chromium, at_look) as one:
        one.come_in("coordinator.s1")
        one.open("adverse-events", participant(house, one_id).code, event.number)
        one.sees(EVIL)
        expect(one.page.get_by_role("main").locator("img, script")).to_have_count(0)
        assert "taken over" not in one.page.title()
        assert one.watch.errors == []


def test_pages_are_kept_by_no_cache_and_framed_by_nobody(at_look, chromium):
    with visitor(chromium, at_look) as one:
        one.come_in("coordinator.s1")
        answer = one.page.goto(at_look.url("participants"))
        assert answer is not None
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
