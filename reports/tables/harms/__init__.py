"""Tables and listings of harms."""

from __future__ import annotations

from reports.tables.harms.consequences import consequences_table, rows_with_events, timing_table
from reports.tables.harms.courses import by_infusion_table, first_events_table
from reports.tables.harms.frequency import effects_fit, effects_table, harms_table, special_interest_table
from reports.tables.harms.listings import deaths_listing, serious_listing, withdrawals_listing

__all__ = [
    "by_infusion_table",
    "consequences_table",
    "deaths_listing",
    "effects_fit",
    "effects_table",
    "first_events_table",
    "harms_table",
    "rows_with_events",
    "serious_listing",
    "special_interest_table",
    "timing_table",
    "withdrawals_listing",
]
