"""What a stranger may cost us."""

import asyncio

import pytest
from fastapi import APIRouter, Request

from api.middleware.limits import MAX_BODY_BYTES, SignInLimit, TooManySignIns
from api.permissions import public

router = APIRouter()


@router.post("/api/v1/things", openapi_extra=public())
async def take(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:8000"])
def test_host_header_injection_is_refused(browse, host):
    answer = browse(router).get("/api/v1/things", headers={"Host": host})
    assert answer.status_code == 422
    assert answer.json()["code"] == "request.unknown_host"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:9", "LOCALHOST"])
def test_our_own_host_names_are_accepted_with_any_port(browse, host):
    assert browse(router).get("/nowhere", headers={"Host": host}).status_code == 404


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_refused(browse):
    browser = browse(router)
    assert browser.post("/api/v1/things", content=b"x" * MAX_BODY_BYTES).json() == {"bytes": MAX_BODY_BYTES}
    answer = browser.post("/api/v1/things", content=b"x" * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert answer.json()["code"] == "request.too_large"


def test_chunked_body_without_a_length_cannot_slip_past_the_limit(browse):
    async def chunks():
        for _ in range(20):
            yield b"x" * 65_536

    assert browse(router).post("/api/v1/things", content=chunks()).status_code == 413


class Doorbell:
    """A sign-in limit over nothing, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

        async def nothing(scope, receive, send) -> None: ...

        self.limit = SignInLimit(nothing, {"/sign-in"}, attempts=3, window_seconds=60, ask_time=lambda: self.now)

    def ring(self, client: str = "192.0.2.1", path: str = "/sign-in", method: str = "POST") -> bool:
        scope = {"type": "http", "method": method, "path": path, "client": (client, 1)}
        try:
            asyncio.run(self.limit(scope, None, None))
        except TooManySignIns:
            return False
        return True


def test_password_guessing_from_one_address_is_slowed():
    door = Doorbell()
    assert [door.ring() for _ in range(4)] == [True, True, True, False]


def test_the_limit_is_each_addresss_own():
    door = Doorbell()
    assert [door.ring() for _ in range(4)][-1] is False
    assert door.ring(client="192.0.2.2")


def test_the_window_slides():
    door = Doorbell()
    for door.now in (0.0, 30.0, 59.0):
        assert door.ring()
    assert not door.ring()
    door.now = 60.0
    assert door.ring()
    assert not door.ring()


def test_trailing_slash_does_not_open_a_second_door():
    door = Doorbell()
    assert [door.ring(path="/sign-in/") for _ in range(4)][-1] is False


def test_looking_at_the_page_costs_nothing():
    door = Doorbell()
    assert all(door.ring(method="GET") for _ in range(10))
    assert all(door.ring(path="/participants") for _ in range(10))


def test_memory_exhaustion_by_many_addresses_is_bounded():
    door = Doorbell()
    door.limit.MAX_CLIENTS = 5
    for number in range(50):
        door.ring(client=f"192.0.2.{number}")
    assert len(door.limit._seen) == 5


def test_the_application_counts_sign_ins(browse):
    browser = browse()
    answers = [browser.post("/api/v1/sessions", json={}).status_code for _ in range(21)]
    assert 429 not in answers[:20]
    assert answers[20] == 429
