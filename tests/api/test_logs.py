"""What a log line holds, and what it can never hold."""

import io
import json
import logging
from uuid import UUID

import pytest
import structlog
from fastapi import APIRouter, Request

from api.logs import ALLOWED_FIELDS, configure_logging, log
from api.permissions import public

ACTOR = UUID("00000000-0000-4000-8000-000000000001")
router = APIRouter()


@router.get("/participants/{participant_id}", openapi_extra=public())
def look(request: Request, participant_id: str) -> dict[str, str]:
    request.state.actor_id = ACTOR
    if participant_id == "crash":
        raise RuntimeError("Hanna Muster gets KETAMINE")
    return {}


@pytest.fixture
def lines():
    stream = io.StringIO()
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    configure_logging("INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = before
    structlog.reset_defaults()


def test_a_request_is_one_line_with_the_template_of_its_route(browse, lines):
    browse(router).get("/participants/01-142?name=Muster")
    (line,) = [found for found in lines() if found["event"] == "request"]
    assert line["route"] == "/participants/{participant_id}"
    assert (line["method"], line["status"], line["actor_id"]) == ("GET", 200, str(ACTOR))
    assert line["ms"] >= 0
    assert line["level"] == "info"


def test_neither_ids_nor_queries_reach_a_line(browse, lines):
    browser = browse(router)
    for path in ("/participants/01-142?name=Muster", "/no/such/01-142?name=Muster", "/static/01-142.css"):
        browser.get(path)
    assert "01-142" not in json.dumps(lines())
    assert "Muster" not in json.dumps(lines())


def test_the_prefix_of_an_included_router_is_part_of_the_template(browse, lines):
    outer = APIRouter(prefix="/sites")
    outer.include_router(router)
    browse(outer).get("/sites/participants/7")
    assert "/sites/participants/{participant_id}" in [line.get("route") for line in lines()]


def test_an_unforeseen_failure_is_logged_by_class_and_place_with_its_request(browse, lines):
    answer = browse(router).get("/participants/crash")
    (line,) = [found for found in lines() if found["event"] == "failure"]
    assert line["exception"] == "builtins.RuntimeError"
    assert line["raised_at"][-1].endswith(":look")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "KETAMINE" not in json.dumps(lines())


def test_a_field_that_nobody_declared_harmless_is_dropped(lines):
    log.info("visit", request_id="r", participant_name="Hanna Muster", arm="KETAMINE")
    (line,) = lines()
    assert line["dropped"] == ["arm", "participant_name"]
    assert "Muster" not in json.dumps(line)
    assert {"arm", "participant_name", "name", "body", "path", "query"}.isdisjoint(ALLOWED_FIELDS)


def test_exceptions_logged_by_libraries_lose_their_text(lines):
    error = ValueError("DETAIL: Key (name)=(Hanna Muster)")
    logging.getLogger("some.library").error("it failed", exc_info=error)
    (line,) = lines()
    assert line["exception"] == "builtins.ValueError"
    assert line["event"] == "it failed"
    assert "Muster" not in json.dumps(line)


def test_access_lines_of_the_server_are_silent(lines):
    logging.getLogger("uvicorn.access").info("GET /participants/01-142")
    assert lines() == []


def test_configuring_twice_writes_each_line_once(lines):
    stream = io.StringIO()
    configure_logging("INFO", stream)
    configure_logging("INFO", stream)
    log.info("once")
    assert len(stream.getvalue().splitlines()) == 1
