"""One installation: its database, its keys and its anchors, opened from the settings and closed together.

Invariants
1. Keys lie outside the data directory; an installation without its keys does not open.
2. The program and the database are at the same revision, or nothing is served.
3. The embedded database is stopped with the last installation that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import make_url

from migrations.runner import admit, current_revision, head, upgrade
from trial.audit.anchors import Anchor, read_head, write_anchor
from trial.clock import Clock
from trial.database.embedded.server import EmbeddedPostgres
from trial.database.session import Database, open_engine
from trial.errors import Unavailable
from trial.ids import Entropy, SystemEntropy
from trial.keyring import Keyring
from trial.keys import KeyPurpose, create_key_file, key_provider_from
from trial.settings import Settings
from trial.vault import Vault


class NotInitialised(Unavailable):
    code = "installation.not_initialised"


class DatabaseBehind(Unavailable):
    code = "installation.database_behind"


class OwnerUrlMissing(Unavailable):
    code = "installation.owner_url_missing"


@dataclass(frozen=True)
class Urls:
    """Where the database is: as the role that owns it, and as the role that serves."""

    owner: str | None
    app: str

    @property
    def name(self) -> str:
        """The database as an anchor names it: no password, no host that a restore would change."""
        return str(make_url(self.app).database)


@dataclass(frozen=True)
class Installation:
    settings: Settings
    urls: Urls
    database: Database
    anchor_key: Ed25519PrivateKey

    def anchor(self, facts: dict[str, Any]) -> Anchor:
        """Write the audit's head, with ``facts``, to every anchor file."""
        with self.database.reading() as session:
            here = read_head(session)
        first, *others = self.anchor_paths
        written = self._write(first, here, facts)
        for path in others:
            self._write(path, here, facts)
        return written

    def _write(self, path: Path, here: Any, facts: dict[str, Any]) -> Anchor:
        now = self.database.clock.now()
        return write_anchor(path, self.anchor_key, database=self.urls.name, head=here, at=now, facts=facts)

    @property
    def anchor_paths(self) -> tuple[Path, ...]:
        second = self.settings.second_anchor_file
        return (self.settings.anchor_path, second) if second else (self.settings.anchor_path,)


@contextmanager
def database_urls(settings: Settings) -> Iterator[Urls]:
    """The configured server, or the embedded one for as long as the block runs."""
    if settings.database_url is not None:
        owner = settings.owner_url.get_secret_value() if settings.owner_url else None
        yield Urls(_with_driver(owner) if owner else None, _with_driver(settings.database_url.get_secret_value()))
        return
    with EmbeddedPostgres(settings.data / "postgres") as connection:
        yield Urls(connection.owner_url, connection.app_url)


def _with_driver(url: str) -> str:
    """``postgres://`` and ``postgresql://`` mean psycopg here."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def prepare(settings: Settings, urls: Urls, entropy: Entropy | None = None) -> None:
    """Make what is missing: keys, tables, the application's rights. Changes nothing that is there.

    Raises ``OwnerUrlMissing`` where a configured server has no owner's address.
    """
    if urls.owner is None:
        raise OwnerUrlMissing(
            "Making or upgrading tables needs the database owner's address: set DATABASE_OWNER_URL for this command."
        )
    if current_revision(urls.owner) is None:
        # Only beside an empty database: new keys for an old one would hide that the old keys are lost.
        _make_keys(settings, entropy or SystemEntropy())
    upgrade(urls.owner)
    admit(urls.owner, str(make_url(urls.app).username))


def _make_keys(settings: Settings, entropy: Entropy) -> None:
    for source in (settings.sealing_key_source, settings.credentials_key_source):
        kind, _, place = source.partition(":")
        if kind == "file" and not Path(place).exists():
            create_key_file(Path(place), entropy, settings.data)


@contextmanager
def open_installation(
    settings: Settings, *, clock: Clock | None = None, entropy: Entropy | None = None, make: bool = False
) -> Iterator[Installation]:
    """Open the installation; with ``make``, prepare it first. Raises ``NotInitialised``, ``DatabaseBehind``, key errors."""
    if not make and settings.database_url is None and not settings.data.exists():
        raise NotInitialised(f"There is no installation in {settings.data}. Make one with “equipoise init”.")
    with database_urls(settings) as urls:
        if make:
            prepare(settings, urls, entropy)
        _check_revision(urls)
        keyring, anchor_key = _keys(settings)
        database = Database(open_engine(urls.app, pool_size=settings.pool_size), keyring, clock=clock, entropy=entropy)
        try:
            yield Installation(settings, urls, database, anchor_key)
        finally:
            database.close()


def _check_revision(urls: Urls) -> None:
    found = current_revision(urls.owner or urls.app)
    if found is None:
        raise NotInitialised("This database holds no Equipoise yet. Make it ready with “equipoise init”.")
    if found != head():
        raise DatabaseBehind(
            f"The database is at revision {found} and this program needs {head()}. Run “equipoise upgrade” as its owner."
        )


def _keys(settings: Settings) -> tuple[Keyring, Ed25519PrivateKey]:
    credentials = key_provider_from(settings.credentials_key_source, settings.data).master_key()
    sealing = key_provider_from(settings.sealing_key_source, settings.data)
    sealing.master_key()
    keyring = Keyring(vault=Vault(credentials.derive(KeyPurpose.CREDENTIALS)), sealing=sealing)
    return keyring, Ed25519PrivateKey.from_private_bytes(credentials.derive(KeyPurpose.ANCHORS))
