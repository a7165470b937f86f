"""``equipoise randomization``: check an opened list; compare schemes before a trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from randomization.verification import verifier_text, verify_file
from trial.errors import InvalidInput
from trial.protocol.loader import SHIPPED, load_protocol, shipped_protocol
from trial.protocol.schema import Protocol

if TYPE_CHECKING:
    from randomization.simulation import Estimate, Performance, Scenario

PICTURES = (".pdf", ".png", ".svg")

app = typer.Typer(help="Check opened allocation lists; compare schemes for a protocol.", no_args_is_help=True)


class PictureFormatUnknown(InvalidInput):
    code = "randomization.picture_format_unknown"


class BlockSizesUnreadable(InvalidInput):
    code = "randomization.block_sizes_unreadable"


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
    console.print(
        f"[bold green]All {count} allocations in this file are those that were committed to, and those of the seed.[/]"
    )


@app.command()
def verifier(
    to: Annotated[Path | None, typer.Option(help="The file to write.", show_default="the terminal")] = None,
) -> None:
    """Write the stand-alone verifier: one file that needs Python alone, for somebody without Equipoise."""
    if to is None:
        print(verifier_text(), end="")
    else:
        to.write_text(verifier_text(), encoding="utf-8")


@app.command()
def design(
    protocol: Annotated[str, typer.Argument(help=f"A protocol file, or one of: {', '.join(SHIPPED)}.")],
    participants: Annotated[
        int | None, typer.Option(min=4, max=20_000, help="How many; the protocol's number.")
    ] = None,
    sites: Annotated[int | None, typer.Option(min=1, max=1000, help="How many sites; the protocol's number.")] = None,
    simulations: Annotated[int, typer.Option(min=2, max=1_000_000, help="Trials for each scheme.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal numbers.")] = 2026,
    block_sizes: Annotated[str, typer.Option(help="Sizes to try, such as 4,6; twice and thrice the ratio's sum.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The limit of imbalance to try.")] = 3,
    preference: Annotated[
        float | None, typer.Option(help="Selection bias, in standard deviations; a quarter of the effect.")
    ] = None,
    trend: Annotated[
        float | None, typer.Option(help="Drift of the outcome over the trial, in standard deviations; the effect.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Draw a picture here: .pdf, .png or .svg.")] = None,
) -> None:
    """Compare randomization schemes for a protocol: balance, guesses, bias, error and power over simulated trials.

    Nothing of a real list is made or shown. Block sizes and limits are examples: the list's own stay sealed.
    """
    from randomization.simulation import candidates_for, compare_schemes, scenario_of

    if out is not None and out.suffix not in PICTURES:
        raise PictureFormatUnknown(f"{out} must end in {', '.join(PICTURES)}.")
    read = shipped_protocol(protocol) if protocol in SHIPPED else load_protocol(Path(protocol)).protocol
    scenario = scenario_of(read, participants=participants, sites=sites, preference=preference, trend=trend)
    candidates = candidates_for(read, block_sizes=_sizes(block_sizes), limit=limit)
    found = compare_schemes(candidates, scenario, simulations=simulations, seed=seed)
    _print(read, scenario, found, simulations)
    if out is not None:
        out.write_bytes(_drawn(read, scenario, found, out.suffix))
        Console(stderr=True).print(f"Drawn in {out}.", highlight=False)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(one) for one in text.split(",") if one.strip())
    except ValueError:
        raise BlockSizesUnreadable(f"“{text}” names no block sizes. Write them as 4,6.") from None


_COLUMNS = (
    ("Largest imbalance", "largest_imbalance", False),
    ("Final imbalance", "final_imbalance", False),
    ("Within strata", "imbalance_in_strata", False),
    ("Correct guesses", "correct_guesses", True),
    ("Selection: bias", "selection_bias", False),
    ("Selection: type I", "selection_error", True),
    ("Trend: bias", "trend_bias", False),
    ("Trend: type I", "trend_error", True),
    ("Power", "power", True),
    ("Power lost", "power_loss", True),
)


def _print(protocol: Protocol, scenario: Scenario, found: tuple[Performance, ...], simulations: int) -> None:
    console = Console(width=max(180, Console().width), highlight=False, soft_wrap=True)
    table = Table(title=f"{protocol.code}: {simulations:,} trials of {scenario.participants} participants", box=None)
    table.add_column("Scheme", no_wrap=True)
    for heading, _, _ in _COLUMNS:
        table.add_column(heading, justify="right")
    for one in found:
        mark = "▸ " if one.candidate.is_the_protocols else "  "
        cells = [_cell(getattr(one, name), is_share=is_share) for _, name, is_share in _COLUMNS]
        table.add_row(mark + one.candidate.label, *cells)
    console.print(table)
    for note in _notes(scenario):
        console.print(note)


def _cell(estimate: Estimate, *, is_share: bool) -> str:
    scale, digits = (100, 1) if is_share else (1, 2)
    value = f"{round(scale * estimate.value, digits) + 0.0:.{digits}f}".replace("-", "−")
    return f"{value} ± {scale * estimate.error:.{digits}f}"


def _notes(scenario: Scenario) -> tuple[str, ...]:
    drawn = (
        f"Ratio {':'.join(map(str, scenario.ratio))}; {scenario.strata} strata. ▸ is the protocol's scheme. After ± stands"
        " the Monte Carlo standard error. Guesses, errors and power in %."
    )
    words = (
        "Imbalance: participants per share of the ratio, between the two arms that differ most. Guesses: the convergence"
        " strategy within a stratum."
    )
    biases = (
        f"Selection: those expected on the experimental arm do {scenario.preference:.2f} SD better, those expected on"
        f" the control worse. Trend: the outcome drifts by {scenario.trend:.2f} SD."
    )
    test = (
        f"Type I and power: two-sided t test at {100 * scenario.alpha:g} %, effect {scenario.effect:.2f} SD, blind to"
        " strata and order; an analysis that adjusts for strata differs."
    )
    return drawn, words, biases, test


def _drawn(protocol: Protocol, scenario: Scenario, found: tuple[Performance, ...], suffix: str) -> bytes:
    import numpy as np

    from reports.figures.canvas import as_pdf, as_png, as_svg
    from reports.figures.schemes import Panel, schemes_picture

    shown = ("largest_imbalance", "final_imbalance", "correct_guesses", "selection_error", "trend_error", "power_loss")
    reference = {"selection_error": scenario.alpha, "trend_error": scenario.alpha, "power_loss": 0.0}
    panels = [
        Panel(
            heading,
            np.array([getattr(one, name).value for one in found]),
            np.array([getattr(one, name).error for one in found]),
            reference.get(name, 1 / len(scenario.ratio) if name == "correct_guesses" else None),
            is_share,
        )
        for heading, name, is_share in _COLUMNS
        if name in shown
    ]
    labels = [one.candidate.label for one in found]
    chosen = [one.candidate.is_the_protocols for one in found]
    title = f"Randomization schemes for {protocol.code}"
    picture = schemes_picture(title, labels, panels, chosen, _notes(scenario))
    if suffix == ".pdf":
        return as_pdf(picture)
    return as_png(picture) if suffix == ".png" else as_svg(picture)
