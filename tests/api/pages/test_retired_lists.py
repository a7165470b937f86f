"""Retiring a list on pages and over HTTP: two people, a reason for them alone, and what everybody else may know."""

from httpx import Response

from randomization.ledger.envelopes import envelope_stage
from tests.support.doors import Client, Doors
from tests.support.randomization import designed_list, sealed_list, stocked
from tests.support.walk import done, fill

LISTS, JSON = "/t/TEST-1/allocation-lists", "/api/v1/trials/TEST-1/lists"
DESIGNER, SECOND = "statistician_randomization", "statistician_unblinded"
FIRST_PART, SECOND_PART = (bytes(range(start, start + 32)).hex() for start in (7, 60))
BASE64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SECOND_BASE64 = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
WHY = "Blocks of 14 were a slip of the pen."
DESIGN = {"block_sizes": "14, 26", "slots_per_stratum": "26", "contribution": FIRST_PART, "stage": "main"}


def test_two_people_retire_a_list_and_others_learn_that_and_not_why(doors: Doors):
    first = sealed_list(doors.house)
    with (
        doors.client(doors.username(DESIGNER)) as designer,
        doors.client(doors.username(SECOND)) as second,
        doors.client("inspector") as inspector,
        doors.client("data-manager") as manager,
    ):
        bare = designer.send_form(LISTS, **DESIGN, retires=[str(first.id)])
        assert bare.status_code == 422
        assert "Say why the list is retired." in bare.text
        page = done(fill(designer, LISTS, **DESIGN, retires=[str(first.id)], retirement_reason=WHY))
        assert WHY in second.get(page).text
        assert "once this one is sealed" in inspector.get(page).text
        assert "Retired" not in designer.get(f"{LISTS}/{first.id}").text
        done(fill(second, page, to=f"{page}/confirm", contribution=SECOND_PART))
        for reader in (designer, second, inspector):
            assert "Retired by list 2" in reader.get(LISTS).text
            told = reader.get(f"{LISTS}/{first.id}").text
            assert "List 2 took its place" in told
            assert "Continue it" not in told
            assert (WHY in reader.get(page).text) == (reader is not inspector)
        assert "list 2 retired the list" in manager.get("/t/TEST-1/lists").text
        assert WHY not in manager.get("/t/TEST-1/lists").text
        offered = designer.get(LISTS).text
        assert f'value="{first.id}"' not in offered
        summaries = inspector.get(JSON).json()
        assert summaries[0]["retired_by"] == summaries[1]["id"]
        assert summaries[0]["retired_at"] == summaries[1]["sealed_at"]
        assert summaries[1]["retires"] == [str(first.id)]
        assert summaries[1]["retirement_reason"] is None
        commitment = inspector.get(f"{JSON}/{summaries[1]['id']}/commitment").json()
        assert commitment["retires"] == [str(first.id)]


def _post(client: Client, path: str, body: dict[str, object]) -> Response:
    return client.post(path, json=body, headers={"X-CSRF-Token": client.csrf})


def test_a_list_is_retired_over_http(doors: Doors):
    first = sealed_list(doors.house)
    with (
        doors.client(doors.username(DESIGNER)) as designer,
        doors.client(doors.username(SECOND)) as second,
        doors.client("inspector") as inspector,
    ):
        design = {"block_sizes": [2, 4], "slots_per_stratum": 8, "contribution": BASE64, "retires": [str(first.id)]}
        refused = _post(designer, JSON, design)
        assert refused.status_code == 422
        assert refused.json()["code"] == "list.retirement_reason_needed"
        made = _post(designer, JSON, design | {"retirement_reason": WHY})
        assert made.status_code == 201
        assert made.json()["retirement_reason"] == WHY
        sealed = _post(second, f"{JSON}/{made.json()['id']}/confirmation", {"contribution": SECOND_BASE64})
        assert sealed.json()["retires"] == [str(first.id)]
        again = _post(designer, JSON, design | {"retirement_reason": WHY})
        assert (again.status_code, again.json()["code"]) == (409, "list.retired")
        assert WHY not in inspector.get(JSON).text


def test_a_list_that_waits_in_vain_is_no_work_for_its_second_person(doors: Doors):
    first = sealed_list(doors.house)
    vain = designed_list(doors.house, retires=(first.id,), retirement_reason=WHY)
    sealed_list(doors.house, retires=(first.id,), retirement_reason=WHY)
    with doors.client(doors.username(SECOND)) as second:
        assert "list to confirm" not in second.get("/t/TEST-1").text
        told = second.get(f"{LISTS}/{vain.id}").text
        assert "It cannot be confirmed any more" in told
        assert "Confirm and seal" not in told
        assert "Not to be confirmed any more" in second.get(LISTS).text


def test_envelopes_of_a_retired_list_are_called_back(doors: Doors):
    house = doors.house
    design = {"blocks": (2, 4), "slots": 2, "sites": ("S1",), "stage": envelope_stage("S1")}
    old = sealed_list(house, **design)
    stocked(house)
    with doors.client(doors.username(SECOND)) as second, doors.client("coordinator-s1") as coordinator:
        done(fill(second, "/t/TEST-1/envelopes", list_id=str(old.id)))
        assert "Withdrawn" not in coordinator.get("/t/TEST-1/opened-envelopes").text
        sealed_list(house, **design, retires=(old.id,), retirement_reason=WHY)
        assert "Retired: take its envelopes back" in second.get("/t/TEST-1/envelopes").text
        refused = second.get(f"/t/TEST-1/envelopes/{old.id}/envelopes.pdf")
        assert refused.status_code == 409
        shown = coordinator.get("/t/TEST-1/opened-envelopes").text
        assert shown.count("Withdrawn: do not open") == 12
        assert WHY not in shown
