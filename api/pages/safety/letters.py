"""Safety letters: issued to every site, read by everybody in safety, acknowledged by an investigator of each."""

from collections.abc import Iterator
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, WorkRow, home_worklist
from api.pages.pharmacy.stock_papers import pdf_answer
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.words import counted
from api.permissions import permission
from reports.documents.safety_letter import LetterFacts, safety_letter
from trial.access.permissions import Permission
from trial.access.policies import sites_where
from trial.conduct.participants import get_participant
from trial.conduct.sites import find_site
from trial.database.session import TrialSession
from trial.safety.adverse_events import get_event
from trial.safety.cases import find_case_event
from trial.safety.letters import (
    MEANING,
    AcknowledgeLetter,
    IssueLetter,
    LetterStanding,
    acknowledge_letter,
    can_acknowledge,
    check_may_issue,
    issue_letter,
    letter_for,
    letters_for,
)

router = APIRouter()

_LETTERS = "/t/{trial}/safety/letters"
_READERS = permission(Permission.SAE_CLOCK_READ)
_ISSUERS = permission(Permission.SUSAR_ASSESS, Permission.OVERSIGHT_DECIDE)
_SAID = {
    "issued": "The letter is issued, and every site is alerted.",
    "acknowledged": "The letter is acknowledged for your site.",
}


@router.get(_LETTERS, openapi_extra=_READERS)
def list_letters(request: Request, here: Here, session: Write) -> Response:
    return page(
        request, "safety/cases/letters.html", here=here, letters=letters_for(session, here.actor, here.trial.id),
        may_issue=here.may(Permission.SUSAR_ASSESS) or here.may(Permission.OVERSIGHT_DECIDE),
    )  # fmt: skip


@router.get(f"{_LETTERS}/new", openapi_extra=_ISSUERS)
def show_letter_form(request: Request, here: Here, session: Write) -> Response:
    return _form_page(request, here, session, FormState())


@router.post(f"{_LETTERS}/new", openapi_extra=_ISSUERS)
def issue(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _form_page(request, here, session, state, status)):
        check_may_issue(here.actor, here.trial.id)
        command = command_of(
            IssueLetter,
            trial_id=here.trial.id,
            event_id=_case_of(session, here, str(posted.get("case", ""))),
            **picked(posted, "title", "body", "asked_of_sites", "idempotency_key"),
        )
        letter = issue_letter(session, here.actor, command)
    return see(here.url("safety", "letters", letter.id), done="issued")


def _case_of(session: TrialSession, here: Place, case: str) -> UUID | None:
    """The event of ``P-0007/2``; nothing where nothing was typed. Raises ``EventNotFound``."""
    code, _, number = case.partition("/")
    if not case:
        return None
    return find_case_event(session, here.trial.id, code.strip().upper(), int(number) if number.isdigit() else 0).id


def _form_page(request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200) -> Response:
    del session
    return page(request, "safety/cases/letter_form.html", status=status, here=here, state=state)


@router.get(f"{_LETTERS}/{{letter_id}}", openapi_extra=_READERS)
def show_letter(request: Request, here: Here, session: Write, letter_id: UUID, done: str = "") -> Response:
    standing = letter_for(session, here.actor, here.trial.id, letter_id)
    return page(
        request, "safety/cases/letter.html", here=here, standing=standing, said=_SAID.get(done, ""),
        mine=can_acknowledge(here.actor, standing), url=here.url("safety", "letters", letter_id),
    )  # fmt: skip


@router.get(f"{_LETTERS}/{{letter_id}}/letter.pdf", openapi_extra=_READERS)
def download_letter(here: Here, session: Write, letter_id: UUID) -> Response:
    """The same bytes for every site, whoever has acknowledged it."""
    letter = letter_for(session, here.actor, here.trial.id, letter_id).letter
    facts = LetterFacts(
        trial=here.trial.code,
        title=here.trial.title,
        kind=here.trial.kind.value,
        number=letter.number,
        subject=letter.title,
        body=letter.body,
        asked_of_sites=letter.asked_of_sites,
        sites=letter.site_codes,
        case=case_words(session, letter.event_id),
        issued_by=letter.printed_name,
        issued_at=letter.recorded_at,
    )
    return pdf_answer(safety_letter(facts), f"{here.trial.code}-safety-letter-{letter.number}.pdf")


def case_words(session: TrialSession, event_id: UUID | None) -> str:
    """``P-0007, event 2``; nothing for a letter about no single case."""
    if event_id is None:
        return ""
    event = get_event(session, event_id)
    return f"{get_participant(session, event.participant_id).code}, event {event.number}"


@router.get(f"{_LETTERS}/{{letter_id}}/acknowledge", openapi_extra=permission(Permission.SAE_SIGN))
def show_acknowledging(request: Request, here: Here, session: Write, letter_id: UUID) -> Response:
    return _acknowledge_page(request, here, session, letter_id, FormState())


@router.post(f"{_LETTERS}/{{letter_id}}/acknowledge", openapi_extra=permission(Permission.SAE_SIGN))
def acknowledge(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, letter_id: UUID
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _acknowledge_page(request, here, session, letter_id, state, status)

    with reshown(session, posted, again):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            AcknowledgeLetter,
            letter_id=letter_id,
            site_id=find_site(session, here.trial.id, str(posted.get("for_site", ""))).id,
            idempotency_key=posted.get("idempotency_key", ""),
        )
        acknowledge_letter(session, here.actor, proof, command)
    return see(here.url("safety", "letters", letter_id), done="acknowledged")


def _acknowledge_page(
    request: Request, here: Place, session: TrialSession, letter_id: UUID, state: FormState, status: int = 200
) -> Response:
    standing = letter_for(session, here.actor, here.trial.id, letter_id)
    sites = can_acknowledge(here.actor, standing)
    return page(
        request, "safety/cases/acknowledge.html", status=status, here=here, state=state, standing=standing,
        sites=sites, meaning=MEANING, needs_code=here.caller.needs_code, url=here.url("safety", "letters", letter_id),
    )  # fmt: skip


@home_worklist(Permission.SAE_SIGN)
def letters_to_acknowledge(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    waiting = [
        one
        for one in letters_for(session, here.actor, here.trial.id)
        if any(here.site is None or site.id == here.site.id for site in can_acknowledge(here.actor, one))
    ]
    yield _row(here, waiting, "safety letter to acknowledge", "safety letters to acknowledge")


@home_worklist(Permission.SUSAR_ASSESS, Permission.OVERSIGHT_DECIDE)
def letters_outstanding(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    if sites_where(here.actor, Permission.SAE_CLOCK_READ, here.trial.id) is None:
        waiting = [one for one in letters_for(session, here.actor, here.trial.id) if one.outstanding]
        yield _row(here, waiting, "safety letter not acknowledged", "safety letters not acknowledged")


def _row(here: Place, waiting: list[LetterStanding], one: str, many: str) -> WorkRow:
    sites = ", ".join(dict.fromkeys(site.code for standing in waiting for site in standing.outstanding))
    return WorkRow(len(waiting), counted(len(waiting), one, many), here.url("safety", "letters"), sites, "warning")
