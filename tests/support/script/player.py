"""Who plays the script: the people still to come, and acts done in somebody's role."""

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.installation import Installation, Urls
from tests.support import randomization
from tests.support.script.world import World
from trial.settings import Settings


class Player:
    """``first`` and ``second`` are those who wait at the two sites, in the order of their screening."""

    def __init__(self, world: World, waiting: dict[str, list[UUID]]) -> None:
        self.world, self.house = world, world.house
        self.first, self.second = list(waiting["S1"]), list(waiting["S2"])
        world.people = [*self.first, *self.second]
        self._keys = itertools.count(1)

    def randomize(self, participant_id: UUID) -> None:
        self.world.act("randomize", lambda: randomization.randomize(self.house, participant_id, key=self.key()))

    def do(self, role: str, site: str | None, service: Any, command: Any, *, tell: bool = False) -> Any:
        def act() -> Any:
            with self.house.database.transaction() as session:
                return service(session, self.house.actor(session, role, site), command)

        return self.world.act(service.__name__, act) if tell else act()

    def sign(self, role: str, site: str, service: Any, command: Any) -> Any:
        def act() -> Any:
            with self.house.database.transaction() as session:
                return service(session, self.house.actor(session, role, site), self.house.proof(role, site), command)

        return self.world.act(service.__name__, act)

    def read(self, question: Callable[[Any], Any]) -> Any:
        with self.house.database.transaction() as session:
            return question(session)

    def key(self) -> str:
        return f"script-{next(self._keys):06d}"

    def job(self) -> Any:
        """What a worker hands to a job."""
        settings = Settings(anchor_file=self.world.anchor_file)
        key = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
        urls = Urls(None, "postgresql+psycopg://equipoise@localhost/script")
        installation = Installation(settings, urls, self.house.database, key)
        return SimpleNamespace(additional_context={"installation": installation})
