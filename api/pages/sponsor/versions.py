"""Versions of the protocol: added, activated by the sponsor, adopted by each site on its own approval date."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here, Place, Way, register_way
from api.pages.render import page
from api.permissions import permission
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.sites import Site
from trial.database.session import TrialSession
from trial.protocol.loader import load_protocol
from trial.protocol.versions import (
    AdoptVersion,
    ProtocolVersion,
    VersionNotFound,
    activate_version,
    add_version,
    adopt_version,
    adoptions_of,
    get_version,
    protocol_of,
    versions_of,
)

router = APIRouter()
_READERS = ("protocol:amend", "protocol:adopt", "audit:read")
register_way(
    Way(
        "Protocol",
        "versions",
        (Permission.PROTOCOL_AMEND, Permission.PROTOCOL_ADOPT, Permission.AUDIT_READ),
        order=60,
        aside=True,
    )
)

SAID = {
    "added": "The version is stored. Nobody works under it before you activate it.",
    "activated": "The version is active. Sites can adopt it on the day of their approval.",
    "adopted": "The approval is recorded. The site works under the version from that day on.",
}


@router.get("/t/{trial}/versions", openapi_extra=permission(*_READERS))
def list_versions(request: Request, here: Here, session: Write, done: str = "") -> Response:
    versions = versions_of(session, here.trial.id)
    return page(
        request,
        "sponsor/versions.html",
        here=here,
        said=SAID.get(done, ""),
        versions=[(version, protocol_of(version).identity) for version in versions[::-1]],
        columns=[("Site", "text"), *((f"Version {version.label}", "text") for version in versions)],
        adoptions=_adoptions(session, here, versions),
        may_amend=here.may(Permission.PROTOCOL_AMEND),
        may_adopt=here.may(Permission.PROTOCOL_ADOPT),
    )


def _adoptions(session: TrialSession, here: Place, versions: list[ProtocolVersion]) -> list[tuple[Site, list[Any]]]:
    """For each site that the caller reaches, its approvals in the order of the versions."""
    found = {(one.site_id, one.version_id): one for one in adoptions_of(session, here.trial.id)}
    return [(site, [found.get((site.id, version.id)) for version in versions]) for site in here.sites]


@router.get("/t/{trial}/versions/new", openapi_extra=permission("protocol:amend"))
def show_new_version(request: Request, here: Here) -> Response:
    return _new_version(request, here, FormState(), 200)


def _new_version(request: Request, here: Place, state: FormState, status: int) -> Response:
    return page(request, "sponsor/new_version.html", status=status, here=here, state=state)


@router.post("/t/{trial}/versions", openapi_extra=permission("protocol:amend"))
def add(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _new_version(request, here, state, status)):
        text = str(posted.get("text", "")).replace("\r\n", "\n") + "\n"
        add_version(session, here.actor, here.trial.id, load_protocol(text))
    return see(here.url("versions"), done="added")


@router.post("/t/{trial}/versions/{version_id}/activate", openapi_extra=permission("protocol:amend"))
def activate(here: Here, session: Write, version_id: UUID) -> Response:
    activate_version(session, here.actor, version_here(session, here, version_id).id)
    return see(here.url("versions"), done="activated")


def version_here(session: TrialSession, here: Place, version_id: UUID) -> ProtocolVersion:
    """The version, if it is this trial's. Raises ``VersionNotFound``."""
    version = get_version(session, version_id)
    if version.trial_id != here.trial.id:
        raise VersionNotFound("There is no such version of the protocol. Choose one from the list of versions.")
    return version


@router.get("/t/{trial}/versions/{version_id}/text", openapi_extra=permission(*_READERS))
def read_text(here: Here, session: Write, version_id: UUID) -> Response:
    version = version_here(session, here, version_id)
    return Response(version.text, media_type="text/plain; charset=utf-8", headers={"ETag": f'"{version.sha256}"'})


@router.get("/t/{trial}/versions/{version_id}/adoption", openapi_extra=permission("protocol:adopt"))
def show_adoption(request: Request, here: Here, session: Write, version_id: UUID) -> Response:
    return _adoption(request, here, session, version_id, FormState())


def _adoption(
    request: Request, here: Place, session: TrialSession, version_id: UUID, state: FormState, status: int = 200
) -> Response:
    version = version_here(session, here, version_id)
    done = {one.site_id for one in adoptions_of(session, here.trial.id) if one.version_id == version.id}
    sites = [
        (str(site.id), f"{site.name} ({site.code})")
        for site in here.sites
        if site.id not in done and may(here.actor, Permission.PROTOCOL_ADOPT, here.trial.id, site.id)
    ]
    context: dict[str, Any] = {"here": here, "version": version, "sites": sites, "state": state}
    return page(request, "sponsor/adoption.html", status=status, **context)


@router.post("/t/{trial}/versions/{version_id}/adoption", openapi_extra=permission("protocol:adopt"))
def adopt(request: Request, here: Here, session: Write, posted: Posted, version_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _adoption(request, here, session, version_id, state, status)

    with reshown(session, posted, show):
        given = {**picked(posted, "site_id", "approval_reference"), "approved_on": date_text(posted, "approved_on")}
        command = AdoptVersion(trial_id=here.trial.id, version_id=version_id, **given)
        adopt_version(session, here.actor, command)
    return see(here.url("versions"), done="adopted")
