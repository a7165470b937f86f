"""A table as a value: columns, rows of finished text, footnotes. No layout, no file format.

Purpose: what a table says can be tested without a PDF, and the same table can stand on paper and on a page.

Invariants
1. Every row has one cell for each column.
2. Numbers are finished text here: rounding, units and signs are decided once.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal

Align = Literal["left", "right"]
RowKind = Literal["body", "section", "total", "inset"]


@dataclass(frozen=True)
class Column:
    """A column. Neighbours with the same ``group`` stand under one spanning heading. ``weight`` is its share of the width."""

    heading: str
    weight: float = 1.0
    align: Align = "right"
    group: str = ""


@dataclass(frozen=True)
class Row:
    """A row of finished text. A section row names what follows; an inset row belongs to the row above it."""

    cells: tuple[str, ...]
    kind: RowKind = "body"


@dataclass(frozen=True)
class Table:
    """A whole table. ``number`` is how the report refers to it, such as "Table 3"."""

    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...] = ()
    wide: bool = False
    empty: str = "Nothing to show at this cut-off."

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"{self.number}: a row has {len(row.cells)} cells, the table {len(self.columns)} columns"
                )

    def as_text(self) -> str:
        """The table in plain text, for snapshots and terminals."""
        lines = [f"{self.number}. {self.title}"]
        if any(column.group for column in self.columns):
            lines.append(" | ".join(column.group for column in self.columns))
        lines.append(" | ".join(column.heading for column in self.columns))
        if not self.rows:
            lines.append(self.empty)
        lines += [("  " if row.kind == "inset" else "") + " | ".join(row.cells) for row in self.rows]
        return "\n".join([*lines, *self.footnotes]) + "\n"

    def as_html(self) -> str:
        """The table as HTML: a caption, column headings with their scope, footnotes below; everything escaped."""
        head = "".join(
            f'<th scope="col" class="{column.align}">{escape(_heading(column))}</th>' for column in self.columns
        )
        body = "".join(self._html_row(row) for row in self.rows)
        if not self.rows:
            body = f'<tr><td colspan="{len(self.columns)}">{escape(self.empty)}</td></tr>'
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.footnotes)
        caption = escape(f"{self.number}. {self.title}".lstrip(". "))
        return (
            f"<figure><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<figcaption>{notes}</figcaption></figure>\n"
        )

    def _html_row(self, row: Row) -> str:
        if row.kind == "section":
            return f'<tr class="section"><th scope="rowgroup" colspan="{len(self.columns)}">{escape(row.cells[0])}</th></tr>'
        first = f'<th scope="row">{escape(row.cells[0])}</th>'
        rest = "".join(
            f'<td class="{column.align}">{escape(cell)}</td>'
            for column, cell in zip(self.columns[1:], row.cells[1:], strict=True)
        )
        return f'<tr class="{row.kind}">{first}{rest}</tr>'


def _heading(column: Column) -> str:
    return f"{column.group}: {column.heading}" if column.group else column.heading


def section(name: str, columns: int) -> Row:
    """A row that names what follows."""
    return Row((name, *("" for _ in range(columns - 1))), "section")
