"""Every route, every role: who is let through the gate is exactly who the permission matrix says.

The oracle reads the matrix's own file. A site role is asked at its own site. Ids that a path needs are those of records
that exist, or random ones: 404, 409 and 422 are answers to somebody who was let in; a refusal is 403 and comes before
anything of the object is told.
"""

import csv
import re
from pathlib import Path
from uuid import uuid4

import pytest

from api.permissions import RouteAccess, route_table
from tests.support.doors import Doors, open_doors
from tests.support.house import House
from trial.errors import NotPermitted
from trial.reference.permissions import ROLES

MATRIX = Path(__file__).parents[2] / "trial" / "reference" / "permissions.csv"
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")

PUBLIC = {
    "accept_code", "check_health", "give_password", "list_operations", "show_code", "show_physicians_screen",
    "show_sign_in", "show_what_was_sent",
}  # fmt: skip
SELF = {
    "change_own_password", "choose_place", "end_one_session", "extend_session", "list_trials", "make_token",
    "read_trial", "revoke_one_token", "see_alert", "show_account", "show_home", "show_password_form",
    "show_token_form", "sign_out", "start",
}  # fmt: skip
PARTICIPANT: set[str] = set()


@pytest.fixture
def doors(house: House):
    with open_doors(house) as opened:
        yield opened


def holders() -> dict[str, set[str]]:
    """Permission by name, and every role that has anything in its column of the published file."""
    with MATRIX.open(newline="", encoding="utf-8") as file:
        return {row["permission"]: {role for role in ROLES if row[role]} for row in csv.DictReader(file)}


def routes(doors: Doors) -> list[RouteAccess]:
    return route_table(doors.app)


def filled(path: str) -> str:
    return _PARAMETER.sub(lambda found: "TEST-1" if found[1] == "trial" else str(uuid4()), path)


def ask(doors: Doors, client, route: RouteAccess) -> dict[str, int]:
    path = filled(route.path)
    answers = {}
    for method in set(route.methods) - {"HEAD"}:
        fields = {"data": {"csrf_token": client.csrf}} if method != "GET" else {}
        headers = {"X-CSRF-Token": client.csrf}
        answers[method] = client.request(method, path, headers=headers, **fields)
    return answers


def test_the_routes_that_ask_for_no_permission_are_these(doors: Doors):
    found: dict[str, set[str]] = {"public": set(), "self": set(), "participant": set(), "permission": set()}
    for route in routes(doors):
        found[route.kind].add(route.name)
    assert found["public"] == PUBLIC
    assert found["self"] == SELF
    assert found["participant"] == PARTICIPANT
    assert found["permission"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_let_in_where_the_matrix_says_and_nowhere_else(doors: Doors, role: str):
    matrix = holders()
    wrong = []
    with doors.inline(doors.username(role)) as client:
        for route in routes(doors):
            if route.kind != "permission":
                continue
            allowed = any(role in matrix[name] for name in route.permissions)
            for method, answer in ask(doors, client, route).items():
                gate_refused = answer.status_code == 403 and "access.route_not_permitted" in answer.text
                if gate_refused == allowed:
                    wrong.append(f"{method} {route.path} ({', '.join(route.permissions)}): {answer.status_code}")
    assert not wrong, f"{role}:\n" + "\n".join(wrong)


def test_a_refusal_is_the_same_for_an_object_that_exists_and_one_that_does_not(doors: Doors):
    with doors.client(doors.username("administrator")) as client:
        answers = {
            client.get(f"/t/TEST-1/meetings/{uuid4()}").text.split('<dl class="small-print"')[0] for _ in range(2)
        }
        assert len({re.sub(r"csrf[^>]*", "", text) for text in answers}) == 1


def test_nobody_who_is_not_signed_in_passes_a_route_that_names_a_permission(doors: Doors):
    with doors.inline() as stranger:
        csrf = stranger.get("/sign-in").text.split('name="csrf-token" content="')[1].split('"')[0]
        stranger.csrf = csrf
        for route in routes(doors):
            if route.kind in {"public", "participant"}:
                continue
            for method, answer in ask(doors, stranger, route).items():
                to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
                assert answer.status_code == 401 or to_sign_in, f"{method} {route.path}: {answer.status_code}"


def test_a_trial_in_which_one_holds_no_role_does_not_exist_for_one(doors: Doors):
    with doors.client(doors.username("coordinator")) as client:
        known = client.get("/t/OTHER-1")
        assert known.status_code == 404


def test_the_gate_refuses_with_a_code_of_its_own():
    from api.gate import RouteNotPermitted

    assert issubclass(RouteNotPermitted, NotPermitted)
    assert RouteNotPermitted.code == "access.route_not_permitted"
