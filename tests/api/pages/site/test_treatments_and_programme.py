"""Other treatment with its dates, and sessions of the programme, as a coordinator records them."""

from tests.support.doors import Doors
from tests.support.participants import participant, pretend_randomized
from tests.support.walk import done, fill


def test_a_treatment_is_added_with_its_dates_and_changed(doors: Doors):
    code = participant(doors.house, pretend_randomized(doors.house)).code
    page = f"/t/TEST-1/participants/{code}/treatments"
    given = {
        "visit": "BL", "name": "Morphine", "value": "40", "unit": "mg/d", "indication": "Back pain",
        "started_year": "2019", "ended_month": "2", "ended_year": "2026",
    }  # fmt: skip
    with doors.client(doors.username("coordinator")) as site:
        assert "Other treatment" in site.get(f"/t/TEST-1/participants/{code}").text
        refused = fill(site, page, **{**given, "name": "", "ended_year": "2031"})
        assert (refused.status_code, 'value="Back pain"' in refused.text) == (422, True)
        future = fill(site, page, **{**given, "ended_year": "2031"})
        assert (future.status_code, "This is in the future." in future.text) == (422, True)
        done(fill(site, page, **given))
        listed = site.get(page).text
        assert all(words in listed for words in ("Morphine", "Back pain", "2019", "Feb 2026"))
        done(fill(site, f"{page}?visit=BL&name=Morphine", to=page, ended_month="", ended_year="", value="30"))
        listed = site.get(page).text
        assert "Goes on" in listed
        assert listed.count(">Morphine<") == 1
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        assert assessor.get(page).status_code == 403


def test_a_session_of_the_programme_is_attended_or_missed(doors: Doors):
    code = participant(doors.house, pretend_randomized(doors.house)).code
    page = f"/t/TEST-1/participants/{code}/programme"
    with doors.client(doors.username("coordinator")) as site:
        refused = fill(site, page)
        assert (refused.status_code, 'id="attended-error"' in refused.text) == (422, True)
        for attended in ("yes", "no"):
            done(fill(site, page, kind="behavioural therapy", attended=attended))
        again = fill(site, page, kind="behavioural therapy", attended="yes", session="2")
        assert again.status_code == 409
        listed = site.get(page).text
        assert "Attended 1 of 2" in listed
        assert "Programme sessions" in site.get(f"/t/TEST-1/participants/{code}").text
