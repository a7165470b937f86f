"""Where the embedded database listens and what opens it."""

from __future__ import annotations

from dataclasses import dataclass, field

from trial.database.embedded.cluster import DATABASE
from trial.database.embedded.passwords import APP, OWNER
from trial.database.embedded.ports import HOST

# A stranger who gets hold of our port after a crash must not be able to ask for the password in clear;
# and on the loopback of a server without TLS, asking for encryption first only costs round trips.
_OPTIONS = {"require_auth": "scram-sha-256", "sslmode": "disable", "gssencmode": "disable"}


@dataclass(frozen=True)
class Connection:
    """One running server, for its clients. The passwords are never shown by ``repr``."""

    port: int
    passwords: dict[str, str] = field(repr=False)
    host: str = HOST

    def url(self, database: str = DATABASE, role: str = OWNER) -> str:
        """For SQLAlchemy. ``role`` is ``equipoise_owner`` or ``equipoise_app``."""
        options = "&".join(f"{name}={value}" for name, value in _OPTIONS.items())
        password = self.passwords[role]
        return f"postgresql+psycopg://{role}:{password}@{self.host}:{self.port}/{database}?{options}"

    def conninfo(self, database: str = DATABASE, role: str = OWNER) -> str:
        """For psycopg and the tools of PostgreSQL."""
        return self.url(database, role).replace("postgresql+psycopg://", "postgresql://", 1)

    @property
    def owner_url(self) -> str:
        """The main database as the role that owns it: for migrations."""
        return self.url(role=OWNER)

    @property
    def app_url(self) -> str:
        """The main database as the role that the application runs as."""
        return self.url(role=APP)
