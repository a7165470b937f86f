"""Randomizing over HTTP: one signed request, one answer with two numbers and no arm."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.dependencies import Called, Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import KeyHeader, SignedBody, key_of, participant_id
from randomization.ledger.allocations import RandomizationReceipt, receipt_for
from randomization.ledger.randomize import RandomizeParticipant, randomize_participant
from trial.access.permissions import Permission
from trial.protocol.schema.allocation import MAIN_STAGE

router = APIRouter()

Stage = Annotated[
    str,
    Query(description="A further randomization of the protocol, by its code; the first one without.", max_length=32),
]
_PATH = "/trials/{trial}/participants/{code}/randomization"


class Receipt(BaseModel):
    allocation_id: UUID
    participant: str
    randomization_number: str = Field(description="Tells nothing of the treatment.")
    kit_number: str | None = Field(
        description="Tells nothing of the treatment. Null where the protocol numbers no kits and the pharmacist prepares."
    )
    randomized_at: datetime
    line: str = Field(
        description="The receipt as one authenticated line. Keep it: after a restored backup it gives the slot back."
    )

    @classmethod
    def of(cls, made: RandomizationReceipt) -> "Receipt":
        return cls.model_validate(made, from_attributes=True)


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.PARTICIPANT_RANDOMIZE))
def randomize_one_participant(
    here: Here,
    caller: Called,
    session: Write,
    code: str,
    body: SignedBody,
    stage: Stage = MAIN_STAGE,
    key: KeyHeader = None,
) -> Receipt:
    """Allocate the next slot of the participant's stratum. The same key gives the first answer again."""
    proof = body.prove(caller)
    who = participant_id(session, here, code)
    command = command_of(RandomizeParticipant, participant_id=who, stage=stage, idempotency_key=key_of(key, body))
    return Receipt.of(randomize_participant(session, here.actor, proof, command))


@router.get(_PATH, openapi_extra=permission(Permission.SCREENING_READ, Permission.VISIT_READ))
def read_receipt(here: Here, session: Write, code: str, stage: Stage = MAIN_STAGE) -> Receipt:
    """The receipt again."""
    return Receipt.of(receipt_for(session, here.actor, participant_id(session, here, code), stage))
