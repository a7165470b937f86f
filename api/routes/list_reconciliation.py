"""The reconciliation of the allocation lists over JSON, for those who see the whole trial without arms.

Invariants
1. People of one site do not see it: how far a stratum that sites share has come would help them to guess.
"""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Write
from api.permissions import permission
from api.places import Here
from randomization.ledger.reconciliation import reconcile_lists
from trial.access.permissions import Permission
from trial.conduct.randomization_errors import RandomizationErrorKind

router = APIRouter()


class Position(BaseModel):
    """One position of a list that was taken."""

    model_config = ConfigDict(from_attributes=True)

    stage: str
    ordinal: int = Field(description="Of the list within its stage.")
    stratum: str
    position: int
    number: str = Field(description="The randomization number.")
    participant: str
    site: str
    randomized_at: datetime
    corrected: list[str] = Field(description="factor=level, where the stratum was marked as wrong.")
    kits_assigned: list[str] = Field(description="The kit of the allocation, then what replaced it.")
    kits_given: list[str]
    errors: list[RandomizationErrorKind]
    stands_in_for: str = Field(description="Whom the participant replaces; empty for nobody.")


class ListReconciliation(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    lines: list[Position]
    findings: list[str] = Field(description="Sentences on what does not agree. An error that was marked is none.")
    left_over: list[str] = Field(description="Sentences on slots from which nobody is taken any more, by an amendment.")
    with_errors: int
    replacements: int


@router.get("/trials/{trial}/lists/reconciliation", openapi_extra=permission(Permission.DATASET_NAIVE_PULL))
def read_list_reconciliation(here: Here, session: Write) -> ListReconciliation:
    """Every position from the first to the last taken, by whom and with which kits, and what does not agree."""
    return ListReconciliation.model_validate(reconcile_lists(session, here.actor, here.trial.id))
