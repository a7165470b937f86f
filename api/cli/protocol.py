"""``equipoise protocol``: look at a protocol file before a trial depends on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trial.protocol.loader import SHIPPED, ProtocolInvalid, load_protocol, protocol_json_schema, shipped_text

app = typer.Typer(help="Check protocol files, and get the shipped ones.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A protocol file in YAML.")]) -> None:
    """Say whether FILE is a valid protocol; if not, name line and field of every problem."""
    try:
        loaded = load_protocol(file)
    except ProtocolInvalid as error:
        console = Console(stderr=True)
        console.print(error.sentence, highlight=False, soft_wrap=True, markup=False)
        raise typer.Exit(1) from None
    protocol = loaded.protocol
    print(f"{file}: {protocol.code} version {protocol.identity.version} is valid.")
    print(f"  arms: {', '.join(protocol.arm_codes)}; SHA-256 {loaded.sha256}")


@app.command()
def show(name: Annotated[str, typer.Argument(help=f"One of: {', '.join(SHIPPED)}.")]) -> None:
    """Print a shipped protocol, to start a file of your own from."""
    print(shipped_text(name), end="")


@app.command()
def schema() -> None:
    """Print the JSON schema of a protocol file, for editors that check while you type."""
    print(json.dumps(protocol_json_schema(), indent=2))
