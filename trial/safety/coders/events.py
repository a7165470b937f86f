"""A trial's events with their participants' codes, in order: what every desk of a coder starts from."""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from trial.conduct.participants import Participant
from trial.safety.adverse_events import AdverseEvent

_AT_ONCE = 200


def events_in(trial_id: UUID) -> Select[AdverseEvent, str]:
    """Read in portions: a large trial has more events than should be in memory at once."""
    return (
        select(AdverseEvent, Participant.code)
        .join(Participant, col(Participant.id) == col(AdverseEvent.participant_id))
        .where(AdverseEvent.trial_id == trial_id)
        .order_by(Participant.code, col(AdverseEvent.number))
        .execution_options(yield_per=_AT_ONCE)
    )
