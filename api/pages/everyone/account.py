"""One's own account: open sessions, tokens for programs, and a new password.

Invariants
1. A token's text is in one answer, the one that follows its making, and can never be read again.
2. Nobody sees or ends what belongs to somebody else.
3. A new password is hashed before anything is written, and is never shown again.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Caller, Write
from api.pages.answers import Posted, picked, reshown, see, several
from api.pages.forms import FormState
from api.pages.render import page
from api.permissions import self_service
from api.places import trials_of
from trial.access.accounts import get_account
from trial.access.login_sessions import end_session, open_sessions_of
from trial.access.password_changes import ChangePassword, change_password, check_new_password
from trial.access.passwords import MIN_LENGTH, hash_password
from trial.access.permissions import Permission
from trial.access.policies import holds_anywhere
from trial.access.tokens import GRANTABLE, CreateToken, create_token, revoke_token, tokens_of
from trial.conduct.trials import get_trial
from trial.database.session import TrialSession

router = APIRouter()

SAID = {
    "revoked": "The token is revoked. Programs that use it are refused from now on.",
    "password": "Your password is changed. Every other session of yours is over.",
    "ended": "The session is over. That browser has to sign in again.",
}
TOKEN_WORDS = {
    Permission.DATASET_NAIVE_PULL: ("Pull datasets without treatments", ""),
    Permission.DATASET_DUMMY_PULL: ("Pull datasets with invented treatments", "Every value is marked DUMMY"),
    Permission.DATASET_UNBLINDED_PULL: ("Pull unblinded datasets", "After the unblinding that follows the lock"),
    Permission.AUDIT_VERIFY: ("Verify the audit", "Hashes only"),
    Permission.REPORT_OPEN_READ: ("Read open reports", ""),
    Permission.SCREENING_READ: ("Read screening", ""),
    Permission.VISIT_READ: ("Read visits", ""),
}


@router.get("/account", openapi_extra=self_service())
def show_account(request: Request, caller: Called, session: Write, done: str = "") -> Response:
    return page(
        request,
        "everyone/account.html",
        me=caller,
        said=SAID.get(done, ""),
        sessions=open_sessions_of(session, caller.actor.account_id),
        tokens=tokens_of(session, caller.actor.account_id),
        trials={trial.id: trial.code for trial in trials_of(session, caller.actor)},
        now=session.now(),
    )


@router.post("/account/sessions/{session_id}/end", openapi_extra=self_service())
def end_one_session(caller: Called, session: Write, session_id: UUID) -> Response:
    end_session(session, caller.actor, session_id)
    return see("/account", done="ended")


@router.get("/account/password", openapi_extra=self_service())
def show_password_form(request: Request, caller: Called) -> Response:
    return _password_form(request, caller, FormState(), 200)


def _password_form(request: Request, caller: Caller, state: FormState, status: int) -> Response:
    return page(request, "everyone/password.html", status=status, state=state, me=caller, least=MIN_LENGTH)


@router.post("/account/password", openapi_extra=self_service())
def change_own_password(request: Request, caller: Called, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _password_form(request, caller, state, status)):
        present, new, again = (str(posted.get(name, "")) for name in ("password", "new_password", "new_password_again"))
        check_new_password(get_account(session, caller.actor.account_id).username, present, new, again)
        session.rollback()  # nothing is held while a password is hashed
        proof = caller.prove(present, posted.get("code"))
        command = ChangePassword(new_password_hash=hash_password(new), keep_session=caller.session_id)
        change_password(session, caller.actor, proof, command)
    return see("/account", done="password")


@router.get("/account/tokens/new", openapi_extra=self_service())
def show_token_form(request: Request, caller: Called, session: Write) -> Response:
    return _token_form(request, caller, session, FormState(), 200)


def _token_form(request: Request, caller: Caller, session: TrialSession, state: FormState, status: int) -> Response:
    trials = trials_of(session, caller.actor)
    options = [
        (name.value, *TOKEN_WORDS[name])
        for name in sorted(GRANTABLE)
        if any(holds_anywhere(caller.actor, name, trial.id) for trial in trials)
    ]
    chosen = [(str(trial.id), trial.code) for trial in trials]
    context: dict[str, Any] = {"state": state, "me": caller, "trials": chosen, "options": options}
    return page(request, "everyone/new_token.html", status=status, **context)


@router.post("/account/tokens", openapi_extra=self_service())
def make_token(request: Request, caller: Called, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _token_form(request, caller, session, state, status)):
        command = _token_command(posted)
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        text, token = create_token(session, caller.actor, proof, command)
    context: dict[str, Any] = {"text": text, "token": token, "server": str(request.base_url).rstrip("/")}
    return page(request, "everyone/made_token.html", status=201, trial=get_trial(session, token.trial_id), **context)


def _token_command(posted: dict[str, Any]) -> CreateToken:
    chosen = several(posted, "permissions")
    return CreateToken.model_validate({**picked(posted, "trial_id", "name", "days"), "permissions": chosen})


@router.post("/account/tokens/{token_id}/revoke", openapi_extra=self_service())
def revoke_one_token(caller: Called, session: Write, token_id: UUID) -> Response:
    revoke_token(session, caller.actor, token_id)
    return see("/account", done="revoked")
