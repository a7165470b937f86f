"""The ``equipoise`` command: one subcommand a task, every refusal one sentence with its remedy."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from api.cli import (
    demo,
    initialise,
    keys,
    meddra,
    protocol,
    pulling,
    randomization,
    recovering,
    reporting,
    serving,
    simulating,
    verifying,
    working,
)
from api.product import product_version
from trial.errors import DomainError

app = typer.Typer(
    name="equipoise",
    help="Run a randomized, blinded clinical trial from the first consent to the locked dataset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="init")(initialise.initialise)
app.command(name="upgrade")(initialise.upgrade_database)
app.command(name="serve")(serving.serve)
app.command(name="verify")(verifying.verify)
app.command(name="pull")(pulling.pull)
app.command(name="checklist")(reporting.checklist)
app.command(name="worker")(working.worker)
app.add_typer(protocol.app, name="protocol")
app.add_typer(keys.app, name="keys")
app.add_typer(meddra.app, name="meddra")
app.add_typer(randomization.app, name="randomization")
app.add_typer(recovering.app, name="recover")
app.add_typer(simulating.app, name="simulate")
app.add_typer(demo.app, name="demo")


@app.command()
def version() -> None:
    """Print the version of this program."""
    print(f"Equipoise {product_version()}")


def main() -> None:
    """Run the command; a domain error is one line on standard error and exit code 1, never a traceback."""
    try:
        app()
    except DomainError as error:
        _refuse(error.code, error.sentence)
    except ValidationError as error:
        _refuse("input.invalid", "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))


def _refuse(code: str, sentence: str) -> NoReturn:
    Console(stderr=True).print(f"{code}  {sentence}", highlight=False, soft_wrap=True, markup=False)
    sys.exit(1)
