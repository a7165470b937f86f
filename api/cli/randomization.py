"""``equipoise randomization``: check an opened list; compare schemes before a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from randomization.verification import verifier_text, verify_file

app = typer.Typer(help="Check opened allocation lists; compare schemes for a protocol.", no_args_is_help=True)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="An opened list.")],
    commitment: Annotated[
        Path | None, typer.Option(help="The commitment file that was published when the list was sealed.")
    ] = None,
    root: Annotated[str | None, typer.Option(help="The root, as a registry, a paper or an anchor gives it.")] = None,
    design: Annotated[str | None, typer.Option(help="The design commitment, from the same place.")] = None,
) -> None:
    """Derive an opened list again from its revealed seed, and compare it slot by slot with what was committed to.

    Needs no database and no key. Exit code 0 when all agrees; otherwise the first wrong slot is named.
    """
    published, count = verify_file(file, commitment, root, design)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"List    {published['list']}\nRoot    {published['root']}\nDesign  {published['design']}")
    if not (commitment or root or design):
        console.print("Compare root and design with what was published when the list was sealed.")
    console.print(f"[bold green]All {count} allocations are those that were committed to, and those of the seed.[/]")


@app.command()
def verifier(
    to: Annotated[Path | None, typer.Option(help="The file to write.", show_default="the terminal")] = None,
) -> None:
    """Write the stand-alone verifier: one file that needs Python alone, for somebody without Equipoise."""
    if to is None:
        print(verifier_text(), end="")
    else:
        to.write_text(verifier_text(), encoding="utf-8")
