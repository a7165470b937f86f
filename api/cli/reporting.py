"""``equipoise checklist``: the reporting checklist of a cut-off as a PDF file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.cli.options import DataOption, settings_from
from api.installation import open_installation
from api.jobs.reporting import checklist_of
from trial.conduct.trials import find_trial
from trial.errors import InvalidInput, NotFound
from trial.locks.cutoffs import cutoffs_of

TREATMENT_COLUMNS = ("participant", "arm")


class NoSuchCutoff(NotFound):
    code = "checklist.no_such_cutoff"


class TreatmentsUnreadable(InvalidInput):
    code = "checklist.treatments_unreadable"


def checklist(
    trial: Annotated[str, typer.Argument(help="The trial's code.")],
    file: Annotated[Path, typer.Argument(help="The PDF to write.")],
    cutoff: Annotated[int | None, typer.Option(help="The cut-off's number.", show_default="the last one")] = None,
    treatments: Annotated[
        Path | None,
        typer.Option(help="A CSV of participant and arm, after the end: the checklist then tells results by arm."),
    ] = None,
    reference: Annotated[str | None, typer.Option(help="The arm that others are compared with.")] = None,
    data: DataOption = None,
) -> None:
    """Write the checklist of CONSORT 2025, CONSORT Harms 2022 and SPIRIT 2025, filled from the trial's data."""
    arms = _read(treatments) if treatments else None
    with open_installation(settings_from(data)) as installation, installation.database.reading() as session:
        found = find_trial(session, trial)
        chosen = [one for one in cutoffs_of(session, found.id) if cutoff in (None, one.number)]
        if not chosen:
            raise NoSuchCutoff(f"{trial} has no cut-off {cutoff or 'yet'}. Take one on the page “Cut-offs”.")
        content = checklist_of(session, chosen[-1], treatments=arms, reference=reference)
    file.write_bytes(content)
    print(f"{file}: checklist of cut-off {chosen[-1].number}, {len(content):,} bytes.")


def _read(path: Path) -> pl.DataFrame:
    try:
        found = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TreatmentsUnreadable(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from None
    if not set(TREATMENT_COLUMNS) <= set(found.columns):
        raise TreatmentsUnreadable(f"{path} needs the columns participant and arm; it has {', '.join(found.columns)}.")
    return found.select(TREATMENT_COLUMNS)
