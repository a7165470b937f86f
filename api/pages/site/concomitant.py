"""Other treatment of a participant: what is taken, for what, from when until when; one more, and a change."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text, date_values
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of, number
from api.pages.site.dossiers import Dossier, dossier
from api.pages.site.subjects import history_url, subject_url, trail, with_query
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.concomitant import (
    ConcomitantTreatment,
    RecordConcomitant,
    Treatment,
    concomitant_for,
    record_concomitant,
)
from trial.conduct.participants import ACTIVE
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/treatments"


@router.get(_PATH, openapi_extra=permission(Permission.SCREENING_READ))
def show_treatments(
    request: Request, here: Here, session: Write, code: str, visit: str = "", name: str = "", done: str = ""
) -> Response:
    return _page(request, session, here, code, None, change=(visit, name), done=done)


@router.post(_PATH, openapi_extra=permission(Permission.VISIT_WRITE))
def record_treatment(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        found = dossier(session, here, code)
        given = command_of(
            Treatment,
            value=number(posted.get("value", "")),
            started=date_text(posted, "started"),
            ended=date_text(posted, "ended"),
            **picked(posted, "name", "unit", "indication"),
        )
        one = found.casebook.participant.id
        command = command_of(RecordConcomitant, participant_id=one, visit=posted.get("visit"), treatments=(given,))
        record_concomitant(session, here.actor, command)
    return see(subject_url(here, code, "treatments"), done="treatment")


def _page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    state: FormState | None,
    status: int = 200,
    *,
    change: tuple[str, str] = ("", ""),
    done: str = "",
) -> Response:
    found = dossier(session, here, code)
    treatments = concomitant_for(session, here.actor, found.casebook.participant.id)
    changed = next((one for one in treatments if (one.visit, one.name) == change), None)
    names = {state.planned.visit.code: state.planned.visit.name for state in found.visits}
    shown = state or FormState(values=_values(changed))
    return page(
        request, "site/treatments.html", status=status, here=here, book=found.casebook, treatments=treatments,
        state=shown, visit_names=names, visits=list(names.items()), fixed=bool(changed or shown.value("fixed")),
        may_write=_may_record(found), trail=trail(here, found.casebook), back=subject_url(here, code),
        url=subject_url(here, code, "treatments"), done="The treatment is recorded." if done == "treatment" else "",
        change_url=lambda one: with_query(subject_url(here, code, "treatments"), visit=one.visit, name=one.name),
        past_url=lambda one: history_url(here, one.id, f"{one.name} of {code}"),
    )  # fmt: skip


def _may_record(found: Dossier) -> bool:
    one = found.casebook.participant
    return found.may(Permission.VISIT_WRITE) and one.status in ACTIVE and one.consented_on is not None


def _values(changed: ConcomitantTreatment | None) -> dict[str, str]:
    if changed is None:
        return {}
    return {
        "fixed": "yes",
        "visit": changed.visit,
        "name": changed.name,
        "value": "" if changed.value is None else f"{changed.value:g}",
        "unit": changed.unit or "",
        "indication": changed.indication or "",
        **date_values("started", changed.started or ""),
        **date_values("ended", changed.ended or ""),
    }
