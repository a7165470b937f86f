"""A real PostgreSQL 18 that comes with Equipoise and runs in the data directory, for whoever has no server.

Use :class:`EmbeddedPostgres`; everything else here serves it.
"""

from trial.database.embedded.connection import Connection
from trial.database.embedded.server import EmbeddedPostgres

__all__ = ["Connection", "EmbeddedPostgres"]
