"""A real backup of a test's database, put back over a later one, as an operator would do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from api.installation import Installation, Urls
from api.jobs.contexts import write_milestone
from api.jobs.restores import declare, look, notice_restore
from tests.support.databases import copy_database, drop_database
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize
from trial.database.embedded.connection import Connection
from trial.database.session import Database
from trial.settings import Settings


class Backups:
    """Copies of one database, file by file. Whoever uses the database must not be in it meanwhile."""

    def __init__(self, server: Connection, name: str) -> None:
        self.server, self.name, self.kept = server, name, f"{name}_backup"
        self.is_taken = False

    def take(self, database: Database) -> None:
        database.close()
        copy_database(self.server, self.kept, template=self.name)
        self.is_taken = True

    def restore(self, database: Database) -> None:
        """Everything since the backup is gone."""
        database.close()
        drop_database(self.server, self.name)
        copy_database(self.server, self.name, template=self.kept)

    def remove(self) -> None:
        if self.is_taken:
            drop_database(self.server, self.kept)


@dataclass
class Restored:
    """A house whose database was put back behind two randomizations: of somebody it knows, and of somebody it does not.

    ``lines`` are their receipts in the order of their numbers, R0002 and R0003; R0001 was randomized before the backup.
    """

    house: House
    installation: Installation
    known: UUID
    lines: tuple[str, str]

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    def declared(self) -> None:
        """As whoever runs the server does."""
        declare(self.installation, look(self.installation))

    def registered_again(self) -> UUID:
        """The person whom the database forgot, screened again."""
        return ready_to_randomize(self.house)


def restored(house: House, app_url: str, folder: Path, backups: Backups) -> Restored:
    """A backup an hour old put back, noticed by the server and not yet declared. The list is held."""
    settings = Settings(data=folder / "data", database_url=SecretStr(app_url))
    key = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
    installation = Installation(settings, Urls(None, app_url), house.database, key)
    open_for_randomization(house)
    randomize(house, ready_to_randomize(house))
    known = ready_to_randomize(house)
    write_milestone(installation, "by the clock")
    backups.take(house.database)
    house.clock.advance(timedelta(hours=1))
    lines = (randomize(house, known).line, randomize(house, ready_to_randomize(house)).line)
    write_milestone(installation, "by the clock")
    house.clock.advance(timedelta(hours=1))
    backups.restore(house.database)
    assert notice_restore(installation)
    return Restored(house, installation, known, lines)
