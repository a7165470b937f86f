"""Accrual: how many were screened, randomized and have left, by site. Counts only; never a person, never an arm."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.participants import Participant, ParticipantStatus
from trial.conduct.sites import Site, sites_of
from trial.database.session import TrialSession

_LEFT = (ParticipantStatus.WITHDRAWN, ParticipantStatus.LOST, ParticipantStatus.DIED)


@dataclass(frozen=True, slots=True)
class SiteAccrual:
    """One site's counts. ``left`` counts those who left after randomization."""

    site: Site
    screened: int
    randomized: int
    completed: int
    left: int


def accrual_of(session: TrialSession, actor: Actor, trial_id: UUID) -> list[SiteAccrual]:
    """Every site's counts, by code, for readers of open reports. Raises ``NotPermitted``."""
    check_may(actor, Permission.REPORT_OPEN_READ, trial_id)
    randomized = func.count(col(Participant.randomized_at))
    completed = func.count().filter(col(Participant.status) == ParticipantStatus.COMPLETED)
    left = func.count().filter(col(Participant.status).in_(_LEFT), col(Participant.randomized_at).is_not(None))
    rows = session.execute(
        select(col(Participant.site_id), func.count(), randomized, completed, left)
        .where(col(Participant.trial_id) == trial_id)
        .group_by(col(Participant.site_id))
    )
    counted = {site_id: tuple(counts) for site_id, *counts in rows}
    return [SiteAccrual(site, *counted.get(site.id, (0, 0, 0, 0))) for site in sites_of(session, trial_id)]
