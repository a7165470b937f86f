"""People of a trial: their accounts, the roles they hold and held, new credentials with a second person.

Invariants
1. A first password and a second factor are shown in one answer, once, to the administrator who hands them over.
2. Nothing of the trial's data stands on these pages.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from api.dependencies import Caller, Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way, role_words
from api.pages.render import page
from api.permissions import permission
from trial.access.accounts import (
    Account,
    AccountNotFound,
    CreateAccount,
    accounts_by_id,
    close_account,
    code_secret,
    create_account,
    find_account,
    get_account,
)
from trial.access.codes import provisioning_uri
from trial.access.grants import EndRole, GrantNotFound, GrantRole, RoleGrant, end_role, grant_role, grants_ever
from trial.access.passwords import hash_password, random_password
from trial.access.permissions import Permission
from trial.access.resets import RequestReset, approve_reset, open_resets, request_reset
from trial.conduct.sites import sites_of
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.reference.permissions import ROLES

router = APIRouter()
register_way(Way("People", "people", (Permission.ACCESS_MANAGE,), order=10))

SAID = {
    "granted": "The role is given. It counts from the person's next request on.",
    "ended": "The role is ended. It counts no more from now on.",
    "closed": "The account is closed. What its owner did stays.",
    "asked": "The request waits for a second administrator. It lapses in one day.",
}


class ReasonMissing(InvalidInput):
    code = "access.reason_missing"


@router.get("/t/{trial}/people", openapi_extra=permission("access:manage"))
def list_people(request: Request, here: Here, session: Write, username: str = "") -> Response:
    grants = grants_ever(session, here.trial.id)
    people = accounts_by_id(session, (grant.account_id for grant in grants))
    found = find_account(session, username) if username else None
    return page(
        request,
        "administrator/people.html",
        here=here,
        asked=username,
        found=found,
        rows=[(one, _held(session, grants, one)) for one in sorted(people.values(), key=lambda one: one.username)],
        resets=[(one, get_account(session, one.account_id)) for one in open_resets(session, here.trial.id)],
        own_id=here.actor.account_id,
    )


def _held(session: TrialSession, grants: Iterable[RoleGrant], account: Account) -> str:
    now = session.now()
    held = {one.role for one in grants if one.account_id == account.id and is_running(one, now)}
    return ", ".join(sorted(role_words(role) for role in held)) or "No role now"


def is_running(grant: RoleGrant, at: datetime) -> bool:
    return grant.starts_at <= at and (grant.ends_at is None or grant.ends_at > at)


@router.get("/t/{trial}/people/new", openapi_extra=permission("access:manage"))
def show_new_person(request: Request, here: Here, session: Write) -> Response:
    return _new_person(request, here, session, FormState(), 200)


def _new_person(request: Request, here: Place, session: TrialSession, state: FormState, status: int) -> Response:
    context: dict[str, Any] = {"here": here, "state": state, **_choices(session, here)}
    return page(request, "administrator/new_person.html", status=status, **context)


def _choices(session: TrialSession, here: Place) -> dict[str, Any]:
    sites = [(str(site.id), f"{site.name} ({site.code})") for site in sites_of(session, here.trial.id)]
    return {"roles": [(role, role_words(role)) for role in ROLES], "sites": sites}


@router.post("/t/{trial}/people", openapi_extra=permission("access:manage"))
def add_person(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    password, hashed = _fresh_password(here.caller)
    with reshown(session, posted, lambda state, status: _new_person(request, here, session, state, status)):
        given = picked(posted, "username", "display_name", "email")
        command = CreateAccount(**given, password_hash=hashed, trial_id=here.trial.id)
        account = create_account(session, here.actor, command)
        grant_role(session, here.actor, _grant(here, account.id, posted))
    return _credentials(request, here, account, password, code_secret(session, account))


def _fresh_password(caller: Caller) -> tuple[str, str]:
    """A first password and its hash, made while no transaction is open."""
    password = random_password(caller.services.database.entropy)
    return password, hash_password(password)


def _grant(here: Place, account_id: UUID, posted: Posted) -> GrantRole:
    last_day = date_text(posted, "ends_on")
    given: dict[str, Any] = {**picked(posted, "role", "site_id"), "ends_at": _end_of(last_day) if last_day else None}
    return GrantRole.model_validate({"account_id": account_id, "trial_id": here.trial.id, **given})


def _end_of(day: str) -> datetime:
    """The first instant after the day. Raises ``InvalidInput``."""
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)
    except ValueError:
        raise InvalidInput(
            "Correct the last day.", fields={"ends_on": "Give a day that exists, such as 31 12 2026."}
        ) from None


def _credentials(request: Request, here: Place, account: Account, password: str, secret: str) -> Response:
    """What is handed over: the password, the second factor, or both; each is empty where it is not to be shown here."""
    context: dict[str, Any] = {
        "here": here,
        "account": account,
        "password": password,
        "secret": secret,
        "picture": _picture(secret, account.username) if secret else "",
    }
    return page(request, "administrator/credentials.html", status=201, **context)


def _picture(secret: str, username: str) -> Markup:
    """The second factor as an authenticator reads it."""
    drawn = segno.make(provisioning_uri(secret, username), error="m")
    return Markup(drawn.svg_inline(scale=4, border=2, light="#fff", dark="#000", omitsize=False))  # noqa: S704 - drawn by segno from our own text


@router.get("/t/{trial}/people/{account_id}", openapi_extra=permission("access:manage"))
def show_person(request: Request, here: Here, session: Write, account_id: UUID, done: str = "") -> Response:
    return _person(request, here, session, account_id, FormState(), said=SAID.get(done, ""))


def _person(
    request: Request,
    here: Place,
    session: TrialSession,
    account_id: UUID,
    state: FormState,
    status: int = 200,
    said: str = "",
) -> Response:
    now = session.now()
    context: dict[str, Any] = {
        "here": here,
        "state": state,
        "said": said,
        "account": get_account(session, account_id),
        "grants": [(one, is_running(one, now)) for one in grants_ever(session, here.trial.id, account_id)],
        "site_names": {site.id: f"{site.name} ({site.code})" for site in sites_of(session, here.trial.id)},
        "words": role_words,
        "is_self": account_id == here.actor.account_id,
        **_choices(session, here),
    }
    return page(request, "administrator/person.html", status=status, **context)


@router.post("/t/{trial}/people/{account_id}/roles", openapi_extra=permission("access:manage"))
def give_role(request: Request, here: Here, session: Write, posted: Posted, account_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _person(request, here, session, account_id, state, status)

    with reshown(session, posted, show):
        grant_role(session, here.actor, _grant(here, account_id, posted))
    return see(here.url("people", account_id), done="granted")


@router.post("/t/{trial}/people/{account_id}/roles/{grant_id}/end", openapi_extra=permission("access:manage"))
def end_one_role(
    request: Request, here: Here, session: Write, posted: Posted, account_id: UUID, grant_id: UUID
) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _person(request, here, session, account_id, state, status)

    with reshown(session, posted, show):
        if grant_id not in {one.id for one in grants_ever(session, here.trial.id, account_id)}:
            raise GrantNotFound("There is no such grant. Choose one from the person's roles.")
        end_role(session, here.actor, EndRole(grant_id=grant_id, reason=_reason(posted)))
    return see(here.url("people", account_id), done="ended")


def _reason(posted: Posted) -> str:
    reason = str(posted.get("reason", "")).strip()
    if len(reason) < 3:
        raise ReasonMissing("Say why.", fields={"reason": "Say why, in a few words; it is kept."})
    return reason


@router.post("/t/{trial}/people/{account_id}/close", openapi_extra=permission("access:manage"))
def close(request: Request, here: Here, session: Write, posted: Posted, account_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _person(request, here, session, account_id, state, status)

    with reshown(session, posted, show):
        _check_of_this_trial(session, here, account_id)
        close_account(session, here.actor, account_id, here.trial.id, _reason(posted))
    return see(here.url("people", account_id), done="closed")


def _check_of_this_trial(session: TrialSession, here: Place, account_id: UUID) -> None:
    """Raise ``AccountNotFound`` for somebody who never held a role here: another trial's administrator sees to them."""
    if not grants_ever(session, here.trial.id, account_id):
        raise AccountNotFound("This person never held a role in this trial. Choose one from the list of people.")


