"""The baseline table."""

from __future__ import annotations

from typing import Final

from reports.analyses.baseline import Baseline, CategoryRow, NumberRow
from reports.appearance import arm_heading
from reports.tables.model import Column, Row, Table
from reports.tables.words import low_high, mean_sd, median_quartiles, share, words

# Words that do not follow from their submission value, proper nouns above all.
SPELLED: Final = {
    "F": "Female",
    "M": "Male",
    "U": "Unknown",
    "<65": "Under 65",
    ">=65": "65 or older",
    "AMERICAN INDIAN OR ALASKA NATIVE": "American Indian or Alaska Native",
    "BLACK OR AFRICAN AMERICAN": "Black or African American",
    "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER": "Native Hawaiian or other Pacific Islander",
    "HISPANIC OR LATINO": "Hispanic or Latino",
    "NOT HISPANIC OR LATINO": "Not Hispanic or Latino",
}


def baseline_page(number: str, baseline: Baseline) -> Table:
    """Characteristics at baseline, by group."""
    rows: list[Row] = []
    for one in baseline.rows:
        rows += _number_rows(one) if isinstance(one, NumberRow) else _category_rows(one, baseline.sizes)
    headings = (
        Column(arm_heading(label, baseline.labels, size), 2)
        for label, size in zip(baseline.labels, baseline.sizes, strict=True)
    )
    return Table(
        number,
        "Characteristics at baseline",
        (Column("Characteristic", 2.6, "left"), *headings),
        tuple(rows) if any(baseline.sizes) else (),
        (
            "N: everybody randomized. Percentages are of N. No tests: differences in a randomized trial are chance.",
            "Q1, Q3: quartiles, by linear interpolation. T-scores: mean 50, SD 10 in the reference population.",
        ),
        empty="Nobody has been randomized yet.",
    )


def _number_rows(row: NumberRow) -> list[Row]:
    name = f"{row.name} ({'T-score' if row.unit == 'T' else row.unit})" if row.unit else row.name
    rows = [
        Row((name, *("" for _ in row.by_group)), "section"),
        Row(("Mean (SD)", *(mean_sd(s) for s in row.by_group)), "inset"),
        Row(("Median [Q1, Q3]", *(median_quartiles(s) for s in row.by_group)), "inset"),
        Row(("Range", *(low_high(s) for s in row.by_group)), "inset"),
    ]
    if any(s.missing for s in row.by_group):
        rows.append(Row(("Missing", *(str(s.missing) for s in row.by_group)), "inset"))
    return rows


def _category_rows(row: CategoryRow, sizes: tuple[int, ...]) -> list[Row]:
    rows = [Row((row.name, *("" for _ in sizes)), "section")]
    for position, value in enumerate(row.values):
        cells = (share(counts[position], size) for counts, size in zip(row.by_group, sizes, strict=True))
        rows.append(Row((_value(value), *cells), "inset"))
    return rows


def _value(value: str) -> str:
    return SPELLED.get(value, words(value))
