"""Consent: given, given again after an amendment, and taken back."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text, date_values
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.dossiers import dossier
from api.pages.site.subjects import opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.consents import RecordConsent, WithdrawalScope, record_consent
from trial.conduct.departures import WithdrawConsent, withdraw_consent
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/consent"
_SCOPES = [
    (WithdrawalScope.TREATMENT.value, "Treatment only", "No more infusions or doses; visits and questionnaires go on"),
    (WithdrawalScope.PARTICIPATION.value, "Taking part", "Ends everything; what was recorded until now is kept"),
]


@router.get(_PATH, openapi_extra=permission(Permission.SCREENING_READ))
def show_consent(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, here, session, code, FormState())


@router.post(_PATH, openapi_extra=permission(Permission.SCREENING_WRITE))
def give_consent(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, here, session, code, state, status)):
        command = command_of(
            RecordConsent,
            participant_id=opened(session, here, code).participant.id,
            given_on=date_text(posted, "given_on"),
            copy_given=posted.get("copy_given") == "yes",
            **picked(posted, "document_version"),
        )
        record_consent(session, here.actor, command)
    return see(subject_url(here, code), done="consent")


@router.post("/t/{trial}/participants/{code}/consent/withdrawal", openapi_extra=permission(Permission.VISIT_WRITE))
def take_consent_back(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, here, session, code, state, status)):
        command = command_of(
            WithdrawConsent,
            participant_id=opened(session, here, code).participant.id,
            withdrawn_on=date_text(posted, "withdrawn_on"),
            **picked(posted, "scope", "remark"),
        )
        withdraw_consent(session, here.actor, command)
    return see(subject_url(here, code), done="withdrawal")


def _page(
    request: Request, here: Place, session: TrialSession, code: str, state: FormState, status: int = 200
) -> Response:
    found = dossier(session, here, code)
    today = found.casebook.today.isoformat()
    blank = FormState(
        values={**date_values("given_on", today), **date_values("withdrawn_on", today), "copy_given": "yes"}
    )
    return page(
        request, "site/consent.html", status=status, here=here, found=found, book=found.casebook,
        state=state if state.has_errors else blank, trail=trail(here, found.casebook), scopes=_SCOPES,
        url=subject_url(here, code, "consent"), withdrawal_url=subject_url(here, code, "consent", "withdrawal"),
        back=subject_url(here, code), may_write=found.may(Permission.SCREENING_WRITE),
    )  # fmt: skip
