"""People who leave a trial, and others who stand in for them."""

from __future__ import annotations

from uuid import UUID

from tests.support.house import House
from tests.support.participants import participant, site_code, today
from trial.conduct.departures import EndReason, EndStudy, StudyEndKind, end_study
from trial.conduct.replacements import ParticipantReplacement, RecordReplacement, record_replacement

_REASONS = {
    StudyEndKind.WITHDRAWN: EndReason.PARTICIPANT_DECISION,
    StudyEndKind.LOST: EndReason.LOST_TO_FOLLOW_UP,
    StudyEndKind.DIED: EndReason.DEATH,
}


def leave(house: House, participant_id: UUID, kind: StudyEndKind = StudyEndKind.WITHDRAWN) -> str:
    """The participant leaves the study today; the code."""
    site = site_code(house, participant_id)
    day = today(house, site)
    command = EndStudy(
        participant_id=participant_id,
        kind=kind,
        ended_on=day,
        reason=_REASONS[kind],
        died_on=day if kind is StudyEndKind.DIED else None,
    )
    with house.database.transaction() as session:
        end_study(session, house.actor(session, "coordinator", site), command)
    return participant(house, participant_id).code


def stand_in(
    house: House, participant_id: UUID, replaces: str | None, reason: str | None = None, role: str = "coordinator"
) -> ParticipantReplacement:
    """The newcomer stands in for the one of this code."""
    command = RecordReplacement(participant_id=participant_id, replaces=replaces, reason=reason)
    with house.database.transaction() as session:
        actor = house.actor(session, role, site_code(house, participant_id))
        return record_replacement(session, actor, command)
