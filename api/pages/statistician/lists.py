"""Allocation lists on pages: one person designs, a second confirms, everybody who may verify sees the commitments.

Invariants
1. No page shows a slot, a block size, a limit or a contribution that is stored: what is typed is sealed and never read back.
2. Who may only verify sees which lists there are and what is published of them; how far a stratum has come stands on the
   pages of the two makers alone, and so does why a list was retired.
"""

import base64
import binascii
import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see, several
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.pharmacy.shelves import name_of
from api.pages.render import page
from api.pages.site.commands import command_of, whole_number
from api.pages.site.words import counted
from api.permissions import permission
from randomization.ledger.allocation_lists import AllocationList, ListNotFound, ListStatus, lists_of, protocol_of_list
from randomization.ledger.envelopes import envelope_stage
from randomization.ledger.extensions import ExtendList, can_extend, extend_list, sites_without_list
from randomization.ledger.generation import ConfirmList, DesignList, confirm_list, design_list
from randomization.ledger.holds import last_hold, open_hold, open_holds
from randomization.ledger.lists_in_use import lists_missing, versions_in_use
from randomization.ledger.low_strata import stratum_levels_of
from randomization.ledger.reseated_seats import seats_waiting
from randomization.ledger.retirements import cannot_be_confirmed, in_place_of, retirements_of
from randomization.seeds import LEAST_CONTRIBUTION
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import MAIN_STAGE
from trial.protocol.versions import newest_active_version, protocol_of

router = APIRouter()

_READERS = (Permission.AUDIT_VERIFY, Permission.LIST_DESIGN, Permission.LIST_CONFIRM)
_PATH = "/t/{trial}/allocation-lists"
_DONE = {
    "designed": "The list waits for its second person. Your contribution is sealed, and its commitment is shown here.",
    "sealed": "The list is generated, sealed and committed to. Publish the commitment, or keep it where nobody here writes.",
}
register_way(Way("Allocation lists", "allocation-lists", _READERS, order=60, aside=True))


class ContributionUnreadable(InvalidInput):
    code = "seed.contribution_unreadable"


