"""The coder's desk in pages: the queue, a review, a code in MedDRA, and what a new dictionary version changes."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.support.doors import Doors
from tests.support.events import reported
from tests.support.meddra import distribution
from tests.support.participants import adopt, amended, consented, participant
from tests.support.variants import variant
from tests.support.walk import done, fill
from trial.access.actors import system_actor
from trial.safety.adverse_events import get_event
from trial.safety.meddra.distribution import read_distribution
from trial.safety.meddra.releases import load_release

GENERAL = "Psychiatric disorders - Other, specify"


@pytest.fixture
def monitor(doors: Doors) -> Iterator:
    with doors.client(doors.username("medical_monitor", None)) as client:
        yield client


def test_a_doubtful_coding_is_reviewed_and_leaves_the_queue(doors, monitor):
    someone = consented(doors.house)
    event = reported(doors.house, someone, verbatim="pain in the big toe", term="Back pain")
    code = participant(doors.house, someone).code
    assert "pain in the big toe" in monitor.get("/t/TEST-1/coding").text
    assert "coding to review" in monitor.get("/t/TEST-1").text
    one = f"/t/TEST-1/coding/{code}/{event.number}"
    assert "Pain in extremity" in monitor.get("/t/TEST-1/coding/terms?term=pain+in+toe").text
    assert "Grade 2" in monitor.get(f"{one}/grades?term=Pain+in+extremity").text
    refused = fill(monitor, one, term="Pain in extremity", grade="2")
    assert (refused.status_code, "This is required for a change" in refused.text) == (422, True)
    again = fill(monitor, one, term="Toe pain", grade="2", reason="it was the toe")
    assert (again.status_code, "Choose a term of the dictionary" in again.text) == (422, True)
    assert done(fill(monitor, one, term="Pain in extremity", grade="2", reason="it was the toe")).startswith(
        "/t/TEST-1/coding"
    )
    assert "No coding waits for a look" in monitor.get("/t/TEST-1/coding").text
    with doors.house.database.reading() as session:
        assert get_event(session, event.id).term == "Pain in extremity"


def test_the_desk_codes_in_the_pinned_release_and_tells_what_an_amendment_changes(doors, monitor, tmp_path):
    someone = consented(doors.house)
    code = participant(doors.house, someone).code
    reported(doors.house, someone, verbatim="Queasy stomach", term="Nausea")
    odd = reported(doors.house, someone, verbatim="outside myself", term=GENERAL)
    with doors.house.database.transaction() as session:
        load_release(session, system_actor("installer"), read_distribution(distribution(tmp_path)))
    pinned = variant(dictionary='{name: CTCAE, version: "5.0", meddra: "28.0"}', version="1.1")
    doors.house.clock.advance(timedelta(minutes=1))
    version = amended(doors.house, loaded=pinned)
    for site in doors.house.sites:
        adopt(doors.house, version, site)
    desk = monitor.get("/t/TEST-1/coding").text
    assert "MedDRA 28.0" in desk
    assert "2 events are coded by another dictionary" in desk
    coded = fill(monitor, "/t/TEST-1/coding", to="/t/TEST-1/coding/meddra")
    assert "1 event is coded by itself; 1 wait" in monitor.get(coded.headers["location"]).text
    one = f"/t/TEST-1/coding/{code}/{odd.number}/meddra"
    assert "Floating on air" in monitor.get("/t/TEST-1/coding/meddra/terms?llt=floa").text
    assert fill(monitor, one, llt="something").status_code == 422
    assert fill(monitor, one, llt="Threw up lunch (90000012)").status_code == 422
    done(fill(monitor, one, llt="Floating on air (90000013)"))
    assert "Every event that you may see has its code" in monitor.get("/t/TEST-1/coding").text
    assert "CTCAE 6.0,Nausea,1,CTCAE 5.0,Nausea,same" in monitor.get("/t/TEST-1/recoding.csv").text
    assert "amendment" not in monitor.get("/t/TEST-1/recoding").text
    done(fill(monitor, "/t/TEST-1/recoding", reason="amendment 1.1"))
    assert "another dictionary" not in monitor.get("/t/TEST-1/coding").text
