"""How things look on every report: colours, and the marks by which arms are told apart.

Invariants
1. An arm is told by its label, its glyph and its dash; colour only repeats what these say.
2. Text colours reach a contrast of at least 4.5 to 1 on white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NBSP: Final = "\u00a0"
INK, QUIET, RULE, WASH = "#1b2326", "#55636a", "#c9d3d5", "#f1f5f5"
ACCENT, ACCENT_LIGHT = "#0f5c63", "#dbe8e9"
AMBER, BRICK = "#8a5a00", "#a3341f"


@dataclass(frozen=True)
class ArmMark:
    """The marks of one arm. ``dash`` is (on, off, …) in points, empty for a solid line."""

    label: str
    glyph: str
    marker: str
    filled: bool
    dash: tuple[float, ...]
    colour: str


_MARKS: Final = (
    ("●", "o", True, (), ACCENT),
    ("◇", "D", False, (5.0, 2.0), "#7a3b69"),
    ("▲", "^", True, (1.5, 1.5), "#6b5500"),
    ("□", "s", False, (6.0, 2.0, 1.5, 2.0), "#2f4b7c"),
)


def arm_marks(labels: tuple[str, ...]) -> dict[str, ArmMark]:
    """A mark for each label, the same in every table and figure of a report."""
    return {label: ArmMark(label, *_MARKS[index % len(_MARKS)]) for index, label in enumerate(labels)}


def arm_heading(label: str, labels: tuple[str, ...], size: int | None = None) -> str:
    """An arm as the heading of columns: glyph, label and, where given, its number."""
    named = label if len(labels) == 1 else f"{arm_marks(labels)[label].glyph} Arm {label}"
    return named if size is None else f"{named} (N{NBSP}={NBSP}{size})"
