"""Dates of which only a part is known: a type, not a habit of writing text.

Invariants
1. What is known is a prefix: a day needs its month, a minute its hour. Nothing unknown is ever filled in.
2. The text is ISO 8601, cut where knowledge ends: ``2026``, ``2026-03``, ``2026-03-02``, ``2026-03-02T10:40``.
3. It is local time where the participant is seen. Only a complete one gives an instant.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_SHAPE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2}))?)?)?")


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date and perhaps a time, as far as known."""

    year: int
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None

    def __post_init__(self) -> None:
        known = [part is not None for part in (self.month, self.day, self.hour)]
        if known != sorted(known, reverse=True) or (self.hour is None) != (self.minute is None):
            raise ValueError("a part can be known only when the parts before it are")
        if not 1900 <= self.year <= 2199:
            raise ValueError("give a year from 1900 to 2199")
        datetime(self.year, self.month or 1, self.day or 1, self.hour or 0, self.minute or 0, tzinfo=UTC)

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """From ISO 8601. Raises ``ValueError`` with the remedy."""
        found = _SHAPE.fullmatch(text.strip())
        if found is None:
            raise ValueError("write what is known: 2026, 2026-03, 2026-03-02 or 2026-03-02T10:40")
        year, *rest = (None if part is None else int(part) for part in found.groups())
        assert year is not None, "the pattern demands a year"
        return cls(year, *rest)

    @classmethod
    def of(cls, instant: datetime, zone: str) -> PartialDate:
        """The complete local date and time of ``instant``, to the minute."""
        local = instant.astimezone(ZoneInfo(zone))
        return cls(local.year, local.month, local.day, local.hour, local.minute)

    def __str__(self) -> str:
        text = f"{self.year:04d}"
        text += "" if self.month is None else f"-{self.month:02d}"
        text += "" if self.day is None else f"-{self.day:02d}"
        return text + ("" if self.hour is None else f"T{self.hour:02d}:{self.minute:02d}")

    @property
    def is_complete(self) -> bool:
        """Whether it is known to the minute."""
        return self.hour is not None

    def earliest(self) -> date:
        """The first day on which it can have been."""
        return date(self.year, self.month or 1, self.day or 1)

    def latest(self) -> date:
        """The last day on which it can have been."""
        month = self.month or 12
        return date(self.year, month, self.day or monthrange(self.year, month)[1])

    def instant(self, zone: str) -> datetime | None:
        """The instant in UTC, or ``None`` when the minute is not known.

        An hour that occurs twice in autumn is taken as its first occurrence.
        """
        if not self.is_complete:
            return None
        assert self.month is not None and self.day is not None and self.hour is not None  # noqa: PT018 - one fact: complete
        local = datetime(self.year, self.month, self.day, self.hour, self.minute or 0, tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)

    def surely_after(self, now: datetime, zone: str) -> bool:
        """Whether all that it can mean lies after ``now``: it cannot have happened yet."""
        instant = self.instant(zone)
        if instant is not None:
            return instant >= now + timedelta(minutes=1)
        return self.earliest() > now.astimezone(ZoneInfo(zone)).date()

    def surely_before(self, other: PartialDate) -> bool:
        """Whether all that it can mean lies before all that ``other`` can mean."""
        if self.is_complete and other.is_complete:
            return str(self) < str(other)
        return self.latest() < other.earliest()


class _AsText:
    """Pydantic's view: ISO 8601 text in, a ``PartialDate`` out, and back."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> PartialDate:
            return value if isinstance(value, PartialDate) else PartialDate.parse(str(value))

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.to_string_ser_schema(),
            json_schema_input_schema=core_schema.str_schema(pattern=f"^{_SHAPE.pattern}$"),
        )


PartialDateText = Annotated[PartialDate, _AsText]
"""A command's field: ISO 8601, partial where a part is not known."""
