"""What a demo says at its end: who can sign in and how, where things lie, what to try next."""

from __future__ import annotations

import csv
from pathlib import Path

from rich.console import Console
from rich.table import Table

from api.cli.demo.directory import Begun, DemoDirectory
from api.cli.demo.measuring import Measure
from api.cli.demo.roster import CHAIR, PASSWORD
from trial.audit.verification import AuditVerification

_SHOWN = (
    ("coordinator.s1", "records screening, randomizes, sees no arm"),
    ("investigator.s1", "signs eligibility, can break a code"),
    ("nurse.s1", "gives the infusions"),
    ("pharmacist-1.s1", "prepares them, and knows the arms of this site"),
    (CHAIR, "reads both reports to the board"),
    ("statistician.blinded", "pulls the locked datasets without arms"),
    ("statistician.unblinded", "pulls the unblinded one"),
    ("sponsor", "decided on the board's recommendation"),
    ("administrator-1", "gives roles and resets credentials"),
    ("inspector", "reads everything that is not an arm"),
)


def tell_found(console: Console, found: list[Begun]) -> None:
    """What an earlier run left, in one sentence."""
    last = found[-1]
    what = (
        f"{last.code}: {last.participants} participants, {last.sites} sites, seed {last.seed}, effect “{last.scenario}”"
    )
    if last.finished:
        console.print(f"Found a finished demo ({what}). It is served as it is; --fresh makes a new one.")
    else:
        console.print(
            f"Found a demo that was stopped before its end ({what}). It is left as it is; a new trial begins beside it."
            " --fresh removes everything and starts over."
        )


def tell_end(console: Console, directory: DemoDirectory, begun: Begun) -> None:
    """The tables at the end."""
    console.print(_people(directory))
    console.print(f"Password of everybody: [bold]{PASSWORD}[/]")
    console.print(
        "The code of the moment: [bold]equipoise demo code coordinator.s1[/]"
        + ("" if directory.settings.data.name == "equipoise-demo" else f" [bold]--data {directory.settings.data}[/]"),
        soft_wrap=True,
    )
    console.print(f"Everybody else, and secrets for an authenticator app: {directory.credentials}", soft_wrap=True)
    console.print(_places(directory), soft_wrap=True)
    console.print(
        f"Trial {begun.code} is SIMULATED: nobody in it is a patient.\n"
        "Try next: sign in as coordinator.s1 and open a participant; as board.chair and read both reports;\n"
        "as statistician.blinded and pull a dataset; run [bold]equipoise verify --data "
        f"{directory.settings.data}[/] when the demo is stopped.",
        soft_wrap=True,
    )


def _people(directory: DemoDirectory) -> Table:
    names = {row["username"]: row for row in _credentials(directory.credentials)}
    table = Table(title="Who can sign in (some of them)")
    for column in ("User name", "Name", "Role", "What for"):
        table.add_column(column)
    for username, task in _SHOWN:
        row = names.get(username)
        if row is not None:
            table.add_row(username, row["display_name"], row["roles"], task)
    return table


def _places(directory: DemoDirectory) -> str:
    folder = directory.folder
    papers = sorted((folder / "board").glob("*.pdf"))
    packs = sorted(path for path in (folder / "datasets").glob("*") if path.is_dir())
    lines = [f"Board report: {path}" for path in papers] + [f"Locked dataset: {path}" for path in packs]
    return "\n".join([*lines, f"Timings: {folder / 'timings.json'}"])


def _credentials(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def code_secret_of(path: Path, username: str) -> str | None:
    """The second factor's secret of one demo account."""
    return next((row["code_secret"] for row in _credentials(path) if row["username"] == username), None)


def tell_measures(console: Console, measure: Measure, audit: AuditVerification) -> None:
    """Seconds and memory, and that the audit is whole."""
    table = Table(title="What it took")
    table.add_column("Step")
    table.add_column("Seconds", justify="right")
    table.add_column("Peak MiB", justify="right")
    for step in measure.steps:
        table.add_row(step.name, f"{step.seconds:.1f}", f"{step.peak_mib:.0f}")
    table.add_row("All", f"{measure.seconds:.1f}", f"{measure.peak_mib:.0f}", style="bold")
    console.print(table)
    console.print(f"The audit is whole: {audit.head.position:,} entries, {audit.anchors} anchors.")
