"""Unblindings that happened outside the system: by the paper fall-back or a telephone call to the pharmacy, or by accident.

Nothing is opened here: an entry in the register, with the alert and the assessment that an emergency has.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic import Field as Bounded

from randomization.ledger.allocations import find_allocation
from randomization.unblinding.register import Unblinding, UnblindingKind, enter
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.conduct.casebooks import open_casebook
from trial.database.session import TrialSession
from trial.errors import InvalidInput


class ReportedInFuture(InvalidInput):
    code = "unblinding.in_future"


class ReportUnblinding(BaseModel):
    """``note`` says how it happened and who knows now. It must not say the treatment."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    kind: Literal[UnblindingKind.PAPER, UnblindingKind.ACCIDENT]
    happened_at: AwareDatetime
    told_to: str = Bounded(min_length=2, max_length=200)
    note: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str


def report_unblinding(session: TrialSession, actor: Actor, command: ReportUnblinding) -> Unblinding:
    """Enter it afterwards.

    Raises ``ParticipantNotFound``, ``NotPermitted``, ``NotRandomized``, ``ReportedInFuture``.
    """
    casebook = open_casebook(session, command.participant_id)
    authorize(session, actor, Action.UNBLINDING_REPORTED, trial_id=casebook.trial.id, site_id=casebook.site.id)
    find_allocation(session, casebook.participant)
    if command.happened_at > session.now():
        raise ReportedInFuture("It did not happen in the future.", fields={"happened_at": "Give a time before now."})
    happened = command.happened_at.isoformat(timespec="minutes")
    note = f"Happened {happened}. Known to: {command.told_to.strip()}. {command.note.strip()}"

    def do() -> UUID:
        return enter(
            session,
            actor,
            command.kind,
            casebook.trial.id,
            note,
            participant=casebook.participant,
            version_id=casebook.version_id,
        ).id

    made = exactly_once(session, actor, Action.UNBLINDING_REPORTED, command.idempotency_key, command, do)
    return session.get_one(Unblinding, made)
