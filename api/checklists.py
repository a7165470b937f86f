"""What a lock's checklist counts above the room of locks: unblindings that nobody has assessed.

Invariants
1. It says how many, and by which number of the register, never an arm.
"""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select

from randomization.unblinding.register import NEEDS_ASSESSMENT, Unblinding, UnblindingAssessment
from trial.conduct.participants import Participant
from trial.database.session import TrialSession
from trial.locks.checklist import UNBLINDINGS_UNASSESSED, ChecklistItem, item


def counted_above(session: TrialSession, trial_id: UUID) -> tuple[ChecklistItem, ...]:
    """The items that ``sign_lock`` and ``checklist_for`` take as ``outside``."""
    assessed = select(UnblindingAssessment.unblinding_id)
    waiting = session.exec(
        select(Participant.code)
        .join(Unblinding, col(Unblinding.participant_id) == col(Participant.id))
        .where(Unblinding.trial_id == trial_id, col(Unblinding.kind).in_(NEEDS_ASSESSMENT))
        .where(col(Unblinding.id).not_in(assessed))
        .order_by(Participant.code)
    )
    return (item(UNBLINDINGS_UNASSESSED, "Unblindings whose impact is not assessed", list(waiting)),)
