"""Expedited reports: the register of what was dealt with for an authority, for which event, under which clock, and when.

Invariants
1. A row says that the unblinded safety officer has dealt with a report that fell due. Whether it was sent, or filed without
   being expedited because the participant had no active treatment, stands under seal alone: the row, its number and its
   time are the same either way.
2. The reports of an event to one authority are numbered in the order in which they were dealt with; the first is the
   initial one. None is changed or removed.
3. The row ends its clock, and an initial one opens the clock of the complete report.

What it does not do: know what was sent (``randomization.unblinding.expedition``).
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.conduct.participants import ParticipantRecord
from trial.database.columns import choice, instant
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.protocol.schema import ExpeditedClock
from trial.safety.clocks import SITES_OWN, Sent


class Stage(StrEnum):
    INITIAL = "initial"
    COMPLETE = "complete"
    FOLLOW_UP = "follow_up"


_COMPLETE: Final = "susar_fatal_or_life_threatening_complete"
OF_ITS_OWN_ACCORD: Final = "follow_up"
"""In place of a clock: a follow-up report that no clock of the protocol asks for."""


class ExpeditedReport(ParticipantRecord, table=True):
    """``follow_up`` is n for the n-th follow-up, else nothing. ``due_at`` is nothing where no clock asked for it."""

    __tablename__ = "expedited_report"
    __table_args__ = in_schema("trial", UniqueConstraint("event_id", "jurisdiction", "number"))

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    clock_id: str = Field(max_length=48)
    jurisdiction: str = Field(max_length=16)
    number: int
    stage: Stage = choice(Stage)
    follow_up: int | None = None
    started_at: datetime = instant()
    due_at: datetime | None = instant(default=None)
    dealt_with_at: datetime = instant()
    dealt_with_by: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)

    @property
    def words(self) -> str:
        """``Initial``, ``Complete`` or ``Follow-up 2``."""
        return f"Follow-up {self.follow_up}" if self.follow_up else self.stage.value.capitalize()

    @property
    def was_late(self) -> bool:
        return self.due_at is not None and self.dealt_with_at > self.due_at


def reports_of(session: TrialSession, event_id: UUID) -> list[ExpeditedReport]:
    """Every report of the event, oldest first; for services and readers that have authorized."""
    found = select(ExpeditedReport).where(ExpeditedReport.event_id == event_id)
    return list(session.exec(found.order_by(col(ExpeditedReport.dealt_with_at), col(ExpeditedReport.id))))


def as_sent(reports: list[ExpeditedReport]) -> tuple[Sent, ...]:
    """As the clocks see them."""
    return tuple(Sent(one.clock_id, one.jurisdiction, one.dealt_with_at) for one in reports)


def stage_of(clock: ExpeditedClock | None, earlier: list[ExpeditedReport]) -> Stage:
    """Which report it is: ``earlier`` are the reports of the event to the same authority."""
    if clock is not None and clock.applies_to == _COMPLETE:
        return Stage.COMPLETE
    return Stage.FOLLOW_UP if earlier else Stage.INITIAL


def is_to_an_authority(clock: ExpeditedClock) -> bool:
    """Whether the report goes to an authority, and not from the site to the sponsor."""
    return clock.jurisdiction != SITES_OWN
