"""Serious cases on their pages: clocks in words, one case, the officer's acts, letters, the line listing, reconciliation."""

import re
from datetime import timedelta

import pytest

from tests.support.doors import Doors
from tests.support.events import reported, serious
from tests.support.house import PASSWORD
from tests.support.locking import cut_off
from tests.support.papers import text_of
from tests.support.participants import consented, participant
from tests.support.randomization import open_for_randomization, randomized, true_arms
from tests.support.susars import susar
from tests.support.walk import done, fill

T = "/t/TEST-1"
OFFICER = "safety_officer_unblinded"


def words(answer) -> str:
    """The page's text, one space between its words."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_the_clocks_say_what_is_left_and_what_is_over_the_first_due_first(doors: Doors):
    house = doors.house
    one = consented(house)
    first = susar(house, one)
    code = participant(house, one).code
    house.clock.advance(timedelta(days=12, hours=20))
    second = serious(house, consented(house, "S2"), death=True, grade=5, outcome="FATAL")
    with doors.client(doors.username("medical_monitor")) as monitor:
        page = words(monitor.get(f"{T}/safety"))
        assert "Due in 2 days 1" in page
        assert f"{code}, event {first.number}" in page
        assert "Day 0 2 Mar 2026" in page
        assert "21 CFR 312.32(c)(2)" in page
        assert "Fatal or life-threatening SUSAR (provisional)" in page
        assert page.index(code) < page.index(participant(house, second.participant_id).code)
        everything = words(monitor.get(f"{T}/safety?kind=all"))
        assert "in time Done" in everything
        assert "report due soon" in words(monitor.get(T)) or "reports due soon" in words(monitor.get(T))
        house.clock.advance(timedelta(days=5))
    with doors.client(doors.username("sponsor")) as sponsor:
        page = words(sponsor.get(f"{T}/safety"))
        assert "Overdue since 17 Mar 2026, 23:59 CET" in page
        assert "adverse-events" not in sponsor.get(f"{T}/safety").text
        assert "reports overdue" in words(sponsor.get(T))
    with doors.client(doors.username("coordinator", "S1")) as site:
        page = words(site.get(f"{T}/safety?kind=all"))
        assert "Serious event to the sponsor" in page
        assert "FDA" not in page
        assert participant(house, second.participant_id).code not in page
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        assert assessor.get(f"{T}/safety").status_code == 403


def test_a_case_is_narrated_and_told_in_blinded_papers_with_the_same_bytes_each_time(doors: Doors):
    house = doors.house
    one = consented(house)
    event = susar(house, one, term="Hallucinations", verbatim="saw colours")
    case = f"{T}/adverse-events/{participant(house, one).code}/{event.number}/case"
    with doors.client(doors.username("medical_monitor")) as monitor:
        done(fill(monitor, f"{case}/narrative", text="Saw colours at home for two days."))
        lost = fill(monitor, f"{case}/narrative", text="Changed.")
        assert lost.status_code == 422
        assert 'href="#reason"' in lost.text
        done(fill(monitor, f"{case}/narrative", text="Saw colours for two days; recovered.", reason="Letter."))
        page = words(monitor.get(case))
        assert "Version 2" in page
        assert "Version 1" in page
        form, again = monitor.get(f"{case}/cioms.pdf"), monitor.get(f"{case}/cioms.pdf")
        assert form.content == again.content
        assert "Saw colours for two days; recovered." in text_of(form.content)
        written = monitor.get(f"{case}/case.json")
        assert written.content == monitor.get(f"{case}/case.json").content
        assert written.json()["narrative"]["version"] == 2
        assert monitor.get(f"{case}/copy").status_code == 403
        assert monitor.get(f"{T}/adverse-events/S1-999/1/case").status_code == 404
    with doors.client(doors.username("data_manager")) as manager:
        assert manager.get(case).status_code == 403
        assert manager.get(f"{case}/cioms.pdf").status_code == 403


def test_the_officer_unblinds_a_case_and_deals_with_its_reports_and_the_monitor_learns_nothing(doors: Doors):
    house = doors.house
    open_for_randomization(house)
    one = randomized(house)
    event = susar(house, one, life_threatening=True)
    code = participant(house, one).code
    case = f"{T}/adverse-events/{code}/{event.number}/case"
    with doors.client(doors.username(OFFICER)) as officer:
        early = fill(officer, f"{case}/report", report="eu_7@EU", decision="sent", note="Sent at once.")
        assert early.status_code == 409
        assert "regulator&#39;s copy" in early.text
        assert fill(officer, f"{case}/copy", password="wrong").status_code == 401
        done(fill(officer, f"{case}/copy", password=PASSWORD))
        copy = officer.get(f"{case}/copies/1.pdf")
        assert copy.headers["cache-control"] == "no-store"
        assert ("Ketamine hydrochloride" in text_of(copy.content)) is (true_arms(house)[code] == "KET")
        missing = fill(officer, f"{case}/report", decision="sent", note="Sent.")
        assert 'href="#report"' in missing.text
        filed = {"report": "eu_7@EU", "decision": "not_expedited", "note": "No active treatment was given."}
        done(fill(officer, f"{case}/report", **filed))
        shown = officer.send_form(f"{case}/expeditions")
        assert "Unblinded page." in shown.text
        assert "No active treatment was given." in shown.text
    with doors.client(doors.username("medical_monitor")) as monitor:
        page = monitor.get(case).text
        for secret in ("No active treatment was given", "not_expedited", "Ketamine", "Placebo"):
            assert secret not in page
        assert "Initial" in page
        assert monitor.get(f"{case}/copies/1.pdf").status_code == 403
        assert monitor.send_form(f"{case}/expeditions").status_code == 403
        assert "what became of the reports" in monitor.get(f"{T}/unblindings").text


def test_a_letter_is_issued_read_and_acknowledged_for_a_site(doors: Doors):
    house = doors.house
    one = consented(house)
    event = susar(house, one)
    letter = {
        "title": "A seizure after the last infusion",
        "body": "One participant had a seizure at home and recovered.\nNothing else is known.",
        "asked_of_sites": "Ask for a history of seizures.",
        "case": f"{participant(house, one).code}/{event.number}",
    }
    with doors.client(doors.username("sponsor")) as sponsor:
        assert fill(sponsor, f"{T}/safety/letters/new", **{**letter, "title": ""}).status_code == 422
        path = done(fill(sponsor, f"{T}/safety/letters/new", **letter))
        assert "safety letter not acknowledged" in words(sponsor.get(T))
        paper = sponsor.get(f"{path}/letter.pdf").content
        assert "Ask for a history of seizures." in text_of(paper)
        assert sponsor.get(f"{path}/acknowledge").status_code == 403
    with doors.client(doors.username("investigator", "S1")) as investigator:
        assert "safety letter to acknowledge" in words(investigator.get(T))
        assert investigator.get(f"{path}/letter.pdf").content == paper
        assert fill(investigator, f"{path}/acknowledge", password="wrong").status_code == 401
        done(fill(investigator, f"{path}/acknowledge", password=PASSWORD))
        assert "Acknowledged" in words(investigator.get(path))
        assert "S2" not in words(investigator.get(path)).partition("Acknowledgements")[2]
    with doors.client(doors.username("medical_monitor")) as monitor:
        page = words(monitor.get(f"{T}/safety/letters"))
        assert "S1 S2" in page
        assert monitor.get(f"{path}/letter.pdf").content == paper


@pytest.mark.parametrize(("role", "withheld"), [("medical_monitor", False), ("sponsor", True)])
def test_the_line_listing_is_that_of_its_cut_off_and_withholds_detail_where_it_must(doors: Doors, role, withheld):
    house = doors.house
    one = consented(house)
    serious(house, one, term="Hallucinations", verbatim="saw colours")
    serious(house, one, term="Anemia", verbatim="=pale")
    reported(house, one)
    cutoff = cut_off(house)
    house.clock.advance(timedelta(days=1))
    serious(house, one, term="Syncope", verbatim="fainted")
    path = f"{T}/safety/line-listing"
    with doors.client(doors.username(role)) as reader:
        assert "PDF" in words(reader.get(path))
        listing, table = reader.get(f"{path}/{cutoff.id}.pdf"), reader.get(f"{path}/{cutoff.id}.csv")
        assert listing.content == reader.get(f"{path}/{cutoff.id}.pdf").content
    text = text_of(listing.content)
    assert ("saw colours" in text) is not withheld
    assert ("Hallucinations" in table.text) is not withheld
    assert "fainted" not in text
    assert "Syncope" not in table.text
    assert "'=pale" in table.text
    assert len(table.text.splitlines()) == 3


def test_a_listing_of_the_safety_database_is_compared_and_each_difference_answered(doors: Doors):
    house = doors.house
    susar(house, consented(house))
    path = f"{T}/safety/reconciliation"
    with doors.client(doors.username("medical_monitor")) as monitor:
        ours = monitor.get(f"{path}/ours.csv").text
        none = monitor.send_form(path, idempotency_key="listing-0")
        assert none.status_code == 422
        for content, code in ((b"\xff\xfe", 422), (b"a,b\n", 422), (ours.replace("Seizure", "Syncope").encode(), 303)):
            answer = monitor.post(
                path,
                data={"csrf_token": monitor.csrf, "idempotency_key": f"listing-{len(content)}"},
                files={"listing": ("safety.csv", content, "text/csv")},
            )
            assert answer.status_code == code, answer.text[:500]
        listing = answer.headers["location"].partition("?")[0]
        page = monitor.get(listing)
        assert "Syncope" in page.text
        assert "difference with the safety database" in words(monitor.get(T))
        difference = page.text.partition(f'href="{listing}/')[2].partition('"')[0]
        if difference == "differences.csv":
            difference = page.text.split(f'href="{listing}/')[2].partition('"')[0]
        assert fill(monitor, f"{listing}/{difference}", resolution="explained").status_code == 422
        done(fill(monitor, f"{listing}/{difference}", resolution="there_corrected", answer="They correct it."))
        assert "They correct it." in monitor.get(listing).text
        assert "They correct it." in monitor.get(f"{listing}/differences.csv").text
        assert fill(monitor, f"{listing}/{difference}", resolution="explained", answer="Again.").status_code == 409
    with doors.client(doors.username("data_manager")) as manager:
        assert manager.get(path).status_code == 403
