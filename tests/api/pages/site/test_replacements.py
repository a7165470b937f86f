"""A newcomer stands in for somebody who left: typed at registration or later, shown on both pages, refused in words."""

import pytest
from playwright.sync_api import Browser

from tests.support.doors import COOKIE, Doors, open_doors
from tests.support.house import House
from tests.support.looks import examiner, troubles
from tests.support.participants import participant, pretend_randomized, registered
from tests.support.replacing import leave, stand_in
from tests.support.variants import variant
from tests.support.walk import done, fill

P = "/t/TEST-1/participants"
WHO = {"sex": "F", "birth_year": "1980", "site_id": "S1"}
RULE = "{when: before_first_dose, at_most: 2}"


@pytest.fixture
def ruled(database, clock):
    house = House.build(database, clock, loaded=variant(replaces=RULE))
    with open_doors(house) as opened:
        yield opened


def code(doors: Doors, participant_id) -> str:
    return participant(doors.house, participant_id).code


def test_a_stand_in_is_registered_and_both_pages_say_so(ruled: Doors):
    left = leave(ruled.house, pretend_randomized(ruled.house))
    with ruled.client(ruled.username("coordinator")) as coordinator:
        assert f"may be replaced now: {left}" in coordinator.get(f"{P}/register").text
        refused = fill(coordinator, f"{P}/register", **WHO, replaces="P-0099")
        assert (refused.status_code, "such as P-0012" in refused.text) == (422, True)
        new = done(fill(coordinator, f"{P}/register", **WHO, replaces=left))
        assert new == f"{P}/P-0002", "a refusal registers nobody"
        assert f"Stands in for</dt><dd>{left}" in dense(coordinator.get(new).text)
        assert "Replaced by</dt><dd>P-0002" in dense(coordinator.get(f"{P}/{left}").text)
        twice = fill(coordinator, f"{P}/register", **WHO, replaces=left)
        assert (twice.status_code, "is replaced already, by P-0002" in twice.text) == (409, True)


def dense(page: str) -> str:
    return "".join(part.strip() for part in page.splitlines())


def test_it_is_recorded_later_changed_with_a_reason_and_taken_back(ruled: Doors):
    house = ruled.house
    first, second = (leave(house, pretend_randomized(house)) for _ in range(2))
    one = code(ruled, registered(house))
    url = f"{P}/{one}/replacement"
    with ruled.client(ruled.username("investigator")) as investigator:
        assert "Stand in for somebody who left" in investigator.get(f"{P}/{one}").text
        assert fill(investigator, url).status_code == 422
        assert done(fill(investigator, url, replaces=first)) == f"{P}/{one}"
        silent = fill(investigator, url, replaces=second)
        assert (silent.status_code, "Give the reason for the change." in silent.text) == (422, True)
        done(fill(investigator, url, replaces=second, reason="typed the wrong code"))
        assert f"stands in for <strong>{second}</strong>" in investigator.get(url).text
        done(fill(investigator, url, replaces="", reason="is an ordinary participant"))
        assert "Stands in for" not in investigator.get(f"{P}/{one}").text
        assert "Why is it changed?" in investigator.get(url).text
        done(fill(investigator, url, replaces=first, reason="is one after all"))
        assert investigator.get(f"{P}/{first}/replacement").status_code == 409


def test_the_pages_can_be_read_by_everybody_and_hold_in_their_width(ruled: Doors, chromium: Browser):
    left = leave(ruled.house, pretend_randomized(ruled.house))
    newcomer = registered(ruled.house)
    stand_in(ruled.house, newcomer, left)
    one = code(ruled, newcomer)
    wrong: list[str] = []
    with examiner(chromium) as context:
        who = ruled.username("coordinator")
        context.add_cookies([{"name": COOKIE, "value": ruled.session_token(who), "url": ruled.address}])
        page = context.new_page()
        for path in (f"{P}/register", f"{P}/{one}", f"{P}/{left}", f"{P}/{one}/replacement"):
            page.goto(ruled.address + path)
            wrong += troubles(page, path)
    assert not wrong, "\n".join(wrong)


def test_where_the_protocol_replaces_nobody_the_pages_offer_nothing(doors: Doors):
    left = leave(doors.house, pretend_randomized(doors.house))
    one = code(doors, registered(doors.house))
    with doors.client(doors.username("coordinator")) as coordinator:
        assert "Stands in for" not in coordinator.get(f"{P}/register").text
        assert "Stand in for somebody who left" not in coordinator.get(f"{P}/{one}").text
        assert "replaces nobody who leaves" in coordinator.get(f"{P}/{one}/replacement").text
        assert coordinator.send_form(f"{P}/{one}/replacement", replaces=left).status_code == 409


def test_the_same_over_json(ruled: Doors):
    left = leave(ruled.house, pretend_randomized(ruled.house))
    api = "/api/v1/trials/TEST-1/participants"
    with ruled.client(ruled.username("coordinator")) as coordinator:
        headers = {"X-CSRF-Token": coordinator.csrf}
        person = {"site": "S1", "sex": "F", "birth_year": 1980}
        made = coordinator.post(api, json={**person, "replaces": left}, headers=headers)
        assert (made.status_code, made.json()["stands_in_for"]) == (201, left)
        again = coordinator.post(api, json={**person, "replaces": left}, headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "replacement.replaced_already")
        other = coordinator.post(api, json=person, headers=headers).json()["code"]
        assert other == "P-0003"
        later = coordinator.post(f"{api}/{other}/replacement", json={"replaces": other}, headers=headers)
        assert (later.status_code, later.json()["code"]) == (409, "replacement.not_replaceable")
        back = {"replaces": None, "reason": "typed wrong"}
        taken = coordinator.post(f"{api}/P-0002/replacement", json=back, headers=headers)
        assert (taken.status_code, taken.json()["stands_in_for"]) == (201, None)
        moved = coordinator.post(f"{api}/{other}/replacement", json={"replaces": left}, headers=headers)
        assert moved.json()["stands_in_for"] == left
        told = {one["code"]: (one["stands_in_for"], one["replaced_by"]) for one in coordinator.get(api).json()}
        assert told == {left: (None, other), "P-0002": (None, None), other: (left, None)}
