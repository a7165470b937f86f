"""What an installation is told from outside: where its database, keys, anchors and data lie.

Every value can be given as an environment variable with the prefix ``EQUIPOISE_`` (``DATABASE_URL`` also without it).
Secrets are held as ``SecretStr``, so that a dump of the settings shows none.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One installation. Without ``database_url`` the embedded PostgreSQL in ``data`` is used."""

    model_config = SettingsConfigDict(env_prefix="EQUIPOISE_", extra="ignore", frozen=True)

    data: Path = Path("equipoise-data")
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("EQUIPOISE_DATABASE_URL", "DATABASE_URL")
    )
    owner_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("EQUIPOISE_DATABASE_OWNER_URL", "DATABASE_OWNER_URL")
    )
    keys: Path | None = None
    sealing_key: str | None = Field(default=None, description="file:PATH, env:NAME or command:LINE")
    credentials_key: str | None = Field(default=None, description="file:PATH, env:NAME or command:LINE")
    anchor_file: Path | None = None
    second_anchor_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    secure_cookies: bool = False
    idle_minutes: int = Field(default=30, ge=1, le=480)
    pool_size: int = Field(default=10, ge=1, le=100)
    log_level: str = "INFO"

    @property
    def key_directory(self) -> Path:
        """Where key files lie: beside the data directory, never in it."""
        return self.keys or self.data.parent / f"{self.data.name}-keys"

    @property
    def sealing_key_source(self) -> str:
        return self.sealing_key or f"file:{self.key_directory / 'sealing.key'}"

    @property
    def credentials_key_source(self) -> str:
        return self.credentials_key or f"file:{self.key_directory / 'credentials.key'}"

    @property
    def anchor_path(self) -> Path:
        """The append-only file of signed heads; beside the data directory, so that a restored backup cannot bring its own."""
        return self.anchor_file or self.data.parent / f"{self.data.name}-anchors" / "anchors.jsonl"
