"""What followed from events, when they began, how long they lasted, how often they came back and how they were found."""

from __future__ import annotations

from reports.analyses.harms import GroupHarm, HarmRow, Harms, Spread
from reports.tables.harms.frequency import by_organ_class, group_headings
from reports.tables.model import Column, Table
from reports.tables.words import UNKNOWN, count, number


def consequences_table(number_of: str, harms: Harms, rows: tuple[HarmRow, ...]) -> Table:
    """Per arm: participants whose event interrupted an infusion, cost a dose, ended treatment or study, or was fatal."""
    columns = [Column("Event", 3.0, "left")]
    for group in group_headings(harms):
        columns += [
            Column("Infusion interrupted", 1.2, group=group),
            Column("Dose skipped", 1.0, group=group),
            Column("Treatment withdrawn", 1.2, group=group),
            Column("Left the study", 1.0, group=group),
            Column("Died", 0.8, group=group),
            Column("≥ 2 (median)", 1.1, group=group),
            Column("Asked / told", 1.1, group=group),
        ]
    return Table(
        number_of,
        "What events led to, how often they came back, and how they were found",
        tuple(columns),
        tuple(by_organ_class(rows, _consequences, len(columns))),
        (
            (
                "Participants, but for the last column. Dose skipped: treatment was interrupted or withdrawn for the event and a"
                " later planned dose was not given."
            ),
            (
                "≥ 2: participants with two or more such events (median number of events of those who had any). Asked / told:"
                " events found by checklist, and told unprompted or to the open question."
            ),
        ),
        wide=True,
        empty="No such event has been recorded.",
    )


def _consequences(row: HarmRow) -> tuple[str, ...]:
    cells = [row.term]
    for group in row.groups:
        cells += [
            count(group.interruptions),
            count(group.skipped_doses),
            count(group.treatment_withdrawals),
            count(group.study_withdrawals),
            count(group.deaths),
            _recurrence(group),
            UNKNOWN if group.systematic is None else f"{group.systematic} / {group.spontaneous}",
        ]
    return tuple(cells)


def _recurrence(group: GroupHarm) -> str:
    return f"{group.recurrent} ({group.median_times:g})" if group.median_times is not None else ""


def timing_table(number_of: str, harms: Harms, rows: tuple[HarmRow, ...]) -> Table:
    """Per arm: day, infusion and minute of onset, and duration."""
    columns = [Column("Event", 3.0, "left")]
    for group in group_headings(harms):
        columns += [
            Column("Day", 1.4, group=group),
            Column("Infusion", 0.9, group=group),
            Column("Minute", 1.4, group=group),
            Column("Duration", 1.1, group=group),
            Column("ended / going on", 1.2, group=group),
        ]
    return Table(
        number_of,
        "Onset and duration of events",
        tuple(columns),
        tuple(by_organ_class(rows, _timing, len(columns))),
        (
            (
                "Day: study day of onset, where known to the day; minute: from the start of the infusion. Medians [quartiles];"
                " infusion: the median."
            ),
            (
                "Duration: Kaplan–Meier median over events; those going on are censored at the end of observation. A partial date"
                " is read so that the duration is the longest that it allows, within first dose and end of observation."
            ),
        ),
        wide=True,
        empty="No such event has been recorded.",
    )


def _timing(row: HarmRow) -> tuple[str, ...]:
    cells = [row.term]
    for group in row.groups:
        at = group.onset
        cells += [
            _spread(at.day),
            number(at.infusion.median, 0) if at.infusion else "",
            _spread(at.minute),
            duration(at.median_duration_days),
            f"{at.duration_known} / {at.duration_going_on}" if group.events else "",
        ]
    return tuple(cells)


def _spread(of: Spread | None) -> str:
    if of is None:
        return ""
    return f"{of.median:.0f} [{of.lower_quartile:.0f}, {of.upper_quartile:.0f}]"


def duration(days: float | None) -> str:
    """A duration in the unit that people would say it in."""
    if days is None:
        return ""
    if days < 1 / 12:
        return f"{days * 1440:.0f} min"
    return f"{days * 24:.1f} h" if days < 1 else f"{days:.0f} d"


def rows_with_events(rows: tuple[HarmRow, ...]) -> tuple[HarmRow, ...]:
    return tuple(row for row in rows if row.participants)
