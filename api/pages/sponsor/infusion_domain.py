"""The grant of the infusion domain: who reads infusion data by it, one more grant, the end of one."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, register_way, role_words
from api.pages.render import page
from api.pages.site.commands import command_of
from api.permissions import permission
from trial.access.accounts import accounts_by_id
from trial.access.actors import INFUSION_DOMAIN_ROLES
from trial.access.grants import grants_at
from trial.access.infusion_domain import (
    EndInfusionDomain,
    GrantInfusionDomain,
    InfusionGrantNotFound,
    end_infusion_domain,
    grant_infusion_domain,
)
from trial.access.infusion_grants import InfusionDomainGrant, infusion_grants_of
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()
register_way(Way("Infusion data", "infusion-domain", (Permission.INFUSION_DOMAIN_GRANT,), order=75, aside=True))

_PATH = "/t/{trial}/infusion-domain"
_MAY = permission(Permission.INFUSION_DOMAIN_GRANT)
_DONE = {
    "granted": "The grant holds from now on. Everybody who reads the access history sees it.",
    "ended": "The grant is ended. The person reads no infusion data any more.",
}


@router.get(_PATH, openapi_extra=_MAY)
def show_infusion_domain(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _page(request, session, here, FormState(), done=done)


@router.post(_PATH, openapi_extra=_MAY)
def grant_domain(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(
            GrantInfusionDomain,
            trial_id=here.trial.id,
            account_id=posted.get("account_id"),
            reason=posted.get("reason"),
        )
        grant_infusion_domain(session, here.actor, command)
    return see(here.url("infusion-domain"), done="granted")


@router.get(f"{_PATH}/{{domain_grant_id}}", openapi_extra=_MAY)
def show_domain_end(request: Request, here: Here, session: Write, domain_grant_id: UUID) -> Response:
    return _end_page(request, session, here, domain_grant_id, FormState())


@router.post(f"{_PATH}/{{domain_grant_id}}", openapi_extra=_MAY)
def end_domain(request: Request, here: Here, session: Write, posted: Posted, domain_grant_id: UUID) -> Response:
    with reshown(
        session, posted, lambda state, status: _end_page(request, session, here, domain_grant_id, state, status)
    ):
        command = command_of(
            EndInfusionDomain, trial_id=here.trial.id, grant_id=domain_grant_id, reason=posted.get("reason")
        )
        end_infusion_domain(session, here.actor, command)
    return see(here.url("infusion-domain"), done="ended")


def _page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    grants = infusion_grants_of(session, here.trial.id)
    ids = {one.account_id for one in grants} | {one.granted_by for one in grants}
    return page(
        request, "sponsor/infusion_domain.html", status=status, here=here, state=state, grants=grants,
        people=accounts_by_id(session, ids), candidates=_candidates(session, here, grants),
        url=here.url("infusion-domain"), done=_DONE.get(done, ""),
    )  # fmt: skip


def _end_page(
    request: Request, session: TrialSession, here: Place, grant_id: UUID, state: FormState, status: int = 200
) -> Response:
    held = (one for one in infusion_grants_of(session, here.trial.id) if one.ends_at is None)
    grant = next((one for one in held if one.id == grant_id), None)
    if grant is None:
        raise InfusionGrantNotFound("There is no such grant in force. Choose one from the list.")
    return page(
        request, "sponsor/infusion_domain_end.html", status=status, here=here, state=state, grant=grant,
        person=accounts_by_id(session, [grant.account_id])[grant.account_id], back=here.url("infusion-domain"),
        url=here.url("infusion-domain", grant_id),
    )  # fmt: skip


def _candidates(session: TrialSession, here: Place, grants: list[InfusionDomainGrant]) -> list[tuple[str, str]]:
    """People with a role that may be given the domain, and who do not hold it."""
    have = {one.account_id for one in grants if one.ends_at is None}
    held = [one for one in grants_at(session, here.trial.id, session.now()) if one.role in INFUSION_DOMAIN_ROLES]
    roles = {one.account_id: role_words(one.role) for one in held if one.account_id not in have}
    people = accounts_by_id(session, roles)
    named = sorted((one.display_name, key) for key, one in people.items())
    return [(str(key), f"{name} ({roles[key].lower()})") for name, key in named]
