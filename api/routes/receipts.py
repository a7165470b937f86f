"""Receipts over JSON after a restored backup: taken back by who designs lists, each named its participant by the site.

Invariants
1. No answer holds a place in a list, a kit or an arm.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Services, Write
from api.jobs.anchors import ask_for_anchor
from api.jobs.restores import check_declared
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here, Place
from api.routes.subjects import Keyed, KeyHeader, key_of, participant_id, site_code
from randomization.ledger.linked_receipts import LinkReceipt, link_receipt, receipt_for_linking, receipts_for
from randomization.ledger.reseated_seats import ReseatedSeat
from randomization.ledger.reseating import TakeReceipts, hand_in_receipts
from trial.access.permissions import Permission
from trial.conduct.participants import get_participant
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/trials/{trial}/receipts"
_READERS = permission(Permission.PARTICIPANT_RANDOMIZE, Permission.LIST_DESIGN, Permission.LIST_CONFIRM)


class ReturnedReceipt(BaseModel):
    number: str = Field(description="The randomization number on the receipt.")
    stage: str
    site: str
    randomized_at: datetime
    registered_then_as: str = Field(description="The code on the receipt. Somebody else may bear it now.")
    participant: str | None = Field(description="Whose it is, as registered now; null until the site says so.")

    @classmethod
    def of(cls, session: TrialSession, here: Place, seat: ReseatedSeat) -> "ReturnedReceipt":
        whose = get_participant(session, seat.participant_id).code if seat.participant_id else None
        return cls(
            **seat.model_dump(include={"number", "stage", "randomized_at"}),
            site=site_code(here, seat.site_id),
            registered_then_as=seat.participant_code,
            participant=whose,
        )


class ReceiptLines(Keyed):
    lines: list[Annotated[str, Field(max_length=500)]] = Field(
        min_length=1, max_length=1000, description="As receipts print them, each from EQ1 to its code; in any order."
    )


class ReceiptOwner(Keyed):
    participant: str = Field(
        min_length=1, max_length=16, description="The code under which the person is registered now."
    )
    reason: str = Field(min_length=3, max_length=1000)


@router.get(_PATH, openapi_extra=_READERS)
def list_receipts_that_wait(here: Here, session: Write) -> list[ReturnedReceipt]:
    """Those whose participant is not randomized again on record; a site's people see those of their site."""
    return [ReturnedReceipt.of(session, here, seat) for seat in receipts_for(session, here.actor, here.trial.id)]


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.LIST_DESIGN))
def take_back_receipts(
    here: Here, services: Services, session: Write, body: ReceiptLines, key: KeyHeader = None
) -> list[ReturnedReceipt]:
    """All of them, or none. Receipts of one stratum go back in their order: give those of all sites together."""
    check_declared(session, services.settings.anchor_path)
    lines = tuple(line.strip() for line in body.lines)
    command = command_of(TakeReceipts, trial_id=here.trial.id, lines=lines, idempotency_key=key_of(key, body))
    seats = hand_in_receipts(session, here.actor, command)
    ask_for_anchor(session, "receipts taken back", here.trial.id)
    return [ReturnedReceipt.of(session, here, seat) for seat in seats]


@router.put(f"{_PATH}/{{receipt}}/participant", openapi_extra=permission(Permission.PARTICIPANT_RANDOMIZE))
def name_the_participant(
    here: Here, session: Write, receipt: str, body: ReceiptOwner, key: KeyHeader = None
) -> ReturnedReceipt:
    """Whose a receipt is: somebody of its site who had to be registered again. They then get its number, slot and kit."""
    command = command_of(
        LinkReceipt,
        trial_id=here.trial.id,
        number=receipt_for_linking(session, here.actor, here.trial.id, receipt).number,
        participant_id=participant_id(session, here, body.participant),
        reason=body.reason,
        idempotency_key=key_of(key, body),
    )
    return ReturnedReceipt.of(session, here, link_receipt(session, here.actor, command))
