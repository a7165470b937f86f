"""Narratives: the course of a serious event in words, blinded, in versions.

Invariants
1. A version is never changed. A later one has a number, an author and a reason, and the earlier ones stay readable.
2. A narrative is written by the medical monitor, who is blinded; the regulator's copy has the same words.
3. Two people who write at once do not overwrite each other: who writes on an old version is told so.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.conduct.casebooks import open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.safety.adverse_events import get_event
from trial.safety.serious import check_serious


class NarrativeChanged(Conflict):
    code = "narrative.changed_meanwhile"


class NarrativeReasonMissing(InvalidInput):
    code = "narrative.reason_missing"


class WriteNarrative(BaseModel):
    """``after`` is the version on which this one is written; 0 for the first."""

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    text: str = Bounded(min_length=3, max_length=20000)
    after: int = Bounded(default=0, ge=0)
    reason: str = Bounded(default="", max_length=2000)


class CaseNarrative(ParticipantRecord, table=True):
    __tablename__ = "case_narrative"
    __table_args__ = in_schema("trial", UniqueConstraint("event_id", "version"))

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    version: int
    text: str = prose()
    reason: str = prose()
    written_by: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)


def write_narrative(session: TrialSession, actor: Actor, command: WriteNarrative) -> CaseNarrative:
    """A first or a further version. Raises ``EventNotSerious``, ``NarrativeChanged``, ``NarrativeReasonMissing``."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.NARRATIVE_WRITTEN, event.participant_id, reason=command.reason or None)
    earlier = narratives_of(session, event.id)
    if not earlier:
        check_serious(event)
    if command.after != len(earlier):
        raise NarrativeChanged(
            "Somebody wrote a further version meanwhile. Open the case again, read it, and write on that one."
        )
    if earlier and len(command.reason.strip()) < 3:
        raise NarrativeReasonMissing(
            "Say why there is a further version.", fields={"reason": "Say why there is a further version."}
        )
    narrative = CaseNarrative(
        **casebook.stamp(session),
        event_id=event.id,
        version=len(earlier) + 1,
        text=command.text,
        reason=command.reason,
        written_by=actor.account_id,
        printed_name=actor.display_name,
    )
    session.add(narrative)
    session.flush()
    return narrative


def narratives_of(session: TrialSession, event_id: UUID) -> list[CaseNarrative]:
    """Every version, oldest first; for services and readers that have authorized."""
    found = select(CaseNarrative).where(CaseNarrative.event_id == event_id)
    return list(session.exec(found.order_by(col(CaseNarrative.version))))
