"""The board's seats: who holds each, an appointment, the end of one.

Invariants
1. Seats are the protocol's; who is offered for one holds a board role and no other seat.
2. The study's delegation is asked, not a site's: an investigator delegates tasks of the site and no seat of the board.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, register_way, role_words
from api.pages.render import page
from api.pages.site.commands import FormIncomplete, command_of
from api.pages.site.words import said
from api.permissions import permission
from trial.access.accounts import accounts_by_id
from trial.access.grants import grants_at
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.database.session import TrialSession
from trial.oversight.members import (
    BOARD_ROLES,
    AppointMember,
    BoardMember,
    appoint_member,
    end_membership,
    get_member,
    members_of,
)

router = APIRouter()
# Whoever decides on the board's recommendations seats it; investigators hold the delegation of their sites alone.
register_way(Way("Board", "board", (Permission.OVERSIGHT_DECIDE,), order=22))

_PATH = "/t/{trial}/board"
_MAY = permission(Permission.DELEGATION_WRITE)
_DONE = {"appointed": "The seat is held from now on.", "ended": "The membership is ended. The seat is vacant."}


@router.get(_PATH, openapi_extra=_MAY)
def show_board(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _page(request, session, here, FormState(), done=done)


@router.post(_PATH, openapi_extra=_MAY)
def appoint(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(
            AppointMember, trial_id=here.trial.id, account_id=posted.get("account_id"), seat=posted.get("seat")
        )
        appoint_member(session, here.actor, command)
    return see(here.url("board"), done="appointed")


@router.get(f"{_PATH}/{{member_id}}", openapi_extra=_MAY)
def show_ending(request: Request, here: Here, session: Write, member_id: UUID) -> Response:
    return _ending_page(request, session, here, member_id, FormState())


@router.post(f"{_PATH}/{{member_id}}", openapi_extra=_MAY)
def end(request: Request, here: Here, session: Write, posted: Posted, member_id: UUID) -> Response:
    with reshown(session, posted, lambda state, status: _ending_page(request, session, here, member_id, state, status)):
        member, reason = _member(session, here, member_id), str(posted.get("reason", ""))
        if not reason:
            raise FormIncomplete("Say why the membership ends.", fields={"reason": "This is required."})
        end_membership(session, here.actor, member, reason)
    return see(here.url("board"), done="ended")


def _page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    check_may(here.actor, Permission.DELEGATION_WRITE, here.trial.id)
    held = {one.seat: one for one in members_of(session, here.trial.id)}
    people = accounts_by_id(session, (one.account_id for one in held.values()))
    seats = here.protocol.board.seats if here.protocol else ()
    return page(
        request, "sponsor/board.html", status=status, here=here, state=state, seats=seats, held=held, people=people,
        roles=_board_roles(session, here), said=said, quorum=here.protocol.board.quorum if here.protocol else 0,
        vacant=[(one.seat, said(one.seat)) for one in seats if one.seat not in held],
        candidates=_candidates(session, here), done=_DONE.get(done, ""), url=here.url("board"),
    )  # fmt: skip


def _ending_page(
    request: Request, session: TrialSession, here: Place, member_id: UUID, state: FormState, status: int = 200
) -> Response:
    member = _member(session, here, member_id)
    person = accounts_by_id(session, [member.account_id])[member.account_id]
    return page(
        request, "sponsor/board_end.html", status=status, here=here, state=state, member=member, person=person,
        seat=said(member.seat), back=here.url("board"), url=here.url("board", member_id),
    )  # fmt: skip


def _member(session: TrialSession, here: Place, member_id: UUID) -> BoardMember:
    """One who sits on the board now. Raises ``NotPermitted``, ``MemberNotFound``."""
    check_may(here.actor, Permission.DELEGATION_WRITE, here.trial.id)
    return get_member(session, here.trial.id, member_id)


def _board_roles(session: TrialSession, here: Place) -> dict[UUID, str]:
    """The board role that each person holds now, in words."""
    held = [one for one in grants_at(session, here.trial.id, session.now()) if one.role in BOARD_ROLES]
    return {one.account_id: role_words(one.role) for one in held}


def _candidates(session: TrialSession, here: Place) -> list[tuple[str, str]]:
    """People with a board role and no seat, by name."""
    roles = _board_roles(session, here)
    seated = {one.account_id for one in members_of(session, here.trial.id)}
    people = accounts_by_id(session, set(roles) - seated)
    named = sorted((one.display_name, key) for key, one in people.items())
    return [(str(key), f"{name} ({roles[key].lower()})") for name, key in named]
