"""``equipoise verify``: whether the audit is whole, and everything still as it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.cli.options import DataOption, settings_from
from api.installation import open_installation
from trial.audit.anchors import read_anchors
from trial.audit.verification import AuditVerification, verify_audit


def verify(
    data: DataOption = None,
    anchors: Annotated[
        Path | None, typer.Option(help="The anchor file to compare with.", show_default="the installation's own")
    ] = None,
) -> None:
    """Recompute every hash of the audit, compare it with the anchors, and every record with what the audit tells.

    Exit code 0 when all is whole, 1 when anything is not; the first bad entry, or the stretch between two anchors, is named.
    """
    settings = settings_from(data)
    with open_installation(settings) as installation, installation.database.reading() as session:
        seen = verify_audit(session, read_anchors(anchors or settings.anchor_path))
    tell(seen)
    raise typer.Exit(0 if seen.is_whole else 1)


def tell(seen: AuditVerification) -> None:
    """The outcome in words."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Entries in the chain   {seen.head.position:,}")
    console.print(f"Head                   {seen.head.hash}")
    console.print(f"Anchors                {seen.anchors:,}")
    console.print(f"Not yet anchored       {seen.unanchored:,} entries since the last anchor")
    for sentence in seen.restored:
        console.print(f"[bold yellow]Restored[/]  {sentence}")
    for finding in seen.findings:
        console.print(f"[bold red]Broken[/]  {finding}")
    console.print("[bold green]Whole.[/]" if seen.is_whole else "[bold red]Not whole.[/] Keep this database as it is.")
