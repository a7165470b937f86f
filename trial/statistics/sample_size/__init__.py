"""Sample sizes: two means, raw or adjusted, proportions, repeated measures, and time to event."""

from __future__ import annotations

from trial.statistics.sample_size.events import EventSize, event_probability, sample_size_events
from trial.statistics.sample_size.means import power_means, sample_size_ancova, sample_size_means
from trial.statistics.sample_size.proportions import critical_difference, sample_size_proportions
from trial.statistics.sample_size.repeated import sample_size_repeated, variance_at_last_visit
from trial.statistics.sample_size.result import SampleSize

__all__ = [
    "EventSize",
    "SampleSize",
    "critical_difference",
    "event_probability",
    "power_means",
    "sample_size_ancova",
    "sample_size_events",
    "sample_size_means",
    "sample_size_proportions",
    "sample_size_repeated",
    "variance_at_last_visit",
]
