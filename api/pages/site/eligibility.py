"""Eligibility: each criterion with what the data say, the person's answers, and the investigator's signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of, fields_as, prefixed, yes
from api.pages.site.dossiers import Dossier, dossier
from api.pages.site.protocol_forms import answer_words
from api.pages.site.steps import is_signed
from api.pages.site.subjects import opened, subject_url, trail
from api.pages.site.words import Kind
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.conduct.eligibility import (
    MEANING,
    AssessEligibility,
    SignEligibility,
    assess_eligibility,
    machine_answers,
    sign_eligibility,
)
from trial.conduct.recorded import recorded_in_screening
from trial.database.session import TrialSession
from trial.protocol.schema import Criterion, Value

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/eligibility"
_PREFIX = "criterion-"


@dataclass(frozen=True, slots=True)
class Line:
    """One criterion: its words, what stands for it, and how that is said. ``asked``: a person answers it."""

    criterion: Criterion
    answer: bool | None
    evidence: str
    asked: bool

    @property
    def tag(self) -> tuple[str, Kind]:
        if self.answer is None:
            return "Not known yet", "waiting"
        met = self.answer is (self.criterion.kind == "inclusion")
        if self.criterion.kind == "inclusion":
            return ("Met", "done") if met else ("Not met", "danger")
        return ("Absent", "done") if met else ("Present", "danger")


@router.get(_PATH, openapi_extra=permission(Permission.SCREENING_READ))
def show_eligibility(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, FormState())


@router.post(_PATH, openapi_extra=permission(Permission.SCREENING_WRITE))
def answer_criteria(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        book = opened(session, here, code)
        with fields_as(prefixed(_PREFIX, [one.id for one in book.protocol.eligibility])):
            command = AssessEligibility(participant_id=book.participant.id, answers=_answers(book, posted))
            assess_eligibility(session, here.actor, command)
    return see(subject_url(here, code), done="eligibility")


@router.get(f"{_PATH}/sign", openapi_extra=permission(Permission.ELIGIBILITY_SIGN))
def show_signing(request: Request, here: Here, session: Write, code: str) -> Response:
    return _signing_page(request, session, here, code, FormState())


@router.post(f"{_PATH}/sign", openapi_extra=permission(Permission.ELIGIBILITY_SIGN))
def sign(request: Request, here: Here, caller: Called, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _signing_page(request, session, here, code, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            SignEligibility,
            participant_id=opened(session, here, code).participant.id,
            idempotency_key=posted.get("idempotency_key", ""),
        )
        sign_eligibility(session, here.actor, proof, command)
    return see(subject_url(here, code), done="signed")


def _answers(book: Casebook, posted: Mapping[str, Any]) -> dict[str, bool]:
    given = {one.id: yes(posted.get(f"{_PREFIX}{one.id}", "")) for one in book.protocol.eligibility}
    return {criterion: answer for criterion, answer in given.items() if answer is not None}


def _page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    found = dossier(session, here, code)
    return page(
        request, "site/eligibility.html", status=status, here=here, found=found, book=found.casebook, state=state,
        lines=_lines(session, found), prefix=_PREFIX, trail=trail(here, found.casebook), back=subject_url(here, code),
        url=subject_url(here, code, "eligibility"), sign_url=_sign_url(found),
        may_write=found.may(Permission.SCREENING_WRITE) and found.casebook.participant.randomized_at is None,
        signed=is_signed(found) or found.casebook.participant.randomized_at is not None,
    )  # fmt: skip


def _signing_page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    found = dossier(session, here, code)
    return page(
        request, "site/eligibility_sign.html", status=status, here=here, found=found, book=found.casebook, state=state,
        lines=_lines(session, found), trail=trail(here, found.casebook), back=subject_url(here, code, "eligibility"),
        url=subject_url(here, code, "eligibility", "sign"), meaning=MEANING, needs_code=here.caller.needs_code,
        ready=found.assessment is not None and found.assessment.eligible,
    )  # fmt: skip


def _sign_url(found: Dossier) -> str:
    ready = found.assessment is not None and found.assessment.eligible and not is_signed(found)
    before = found.casebook.participant.randomized_at is None
    if not (ready and before and found.may(Permission.ELIGIBILITY_SIGN)):
        return ""
    return subject_url(found.here, found.casebook.participant.code, "eligibility", "sign")


def _lines(session: TrialSession, found: Dossier) -> list[Line]:
    """Each criterion with what is recorded now; a person's own answers as last given."""
    recorded = recorded_in_screening(session, found.casebook)
    checked = machine_answers(found.casebook.protocol, recorded)
    given = found.assessment.answers if found.assessment is not None else {}
    return [
        Line(
            criterion,
            checked[criterion.id] if criterion.id in checked else given.get(criterion.id),
            _evidence(found, criterion, recorded),
            criterion.id not in checked,
        )
        for criterion in found.casebook.protocol.eligibility
    ]


def _evidence(found: Dossier, criterion: Criterion, recorded: Mapping[tuple[str, str], Value | None]) -> str:
    """The values that a check rests on, in words; a score only for those who read efficacy."""
    conditions = criterion.check.conditions if criterion.check else ()
    said = (_value_words(found, one.form, one.field, recorded.get((one.form, one.field))) for one in conditions)
    return "; ".join(dict.fromkeys(part for part in said if part))


def _value_words(found: Dossier, form: str, field: str, value: Value | None) -> str:
    protocol = found.casebook.protocol
    described = next((one.field(field) for one in protocol.forms if one.code == form), None)
    if described is not None:
        return f"{described.label}: {answer_words(described, value) if value is not None else 'not recorded'}"
    if value is None:
        return f"{form}: not recorded"
    return (
        f"{form}: {value:g}"
        if isinstance(value, float) and found.may(Permission.EFFICACY_READ)
        else f"{form}: recorded"
    )
