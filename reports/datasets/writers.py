"""Dataset files with the same bytes each time: Parquet, CSV and SAS transport version 5.

Invariants
1. Equal frames give equal bytes, whoever runs it, whenever: no time of day, no hash order, no machine name.
2. A text longer than transport version 5 allows (200 bytes) is cut at a whole character, and the cut is
   reported.
3. Variable names and labels are those of ``shapes``.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat

from reports.datasets.shapes import Variable

XPT_TEXT_BYTES: Final = 200
XPT_TIME: Final = b"01JAN00:00:00:00"
# Where transport version 5 puts creation and modification: library header records 2 and 3, member
# records 4 and 5.
XPT_TIME_AT: Final = (144, 160, 464, 480)
ARROW: Final = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "date": pa.date32()}


def parquet_bytes(frame: pl.DataFrame, variables: Sequence[Variable]) -> bytes:
    """Parquet with each variable's label in its field's metadata."""
    schema = pa.schema(
        [pa.field(v.name, ARROW[v.kind], metadata={"label": v.label}) for v in variables if v.name in frame.columns]
    )
    columns = [pa.array(frame[field.name].to_list(), type=field.type) for field in schema]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), buffer, compression="zstd", store_schema=True)
    return buffer.getvalue()


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """UTF-8, comma, a header, ISO 8601 dates, empty for unknown."""
    return frame.write_csv(None).encode("utf-8")


def xpt_bytes(dataset: str, frame: pl.DataFrame, variables: Sequence[Variable], label: str = "") -> bytes:
    """SAS transport version 5. Dates are SAS dates shown as DATE9."""
    labels: dict[str, str | None] = {v.name: v.label for v in variables if v.name in frame.columns}
    dates = {v.name: "DATE9" for v in variables if v.kind == "date" and v.name in frame.columns}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "member.xpt"
        pyreadstat.write_xport(
            _cut(frame),
            str(path),
            file_label=label,
            column_labels=labels,
            table_name=dataset,
            file_format_version=5,
            variable_format=dates,
        )
        return _without_time(path.read_bytes())


def too_long_for_xpt(frame: pl.DataFrame) -> list[str]:
    """The text variables of which some value is cut in the transport file."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    return [name for name in texts if (frame[name].str.len_bytes().max() or 0) > XPT_TEXT_BYTES]  # type: ignore[operator]  # a count


def _cut(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.col(name).map_elements(_first_bytes, return_dtype=pl.String) for name in too_long_for_xpt(frame)
    )


def _first_bytes(text: str) -> str:
    return text.encode("utf-8")[:XPT_TEXT_BYTES].decode("utf-8", errors="ignore")


def _without_time(data: bytes) -> bytes:
    fixed = bytearray(data)
    for start in XPT_TIME_AT:
        if fixed[start + 7 : start + 8] != b":":
            raise ValueError("the transport file has another layout than version 5 declares: its times were not found")
        fixed[start : start + len(XPT_TIME)] = XPT_TIME
    return bytes(fixed)
