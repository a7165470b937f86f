"""Judging an adverse event: causality by either side, the investigator's signature, the SUSAR assessment."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.safety.single import SeenEvent, event_rows, seen_event
from api.pages.site.commands import command_of, yes
from api.pages.site.subjects import list_url, subject_url
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.safety.adverse_events import AdverseEvent
from trial.safety.causality import AssessAdverseEvent, Side, assess_adverse_event, expected_by_reference, side_of
from trial.safety.serious import MEANING, SignSae, sign_sae
from trial.safety.susars import AssessSusar, assess_susar

router = APIRouter()

_RELATION = "relation-"
_EVENT = "/t/{trial}/adverse-events/{code}/{number}"


@router.get(f"{_EVENT}/assess", openapi_extra=permission(Permission.ADVERSE_EVENT_ASSESS))
def show_assess(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    return _assess_page(request, session, here, code, number, None)


@router.post(f"{_EVENT}/assess", openapi_extra=permission(Permission.ADVERSE_EVENT_ASSESS))
def assess(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    with reshown(
        session, posted, lambda state, status: _assess_page(request, session, here, code, number, state, status)
    ):
        command = command_of(
            AssessAdverseEvent,
            event_id=seen_event(session, here, code, number).record.id,
            expected=yes(posted.get("expected", "")),
            relations=_relations(posted),
            **picked(posted, "causality", "narrative", "reason"),
        )
        assess_adverse_event(session, here.actor, command)
    return see(list_url(here, "adverse-events", code, number), done="assessed")


@router.get(f"{_EVENT}/sign", openapi_extra=permission(Permission.SAE_SIGN))
def show_signing(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    return _sign_page(request, session, here, code, number, FormState())


@router.post(f"{_EVENT}/sign", openapi_extra=permission(Permission.SAE_SIGN))
def sign(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, code: str, number: int
) -> Response:
    with reshown(
        session, posted, lambda state, status: _sign_page(request, session, here, code, number, state, status)
    ):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            SignSae,
            event_id=seen_event(session, here, code, number).record.id,
            idempotency_key=posted.get("idempotency_key", ""),
        )
        sign_sae(session, here.actor, proof, command)
    return see(list_url(here, "adverse-events", code, number), done="signed")


@router.get(f"{_EVENT}/susar", openapi_extra=permission(Permission.SUSAR_ASSESS))
def show_susar(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    return _susar_page(request, session, here, code, number, FormState())


@router.post(f"{_EVENT}/susar", openapi_extra=permission(Permission.SUSAR_ASSESS))
def record_susar(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    with reshown(
        session, posted, lambda state, status: _susar_page(request, session, here, code, number, state, status)
    ):
        command = command_of(
            AssessSusar, event_id=seen_event(session, here, code, number).record.id, narrative=posted.get("narrative")
        )
        assess_susar(session, here.actor, command)
    return see(list_url(here, "adverse-events", code, number), done="susar")


def _relations(posted: dict[str, Any]) -> dict[str, str]:
    """The category of each component that was judged."""
    return {
        name.removeprefix(_RELATION): value for name, value in posted.items() if name.startswith(_RELATION) and value
    }


def _relation_values(event: AdverseEvent) -> dict[str, str]:
    return {f"{_RELATION}{component}": category for component, category in event.relations.items()}


def _assess_page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    number: int,
    state: FormState | None,
    status: int = 200,
) -> Response:
    seen = seen_event(session, here, code, number)
    event, rules = seen.record, seen.book.protocol.adverse_events
    is_sponsor = side_of(here.actor, event) is Side.SPONSOR
    known = {} if is_sponsor else {"causality": event.causality or "", **_relation_values(event)}
    return page(
        request, "safety/assess.html", status=status, here=here, seen=seen, rows=event_rows(seen),
        state=state or FormState(values=known), is_sponsor=is_sponsor, rules=rules,
        categories=[(one.code, one.label, "Counts as related" if one.related else "Counts as not related")
                    for one in rules.causality.categories],
        components=rules.other_components, scale=[(one.code, one.label) for one in rules.causality.categories],
        suggested=expected_by_reference(rules, event), **_addresses(here, seen, "assess"),
    )  # fmt: skip


def _sign_page(
    request: Request, session: TrialSession, here: Place, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    seen = seen_event(session, here, code, number)
    return page(
        request, "safety/sign.html", status=status, here=here, seen=seen, rows=event_rows(seen), state=state,
        meaning=MEANING, needs_code=here.caller.needs_code, **_addresses(here, seen, "sign"),
    )  # fmt: skip


def _susar_page(
    request: Request, session: TrialSession, here: Place, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    seen = seen_event(session, here, code, number)
    return page(
        request, "safety/susar.html", status=status, here=here, seen=seen, rows=event_rows(seen), state=state,
        **_addresses(here, seen, "susar"),
    )  # fmt: skip


def _addresses(here: Place, seen: SeenEvent, step: str) -> dict[str, Any]:
    code, number = seen.view.participant, seen.view.number
    back = list_url(here, "adverse-events", code, number)
    events = ("Adverse events", list_url(here, "adverse-events"))
    return {
        "trail": [events, (code, subject_url(here, code)), (f"Event {number}", back)],
        "back": back,
        "url": list_url(here, "adverse-events", code, number, step),
    }
