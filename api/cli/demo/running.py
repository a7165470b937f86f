"""One run of the demo: what it finds, what it conducts, what it then serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime

from rich.console import Console

from api.cli.demo.conduct import conduct
from api.cli.demo.directory import Begun, DemoDirectory
from api.cli.demo.measuring import Measure
from api.cli.demo.partners import Partners, partners
from api.cli.demo.telling import tell_end, tell_found, tell_measures
from api.cli.serving import run
from api.installation import Installation, open_installation


def run_demo(
    directory: DemoDirectory, wanted: Begun, console: Console, *, serve: bool, today: date | None = None
) -> None:
    """Conduct ``wanted`` unless a finished trial is there already; then serve what there is."""
    found = directory.trials()
    if found:
        tell_found(console, found)
    finished = found[-1] if found and found[-1].finished else None
    with ExitStack() as stack:
        measure = stack.enter_context(Measure())
        # They load what they need while the database is made.
        others = stack.enter_context(partners()) if finished is None else None
        installation = stack.enter_context(_opened(directory, measure, console))
        if others is not None:
            _conduct(directory, wanted, installation, others, measure, console, today or datetime.now(UTC).date())
        tell_end(console, directory, finished or wanted)
        if serve:
            settings = directory.settings
            console.print(f"\nReady at http://{settings.host}:{settings.port}  (Ctrl-C stops it)", highlight=False)
            run(installation)


@contextmanager
def _opened(directory: DemoDirectory, measure: Measure, console: Console) -> Iterator[Installation]:
    """The installation, made where it is missing. Keys come from the system: no seed makes a key."""
    with ExitStack() as stack:
        with measure.step("Database"), console.status("Starting the database"):
            installation = stack.enter_context(open_installation(directory.settings, make=True))
            measure.watch(installation.database)
        yield installation


def _conduct(
    directory: DemoDirectory,
    begun: Begun,
    installation: Installation,
    others: Partners,
    measure: Measure,
    console: Console,
    today: date,
) -> None:
    directory.begin(begun)
    conducted = conduct(installation, directory, begun, others, measure, console, today=today)
    directory.finish(begun.code)
    facts = {"participants": begun.participants, "sites": begun.sites, "seed": begun.seed, "scenario": begun.scenario}
    measure.write(directory.folder / "timings.json", **facts, entries=conducted.audit.head.position)
    tell_measures(console, measure, conducted.audit)