@router.get(_PATH, openapi_extra=permission(*_READERS))
def show_lists(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _lists_page(request, session, here, FormState(), done=done)


@router.post(_PATH, openapi_extra=permission(Permission.LIST_DESIGN))
def design(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _lists_page(request, session, here, state, status)):
        command = command_of(
            DesignList,
            trial_id=here.trial.id,
            block_sizes=_sizes(posted.get("block_sizes")),
            limit=whole_number(posted.get("limit", "")) if posted.get("limit") else None,
            uploaded=posted.get("uploaded") or None,
            slots_per_stratum=whole_number(posted.get("slots_per_stratum", ""))
            if posted.get("slots_per_stratum")
            else 0,
            sites=tuple(several(posted, "sites")),
            retires=tuple(several(posted, "retires")),
            contribution=contribution_in(posted),
            **picked(posted, "stage", "version", "retirement_reason"),
        )
        made = design_list(session, here.actor, command)
    return see(here.url("allocation-lists", made.id), done="designed")


@router.get(f"{_PATH}/{{list_id}}", openapi_extra=permission(*_READERS))
def show_list(request: Request, here: Here, session: Write, list_id: UUID, done: str = "") -> Response:
    return _list_page(request, session, here, list_id, FormState(), done=done)


@router.post(f"{_PATH}/{{list_id}}/confirm", openapi_extra=permission(Permission.LIST_CONFIRM))
def confirm(request: Request, here: Here, session: Write, posted: Posted, list_id: UUID) -> Response:
    with reshown(session, posted, lambda state, status: _list_page(request, session, here, list_id, state, status)):
        made = _list(session, here, list_id)
        confirm_list(
            session, here.actor, command_of(ConfirmList, list_id=made.id, contribution=contribution_in(posted))
        )
    return see(here.url("allocation-lists", list_id), done="sealed")


@router.post(f"{_PATH}/{{list_id}}/continue", openapi_extra=permission(Permission.LIST_DESIGN))
def continue_list(request: Request, here: Here, session: Write, posted: Posted, list_id: UUID) -> Response:
    with reshown(session, posted, lambda state, status: _list_page(request, session, here, list_id, state, status)):
        command = command_of(
            ExtendList,
            list_id=_list(session, here, list_id).id,
            slots_per_stratum=whole_number(posted.get("slots_per_stratum", "")),
            contribution=contribution_in(posted),
        )
        made = extend_list(session, here.actor, command)
    return see(here.url("allocation-lists", made.id), done="designed")


def contribution_in(posted: dict[str, Any]) -> bytes:
    """Random bytes as people bring them: hexadecimal digits, or base64. Raises ``ContributionUnreadable``."""
    text = re.sub(r"\s", "", str(posted.get("contribution", "")))
    try:
        if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
            return bytes.fromhex(text)
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ContributionUnreadable(
            f"A contribution is {LEAST_CONTRIBUTION} random bytes or more, as hexadecimal digits or base64. Draw a new one.",
            fields={"contribution": "Not hexadecimal and not base64."},
        ) from None


def _sizes(text: Any) -> tuple[Any, ...]:
    return tuple(whole_number(part) for part in re.split(r"[\s,;]+", str(text or "")) if part)


def _list(session: TrialSession, here: Place, list_id: UUID) -> AllocationList:
    """Raises ``ListNotFound`` for another trial's list too."""
    for one in lists_of(session, here.trial.id):
        if one.id == list_id:
            return one
    raise ListNotFound("There is no such allocation list. Choose one from the trial's lists.")


def _makes(here: Place) -> bool:
    return here.may(Permission.LIST_DESIGN) or here.may(Permission.LIST_CONFIRM)


def _lists_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    found = lists_of(session, here.trial.id)
    stages = list(dict.fromkeys(one.stage for one in found))
    newest, known = protocol_of(newest_active_version(session, here.trial.id)), versions_in_use(session, here.trial.id)
    active = [known.designed[one] for one in reversed(known.active)]
    missing = lists_missing(session, here.trial.id) if MAIN_STAGE in stages and _makes(here) else []
    late = [code for one in missing if one.version == newest.version for code in one.sites]
    shown = state if state.has_errors else FormState(values={"stage": MAIN_STAGE, "sites": late})
    return page(
        request, "statistician/lists.html", status=status, here=here, state=shown, done=_DONE.get(done, ""),
        stages=[(stage, [one for one in found if one.stage == stage]) for stage in stages], missing=missing,
        version_options=_version_options(active), newest=newest.version, designed=known.designed,
        levels=[(stage, stratum_levels_of(session, here.trial.id, stage)) for stage in stages] if _makes(here) else [],
        asks=_asks(active), scheme=" or ".join(dict.fromkeys(_scheme_of(one) for one in active)),
        site_is_factor=any(one.randomization.site_is_factor for one in active), may_design=here.may(Permission.LIST_DESIGN),
        stage_options=_stage_options(here, active, stages), site_options=[(one.code, one.name) for one in here.sites],
        least=LEAST_CONTRIBUTION, **_standings(session, here, found),
        held={one.list_id for one in open_holds(session)}, makes=_makes(here),
        receipts_url=here.url("receipts") if seats_waiting(session, here.trial.id) and _makes(here) else "",
    )  # fmt: skip


def _standings(session: TrialSession, here: Place, found: Iterable[AllocationList]) -> dict[str, Any]:
    """Which lists are retired and by which, which can never be confirmed any more, and which a new list may retire."""
    retirements = retirements_of(session, here.trial.id)
    retired = in_place_of(retirements)
    return {
        "retired": retired,
        "dead": {
            one.id for one in found if one.status is ListStatus.DESIGNED and cannot_be_confirmed(one, retirements)
        },
        "retire_options": [(str(one.id), _name(one)) for one in found if one.id not in retired],
    }


def _name(made: AllocationList) -> str:
    waits = ", not confirmed" if made.status is ListStatus.DESIGNED else ""
    return f"List {made.ordinal} of stage {made.stage}{waits}"


def _asks(active: Iterable[Protocol]) -> dict[str, bool]:
    """What the schemes of the active versions need from the designer, under seal."""
    names = {protocol.randomization.scheme.name for protocol in active}
    return {
        "block_sizes": "permuted_blocks" in names,
        "limit": bool(names & {"big_stick", "block_urn", "maximal_procedure"}),
        "uploaded": "uploaded_list" in names,
        "slots": bool(names - {"uploaded_list", "minimization"}),
    }


def _scheme_of(protocol: Protocol) -> str:
    return protocol.randomization.scheme.name.replace("_", " ")


def _stage_options(here: Place, active: Iterable[Protocol], stages: list[str]) -> list[tuple[str, str]]:
    further = {stage.code: stage.label for protocol in active for stage in protocol.randomization.further}
    offered = dict.fromkeys([MAIN_STAGE, *further, *stages])
    names = {envelope_stage(site.code): f"Emergency envelopes of {site.code}" for site in here.sites}
    known = {MAIN_STAGE: "The trial’s randomization"} | further | names
    return [(stage, known.get(stage, stage.replace("_", " "))) for stage in dict.fromkeys([*offered, *names])]


def _version_options(active: Iterable[Protocol]) -> list[tuple[str, str]]:
    """The newest version of each allocation for which a list can be designed, where there is a choice."""
    newest: dict[Hashable, Protocol] = {}
    for one in active:
        newest.setdefault(one.allocation_rule, one)
    offered = [(one.version, f"Version {one.version} ({_scheme_of(one)})") for one in newest.values()]
    return offered if len(offered) > 1 else []


def _list_page(
    request: Request,
    session: TrialSession,
    here: Place,
    list_id: UUID,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    made = _list(session, here, list_id)
    retirements = retirements_of(session, here.trial.id)
    dead = cannot_be_confirmed(made, retirements)
    waits = made.status is ListStatus.DESIGNED and not dead
    version = protocol_of_list(session, made).version
    return page(
        request, "statistician/list.html", status=status, here=here, state=state, made=made, version=version,
        done=_DONE.get(done, ""),
        hold=last_hold(session, made.id) if _makes(here) else None, held=open_hold(session, made.id) is not None,
        hold_url=here.url("allocation-lists", made.id, "hold"), receipts_url=_receipts_url(here, waits=waits),
        designed_by=name_of(session, made.designed_by), confirmed_by=name_of(session, made.confirmed_by),
        may_confirm=waits and here.may(Permission.LIST_CONFIRM) and made.designed_by != here.actor.account_id,
        may_continue=here.may(Permission.LIST_DESIGN) and can_extend(session, made), waits=waits,
        commitment_url=f"/api/v1/trials/{here.trial.code}/lists/{made.id}/commitment", least=LEAST_CONTRIBUTION, dead=dead,
        retires=[one for one in retirements if one.by.id == made.id], may_read_reason=_makes(here),
        retired_by=in_place_of(retirements).get(made.id),
    )  # fmt: skip


def _receipts_url(here: Place, *, waits: bool) -> str:
    """Where receipts of a sealed list are taken back, for who does."""
    return "" if waits or not here.may(Permission.LIST_DESIGN) else here.url("receipts", "take")


@home_worklist(Permission.LIST_CONFIRM)
def lists_to_confirm(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Lists that wait for their second person."""
    retirements = retirements_of(session, here.trial.id)
    waiting = [
        one
        for one in lists_of(session, here.trial.id)
        if one.status is ListStatus.DESIGNED and one.designed_by != here.actor.account_id
        if not cannot_be_confirmed(one, retirements)
    ]
    yield WorkRow(
        len(waiting), counted(len(waiting), "list to confirm", "lists to confirm"), here.url("allocation-lists")
    )


@home_worklist(Permission.LIST_DESIGN)
def lists_to_design(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Strata that run low, and sites that no list serves, or will serve once they adopt an amendment."""
    low = [one for one in stratum_levels_of(session, here.trial.id) if one.runs_low]
    yield WorkRow(
        len(low), counted(len(low), "stratum runs low", "strata run low"), here.url("allocation-lists"), "", "warning"
    )
    late = sites_without_list(session, here.trial.id)
    label = counted(len(late), "site without a list", "sites without a list")
    yield WorkRow(len(late), label, here.url("allocation-lists"), ", ".join(late[:5]), "warning")
