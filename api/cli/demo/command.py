"""``equipoise demo`` and ``equipoise demo code``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trial.errors import NotFound

app = typer.Typer(
    help="A whole simulated trial, conducted through the services of real use and then served. Ctrl-C stops everything.",
    invoke_without_command=True,
)

DemoData = Annotated[Path, typer.Option("--data", help="The demo's own directory. It takes no other installation's.")]
DEFAULT_DATA = Path("equipoise-demo")


class Effect(StrEnum):
    """What ketamine does in the simulation."""

    NONE = "none"
    STUDY = "study"
    OPTIMISTIC = "optimistic"


class NoDemoAccount(NotFound):
    code = "demo.no_such_account"


@app.callback()
def demo(
    context: typer.Context,
    participants: Annotated[int, typer.Option(min=12, max=1000, help="How many are randomized.")] = 240,
    sites: Annotated[int, typer.Option(min=3, max=8, help="At how many sites.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal participants and allocations.")] = 2026,
    scenario: Annotated[Effect, typer.Option(help="The treatment effect that the simulator assumes.")] = Effect.STUDY,
    data: DemoData = DEFAULT_DATA,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to serve it.")] = 8000,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Conduct the trial and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove an earlier demo in this directory first.")] = False,
) -> None:
    """Conduct a simulated trial from its first consent to its lock, then serve it at http://127.0.0.1:8000."""
    if context.invoked_subcommand is not None:
        return
    from api.cli.demo.directory import Begun, DemoDirectory
    from api.cli.demo.running import run_demo
    from api.cli.serving import check_port_free

    directory = DemoDirectory.at(data, port=port)
    if not no_serve:
        check_port_free(directory.settings.host, directory.settings.port)
    if fresh:
        directory.remove()
    directory.claim()
    wanted = Begun(directory.next_code(), participants, sites, seed, scenario.value, finished=False)
    try:
        run_demo(directory, wanted, Console(), serve=not no_serve)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to see what it finds.")
        sys.exit(130)


@app.command()
def code(
    username: Annotated[str, typer.Argument(help="Such as coordinator.s1.")], data: DemoData = DEFAULT_DATA
) -> None:
    """Print the one-time code of a demo account for this moment. Only demos have accounts whose codes can be printed."""
    from api.cli.demo.directory import DemoDirectory
    from api.cli.demo.telling import code_secret_of
    from trial.access.codes import code_at

    directory = DemoDirectory.at(data)
    secret = code_secret_of(directory.credentials, username)
    if secret is None:
        raise NoDemoAccount(f"There is no demo account {username} in {data}. The list is in {directory.credentials}.")
    print(code_at(secret, datetime.now(UTC)))
