"""A list that is held: what is missing of it, what to do about it, and the two signatures that release it.

Invariants
1. Only the two who make lists see how far a stratum had come. No page shows a slot or an arm.
2. What is offered is what the state allows; the services refuse the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.jobs.anchors import ask_for_anchor
from api.jobs.restores import ALTERED, check_declared, is_declared
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, WorkRow, home_worklist
from api.pages.pharmacy.shelves import name_of
from api.pages.render import instant_words, page
from api.pages.site.commands import command_of
from api.pages.site.words import counted
from api.permissions import permission
from randomization.ledger.allocation_lists import AllocationList, ListNotFound, get_list
from randomization.ledger.holds import (
    MEANING,
    HoldNotFound,
    HoldSigning,
    ListHold,
    ReleaseHold,
    ask_release,
    asked_by,
    confirm_release,
    last_hold,
    missing_numbers,
    open_holds,
    signings_of,
    still_missing,
)
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/allocation-lists/{list_id}/hold"
_MAKERS = permission(Permission.LIST_DESIGN, Permission.LIST_CONFIRM)
_ASK, _CONFIRM = "ask", "confirm"
_DONE = {
    _ASK: "Your signature is recorded. The list stays held until the second person signs.",
    _CONFIRM: "The list is released: it allocates again, from the next slot that nobody has.",
}


@router.get(_PATH, openapi_extra=_MAKERS)
def show_hold(request: Request, here: Here, session: Write, list_id: UUID, done: str = "") -> Response:
    return _hold_page(request, session, here, list_id, FormState(), done=done)


@router.post(_PATH, openapi_extra=_MAKERS)
def sign_release(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, list_id: UUID
) -> Response:
    """Whose signature the form asked for stands in it: the same form sent twice never signs for the second person."""
    act = _CONFIRM if posted.get("act") == _CONFIRM else _ASK
    with reshown(session, posted, lambda state, status: _hold_page(request, session, here, list_id, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        check_declared(session, caller.services.settings.anchor_path)
        command = command_of(
            ReleaseHold,
            hold_id=hold_on(session, here, list_id).id,
            without_receipts=posted.get("without_receipts") == "yes",
            **picked(posted, "reason", "idempotency_key"),
        )
        if act == _ASK:
            ask_release(session, here.actor, proof, command)
        else:
            confirm_release(session, here.actor, proof, command)
            ask_for_anchor(session, "list released", command.hold_id)
    return see(hold_url(here, list_id), done=act)


def hold_url(here: Place, list_id: UUID) -> str:
    return here.url("allocation-lists", list_id, "hold")


def hold_on(session: TrialSession, here: Place, list_id: UUID) -> ListHold:
    """The hold that stands on a list of this trial, or the last one that was released.

    Raises ``ListNotFound`` for another trial's list too, ``HoldNotFound`` for one that was never held.
    """
    held = last_hold(session, list_of(session, here, list_id).id)
    if held is None:
        raise HoldNotFound("This list is not held, and never was. Nothing needs to be done.")
    return held


def list_of(session: TrialSession, here: Place, list_id: UUID) -> AllocationList:
    """Raises ``ListNotFound`` for another trial's list too."""
    found = get_list(session, list_id)
    if found.trial_id != here.trial.id:
        raise ListNotFound("There is no such allocation list. Choose one from the trial's lists.")
    return found


