"""The register of unblindings: who, when, why, and never the arm; the assessment of each that needs one."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlmodel import col, select
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.pharmacy.stock_papers import pdf_answer
from api.pages.render import instant_words, page
from api.permissions import permission
from randomization.unblinding.physicians import CodeHandover, handovers_in, shown_to
from randomization.unblinding.register import (
    NEEDS_ASSESSMENT,
    AssessImpact,
    Unblinding,
    UnblindingAssessment,
    UnblindingNotFound,
    assess_impact,
    assessment_of,
    assessments_due,
    register_for,
)
from reports.documents.unblinding_register import RegisterFacts, RegisterLine, unblinding_register
from trial.access.permissions import Permission
from trial.conduct.participants import Participant
from trial.database.session import TrialSession

router = APIRouter()
register_way(Way("Unblindings", "unblindings", (Permission.UNBLINDING_REGISTER_READ,), order=45, aside=True))

SAID = {"assessed": "The assessment is recorded."}
KIND_WORDS = {
    "emergency": "Emergency",
    "susar": "SUSAR, for the regulator",
    "closed_frame": "Closed report built",
    "closed_document": "Closed document opened",
    "code_decoded": "Code of the closed report opened",
    "end_of_trial": "End of trial",
    "simulator": "Simulator",
    "envelopes": "Envelopes printed for the pharmacist",
    "paper": "Emergency, on paper or by telephone",
    "accident": "Accident",
}


@router.get("/t/{trial}/unblindings", openapi_extra=permission("unblinding:register:read"))
def show_register(request: Request, here: Here, session: Write, done: str = "") -> Response:
    entries = register_for(session, here.actor, here.trial.id)[::-1]
    handovers = handovers_in(session, here.trial.id)
    return page(
        request,
        "monitor/unblindings.html",
        here=here,
        said=SAID.get(done, ""),
        words=KIND_WORDS,
        codes=_codes(session, entries),
        rows=[(one, assessment_of(session, one.id), one.kind in NEEDS_ASSESSMENT) for one in entries],
        readers={one.id: reader_words(one, handovers.get(one.id), here.zone) for one in entries},
        pdf_url=here.url("unblindings", "register.pdf"),
        may_assess=here.may(Permission.UNBLINDING_ASSESS_IMPACT),
    )


@router.get("/t/{trial}/unblindings/register.pdf", openapi_extra=permission("unblinding:register:read"))
def download_register(here: Here, session: Write) -> Response:
    """The same bytes as long as nothing is entered or assessed."""
    return pdf_answer(unblinding_register(_facts(session, here)), f"{here.trial.code}-unblindings.pdf")


def _facts(session: TrialSession, here: Place) -> RegisterFacts:
    entries = register_for(session, here.actor, here.trial.id)
    handovers, codes = handovers_in(session, here.trial.id), _codes(session, entries)
    assessments = {one.id: assessment_of(session, one.id) for one in entries}
    moments = [
        *(one.opened_at for one in entries),
        *(one.first_read_at for one in handovers.values() if one.first_read_at),
        *(one.recorded_at for one in assessments.values() if one),
    ]
    return RegisterFacts(
        trial=here.trial.code,
        title=here.trial.title,
        kind=here.trial.kind.value,
        as_of=max(moments, default=None),
        waiting=len([one for one in entries if one.kind in NEEDS_ASSESSMENT and assessments[one.id] is None]),
        lines=tuple(
            RegisterLine(
                at=instant_words(one.opened_at, here.zone),
                kind=KIND_WORDS[one.kind],
                participant=codes[one.participant_id] if one.participant_id else "",
                by=one.printed_name,
                shown_to=reader_words(one, handovers.get(one.id), here.zone),
                why=why_words(one),
                assessment=_assessed_words(one, assessments[one.id]),
            )
            for one in entries
        ),
    )


def reader_words(entry: Unblinding, handover: CodeHandover | None, zone: str) -> str:
    """To whom it was shown, and when a physician read what was sent to them."""
    said = shown_to(entry, handover)
    if handover is None:
        return said
    read = handover.first_read_at
    return f"{said} ({f'read {instant_words(read, zone)}' if read else 'not read'})"


def why_words(entry: Unblinding) -> str:
    reason = entry.reason.value.replace("_", " ").capitalize() if entry.reason else ""
    return f"{reason}: {entry.note}" if reason else entry.note


def _assessed_words(entry: Unblinding, assessment: UnblindingAssessment | None) -> str:
    if assessment is not None:
        return f"{'Bias possible' if assessment.bias_possible else 'No bias expected'}: {assessment.impact}"
    return "Waits for its assessment" if entry.kind in NEEDS_ASSESSMENT else "Scheduled work"


def _codes(session: TrialSession, entries: Iterable[Unblinding]) -> dict[UUID, str]:
    ids = {one.participant_id for one in entries if one.participant_id}
    return {one.id: one.code for one in session.exec(select(Participant).where(col(Participant.id).in_(ids)))}


@router.get("/t/{trial}/unblindings/{unblinding_id}", openapi_extra=permission("unblinding:assess_impact"))
def show_assessment(request: Request, here: Here, session: Write, unblinding_id: UUID) -> Response:
    return _assessment(request, here, session, unblinding_id, FormState())


def _assessment(
    request: Request, here: Place, session: TrialSession, unblinding_id: UUID, state: FormState, status: int = 200
) -> Response:
    entry = entry_here(session, here, unblinding_id)
    context: dict[str, Any] = {
        "here": here,
        "state": state,
        "entry": entry,
        "kind": KIND_WORDS[entry.kind],
        "code": _codes(session, [entry]).get(entry.participant_id or entry.id, ""),
    }
    return page(request, "monitor/assessment.html", status=status, **context)


def entry_here(session: TrialSession, here: Place, unblinding_id: UUID) -> Unblinding:
    """The entry, if it is this trial's. Raises ``UnblindingNotFound``."""
    entry = session.get(Unblinding, unblinding_id)
    if entry is None or entry.trial_id != here.trial.id:
        raise UnblindingNotFound("There is no such entry. Choose one from the register of unblindings.")
    return entry


@router.post("/t/{trial}/unblindings/{unblinding_id}", openapi_extra=permission("unblinding:assess_impact"))
def assess(request: Request, here: Here, session: Write, posted: Posted, unblinding_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _assessment(request, here, session, unblinding_id, state, status)

    with reshown(session, posted, show):
        entry = entry_here(session, here, unblinding_id)
        given = picked(posted, "impact", "bias_possible")
        assess_impact(session, here.actor, AssessImpact(unblinding_id=entry.id, **given))
    return see(here.url("unblindings"), done="assessed")


@home_worklist(Permission.UNBLINDING_ASSESS_IMPACT)
def unblindings_to_assess(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    if here.may(Permission.UNBLINDING_REGISTER_READ):
        waiting = assessments_due(session, here.actor, here.trial.id)
        yield WorkRow(len(waiting), "unblindings to assess", here.url("unblindings"), "before any lock", "warning")
