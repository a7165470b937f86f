"""Seats of the board, the grant of the infusion domain, freezes, and the opening of the lists after the lock."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.doors import Client, Doors
from tests.support.house import PASSWORD
from tests.support.locking import locked
from tests.support.participants import consented, participant, screen
from tests.support.randomization import open_for_randomization
from tests.support.walk import done, fill

HOME = "/t/TEST-1"


@pytest.fixture
def people(doors: Doors) -> Iterator[dict[str, Client]]:
    roles = ("sponsor", "data_manager", "coordinator", "investigator", "statistician_unblinded", "statistician_blinded")
    with ExitStack() as opened:
        yield {role: opened.enter_context(doors.client(doors.username(role))) for role in roles}


def test_the_sponsor_seats_a_member_and_ends_the_membership(doors: Doors, people: dict[str, Client]):
    sponsor, chair = people["sponsor"], doors.house.people[("dsmb_chair", None)]
    assert people["investigator"].get(f"{HOME}/board").status_code == 403
    empty = sponsor.send_form(f"{HOME}/board", seat="", account_id="")
    assert (empty.status_code, empty.text.count("This is required.")) == (422, 4)
    done(sponsor.send_form(f"{HOME}/board", seat="statistician", account_id=str(chair.id)))
    page = sponsor.get(f"{HOME}/board").text
    assert chair.display_name in page
    taken = sponsor.send_form(f"{HOME}/board", seat="psychiatrist", account_id=str(chair.id))
    assert (taken.status_code, "holds another" in taken.text) == (409, True)
    ending = page.partition(f'href="{HOME}/board/')[2].partition('"')[0]
    refused = sponsor.send_form(f"{HOME}/board/{ending}")
    assert refused.status_code == 422
    done(sponsor.send_form(f"{HOME}/board/{ending}", reason="Moved abroad."))
    assert sponsor.get(f"{HOME}/board").text.count("Vacant") == 5


def test_the_sponsor_grants_the_infusion_domain_and_takes_it_back(doors: Doors, people: dict[str, Client]):
    sponsor, manager = people["sponsor"], people["data_manager"]
    person = doors.house.people[("data_manager", None)]
    infusions = f"{HOME}/infusions"
    assert manager.get(infusions).status_code == 403
    refused = sponsor.send_form(f"{HOME}/infusion-domain", account_id=str(person.id))
    assert (refused.status_code, "This is required." in refused.text) == (422, True)
    done(sponsor.send_form(f"{HOME}/infusion-domain", account_id=str(person.id), reason="Readings to clean."))
    assert manager.get(infusions).status_code == 200
    page = sponsor.get(f"{HOME}/infusion-domain").text
    grant = page.partition(f'href="{HOME}/infusion-domain/')[2].partition('"')[0]
    done(sponsor.send_form(f"{HOME}/infusion-domain/{grant}", reason="Cleaned."))
    assert manager.get(infusions).status_code == 403


def test_data_are_frozen_by_form_and_released(doors: Doors, people: dict[str, Client]):
    manager, site = people["data_manager"], people["coordinator"]
    one = consented(doors.house)
    screen(doors.house, one)
    form = f"{HOME}/participants/{participant(doors.house, one).code}/visits/SCR/forms/vitals"
    nothing = manager.send_form(f"{HOME}/locks/freezes", reason="Cleaned.")
    assert (nothing.status_code, "Name a site, a visit or a form" in nothing.text) == (422, True)
    done(manager.send_form(f"{HOME}/locks/freezes", form="vitals", reason="Cleaned."))
    assert "1 is in force" in manager.get(f"{HOME}/locks").text
    page = manager.get(f"{HOME}/locks/freezes").text
    assert "Vital signs" in page
    assert manager.send_form(f"{HOME}/locks/freezes", form="vitals", reason="Again.").status_code == 409
    correction = {"answer-hr": "66", "reason": "Read wrongly."}
    refused = fill(site, form, **correction)
    assert (refused.status_code, "frozen" in refused.text) == (409, True)
    freeze = page.partition(f'href="{HOME}/locks/freezes/')[2].partition('"')[0]
    done(manager.send_form(f"{HOME}/locks/freezes/{freeze}", reason="A correction came in."))
    done(fill(site, form, **correction))


def test_after_the_lock_two_people_open_the_lists_and_the_unblinded_dataset_is_asked_for(
    doors: Doors, people: dict[str, Client]
):
    open_for_randomization(doors.house)
    sponsor, statistician = people["sponsor"], people["statistician_unblinded"]
    opening = f"{HOME}/opening"
    assert "Not locked" in sponsor.get(opening).text
    lock = locked(doors.house)
    early = statistician.send_form(f"{opening}/{lock.id}/dataset")
    assert (early.status_code, "both sign first" in early.text) == (409, True)
    assert "waits for your signature" in sponsor.get(HOME).text
    wrong = fill(sponsor, opening, password="not the one at all")
    assert (wrong.status_code, "Opened list" in wrong.text) == (401, False)
    done(fill(sponsor, opening, password=PASSWORD))
    assert "Your side has signed" in sponsor.get(opening).text
    done(fill(statistician, opening, password=PASSWORD))
    page = statistician.get(opening).text
    opened = page.partition('href="/api/v1')[2].partition('"')[0]
    assert statistician.get(f"/api/v1{opened}").status_code == 200
    assert done(statistician.send_form(f"{opening}/{lock.id}/dataset")) == opening