def _hold_page(
    request: Request,
    session: TrialSession,
    here: Place,
    list_id: UUID,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    declared = is_declared(session, here.caller.services.settings.anchor_path)
    made, held = list_of(session, here, list_id), hold_on(session, here, list_id)
    missing, numbers = still_missing(session, held), missing_numbers(session, held)
    signed = signings_of(session, held.id)
    can_pass_over = made.has_slots or not missing
    lacks = bool(missing or numbers) and held.released_at is None
    return page(
        request, "statistician/hold.html", status=status, here=here, state=state, made=made, held=held,
        done=_DONE.get(done, ""), facts=_facts(session, here, held, missing, numbers, signed), lacks=lacks,
        tasks=_tasks(session, here, held, signed, lacks=lacks, declared=declared),
        act=_act_of(here, held, signed) if declared and (can_pass_over or not lacks) else "",
        first=signed[0] if signed else None, can_pass_over=can_pass_over, meaning=MEANING,
        take_url=here.url("receipts", "take") if lacks and declared and here.may(Permission.LIST_DESIGN) else "",
        url=hold_url(here, list_id), back=here.url("allocation-lists", list_id), needs_code=here.caller.needs_code,
        declared=declared,
    )  # fmt: skip


def _act_of(here: Place, held: ListHold, signed: list[HoldSigning]) -> str:
    """The signature that is the reader's to give now, if one is."""
    if held.released_at is not None:
        return ""
    if not signed:
        return _ASK if here.may(Permission.LIST_DESIGN) else ""
    mine = signed[0].account_id == here.actor.account_id
    return _CONFIRM if here.may(Permission.LIST_CONFIRM) and not mine else ""


def _facts(
    session: TrialSession, here: Place, held: ListHold, missing: Any, numbers: list[str], signed: list[HoldSigning]
) -> list[tuple[str, str]]:
    facts = [
        ("Why", f"{held.reason[:1].upper()}{held.reason[1:]}."),
        ("Held since", instant_words(held.held_at, here.zone)),
    ]
    if held.released_at is None:
        facts.append(
            ("Positions without a receipt", "; ".join(str(one).replace("&", ", ") for one in missing) or "None")
        )
        facts.append(("Numbers without a receipt", ", ".join(numbers) or "None"))
    else:
        facts.append(("Released", instant_words(held.released_at, here.zone)))
    return facts + [_signature_words(session, here, one) for one in signed]


def _signature_words(session: TrialSession, here: Place, one: HoldSigning) -> tuple[str, str]:
    said = "what is missing then is passed over" if one.without_receipts else "nothing is missing"
    when = instant_words(one.recorded_at, here.zone)
    return f"Signed by {name_of(session, one.account_id)}", f"{when}: {said}. “{one.reason}”"


def _tasks(
    session: TrialSession, here: Place, held: ListHold, signed: list[HoldSigning], *, lacks: bool, declared: bool
) -> list[tuple[str, str, str, str, str]]:
    """The way out of the hold, as ``ui.task_list`` takes it."""
    takes = here.may(Permission.LIST_DESIGN) and declared
    receipts = here.url("receipts", "take") if takes else ""
    mine = _act_of(here, held, signed) if declared and (signed or not lacks) else ""
    first = f"By {name_of(session, signed[0].account_id)}" if signed else "The randomization statistician"
    return [
        _declaring(held, declared=declared),
        (
            "Take back the receipts since the backup", receipts, *_standing(done=not lacks, may=takes),
            "Of all sites, together: those of a stratum go back in their order",
        ),
        ("First signature", "", *_standing(done=bool(signed), may=mine == _ASK), first),
        (
            "Second signature", "", *_standing(done=held.released_at is not None, may=mine == _CONFIRM),
            "The unblinded statistician, who is somebody else",
        ),
    ]  # fmt: skip


def _declaring(held: ListHold, *, declared: bool) -> tuple[str, str, str, str, str]:
    if held.reason == ALTERED:
        label, hint = (
            "Put back what was altered",
            "Whoever runs the server does, from a backup; nobody can check it here",
        )
        return label, "", "Before the signatures", "waiting", hint
    hint = "Whoever runs the server does, with “equipoise recover hold”"
    return "Declare that the database was restored", "", *_standing(done=declared, may=False), hint


def _standing(*, done: bool, may: bool) -> tuple[str, str]:
    if done:
        return "Done", "done"
    return ("To do", "active") if may else ("Waits", "waiting")


@home_worklist(Permission.LIST_DESIGN)
def holds_to_ask_for(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Held lists of which nobody has signed the release."""
    mine = [one for one in _held(session, here) if asked_by(session, one.id) is None]
    yield _row(here, mine, "held list", "nobody is randomized from it: take receipts back, then sign its release")


@home_worklist(Permission.LIST_CONFIRM)
def holds_to_release(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Held lists whose release somebody else has signed."""
    asked = [(one, asked_by(session, one.id)) for one in _held(session, here)]
    mine = [one for one, first in asked if first is not None and first.account_id != here.actor.account_id]
    yield _row(here, mine, "held list to release", "waits for your signature")


def _held(session: TrialSession, here: Place) -> list[ListHold]:
    return [one for one in open_holds(session) if one.trial_id == here.trial.id]


def _row(here: Place, held: list[ListHold], label: str, note: str) -> WorkRow:
    url = hold_url(here, held[0].list_id) if len(held) == 1 else here.url("allocation-lists")
    many = label.replace("list", "lists", 1)
    return WorkRow(len(held), counted(len(held), label, many), url, note, "danger", "late")
