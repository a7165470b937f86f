"""One visit of a participant: what is recorded at it, its forms one after the other, and that it was missed."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.drafts import Draft, draft_of
from api.pages.forms import FormState, date_text, date_values
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of, fields_as, prefixed
from api.pages.site.dossiers import Dossier, dossier, sees_doses
from api.pages.site.protocol_forms import PREFIX, answers_of, field_names, inputs_of, values_of
from api.pages.site.subjects import history_url, raise_query_url, subject_url, trail
from api.pages.site.visit_tasks import missing_forms, site_forms, tasks_of
from api.pages.site.words import visit_tag, window_words
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.baseline import RecordBaseline, record_baseline
from trial.conduct.forms import FormNotExpected, FormRecord
from trial.conduct.queries import READERS, DataDomain, Query
from trial.conduct.schedules import VisitStanding
from trial.conduct.screening import RecordScreening, record_screening
from trial.conduct.visits import MissVisit, RecordVisit, VisitState, can_become, miss_visit, record_visit
from trial.database.session import TrialSession
from trial.protocol.schema import Form, NotInProtocol, Visit

router = APIRouter()

_VISIT = "/t/{trial}/participants/{code}/visits/{visit}"
_READ = permission(Permission.VISIT_READ, Permission.SCREENING_READ)
# Screening forms need the one, forms of later visits the other; the service asks for the right one.
_WRITE = permission(Permission.SCREENING_WRITE, Permission.VISIT_WRITE)
_DONE = {"form": "The form is recorded.", "visit": "The visit is recorded.", "rating": "The rating is recorded."}


@dataclass(frozen=True)
class Sheet:
    """One form at one visit, as it stands."""

    found: Dossier
    state: VisitState
    form: Form
    record: FormRecord | None

    @property
    def visit(self) -> Visit:
        return self.state.planned.visit

    @property
    def is_screening(self) -> bool:
        return self.visit.period == "screening"

    def url(self, *path: object) -> str:
        code = self.found.casebook.participant.code
        return subject_url(self.found.here, code, "visits", self.visit.code, *path)

    @property
    def fixed_day(self) -> Any:
        """The visit's day, where it is recorded already and every form is of the same day."""
        record = self.state.record
        return None if self.is_screening or record is None else record.happened_on

    def values(self) -> dict[str, str]:
        day = self.record.performed_on if self.record else self.fixed_day or self.found.casebook.today
        answers = values_of(self.form, self.record.answers) if self.record else {}
        return {**answers, **date_values("performed_on", day.isoformat())}


@router.get(_VISIT, openapi_extra=_READ)
def show_visit(request: Request, here: Here, session: Write, code: str, visit: str, done: str = "") -> Response:
    return _visit_page(request, session, here, code, visit, FormState(), done=done)


@router.get(f"{_VISIT}/forms/{{form}}", openapi_extra=_READ)
def show_form(request: Request, here: Here, session: Write, code: str, visit: str, form: str) -> Response:
    return _form_page(request, _sheet(session, here, code, visit, form), None)


