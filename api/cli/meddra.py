"""``equipoise meddra``: the sponsor's own licensed distribution, loaded and listed. None of its text is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DataOption, settings_from
from api.installation import open_installation
from trial.access.actors import system_actor
from trial.safety.meddra.distribution import read_distribution
from trial.safety.meddra.releases import load_release, loaded_releases

app = typer.Typer(help="Load the sponsor's licensed MedDRA distribution; list what is loaded.", no_args_is_help=True)


@app.command()
def load(
    directory: Annotated[
        Path, typer.Argument(help="The directory with llt.asc and mdhier.asc.", exists=True, file_okay=False)
    ],
    version: Annotated[str | None, typer.Option(help="Which version it is, where no file says it: 28.1.")] = None,
    data: DataOption = None,
) -> None:
    """Read, check and keep a release. A protocol pins it under adverse_events.dictionary.meddra."""
    release = read_distribution(directory, version)
    with open_installation(settings_from(data)) as installation, installation.database.transaction() as session:
        kept = load_release(session, system_actor("installer"), release)
        said = f"MedDRA {kept.version} ({kept.language}): {kept.terms:,} lowest-level terms, SHA-256 {kept.sha256}"
    print(said)


@app.command(name="list")
def list_releases(data: DataOption = None) -> None:
    """Each release that is loaded."""
    with open_installation(settings_from(data)) as installation, installation.database.reading() as session:
        found = loaded_releases(session)
    for version, language, terms in found:
        print(f"MedDRA {version} ({language}): {terms:,} lowest-level terms")
    if not found:
        print("No release is loaded. Load one with: equipoise meddra load DIRECTORY")
