"""``equipoise simulate``: what a protocol's design does, before a participant is asked for anything."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli.simulation_plans import (
    Run,
    Simulation,
    SimulationPlan,
    Truth,
    events_plan,
    means_plan,
    proportions_plan,
)
from trial.errors import InvalidInput
from trial.protocol.loader import SHIPPED, load_protocol, shipped_protocol
from trial.protocol.schema import Protocol
from trial.statistics.group_sequential import GroupSequentialDesign, OperatingCharacteristics

app = typer.Typer(help="Simulate what a protocol plans.", no_args_is_help=True)


class PictureFormatUnknown(InvalidInput):
    code = "simulation.picture_format_unknown"


class Endpoint(StrEnum):
    MEANS = "means"
    PROPORTIONS = "proportions"
    EVENTS = "events"


@app.callback()
def simulate() -> None:
    """Simulate what a protocol plans."""


@app.command()
def design(
    protocol: Annotated[str, typer.Argument(help=f"A protocol file, or one of: {', '.join(SHIPPED)}.")] = "keta-pain",
    trials: Annotated[int, typer.Option(min=100, max=100_000_000, help="Trials for each scenario.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal numbers.")] = 2026,
    endpoint: Annotated[
        Endpoint, typer.Option(help="Proportions and events need a truth, and get the size that the design then needs.")
    ] = Endpoint.MEANS,
    difference: Annotated[
        list[float] | None, typer.Option(help="A further true difference, positive for benefit; may be repeated.")
    ] = None,
    treated: Annotated[
        float | None, typer.Option(help="Proportions: of the treated under the design's effect.")
    ] = None,
    control: Annotated[
        float | None, typer.Option(help="Proportions: of the controls; a higher one is a benefit.")
    ] = None,
    hazard_ratio: Annotated[
        float | None, typer.Option(help="Events: under the design's effect; below 1 is a benefit.")
    ] = None,
    control_hazard: Annotated[float | None, typer.Option(help="Events: per unit of time, of the controls.")] = None,
    accrual: Annotated[float | None, typer.Option(help="Events: time over which participants enter.")] = None,
    follow_up: Annotated[
        float | None, typer.Option(help="Events: planned time from the last entry to the end.")
    ] = None,
    dropout_hazard: Annotated[float, typer.Option(help="Events: of leaving, per unit of time, in both arms.")] = 0.0,
    truth: Annotated[
        list[float] | None, typer.Option(help="A further proportion of the treated, or hazard ratio; may be repeated.")
    ] = None,
    overrule_futility: Annotated[
        bool, typer.Option("--overrule-futility", help="Go on past non-binding futility bounds.")
    ] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw bounds and results here: .pdf, .png or .svg.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the tables here: .html or .txt.")] = None,
) -> None:
    """Simulate the whole design under no effect, its effect and others, to a table and a picture."""
    read = _protocol(protocol)
    plan = GroupSequentialDesign.from_protocol(read.design.model_dump())
    _check_format(picture, (".pdf", ".png", ".svg"))
    _check_format(table, (".html", ".txt"))
    given = Truth(treated, control, hazard_ratio, control_hazard, accrual, follow_up, dropout_hazard)
    run = Run(trials, seed, obey_futility=not overrule_futility)
    planned = _planned(endpoint, read, plan, run, tuple(difference or ()), tuple(truth or ()), given)
    console = Console(stderr=True)
    results = _run(planned.simulations, console)
    _print(plan, planned, results)
    if table is not None:
        table.write_text(_tables(plan, planned, results, html=table.suffix == ".html"), encoding="utf-8")
    if picture is not None:
        picture.write_bytes(_drawn(planned, results, picture.suffix))
        console.print(f"Drawn in {picture}.", highlight=False)


def _planned(
    endpoint: Endpoint,
    protocol: Protocol,
    plan: GroupSequentialDesign,
    run: Run,
    differences: tuple[float, ...],
    truths: tuple[float, ...],
    given: Truth,
) -> SimulationPlan:
    if endpoint is Endpoint.MEANS:
        return means_plan(protocol, plan, run, differences + truths)
    kind = proportions_plan if endpoint is Endpoint.PROPORTIONS else events_plan
    return kind(protocol, plan, run, truths, given)


def _run(planned: list[Simulation], console: Console) -> list[OperatingCharacteristics]:
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


def _print(plan: GroupSequentialDesign, planned: SimulationPlan, results: list[OperatingCharacteristics]) -> None:
    print(plan, end="\n\n")
    if planned.size:
        print(planned.size, end="\n\n")
    print("\n\n".join(str(one) for one in results))


def _tables(
    plan: GroupSequentialDesign, planned: SimulationPlan, results: list[OperatingCharacteristics], *, html: bool
) -> str:
    from reports.tables.design import design_table, operating_table, scales_table

    tables = [design_table("Table 1", plan)]
    tables += [
        scales_table(f"Table {k}", side, planned.unit) for k, side in enumerate(plan.scales(planned.effect), start=2)
    ]
    tables.append(operating_table(f"Table {len(tables) + 1}", results))
    return "\n".join(one.as_html() if html else one.as_text() for one in tables)


def _drawn(planned: SimulationPlan, results: list[OperatingCharacteristics], suffix: str) -> bytes:
    from reports.figures.canvas import as_pdf, as_png, as_svg
    from reports.figures.design import design_picture, operating_picture

    simulation = planned.simulations[1]
    unit = "true difference" if planned.unit == "outcome's unit" else f"true {planned.unit}"
    characteristics = operating_picture(simulation, results, unit)
    if suffix == ".pdf":
        bounds = design_picture(simulation.design, planned.effect, planned.unit)
        return as_pdf(bounds, characteristics)
    return as_png(characteristics) if suffix == ".png" else as_svg(characteristics)
