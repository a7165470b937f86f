"""``equipoise simulate``: what a protocol's design does, before a participant is asked for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from trial.errors import InvalidInput
from trial.protocol.loader import SHIPPED, load_protocol, shipped_protocol
from trial.protocol.schema import Protocol
from trial.statistics.group_sequential import GroupSequentialDesign, MeansSimulation, OperatingCharacteristics
from trial.statistics.virtual_participants import SCENARIOS

app = typer.Typer(help="Simulate what a protocol plans.", no_args_is_help=True)


class PictureFormatUnknown(InvalidInput):
    code = "simulation.picture_format_unknown"


@app.callback()
def simulate() -> None:
    """Simulate what a protocol plans."""


@app.command()
def design(
    protocol: Annotated[str, typer.Argument(help=f"A protocol file, or one of: {', '.join(SHIPPED)}.")] = "keta-pain",
    trials: Annotated[int, typer.Option(min=100, max=100_000_000, help="Trials for each scenario.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal numbers.")] = 2026,
    difference: Annotated[
        list[float] | None, typer.Option(help="A further true difference, positive for benefit; may be repeated.")
    ] = None,
    overrule_futility: Annotated[
        bool, typer.Option("--overrule-futility", help="Go on past non-binding futility bounds.")
    ] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw bounds and results here: .pdf, .png or .svg.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the tables here: .html or .txt.")] = None,
) -> None:
    """Simulate the whole design under no effect, the protocol's effect and the review's, to a table and a picture."""
    read = _protocol(protocol)
    plan = GroupSequentialDesign.from_protocol(read.design.model_dump())
    _check_format(picture, (".pdf", ".png", ".svg"))
    _check_format(table, (".html", ".txt"))
    console = Console(stderr=True)
    planned = simulations(read, plan, trials, seed, tuple(difference or ()), obey=not overrule_futility)
    results = _run(planned, console)
    _print(plan, results)
    if table is not None:
        table.write_text(_tables(read, plan, results, html=table.suffix == ".html"), encoding="utf-8")
    if picture is not None:
        picture.write_bytes(_drawn(read, planned[0], results, picture.suffix))
        console.print(f"Drawn in {picture}.", highlight=False)


def simulations(
    protocol: Protocol, plan: GroupSequentialDesign, trials: int, seed: int, further: tuple[float, ...], *, obey: bool
) -> list[MeansSimulation]:
    """One simulation a scenario, with the participants that the protocol expects to have the outcome at each look."""
    size = protocol.sample_size
    observed = size.total * (1.0 - size.missing_fraction) / 2.0
    per_arm = tuple(round(observed * t) for t in plan.information_fractions)
    scenarios = [("no effect", 0.0), ("the protocol's effect", size.difference)]
    if protocol.code == "KETA-PAIN":
        scenarios.append(("the review's effect", abs(SCENARIOS["study"].effect)))
    scenarios += [(f"difference {value:g}", value) for value in further]
    return [
        MeansSimulation(
            plan, value, size.standard_deviation, per_arm, trials=trials, seed=seed, obey_futility=obey, name=name
        )
        for name, value in scenarios
    ]


def _run(planned: list[MeansSimulation], console: Console) -> list[OperatingCharacteristics]:
    results = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        for one in planned:
            task = progress.add_task(one.name.capitalize(), total=one.trials)
            tally = one.new_tally()
            for done in one.batches(tally):
                progress.update(task, completed=done)
            results.append(one.summary(tally))
    return results


def _protocol(name: str) -> Protocol:
    if name in SHIPPED:
        return shipped_protocol(name)
    return load_protocol(Path(name)).protocol


def _check_format(path: Path | None, known: tuple[str, ...]) -> None:
    if path is not None and path.suffix not in known:
        raise PictureFormatUnknown(f"{path} must end in {', '.join(known)}.")


def _print(plan: GroupSequentialDesign, results: list[OperatingCharacteristics]) -> None:
    print(plan, end="\n\n")
    print("\n\n".join(str(one) for one in results))


def _tables(
    protocol: Protocol, plan: GroupSequentialDesign, results: list[OperatingCharacteristics], *, html: bool
) -> str:
    from reports.tables.design import design_table, operating_table, scales_table

    effect = protocol.sample_size.difference
    tables = [design_table("Table 1", plan)]
    tables += [
        scales_table(f"Table {k}", side, "outcome's unit") for k, side in enumerate(plan.scales(effect), start=2)
    ]
    tables.append(operating_table(f"Table {len(tables) + 1}", results))
    return "\n".join(one.as_html() if html else one.as_text() for one in tables)


def _drawn(
    protocol: Protocol, simulation: MeansSimulation, results: list[OperatingCharacteristics], suffix: str
) -> bytes:
    from reports.figures.canvas import as_pdf, as_png, as_svg
    from reports.figures.design import design_picture, operating_picture

    characteristics = operating_picture(simulation, results)
    if suffix == ".pdf":
        bounds = design_picture(simulation.design, protocol.sample_size.difference, "outcome's unit")
        return as_pdf(bounds, characteristics)
    return as_png(characteristics) if suffix == ".png" else as_svg(characteristics)
