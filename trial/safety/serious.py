"""Serious adverse events: the investigator's signature on each.

Invariants
1. Only a serious event is signed, and only after the investigator has assessed causality.
2. The signature binds the event's row; any later change of it voids the signature, and it is signed again.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.signatures import Reauthenticated, Signature, sign
from trial.conduct.casebooks import open_for
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.safety.adverse_events import AdverseEvent, get_event

MEANING = "I have reviewed this serious adverse event and my assessment of its causality."


class EventNotSerious(Conflict):
    code = "sae.not_serious"


class CausalityMissing(Conflict):
    code = "sae.causality_missing"


class SignSae(BaseModel):
    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    event_id: UUID


def check_signable(event: AdverseEvent) -> None:
    """Raise ``EventNotSerious`` or ``CausalityMissing``."""
    check_serious(event)
    if event.causality is None:
        raise CausalityMissing("Assess the causality of this event first; then sign.")


def check_serious(event: AdverseEvent) -> None:
    """Raise ``EventNotSerious``."""
    if not event.serious:
        raise EventNotSerious(
            "This event meets none of the criteria of seriousness. Correct the event first if it does."
        )


def sign_sae(session: TrialSession, actor: Actor, proof: Reauthenticated, command: SignSae) -> Signature:
    """The investigator signs the event as it stands. Raises ``EventNotSerious``, ``CausalityMissing``."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.SAE_SIGNED, event.participant_id)
    made = exactly_once(
        session,
        actor,
        Action.SAE_SIGNED,
        command.idempotency_key,
        command,
        lambda: _sign(session, actor, proof, event, casebook.trial.id),
    )
    signature = session.get(Signature, made)
    assert signature is not None, "signatures are never removed"
    return signature


def _sign(session: TrialSession, actor: Actor, proof: Reauthenticated, event: AdverseEvent, trial_id: UUID) -> UUID:
    session.refresh(event)
    check_signable(event)
    return sign(session, actor, proof, event, MEANING, trial_id).id
