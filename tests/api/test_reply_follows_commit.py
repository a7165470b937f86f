"""A commit that fails never answers 200: the transaction ends before the answer begins."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import httpx
import psycopg
from fastapi import APIRouter, Depends, Request
from sqlalchemy import text

from api.app import create_app
from api.dependencies import Write
from api.permissions import public
from api.services import AppServices, services_of
from tests.support.house import House
from trial.access.actions import Action
from trial.access.actors import system_actor
from trial.access.policies import declare
from trial.database.session import TrialSession
from trial.settings import Settings


def late_transaction(request: Request) -> Iterator[TrialSession]:
    with services_of(request).database.transaction() as session:
        yield session


# What a route must never write: without scope="function" the commit comes after the answer.
LateWrite = Annotated[TrialSession, Depends(late_transaction)]


def spoil(owner_url: str) -> None:
    """From now on a change of a site is accepted, and refused when it is committed."""
    with psycopg.connect(owner_url.replace("+psycopg", "")) as connection:
        connection.execute(
            """
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'too late: kit K-0001'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON trial.site DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION public.refuse();
            """
        )


def write_half(session: TrialSession) -> dict[str, str]:
    declare(session, system_actor("installer"), Action.SITE_ADDED)
    session.execute(text("UPDATE trial.site SET name = 'Half'"))
    return {"kit": "K-0001"}


def app_with(house: House, alias: object):
    router = APIRouter()

    @router.post("/api/v1/spoiled", openapi_extra=public())
    def spoiled(session: alias) -> dict[str, str]:  # type: ignore[valid-type]
        return write_half(session)

    return create_app(AppServices(Settings(), house.database), extra_routers=(router,))


def post(app) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/api/v1/spoiled")

    return asyncio.run(go())


def test_a_failed_commit_is_never_a_200(house: House, owner_url: str):
    spoil(owner_url)
    answer = post(app_with(house, Write))
    assert answer.status_code in {500, 503}
    assert "K-0001" not in answer.text
    with house.database.session() as session:
        assert "Half" not in session.execute(text("SELECT name FROM trial.site")).scalars().all()


def test_the_test_above_can_fail_a_late_commit_shows_200(house: House, owner_url: str):
    spoil(owner_url)
    answer = post(app_with(house, LateWrite))
    assert answer.status_code == 200
    assert "K-0001" in answer.text
