"""The regulator's copy of one SUSAR: the other place where a treatment meets a paper.

Invariants
1. The treatment is asked for once, with the officer's signature and an entry in the register; it goes onto the paper and
   nowhere else. The paper is sealed in the transaction that revealed.
2. It is done while the officer waits, and by no queue: a signature is good for one minute and for one person.
3. A copy is made of every unblinded case in the same way, whatever treatment it shows.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from randomization.unblinding.copies import RegulatorCopy, copies_of, keep_copy, unblind_case
from reports.documents.cioms import Copy, cioms_form
from trial.access.actors import Actor
from trial.access.signatures import Reauthenticated
from trial.conduct.casebooks import open_casebook
from trial.database.session import TrialSession
from trial.safety.adverse_events import get_event
from trial.safety.cases import gather


class MakeRegulatorCopy(BaseModel):
    model_config = ConfigDict(frozen=True)

    event_id: UUID
    idempotency_key: str


def make_regulator_copy(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: MakeRegulatorCopy
) -> RegulatorCopy:
    """Unblind one SUSAR and seal its paper. Raises ``NotASusar`` and as ``reveal_for_susar``."""
    event = get_event(session, command.event_id)
    casebook = open_casebook(session, event.participant_id, to_write=True)
    arm = unblind_case(session, actor, proof, casebook, event, command.idempotency_key)
    copy = Copy(arm.treatment, arm.name, len(copies_of(session, event.id)) + 1)
    return keep_copy(session, actor, casebook, event, arm, cioms_form(gather(session, event), copy))
