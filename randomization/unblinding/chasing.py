"""Unblindings whose impact nobody has assessed yet: who assesses is reminded each day, and the sponsor too after a week.

Invariants
1. A reminder names participant and days, never an arm; it is the same whatever was found.
2. One reminder a day and entry, however often the clock comes round: the alerts that stand tell which were raised.
"""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from sqlmodel import col, select

from randomization.unblinding.register import NEEDS_ASSESSMENT, Unblinding, UnblindingAssessment
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import Alert, AlertKind, raise_alert
from trial.access.policies import declare
from trial.conduct.participants import Participant
from trial.database.session import TrialSession

FIRST_AFTER_DAYS: Final = 2
SPONSOR_AFTER_DAYS: Final = 7


def chase_assessments(session: TrialSession, actor: Actor, trial_id: UUID) -> int:
    """Raise the reminders that are due now; how many. For the job that comes round by the clock."""
    declare(session, actor, Action.CLOCK_ESCALATED)
    told = select(Alert.role, Alert.sentence).where(Alert.trial_id == trial_id, Alert.kind == AlertKind.CODE_BROKEN)
    known = set(session.exec(told).all())
    due = [reminder for reminder in _reminders(session, trial_id) if reminder not in known]
    for role, sentence in due:
        raise_alert(session, AlertKind.CODE_BROKEN, role, sentence, trial_id=trial_id)
    session.flush()
    return len(due)


def _reminders(session: TrialSession, trial_id: UUID) -> Iterator[tuple[str, str]]:
    """Role and sentence of each, as they are today."""
    for entry, code in _waiting(session, trial_id):
        days = (session.now() - entry.opened_at).days
        if days < FIRST_AFTER_DAYS:
            continue
        sentence = (
            f"The code of {code} was broken {days} days ago ({entry.kind.value}), and what it means for the trial is not"
            " assessed yet. Assess it in the register of unblindings."
        )
        yield "medical_monitor", sentence
        if days >= SPONSOR_AFTER_DAYS:
            yield "sponsor", sentence


def _waiting(session: TrialSession, trial_id: UUID) -> list[tuple[Unblinding, str]]:
    found = (
        select(Unblinding, Participant.code)
        .join(Participant, col(Participant.id) == col(Unblinding.participant_id))
        .outerjoin(UnblindingAssessment, col(UnblindingAssessment.unblinding_id) == col(Unblinding.id))
        .where(Unblinding.trial_id == trial_id, col(Unblinding.kind).in_(NEEDS_ASSESSMENT))
        .where(col(UnblindingAssessment.id).is_(None))
        .order_by(col(Unblinding.opened_at), col(Unblinding.id))
    )
    return list(session.exec(found).all())
