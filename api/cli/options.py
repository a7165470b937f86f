"""The options that commands share, and the settings that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trial.settings import Settings

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The directory of the embedded database. Not used where DATABASE_URL names a server.",
        show_default="equipoise-data",
    ),
]


def settings_from(data: Path | None = None, **given: object) -> Settings:
    """The environment's settings with what was given on the command line in front."""
    chosen = {name: value for name, value in {"data": data, **given}.items() if value is not None}
    return Settings(**chosen)  # type: ignore[arg-type]  # Pydantic checks each value
