"""What a refusal looks like from outside, and what it never says."""

import logging

import pytest
from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from api.errors import PROBLEM_JSON, STATUS, Problem, status_of
from api.permissions import public
from trial.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    TooManyAttempts,
    Unavailable,
    every_error,
)

SECRET = "Key (name)=(Muster, Hanna) already exists; arm=KETAMINE"


class AlreadyRandomized(Conflict):
    code = "example.already_randomized"


class DriverError(Exception):
    sqlstate = "23505"


class Weight(BaseModel):
    weight_kg: float = Field(ge=30, le=250)
    site: str


RAISED = {
    "already": AlreadyRandomized("This participant is randomized already. Open the receipt."),
    "invalid": InvalidInput("Correct the weight.", fields={"weight_kg": "Give a weight between 30 and 250 kg."}),
    "missing": NotFound("There is no such participant."),
    "forbidden": NotPermitted("Only an investigator may sign."),
    "stranger": NotAuthenticated("Sign in first."),
    "often": TooManyAttempts("Wait a minute."),
    "disk": Unavailable("There is no disk space left."),
    "crash": RuntimeError(SECRET),
    "root": DomainError(SECRET),
    "unique": IntegrityError("INSERT", {}, DriverError(SECRET)),
    "away": OperationalError("SELECT", {}, DriverError(SECRET)),
    "nul": DataError("SELECT", {}, DriverError(f"PostgreSQL text fields cannot contain NUL (0x00) bytes {SECRET}")),
    "data": DataError("SELECT", {}, DriverError(SECRET)),
}
router = APIRouter()


@router.get("/page/raise/{what}", openapi_extra=public())
@router.get("/api/v1/raise/{what}", openapi_extra=public())
def raise_it(what: str) -> None:
    raise RAISED[what]


@router.post("/api/v1/weights", openapi_extra=public())
def weigh(weight: Weight) -> None: ...


@pytest.fixture
def browser(browse):
    return browse(router)


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("already", 409), ("invalid", 422), ("missing", 404), ("forbidden", 403), ("stranger", 401), ("often", 429),
        ("disk", 503), ("crash", 500), ("root", 500), ("unique", 500), ("away", 503), ("nul", 422), ("data", 500),
    ],
)  # fmt: skip
def test_a_program_gets_a_problem_of_the_right_status(browser, what, status):
    answer = browser.get(f"/api/v1/raise/{what}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM_JSON
    problem = Problem.model_validate(answer.json())
    assert problem.status == status
    assert problem.type == f"urn:equipoise:problem:{problem.code}"
    assert problem.instance == f"urn:uuid:{answer.headers['x-request-id']}"


def test_a_domain_error_tells_its_code_sentence_and_fields(browser):
    problem = browser.get("/api/v1/raise/invalid").json()
    assert problem["code"] == "input.invalid"
    assert problem["detail"] == "Correct the weight."
    assert problem["fields"] == {"weight_kg": "Give a weight between 30 and 250 kg."}


def test_a_person_gets_a_page_with_the_sentence_the_code_and_the_request(browser):
    answer = browser.get("/page/raise/already")
    assert answer.status_code == 409
    assert answer.headers["content-type"].startswith("text/html")
    assert "This participant is randomized already. Open the receipt." in answer.text
    assert "example.already_randomized" in answer.text
    assert answer.headers["x-request-id"] in answer.text


@pytest.mark.parametrize("what", ["crash", "root", "unique", "away", "nul", "data"])
@pytest.mark.parametrize("door", ["/page", "/api/v1"])
def test_an_unforeseen_failure_tells_nothing_of_itself(browser, what, door, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    answer = browser.get(f"{door}/raise/{what}")
    written = answer.text + str(answer.headers) + caplog.text + "".join(capsys.readouterr())
    for word in ("Muster", "Hanna", "KETAMINE", "already exists", "INSERT"):
        assert word not in written


def test_a_stranger_on_a_page_is_sent_to_sign_in_and_back(browser):
    answer = browser.get("/page/raise/stranger")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fpage%2Fraise%2Fstranger"


def test_htmx_is_told_to_go_to_sign_in_instead_of_swapping_a_page_into_a_page(browser):
    answer = browser.get("/page/raise/stranger", headers={"HX-Request": "true"})
    assert answer.headers["hx-redirect"].startswith("/sign-in")


def test_htmx_puts_a_refusal_where_the_page_was(browser):
    assert browser.get("/page/raise/already", headers={"HX-Request": "true"}).headers["hx-retarget"] == "#main"


def test_a_program_without_a_credential_is_told_which_one_is_needed(browser):
    assert browser.get("/api/v1/raise/stranger").headers["www-authenticate"] == "Bearer"


def test_too_many_attempts_says_when_to_come_back(browser):
    assert browser.get("/api/v1/raise/often").headers["retry-after"] == "60"


def test_an_invalid_body_names_each_field_and_repeats_no_value(browser):
    answer = browser.post("/api/v1/weights", json={"weight_kg": 54321})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"weight_kg", "site"}
    assert answer.json()["fields"]["site"] == "This is required."
    assert "54321" not in answer.text


def test_a_torn_body_is_a_problem_not_a_failure(browser):
    headers = {"content-type": "application/json"}
    answer = browser.post("/api/v1/weights", content=b'{"weight_kg": ', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["code"] == "input.invalid"


def test_an_unknown_address_is_a_problem_for_programs_and_a_page_for_people(browser):
    assert browser.get("/api/v1/nowhere").json()["code"] == "page.not_found"
    assert "Page not found" in browser.get("/nowhere").text


def test_a_wrong_method_says_which_are_right(browser):
    answer = browser.get("/api/v1/weights")
    assert answer.status_code == 405
    assert answer.json()["code"] == "request.method_not_allowed"
    assert answer.headers["allow"] == "POST"


def test_every_family_has_exactly_one_status():
    families = {kind for kind in every_error() if kind.__base__ is DomainError}
    assert families == set(STATUS)
    assert len({status for status, _ in STATUS.values()}) == len(STATUS)


def test_every_known_error_has_a_status():
    for kind in every_error():
        if kind is not DomainError:
            assert 400 <= status_of(kind)[0] < 600