@router.post("/t/{trial}/people/{account_id}/reset", openapi_extra=permission("access:manage"))
def ask_for_reset(request: Request, here: Here, session: Write, posted: Posted, account_id: UUID) -> Response:
    password, hashed = _fresh_password(here.caller)

    def show(state: FormState, status: int) -> Response:
        return _person(request, here, session, account_id, state, status)

    with reshown(session, posted, show):
        _check_of_this_trial(session, here, account_id)
        given = {"account_id": account_id, "trial_id": here.trial.id, "reason": _reason(posted)}
        reset = request_reset(session, here.actor, RequestReset(**given, new_password_hash=hashed))
    account = get_account(session, account_id)
    secret = "" if reset.done_at is None else code_secret(session, account)
    return _credentials(request, here, account, password, secret)


@router.post("/t/{trial}/resets/{reset_id}/approve", openapi_extra=permission("access:manage"))
def approve_one_reset(request: Request, here: Here, session: Write, reset_id: UUID) -> Response:
    reset = approve_reset(session, here.actor, reset_id)
    account = get_account(session, reset.account_id)
    return _credentials(request, here, account, "", code_secret(session, account))


@home_worklist(Permission.ACCESS_MANAGE)
def resets_to_approve(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    waiting = [one for one in open_resets(session, here.trial.id) if one.second_person_needed]
    mine = sum(one.requested_by == here.actor.account_id for one in waiting)
    url = here.url("people")
    yield WorkRow(len(waiting) - mine, "new credentials to approve", url, "asked by another administrator", "warning")
    yield WorkRow(mine, "new credentials you asked for", url, "wait for a second administrator", "waiting", "waiting")
