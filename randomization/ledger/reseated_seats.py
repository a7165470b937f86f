"""Seats that came back with a receipt, and whose they are: held until the participant is randomized again on record.

Invariants
1. A seat waits for one participant. Who was registered before the backup is known by the code; of anybody else a person says it.
2. While a receipt of a site waits for somebody who was registered since, nobody registered since then at that site is randomized:
   they might be the one, and would get a second slot.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import UniqueConstraint, bindparam
from sqlmodel import Field, col, select

from trial.conduct.participants import Participant
from trial.database.columns import instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.protocol.schema.allocation import MAIN_STAGE

MEANING: Final = "I randomized this participant before the database was restored, as the receipt says."


class ReceiptWaits(Conflict):
    code = "receipt.waits_for_participant"


class ReseatedSeat(TrialRecord, table=True):
    """``participant_id`` is whose seat it is, once known; ``allocation_id`` what was made of it."""

    __tablename__ = "reseated_seat"
    __table_args__ = in_schema(
        "trial", UniqueConstraint("trial_id", "number"), UniqueConstraint("counter_id", "position")
    )

    site_id: UUID = Field(foreign_key="trial.site.id")
    list_id: UUID = Field(foreign_key="trial.allocation_list.id", index=True)
    counter_id: UUID = Field(foreign_key="trial.stratum_counter.id")
    position: int
    stage: str = Field(max_length=32)
    stratum: str = prose()
    number: str = Field(max_length=48)
    kit_id: UUID | None = Field(default=None, foreign_key="trial.kit.id", unique=True)
    participant_code: str = Field(max_length=16)
    participant_id: UUID | None = Field(default=None, foreign_key="trial.participant.id")
    allocation_id: UUID | None = Field(default=None, foreign_key="trial.allocation.id")
    randomized_at: datetime = instant()
    line: str = prose()


_WAITING = (
    select(ReseatedSeat)
    .where(col(ReseatedSeat.trial_id) == bindparam("trial_id"), col(ReseatedSeat.allocation_id).is_(None))
    .order_by(col(ReseatedSeat.number))
)


_ANY_WAITING = "SELECT id FROM trial.reseated_seat WHERE trial_id = %(trial_id)s AND allocation_id IS NULL LIMIT 1"


def seats_waiting(session: TrialSession, trial_id: UUID, stage: str | None = None) -> list[ReseatedSeat]:
    """Seats whose participant is not randomized again on record, by number."""
    return [
        seat
        for seat in session.execute(_WAITING, {"trial_id": trial_id}).scalars()
        if stage is None or seat.stage == stage
    ]


def seat_waiting_for(session: TrialSession, participant: Participant, stage: str) -> ReseatedSeat | None:
    """The seat that the participant's receipt holds; ``None`` for somebody without one. Raises ``ReceiptWaits``."""
    # Somebody who is randomized waits for nothing but a further stage, and in most trials nobody ever does.
    seated = stage == MAIN_STAGE and participant.randomized_at is not None
    if seated or not session.run_sql(_ANY_WAITING, trial_id=participant.trial_id):
        return None
    waiting = seats_waiting(session, participant.trial_id, stage)
    for seat in waiting:
        if seat.participant_id == participant.id:
            return seat
    unknown = [one for one in waiting if one.participant_id is None and one.site_id == participant.site_id]
    later = [one for one in unknown if participant.recorded_at > one.randomized_at]
    if later:
        raise ReceiptWaits(
            f"Receipt {later[0].number} of this site (then {later[0].participant_code}) waits for somebody who had to be"
            " registered again. Nobody registered since is randomized before it is said whose it is, on the page “Receipts that"
            " came back”."
        )
    return None


def waiting_at(session: TrialSession, counter_id: UUID, position: int) -> ReseatedSeat | None:
    """The seat that a receipt holds at a position."""
    found = select(ReseatedSeat).where(ReseatedSeat.counter_id == counter_id, ReseatedSeat.position == position)
    return session.exec(found.where(col(ReseatedSeat.allocation_id).is_(None))).first()
