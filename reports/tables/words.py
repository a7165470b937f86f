"""Numbers and dates as text: one way to write each, so that every table agrees.

Invariants
1. A percentage has one decimal and never stands without its count.
2. What is not known is an en dash; a zero is a zero.
3. The minus sign is a minus sign.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from math import isinf

from reports.analyses.baseline import Summary
from trial.statistics.estimates import Estimate

UNKNOWN = "–"


def number(value: float | None, digits: int = 1) -> str:
    """A number with fixed decimals; minus zero is zero."""
    if value is None:
        return UNKNOWN
    rounded = round(value, digits) + 0.0
    return f"{rounded:.{digits}f}".replace("-", "−")


def count(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def share(part: int | None, whole: int) -> str:
    """Count with its percentage: ``12 (6.1 %)``. Without a denominator the count stands alone."""
    if part is None:
        return UNKNOWN
    return f"{part} ({100 * part / whole:.1f} %)" if whole else str(part)


def mean_sd(of: Summary, digits: int = 1) -> str:
    return UNKNOWN if of.mean is None else f"{number(of.mean, digits)} ({number(of.sd, digits)})"


def median_quartiles(of: Summary, digits: int = 1) -> str:
    if of.median is None:
        return UNKNOWN
    return f"{number(of.median, digits)} [{number(of.lower_quartile, digits)}, {number(of.upper_quartile, digits)}]"


def low_high(of: Summary, digits: int = 1) -> str:
    return UNKNOWN if of.minimum is None else f"{number(of.minimum, digits)} to {number(of.maximum, digits)}"


def interval(low: float, high: float, digits: int = 1) -> str:
    return f"({number(low, digits)} to {number(high, digits)})"


def points(estimate: Estimate | None) -> str:
    """A risk difference in percentage points with its interval."""
    if estimate is None:
        return UNKNOWN
    return f"{number(100 * estimate.estimate)} {interval(100 * estimate.lower, 100 * estimate.upper)}"


def ratio(estimate: Estimate | None) -> str:
    """A ratio with its interval; an end without bound is ∞, and no ratio at all is an en dash."""
    if estimate is None:
        return UNKNOWN
    one, low, high = (_times(value) for value in (estimate.estimate, estimate.lower, estimate.upper))
    return f"{one} ({low} to {high})"


def _times(value: float) -> str:
    if isinf(value):
        return "∞"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def day(value: date | None) -> str:
    """22 Nov 2026."""
    return UNKNOWN if value is None else f"{value.day} {value:%b %Y}"


def instant(value: datetime) -> str:
    """22 Nov 2026 12:00 UTC."""
    there = value.astimezone(UTC)
    return f"{day(there.date())} {there:%H:%M} UTC"


def month(value: str) -> str:
    """``2026-11`` as Nov 2026."""
    return f"{date.fromisoformat(value + '-01'):%b %Y}"


def recorded(value: str | None) -> str:
    """An ISO 8601 text, perhaps partial, as people write it: 20 Feb 2026 16:32, or Feb 2026."""
    if not value:
        return UNKNOWN
    if len(value) >= 10:
        return f"{day(date.fromisoformat(value[:10]))} {value[11:16]}".rstrip()
    return month(value) if len(value) == 7 else value


def chance(value: float | None) -> str:
    """A probability in per cent; what rounds to none or to all is given as a limit."""
    if value is None:
        return UNKNOWN
    if value < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if value > 0.999 else f"{100 * value:.1f} %"


def words(code: str) -> str:
    """A coded term as a sentence's word: ``LOST TO FOLLOW-UP`` becomes ``Lost to follow-up``."""
    return code.replace("_", " ").strip().capitalize()


def plural(number_of: int, one: str, many: str = "") -> str:
    """``1 participant``, ``2 participants``."""
    return f"{number_of} {one if number_of == 1 else many or one + 's'}"
