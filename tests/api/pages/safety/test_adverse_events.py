"""A report that grows with its answers, the judgements, the signature, the break of a code."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.doors import Doors
from tests.support.events import assessed, reported, serious
from tests.support.house import PASSWORD
from tests.support.participants import consented, infused, participant, protocol_at
from tests.support.randomization import open_for_randomization, randomized, true_arms
from tests.support.walk import done, fill
from trial.safety.adverse_events import get_event

EVENT = {
    "serious": "no", "verbatim": "felt sick", "term": "Nausea", "grade": "1", "onset_day": "2", "onset_month": "3",
    "onset_year": "2026", "outcome": "NOT RECOVERED/NOT RESOLVED", "action_taken": "DOSE NOT CHANGED",
    "ascertainment": "non_systematic",
}  # fmt: skip


@pytest.fixture
def coordinator(doors: Doors) -> Iterator:
    with doors.client(doors.username("coordinator")) as client:
        yield client


@pytest.fixture
def investigator(doors: Doors) -> Iterator:
    with doors.client(doors.username("investigator")) as client:
        yield client


def code_of(doors: Doors, participant_id) -> str:
    return participant(doors.house, participant_id).code


def test_the_form_grows_only_where_an_answer_asks_for_it(doors, page: Page):
    code = code_of(doors, consented(doors.house))
    doors.sign_in(page, doors.username("coordinator"), at_once=True)
    page.goto(f"{doors.address}/t/TEST-1/participants/{code}/adverse-events/report")
    expect(page.get_by_text("Why is it serious?")).to_be_hidden()
    page.get_by_role("group", name="Was it serious?").get_by_label("Yes").check()
    expect(page.get_by_text("Why is it serious?")).to_be_visible()
    page.get_by_label("Hospitalization or its prolongation").check()
    page.get_by_label("Term", exact=True).fill("Nausea")
    page.get_by_label("Term", exact=True).blur()
    expect(page.get_by_label("Grade 3")).to_be_visible()
    expect(page.get_by_label("Grade 4")).to_be_hidden()
    page.get_by_label("How is it now?").select_option("RECOVERED/RESOLVED")
    expect(page.get_by_role("group", name="When did it end?")).to_be_visible()
    page.get_by_label("How is it now?").select_option("UNKNOWN")
    expect(page.get_by_role("group", name="When did it end?")).to_be_hidden()
    expect(page.get_by_label("Hospitalization or its prolongation")).to_be_checked()


def test_lay_words_find_the_term_and_its_special_interest_by_keyboard(doors, page: Page):
    code = code_of(doors, consented(doors.house))
    doors.sign_in(page, doors.username("coordinator"), at_once=True)
    page.goto(f"{doors.address}/t/TEST-1/participants/{code}/adverse-events/report")
    term = page.get_by_role("combobox", name="Term", exact=True)
    term.press_sequentially("floating")
    expect(page.get_by_role("option").first).to_contain_text("Dissociation")
    term.press("ArrowDown")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    term.press("Enter")
    expect(term).to_have_value("Psychiatric disorders - Other, specify")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.get_by_label("Dissociation / derealisation / depersonalisation")).to_be_checked()
    term.fill("")
    term.press_sequentially("threw up")
    page.get_by_role("option", name="Vomiting").click()
    expect(term).to_have_value("Vomiting")
    expect(page.get_by_label("Grade 5")).to_be_visible()


def test_a_report_leads_to_the_event(doors, coordinator):
    code = code_of(doors, consented(doors.house))
    answer = fill(coordinator, f"/t/TEST-1/participants/{code}/adverse-events/report", **EVENT)
    assert done(answer) == f"/t/TEST-1/adverse-events/{code}/1"
    page = coordinator.get(answer.headers["location"])
    assert "felt sick" in page.text
    assert "Nausea, grade 1" in page.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"serious": ""}, "serious"),
        ({"serious": "yes"}, "criteria"),
        ({"term": "Being sick"}, "term"),
        ({"grade": "4"}, "grade"),
        ({"grade": ""}, "grade"),
        ({"onset_year": "2031"}, "onset"),
        ({"onset_month": "13"}, "onset"),
        ({"outcome": "FATAL"}, "outcome"),
        ({"outcome": "RECOVERED/RESOLVED"}, "ended"),
        ({"verbatim": ""}, "verbatim"),
    ],
)
def test_a_refusal_stands_at_its_field_and_keeps_the_rest(doors, coordinator, changes, field):
    code = code_of(doors, consented(doors.house))
    path = f"/t/TEST-1/participants/{code}/adverse-events/report"
    answer = fill(coordinator, path, **{**EVENT, **changes})
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert "felt sick" in answer.text or "verbatim" in changes


def test_a_serious_event_is_judged_and_then_signed(doors, investigator):
    one = consented(doors.house)
    code, event = code_of(doors, one), serious(doors.house, one)
    path = f"/t/TEST-1/adverse-events/{code}/{event.number}"
    early = fill(investigator, f"{path}/sign", password=PASSWORD)
    assert early.status_code == 409
    assert "Assess the causality of this event first" in early.text
    done(fill(investigator, f"{path}/assess", causality="possible"))
    done(fill(investigator, f"{path}/sign", password=PASSWORD))
    assert "Signed" in investigator.get(path).text


def test_a_follow_up_voids_the_signature_and_needs_a_reason(doors, investigator):
    one = consented(doors.house)
    event = serious(doors.house, one)
    assessed(doors.house, event.id, "possible")
    code = code_of(doors, one)
    path = f"/t/TEST-1/adverse-events/{code}/{event.number}"
    done(fill(investigator, f"{path}/sign", password=PASSWORD))
    typed = {
        "serious": "yes", "criteria": "hospitalization", "verbatim": event.verbatim, "term": event.term, "grade": "3",
        "outcome": "RECOVERING/RESOLVING", "action_taken": event.action_taken, "ascertainment": "systematic",
    }  # fmt: skip
    refused = fill(investigator, f"{path}/update", **typed)
    assert refused.status_code == 422
    assert 'href="#reason"' in refused.text
    done(fill(investigator, f"{path}/update", **typed, reason="heard from the ward"))
    with doors.house.database.session() as session:
        assert get_event(session, event.id).outcome == "RECOVERING/RESOLVING"
    assert "To do" in investigator.get(path).text


def test_a_follow_up_is_a_version_and_a_grade_that_changed_a_period_of_its_course(doors, coordinator):
    one = consented(doors.house)
    event, code = reported(doors.house, one, term="Fever", verbatim="was hot", outcome="UNKNOWN"), code_of(doors, one)
    path = f"/t/TEST-1/adverse-events/{code}/{event.number}"
    typed = {
        "serious": "no", "verbatim": "was hot", "term": "Fever", "grade": "2", "grade_since_day": "2",
        "grade_since_month": "3", "grade_since_year": "2026", "severity": "MODERATE", "treatments": "medication",
        "outcome": "UNKNOWN", "action_taken": event.action_taken, "ascertainment": "systematic", "reason": "heard at night",
    }  # fmt: skip
    refused = fill(coordinator, f"{path}/update", **typed)
    assert 'href="#treatment_words"' in refused.text
    done(fill(coordinator, f"{path}/update", **typed, treatment_words="paracetamol 1 g by mouth"))
    page = coordinator.get(path).text
    for words in (
        "Version 2: follow-up",
        "Reason: heard at night",
        "Medication: paracetamol",
        "Course of the grade",
        "Grade 2",
    ):
        assert words in page
    lowered = {
        **typed,
        "grade": "1",
        "grade_since_day": "",
        "treatment_words": "none more",
        "reason": "it was never higher",
    }
    done(fill(coordinator, f"{path}/correct", **lowered))
    with doors.house.database.session() as session:
        assert (get_event(session, event.id).grade, get_event(session, event.id).course) == (1, [])
    assert "Version 3: correction" in coordinator.get(path).text


def test_what_looks_the_same_and_what_could_be_before_consent_is_asked_about(doors, coordinator):
    code = code_of(doors, consented(doors.house))
    path = f"/t/TEST-1/participants/{code}/adverse-events/report"
    done(fill(coordinator, path, **EVENT))
    again = fill(coordinator, path, **EVENT)
    assert again.status_code == 409
    assert "Event 1 looks the same" not in again.text or "Is it another event than event 1?" in again.text
    assert f'href="/t/TEST-1/adverse-events/{code}/1"' in again.text
    vague = {**EVENT, "term": "Fever", "verbatim": "was hot", "onset_day": "", "onset_month": ""}
    asked = fill(coordinator, path, **vague)
    assert asked.status_code == 422
    assert 'name="confirmed_after_consent"' in asked.text
    done(fill(coordinator, path, **vague, confirmed_after_consent="yes"))
    done(fill(coordinator, path, **EVENT, confirmed_another="yes"))
    done(fill(coordinator, path, **EVENT, recurrence_of="1", confirmed_another="yes"))
    assert "It came back as event 4" in coordinator.get(f"/t/TEST-1/adverse-events/{code}/1").text


def test_the_relation_to_each_component_is_judged_by_each_side(doors, investigator):
    one = consented(doors.house)
    code, event = code_of(doors, one), serious(doors.house, one)
    path = f"/t/TEST-1/adverse-events/{code}/{event.number}"
    done(fill(investigator, f"{path}/assess", **{"causality": "unlikely", "relation-programme": "possible"}))
    with doors.client(doors.username("medical_monitor")) as monitor:
        theirs = {"causality": "unlikely", "relation-procedure": "certain", "expected": "no"}
        done(fill(monitor, f"{path}/assess", **theirs))
        page = monitor.get(path).text
    assert "Relation to comprehensive pain programme, investigator" in page
    assert "Relation to study procedure, sponsor" in page
    assert "section on reference safety information, version 1.0" in page


def test_the_detail_of_special_interest_is_withheld_where_it_could_reveal(doors):
    one = infused(doors.house, infusions=1)
    event = reported(doors.house, one, term="Hallucinations", verbatim="saw colours", infusion=1, onset_minute=20)
    code = code_of(doors, one)
    with doors.client(doors.username("data_manager")) as manager:
        page = manager.get(f"/t/TEST-1/adverse-events/{code}/{event.number}")
        assert page.status_code == 200
        assert "saw colours" not in page.text
        assert "Withheld" in page.text
        assert "Hallucinations" not in manager.get("/t/TEST-1/adverse-events").text


def test_an_investigator_breaks_a_code_and_nobody_else_sees_the_arm(doors, investigator, coordinator):
    open_for_randomization(doors.house)
    one = randomized(doors.house)
    code = code_of(doors, one)
    path = f"/t/TEST-1/participants/{code}/code-break"
    assert f'href="{path}"' in investigator.get(f"/t/TEST-1/participants/{code}").text
    assert coordinator.get(path).status_code == 403
    wrong = fill(investigator, path, reason="medical_need", note="in coma", password="wrong")
    assert wrong.status_code == 401
    shown = fill(investigator, path, reason="medical_need", note="in coma", password=PASSWORD)
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert "Unblinded page." in shown.text
    arms = {arm.code: arm.name for arm in protocol_at(doors.house).arms}
    name = arms[true_arms(doors.house)[code]]
    assert f'<p class="arm">{name}</p>' in shown.text
    assert not re.search(f">{name}<", investigator.get(path).text)
    assert not re.search(f">{name}<", coordinator.get(f"/t/TEST-1/participants/{code}").text)


def test_who_is_not_randomized_has_no_code_to_break(doors, investigator):
    code = code_of(doors, consented(doors.house))
    answer = fill(
        investigator, f"/t/TEST-1/participants/{code}/code-break", reason="other", note="a mistake", password=PASSWORD
    )
    assert answer.status_code == 409
