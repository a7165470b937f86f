"""Programs with their people's sessions, for tests of the JSON routes.

people = People(doors)
people.send("coordinator", "GET", "/sites/S1/kits")
people.signed("coordinator", "/sites/S1/destructions", {...})       # with password and code
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from tests.support.doors import Client, Doors
from tests.support.house import PASSWORD

API = "/api/v1/trials/TEST-1"


class People:
    """Who asks is named by the role; a role of a site is that of the house's first one unless ``site`` says otherwise."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.clients: dict[tuple[str, str | None], Client] = {}

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def send(
        self,
        role: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str = "",
        site: str | None = None,
    ) -> httpx.Response:
        """Each request has a key of its own, unless ``key`` gives one."""
        client = self._client(role, site)
        headers = {"X-CSRF-Token": client.csrf, "Idempotency-Key": key or str(uuid4())}
        return client.request(method, API + path, json=body, headers=headers)

    def made(self, role: str, path: str, body: dict[str, Any], *, method: str = "POST", **asked: Any) -> Any:
        answer = self.send(role, method, path, body, **asked)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def signed(self, role: str, path: str, body: dict[str, Any], **asked: Any) -> Any:
        return self.made(role, path, body | self.secrets(role, asked.get("site")), **asked)

    def secrets(self, role: str, site: str | None = None) -> dict[str, str]:
        """What a signature asks for. A code counts once, so the session is there before it is made."""
        self._client(role, site)
        return {"password": PASSWORD, "code": self.doors.code(self.doors.username(role, site))}

    def _client(self, role: str, site: str | None) -> Client:
        if (role, site) not in self.clients:
            self.clients[role, site] = self.doors.client(self.doors.username(role, site))
        return self.clients[role, site]