@router.post(f"{_VISIT}/forms/{{form}}", openapi_extra=_WRITE)
def record_form(
    request: Request, here: Here, session: Write, posted: Posted, code: str, visit: str, form: str
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _form_page(request, _sheet(session, here, code, visit, form), state, status)

    with reshown(session, posted, again):
        sheet = _sheet(session, here, code, visit, form)
        with fields_as({**prefixed(PREFIX, field_names(sheet.form)), "happened_on": "performed_on"}):
            _record(session, here, sheet, posted)
    return see(_after_form(session, here, code, visit), done="form")


@router.post(f"{_VISIT}/took-place", openapi_extra=permission(Permission.VISIT_WRITE))
def record_attendance_at_visit(
    request: Request, here: Here, session: Write, posted: Posted, code: str, visit: str
) -> Response:
    with reshown(
        session, posted, lambda state, status: _visit_page(request, session, here, code, visit, state, status)
    ):
        found = dossier(session, here, code)
        command = command_of(
            RecordVisit,
            participant_id=found.casebook.participant.id,
            visit=visit,
            happened_on=date_text(posted, "happened_on"),
            reason=posted.get("reason"),
        )
        record_visit(session, here.actor, command)
    return see(subject_url(here, code, "visits", visit), done="visit")


@router.post(f"{_VISIT}/missed", openapi_extra=permission(Permission.VISIT_WRITE))
def record_missed(request: Request, here: Here, session: Write, posted: Posted, code: str, visit: str) -> Response:
    with reshown(
        session, posted, lambda state, status: _visit_page(request, session, here, code, visit, state, status)
    ):
        found = dossier(session, here, code)
        with fields_as({"reason": "missed_reason"}):
            one = found.casebook.participant.id
            miss_visit(
                session,
                here.actor,
                command_of(MissVisit, participant_id=one, visit=visit, reason=posted.get("missed_reason")),
            )
    return see(subject_url(here, code), done="missed")


def _record(session: TrialSession, here: Place, sheet: Sheet, posted: dict[str, Any]) -> None:
    forms = {sheet.form.code: answers_of(sheet.form, posted)}
    one, visit, reason = sheet.found.casebook.participant.id, sheet.visit.code, posted.get("reason") or None
    day = date_text(posted, "performed_on")
    if not sheet.is_screening:
        command = command_of(RecordVisit, participant_id=one, visit=visit, happened_on=day, forms=forms, reason=reason)
        record_visit(session, here.actor, command)
    elif _holds_factor(sheet):
        record_baseline(
            session, here.actor,
            command_of(RecordBaseline, participant_id=one, visit=visit, performed_on=day, forms=forms, reason=reason),
        )  # fmt: skip
    else:
        record_screening(
            session, here.actor,
            command_of(RecordScreening, participant_id=one, visit=visit, performed_on=day, forms=forms, reason=reason),
        )  # fmt: skip


def _holds_factor(sheet: Sheet) -> bool:
    """Whether the form holds a stratification factor: it is a baseline fact then."""
    return any(factor.recorded_at.form == sheet.form.code for factor in sheet.found.casebook.protocol.factors)


def _after_form(session: TrialSession, here: Place, code: str, visit: str) -> str:
    """The next form of the visit that is not recorded; the visit where none is left."""
    found = dossier(session, here, code)
    missing = missing_forms(found, found.casebook.protocol.visit(visit))
    path = ("forms", missing[0].code) if missing else ()
    return subject_url(here, code, "visits", visit, *path)


def _state(found: Dossier, visit: str) -> VisitState:
    for state in found.visits:
        if state.planned.visit.code == visit:
            return state
    raise NotInProtocol(f"The protocol has no visit {visit} for you. Choose one from the participant's timeline.")


def _sheet(session: TrialSession, here: Place, code: str, visit: str, form: str) -> Sheet:
    """Raises ``NotInProtocol``, ``FormNotExpected``, ``NotPermitted``."""
    found = dossier(session, here, code)
    state = _state(found, visit)
    meant = next((one for one in site_forms(found, state.planned.visit) if one.code == form), None)
    if meant is None:
        raise FormNotExpected(f"There is no form {form} to record at this visit. Choose one from the visit's page.")
    book = found.casebook
    check_may(here.actor, READERS[DataDomain(meant.domain)], book.trial.id, book.site.id)
    return Sheet(found, state, meant, found.forms.get(visit, {}).get(form))


def _may_write(found: Dossier, visit: Visit) -> bool:
    return found.may(Permission.SCREENING_WRITE if visit.period == "screening" else Permission.VISIT_WRITE)


def _form_page(request: Request, sheet: Sheet, state: FormState | None, status: int = 200) -> Response:
    forms = site_forms(sheet.found, sheet.visit)
    recorded = sheet.found.forms.get(sheet.visit.code, {})
    others = [(form.name, sheet.url("forms", form.code), form.code in recorded, form is sheet.form) for form in forms]
    return page(
        request, "site/form.html", status=status, here=sheet.found.here, sheet=sheet, book=sheet.found.casebook,
        state=state or FormState(values=sheet.values()), inputs=inputs_of(sheet.form), others=others,
        trail=[*trail(sheet.found.here, sheet.found.casebook), (sheet.visit.name, sheet.url())],
        may_write=_may_write(sheet.found, sheet.visit), history_url=_history_url(sheet),
        draft=_draft(sheet),
        queries=[line for line in sheet.found.queries if _is_about(line.query, sheet)], query_url=_query_url(sheet),
        done="The form is recorded." if request.query_params.get("done") == "form" else "",
    )  # fmt: skip


def _draft(sheet: Sheet) -> Draft:
    record = sheet.record
    return draft_of(sheet.found.here.caller, *((record.id, record.answers) if record else ()))


def _is_about(query: Query, sheet: Sheet) -> bool:
    return (query.visit, query.subject) == (sheet.visit.code, sheet.form.code)


def _query_url(sheet: Sheet) -> str:
    """Where a query about this form is raised; empty before there is anything to ask."""
    if sheet.record is None:
        return ""
    return raise_query_url(sheet.found.here, sheet.found.casebook, visit=sheet.visit.code, form=sheet.form.code)


def _history_url(sheet: Sheet) -> str:
    if sheet.record is None:
        return ""
    return history_url(
        sheet.found.here, sheet.record.id, f"{sheet.form.name} of {sheet.found.casebook.participant.code}"
    )


def _visit_page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    visit: str,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    found = dossier(session, here, code)
    stands = _state(found, visit)
    now = found.casebook.today
    blank = FormState(values=date_values("happened_on", (_recorded_day(stands) or now).isoformat()))
    return page(
        request, "site/visit.html", status=status, here=here, found=found, book=found.casebook, stands=stands,
        visit=stands.planned.visit, tag=visit_tag(stands, now), window=window_words(stands),
        state=state if state.has_errors else blank,
        tasks=[task.line for task in tasks_of(found, stands.planned.visit)] if sees_doses(here, found.casebook) else [],
        trail=trail(here, found.casebook), back=subject_url(here, code),
        took_place_url=subject_url(here, code, "visits", visit, "took-place"),
        missed_url=subject_url(here, code, "visits", visit, "missed"),
        may_write=_may_write(found, stands.planned.visit), can_miss=can_become(stands.standing, VisitStanding.MISSED),
        done=_DONE.get(done, ""),
        next_form=_next_form(found, stands),
    )  # fmt: skip


def _recorded_day(stands: VisitState) -> Any:
    return stands.record.happened_on if stands.record else None


def _next_form(found: Dossier, stands: VisitState) -> tuple[str, str] | None:
    """The visit's main action: its first form that is not recorded."""
    visit = stands.planned.visit
    missing = missing_forms(found, visit) if _may_write(found, visit) else []
    if not missing or stands.standing is VisitStanding.NOT_EXPECTED:
        return None
    url = subject_url(found.here, found.casebook.participant.code, "visits", visit.code, "forms", missing[0].code)
    return missing[0].name, url
