"""A real backup of a test's database, put back over a later one, as an operator would do it."""

from __future__ import annotations

from tests.support.databases import copy_database, drop_database
from trial.database.embedded.connection import Connection
from trial.database.session import Database


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
