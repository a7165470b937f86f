"""How a clock is told: what is left of it, since when it is over, or when it was met."""

from __future__ import annotations

from datetime import datetime, timedelta

from api.pages.render import day_words, instant_words
from api.pages.site.words import Kind
from trial.safety.clocks import Due


def clock_words(due: Due, now: datetime, zone: str) -> str:
    """``Due in 2 days 3 h``, ``Overdue since …``, ``Dealt with …, in time``, ``Stood down …``."""
    if due.sent_at is not None:
        return f"Dealt with {instant_words(due.sent_at, zone)}, {'late' if due.was_late else 'in time'}"
    if due.stood_down_at is not None:
        return f"Stood down {instant_words(due.stood_down_at, zone)}"
    if due.is_overdue(now):
        return f"Overdue since {instant_words(due.due_at, zone)}"
    return f"Due in {span_words(due.due_at - now)}"


def clock_kind(due: Due, now: datetime) -> Kind:
    """The colour that repeats what the words say."""
    if not due.is_open:
        return "warning" if due.was_late else "done" if due.sent_at else "plain"
    if due.is_overdue(now):
        return "danger"
    return "warning" if due.due_at - now <= timedelta(hours=24) else "active"


def clock_word(due: Due, now: datetime) -> str:
    """One word for a tag."""
    if due.sent_at is not None:
        return "Late" if due.was_late else "Done"
    if due.stood_down_at is not None:
        return "Stood down"
    return "Overdue" if due.is_overdue(now) else "Open"


def span_words(span: timedelta) -> str:
    """``15 days 7 h``, ``7 h 5 min`` or ``5 min``: two units, cut and never rounded up."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    if days:
        return f"{days} {'day' if days == 1 else 'days'} {hours} h"
    return f"{hours} h {left} min" if hours else f"{left} min"


def basis_words(due: Due) -> str:
    """Day 0 and where the limit comes from."""
    return f"Day 0 {day_words(due.day_zero)}{f'. {due.basis}' if due.basis else ''}"
