"""Queries on pages: raised about a form, answered by the site, asked again, closed; and who is shown which."""

from playwright.sync_api import Browser, expect

from tests.support.doors import Doors
from tests.support.looks import examiner
from tests.support.participants import consented, participant, pretend_randomized, screen
from tests.support.queries import asked
from tests.support.walk import done, fill
from trial.conduct.queries import DataDomain

HOME = "/t/TEST-1"


def test_a_query_goes_from_question_to_answer_and_back_to_its_close(doors: Doors):
    one = consented(doors.house)
    screen(doors.house, one)
    code = participant(doors.house, one).code
    with (
        doors.client(doors.username("monitor", "S1")) as monitor,
        doors.client(doors.username("coordinator", "S1")) as site,
    ):
        form = f"{HOME}/participants/{code}/visits/SCR/forms/vitals"
        assert "Raise a query about this form" in monitor.get(form).text
        asking = f"{HOME}/participants/{code}/queries/raise"
        empty = fill(monitor, f"{asking}?visit=SCR&form=vitals", to=asking)
        assert empty.status_code == 422
        assert "This is required." in empty.text
        assert "Screening, Vital signs" in empty.text
        about = {"field": "hr", "question": "Is 72 the resting rate?"}
        query = done(fill(monitor, f"{asking}?visit=SCR&form=vitals", to=asking, **about))
        assert "Heart rate" in monitor.get(query).text

        assert "query to answer" in site.get(HOME).text
        for page in (form, f"{HOME}/participants/{code}", f"{HOME}/queries"):
            assert "Is 72 the resting rate?" in site.get(page).text
        assert "1 query not closed" in site.get(f"{HOME}/participants/{code}").text
        refused = site.send_form(f"{query}/answer")
        assert refused.status_code == 422
        done(site.send_form(f"{query}/answer", answer="Yes, after five minutes."))

        assert "answer to a query" in monitor.get(HOME).text
        done(monitor.send_form(f"{query}/ask-again", still_open="Which source?"))
        done(site.send_form(f"{query}/answer", answer="The nurse's sheet."))
        done(monitor.send_form(f"{query}/close", remark="Seen."))
        again = monitor.send_form(f"{query}/close", remark="Seen again.")
        assert (again.status_code, "This query is closed" in again.text) == (409, True)
        assert "Is 72 the resting rate?" not in site.get(f"{HOME}/queries").text
        assert "Is 72 the resting rate?" in site.get(f"{HOME}/queries?status=closed").text


def test_a_query_is_shown_to_those_alone_who_read_its_data(doors: Doors):
    one = pretend_randomized(doors.house)
    of_dose = asked(doors.house, one, question="Was it on day two?", visit="INF2")
    of_infusion = asked(
        doors.house, one, "monitor", domain=DataDomain.INFUSION, question="Is the rate right?", visit="INF1"
    )
    shown = {}
    for role in ("coordinator", "efficacy_assessor", "data_manager"):
        with doors.client(doors.username(role)) as client:
            listed = client.get(f"{HOME}/queries").text
            shown[role] = ["day two" in listed, "the rate right" in listed]
            pages = [client.get(f"{HOME}/queries/{query.id}").status_code for query in (of_dose, of_infusion)]
            assert pages == [200 if seen else 404 for seen in shown[role]]
    assert shown == {"coordinator": [True, True], "efficacy_assessor": [False, False], "data_manager": [True, False]}


def test_the_navigation_stands_in_one_line_and_the_rest_behind_more(doors: Doors, chromium: Browser):
    for role, behind in (("data_manager", "Unblindings"), ("inspector", "Protocol"), ("coordinator", "")):
        with examiner(chromium) as context:
            page = context.new_page()
            doors.sign_in(page, doors.username(role), at_once=True)
            tops = page.locator(".main-nav > ul > li").evaluate_all("items => items.map(one => one.offsetTop)")
            assert len(set(tops)) == 1, (role, tops)
            if behind:
                link = page.get_by_role("link", name=behind)
                expect(link).to_be_hidden()
                page.get_by_text("More", exact=True).click()
                expect(link).to_be_visible()
                page.keyboard.press("Escape")
                expect(link).to_be_hidden()
