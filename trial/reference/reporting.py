"""Items of the reporting guidelines, in our own words, and what is known for calibrating simulated trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from trial.reference.files import rows


@dataclass(frozen=True, slots=True)
class ReportingItem:
    """``filled_by``: A the system fills it, P partly, M the author does."""

    guideline: str
    item: str
    section: str
    text: str
    filled_by: Literal["A", "P", "M"]


@dataclass(frozen=True, slots=True)
class CalibrationFact:
    """A published figure as it is printed, with its source."""

    parameter: str
    value: str
    unit: str
    source: str
    note: str

    @property
    def number(self) -> float | None:
        """The leading number of the value, if it has one."""
        leading = self.value.split(" ")[0].rstrip("%")
        try:
            return float(leading)
        except ValueError:
            return None


@cache
def reporting_items(guideline: str | None = None) -> tuple[ReportingItem, ...]:
    """All items, or those of one guideline (``"CONSORT 2025"``)."""
    found = tuple(
        ReportingItem(
            guideline=row["guideline"],
            item=row["item"],
            section=row["section_or_status"],
            text=row["text_own_words"],
            filled_by=cast("Literal['A', 'P', 'M']", row["system_fill"]),
        )
        for row in rows("reporting_items.csv")
    )
    return found if guideline is None else tuple(item for item in found if item.guideline == guideline)


@cache
def calibration() -> Mapping[str, CalibrationFact]:
    """Published figures by parameter name."""
    return MappingProxyType(
        {
            row["parameter"]: CalibrationFact(row["parameter"], row["value"], row["unit"], row["source"], row["note"])
            for row in rows("sim_calibration.csv")
        }
    )
