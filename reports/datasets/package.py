"""A pack: every dataset of a snapshot in every format, with its manifest, as a mapping from path to bytes.

Purpose: what the statistician pulls. The same snapshot, context, mode and treatments give the same bytes.

Invariants
1. The naive and the dummy mode leave the infusion domain out unless it was granted (``withheld``).
2. The manifest lists every file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from reports.context import ReportContext
from reports.datasets.adam import build_adam, extra_variables
from reports.datasets.manifest import MANIFEST, FileEntry, manifest_bytes
from reports.datasets.sdtm import build_sdtm
from reports.datasets.shapes import TreatmentMode, Variable, variables_of
from reports.datasets.withheld import WITHHELD, without_infusion_domain
from reports.datasets.writers import csv_bytes, parquet_bytes, too_long_for_xpt, xpt_bytes


def build_frames(
    snapshot: Mapping[str, pl.DataFrame],
    context: ReportContext,
    treatment_mode: TreatmentMode = "naive",
    treatments: pl.DataFrame | None = None,
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """SDTM domains and ADaM datasets of a snapshot."""
    domains = build_sdtm(snapshot, treatment_mode, treatments, salt=context.snapshot_hash)
    return domains, build_adam(domains, snapshot, context.plan, treatment_mode)


def build_package(
    snapshot: Mapping[str, pl.DataFrame],
    context: ReportContext,
    treatment_mode: TreatmentMode,
    treatments: pl.DataFrame | None = None,
    *,
    further: pl.DataFrame | None = None,
    infusion_domain: bool = False,
) -> dict[str, bytes]:
    """All files of a pack by path. ``infusion_domain`` grants a blinded pack what is otherwise withheld.

    ``further`` are the randomizations after the first one with their arms, for an unblinded pack of a trial that has them.
    """
    withhold = treatment_mode != "unblinded" and not infusion_domain
    tables = without_infusion_domain(snapshot, context.plan) if withhold else snapshot
    domains, analysis = build_frames(tables, context, treatment_mode, treatments)
    extra = extra_variables(domains, context.plan)
    entries: list[FileEntry] = []
    for folder, frames in (("sdtm", domains), ("adam", analysis)):
        for name, frame in frames.items():
            entries += _files(folder, name, frame, variables_of(name, extra.get(name, ())))
    if further is not None:
        entries.append(_further(further))
    pack = {entry.path: entry.content for entry in entries}
    pack[MANIFEST] = manifest_bytes(entries, context, treatment_mode, WITHHELD if withhold else ())
    return dict(sorted(pack.items()))


def _further(frame: pl.DataFrame) -> FileEntry:
    columns = tuple((name, "text", name.replace("_", " ").capitalize()) for name in frame.columns)
    return FileEntry("randomization/further.csv", csv_bytes(frame), "FURTHER", frame.height, columns)


def _files(folder: str, name: str, frame: pl.DataFrame, declared: tuple[Variable, ...]) -> Iterator[FileEntry]:
    present = [v for v in declared if v.name in frame.columns]
    columns = tuple((v.name, v.kind, v.label) for v in present)
    stem = f"{folder}/{name.lower()}"
    yield FileEntry(f"{stem}.parquet", parquet_bytes(frame, present), name, frame.height, columns)
    yield FileEntry(f"{stem}.csv", csv_bytes(frame), name, frame.height, columns)
    cut = tuple(too_long_for_xpt(frame))
    yield FileEntry(f"{stem}.xpt", xpt_bytes(name, frame, present, name), name, frame.height, columns, cut)
