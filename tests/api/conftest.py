"""Applications without a database: what these tests ask for is answered before a session would be opened."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import create_engine

from api.app import create_app
from api.services import AppServices
from trial.database.session import Database
from trial.ids import UnsafeSeededEntropy
from trial.keyring import Keyring
from trial.keys import MasterKey
from trial.settings import Settings
from trial.vault import Vault

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/none"


class FixedKey:
    def master_key(self) -> MasterKey:
        return MasterKey(b"k" * 32)


def services_for(settings: Settings | None = None, *, development: bool = False) -> AppServices:
    """Services over a database that nobody reaches."""
    keyring = Keyring(vault=Vault(b"v" * 32), sealing=FixedKey())
    database = Database(create_engine(NOWHERE), keyring, entropy=UnsafeSeededEntropy(7))
    return AppServices(settings or Settings(), database, development=development)


class Browser:
    """A client that keeps cookies as a browser does, one event loop a request."""

    def __init__(self, app: FastAPI, base_url: str = "http://127.0.0.1") -> None:
        self.app = app
        self.base_url = base_url
        self.cookies = httpx.Cookies()

    def send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 5000))
            async with httpx.AsyncClient(transport=transport, base_url=self.base_url, cookies=self.cookies) as client:
                return await client.request(method, path, **kwargs)

        response = asyncio.run(go())
        self.cookies.extract_cookies(response)
        return response

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.send("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.send("POST", path, **kwargs)


@pytest.fixture
def build() -> Callable[..., FastAPI]:
    def make(*routers: APIRouter, settings: Settings | None = None, development: bool = False) -> FastAPI:
        return create_app(services_for(settings, development=development), extra_routers=routers)

    return make


@pytest.fixture
def browse(build: Callable[..., FastAPI]) -> Callable[..., Browser]:
    def make(*routers: APIRouter, base_url: str = "http://127.0.0.1", **kwargs: Any) -> Browser:
        return Browser(build(*routers, **kwargs), base_url)

    return make
