"""Which participants somebody may see: their existence, dates and status.

Invariants
1. Screening's permission opens them at its sites; where nobody holds it, that for visits, which reaches assessors and
   pharmacists too.
2. A participant whom the reader does not reach is refused only after the reader may see some in the trial at all.
"""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may_somewhere, may, sites_where
from trial.conduct.participants import Participant, ParticipantStatus, find_participant, no_such_code
from trial.database.session import TrialSession
from trial.errors import NotPermitted

_WHO_HAS_CODE = "SELECT id, site_id FROM trial.participant WHERE trial_id = %(trial_id)s AND code = %(code)s"


def may_see(actor: Actor, participant: Participant) -> bool:
    """Whether the participant's existence, dates and status are the actor's to see."""
    return _reaches(actor, participant.trial_id, participant.site_id)


def participant_for(session: TrialSession, actor: Actor, trial_id: UUID, code: str) -> Participant:
    """One participant by code, for a reader. Raises ``ParticipantNotFound``, ``NotPermitted``."""
    check_may_somewhere(actor, _reading_permission(actor, trial_id), trial_id)
    participant = find_participant(session, trial_id, code)
    _check_reaches(actor, trial_id, participant.site_id)
    return participant


def participant_id_for(session: TrialSession, actor: Actor, trial_id: UUID, code: str) -> UUID:
    """Who has this code, for a reader; no more is read of them. Raises as ``participant_for``."""
    check_may_somewhere(actor, _reading_permission(actor, trial_id), trial_id)
    found = session.run_sql(_WHO_HAS_CODE, trial_id=trial_id, code=code)
    if not found:
        raise no_such_code(code)
    _check_reaches(actor, trial_id, found[0].site_id)
    who: UUID = found[0].id
    return who


def participants_of(
    session: TrialSession,
    actor: Actor,
    trial_id: UUID,
    *,
    statuses: Collection[ParticipantStatus] | None = None,
    site_id: UUID | None = None,
) -> list[Participant]:
    """Those whom ``actor`` may see, by code. Raises ``NotPermitted`` when that is nobody anywhere."""
    permission = _reading_permission(actor, trial_id)
    check_may_somewhere(actor, permission, trial_id)
    sites = sites_where(actor, permission, trial_id)
    wanted = select(Participant).where(Participant.trial_id == trial_id)
    if sites is not None:
        wanted = wanted.where(col(Participant.site_id).in_(sorted(sites)))
    if site_id is not None:
        wanted = wanted.where(Participant.site_id == site_id)
    if statuses is not None:
        wanted = wanted.where(col(Participant.status).in_(list(statuses)))
    return list(session.exec(wanted.order_by(col(Participant.code))))


def _check_reaches(actor: Actor, trial_id: UUID, site_id: UUID) -> None:
    if not _reaches(actor, trial_id, site_id):
        raise NotPermitted("This participant belongs to a site that your roles do not reach.")


def _reaches(actor: Actor, trial_id: UUID, site_id: UUID) -> bool:
    return any(
        may(actor, permission, trial_id, site_id) for permission in (Permission.SCREENING_READ, Permission.VISIT_READ)
    )


def _reading_permission(actor: Actor, trial_id: UUID) -> Permission:
    """Screening's where the actor holds it, else that for visits."""
    reaches = sites_where(actor, Permission.SCREENING_READ, trial_id)
    return Permission.SCREENING_READ if reaches is None or reaches else Permission.VISIT_READ
