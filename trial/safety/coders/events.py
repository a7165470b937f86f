"""A trial's events with their participants' codes, in order, and what is in force at each site: what every desk starts from."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import String, Uuid, cast, func
from sqlalchemy import select as columns
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.participants import Participant
from trial.database.session import TrialSession
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


def books_by_site(session: TrialSession, trial_id: UUID) -> dict[UUID, Casebook]:
    """Somebody's casebook for each site that has events: for the protocol in force there."""
    somebody = cast(func.min(cast(AdverseEvent.participant_id, String)), Uuid)
    found = columns(AdverseEvent.site_id, somebody).where(col(AdverseEvent.trial_id) == trial_id)  # type: ignore[call-overload]  # SQLModel types columns as values
    rows = session.execute(found.group_by(col(AdverseEvent.site_id)).order_by(col(AdverseEvent.site_id)))
    return {site_id: open_casebook(session, participant_id) for site_id, participant_id in rows}
