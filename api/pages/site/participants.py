"""Participants: the list, a new one, and one with the way from consent to the last visit."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, site_words
from api.pages.render import page
from api.pages.site.agenda import Agenda, Next, agenda_of
from api.pages.site.commands import command_of, whole_number
from api.pages.site.dossiers import Dossier, dossier
from api.pages.site.guesses import due_guesses
from api.pages.site.replacements import whom_words
from api.pages.site.returned_receipts import receipt_notice
from api.pages.site.steps import NextStep, before_randomization, is_signed, next_step, task_lines
from api.pages.site.subjects import list_url, subject_url
from api.pages.site.timelines import timeline_of
from api.pages.site.words import ERROR_WORDS, STATUS, Tag, said, term_words, terms_of
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.participant_readers import participants_of
from trial.conduct.participants import (
    BEFORE_RANDOMIZATION,
    IN_THE_TRIAL,
    Participant,
    ParticipantStatus,
    RegisterParticipant,
    register_participant,
)
from trial.conduct.replacements import RecordReplacement, record_replacement
from trial.database.session import TrialSession

router = APIRouter()

_READERS = permission(Permission.SCREENING_READ, Permission.VISIT_READ)
_PAGE_SIZE = 60
_GROUPS: dict[str, tuple[str, frozenset[ParticipantStatus] | None]] = {
    "all": ("All", None),
    "screening": ("In screening", BEFORE_RANDOMIZATION),
    "trial": ("In the trial", IN_THE_TRIAL),
    "left": ("Completed or left", frozenset(ParticipantStatus) - BEFORE_RANDOMIZATION - IN_THE_TRIAL),
    **{status.value: (words, frozenset({status})) for status, (words, _) in STATUS.items()},
}
_DUE = {"any": "Any", "due": "To do or due", "late": "Late"}


@dataclass(frozen=True, slots=True)
class Row:
    code: str
    url: str
    tag: Tag
    site: str
    participant: Participant
    next: Next


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; an unknown word narrows nothing."""

    status: str = "all"
    due: str = "any"
    number: int = 1

    def address(self, here: Place) -> str:
        chosen = {"site": here.site.code} if here.site and len(here.sites) > 1 else {}
        return f"{here.url('participants')}?{urlencode({**chosen, 'status': self.status, 'due': self.due, 'page': ''})}"


@router.get("/t/{trial}/participants", openapi_extra=_READERS)
def list_participants(
    request: Request,
    here: Here,
    session: Write,
    status: str = "all",
    due: str = "any",
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
    done: str = "",
) -> Response:
    filters = Filters(status if status in _GROUPS else "all", due if due in _DUE else "any", number)
    rows = _rows(session, here, filters)
    first = (number - 1) * _PAGE_SIZE
    return page(
        request, "site/participants.html", here=here, rows=rows[first : first + _PAGE_SIZE], total=len(rows),
        filters=filters, last=max(1, -(-len(rows) // _PAGE_SIZE)), groups=_group_options(), dues=list(_DUE.items()),
        register_url=_register_url(here), site_words=site_words, done=done,
    )  # fmt: skip


@router.get("/t/{trial}/participants/register", openapi_extra=permission(Permission.SCREENING_WRITE))
def show_register(request: Request, here: Here, session: Write) -> Response:
    return _register_page(request, here, session, FormState())


@router.post("/t/{trial}/participants/register", openapi_extra=permission(Permission.SCREENING_WRITE))
def register(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _register_page(request, here, session, state, status)):
        command = command_of(
            RegisterParticipant,
            trial_id=here.trial.id,
            site_id=_site_id(here, posted.get("site_id", "")),
            birth_year=whole_number(posted.get("birth_year", "")),
            **picked(posted, "sex", "race", "ethnicity"),
        )
        made = register_participant(session, here.actor, command)
        if replaced := picked(posted, "replaces"):
            record_replacement(session, here.actor, command_of(RecordReplacement, participant_id=made.id, **replaced))
    return see(subject_url(here, made.code), done="registered")


@router.get("/t/{trial}/participants/{code}", openapi_extra=_READERS)
def show_participant(request: Request, here: Here, session: Write, code: str, done: str = "") -> Response:
    found = dossier(session, here, code)
    receipt = _receipt(session, found)
    screening = before_randomization(found) and found.may(Permission.SCREENING_READ)
    return page(
        request, "site/participant.html", here=here, found=found, book=found.casebook, next=_next(found, receipt),
        tasks=task_lines(found) if screening else [], timeline=timeline_of(found), tag=STATUS[found.casebook.participant.status],
        facts=_facts(found), more=[*_more(found), *_guesses(session, found)], done=_DONE.get(done, ""), said=said,
        event_url=here.url("adverse-events"), P=Permission, error_words=ERROR_WORDS,
        receipt=receipt,
    )  # fmt: skip


_DONE = {
    "registered": "The participant is registered. Record the consent next.",
    "consent": "The consent is recorded.",
    "withdrawal": "The withdrawal is recorded.",
    "form": "The form is recorded.",
    "visit": "The visit is recorded.",
    "missed": "The visit is recorded as missed.",
    "eligibility": "The criteria are answered.",
    "signed": "Eligibility is signed. The participant can be randomized.",
    "deviation": "The deviation is recorded.",
    "unblinding-reported": "The unblinding stands in the register, and the medical monitor is told.",
    "randomization-error": "The error is marked. The allocation stays as it was made.",
    "treatment-end": "The end of treatment is recorded. Follow-up goes on.",
    "study-end": "The end of the study is recorded.",
    "screening-end": "The end of screening is recorded.",
    "replacement": "It is recorded for whom the participant stands in.",
    "identity": "Name and contact are recorded.",
    "event": "The adverse event is recorded.",
    "guess": "The answer is recorded. It is shown to nobody here.",
}


def _rows(session: TrialSession, here: Place, filters: Filters) -> list[Row]:
    site_id = here.site.id if here.site else None
    statuses = _GROUPS[filters.status][1]
    found = participants_of(session, here.actor, here.trial.id, statuses=statuses, site_id=site_id)
    agenda = agenda_of(session, here)
    rows = [_row(here, agenda, one) for one in found]
    if filters.due == "late":
        return [row for row in rows if row.next.word == "Late"]
    return [row for row in rows if row.next.is_due] if filters.due == "due" else rows


def _row(here: Place, agenda: Agenda, one: Participant) -> Row:
    site = next((site for site in here.sites if site.id == one.site_id), None)
    return Row(
        one.code, subject_url(here, one.code), STATUS[one.status], site.code if site else "–", one, agenda.next_of(one)
    )


def _group_options() -> list[tuple[str, str]]:
    return [(name, words) for name, (words, _) in _GROUPS.items()]


def _register_url(here: Place) -> str:
    return list_url(here, "participants", "register") if here.may(Permission.SCREENING_WRITE) else ""


def _register_page(
    request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200
) -> Response:
    rule = here.protocol.randomization.replacements if here.protocol else None
    return page(
        request, "site/register.html", status=status, here=here, state=state, site_words=site_words,
        list_url=list_url(here, "participants"), action=list_url(here, "participants", "register"),
        sexes=terms_of("C66731"), races=terms_of("C74457"), ethnicities=terms_of("C66790"),
        whom=whom_words(session, here, here.protocol) if here.protocol and rule else "",
    )  # fmt: skip


def _site_id(here: Place, chosen: str) -> object:
    """The chosen site's id; where there is but one, that."""
    if here.site is not None:
        return here.site.id
    return next((site.id for site in here.sites if site.code == chosen), None)


def _facts(found: Dossier) -> list[tuple[str, str]]:
    one = found.casebook.participant
    facts = [("Site", site_words(found.casebook.site)), ("Protocol version", found.casebook.version_label)]
    if found.may(Permission.SCREENING_READ):
        facts += [("Sex", term_words("C66731", one.sex)), ("Year of birth", str(one.birth_year))]
    if one.randomization_number is not None:
        facts.append(("Randomization number", one.randomization_number))
    if found.stands_in_for is not None:
        facts.append(("Stands in for", found.stands_in_for.replaced))
    if found.replaced_by is not None:
        facts.append(("Replaced by", found.replaced_by.participant))
    return facts


def _receipt(session: TrialSession, found: Dossier) -> tuple[str, str, str] | None:
    """What a receipt that came back means for somebody who is still to be randomized."""
    if not before_randomization(found) or not found.may(Permission.PARTICIPANT_RANDOMIZE):
        return None
    return receipt_notice(session, found.here, found.casebook)


def _next(found: Dossier, receipt: tuple[str, str, str] | None) -> NextStep:
    """What comes next; nobody is randomized before it is said whose a receipt is that waits."""
    if receipt is not None and receipt[2] and is_signed(found):
        return NextStep("Say whose the receipt is", receipt[2])
    return next_step(found)


def _guesses(session: TrialSession, found: Dossier) -> list[tuple[str, str]]:
    return [(one.label, one.url) for one in due_guesses(session, found.here, found.casebook, found.visits)]


def _in_programme(found: Dossier) -> bool:
    """Whether sessions of a programme are recorded for this participant."""
    programme = found.casebook.protocol.programme
    joins = programme is not None and programme.attendance_recorded
    return joins and found.casebook.participant.randomized_at is not None


def _more(found: Dossier) -> list[tuple[str, str]]:
    """What else can be done with this participant, beside the one main action."""
    here, one = found.here, found.casebook.participant
    before, inside = before_randomization(found), one.status in IN_THE_TRIAL
    replaces = before and found.casebook.protocol.randomization.replacements is not None
    handed_out = inside and found.casebook.protocol.supply.numbered_kits
    offers = [
        (Permission.ADVERSE_EVENT_REPORT, True, "Report an adverse event", ("adverse-events", "report")),
        (
            Permission.ADVERSE_EVENT_REPORT,
            True,
            "Report an overdose, error or pregnancy",
            ("special-situations", "report"),
        ),
        (Permission.KIT_DISPENSE, handed_out and found.treatment_end is None, "Hand out the kit", ("kit",)),
        (Permission.SCREENING_READ, one.consented_on is not None, "Other treatment", ("treatments",)),
        (Permission.VISIT_READ, _in_programme(found), "Programme sessions", ("programme",)),
        (Permission.VISIT_WRITE, inside, "Record a deviation", ("deviation",)),
        (
            Permission.PARTICIPANT_RANDOMIZE,
            one.randomized_at is not None,
            "Mark a randomization error",
            ("randomization-error",),
        ),
        (Permission.SCREENING_WRITE, inside or before, "Record consent or its withdrawal", ("consent",)),
        (Permission.SCREENING_WRITE, replaces, "Stand in for somebody who left", ("replacement",)),
        (Permission.SCREENING_WRITE, before, "End screening", ("end-screening",)),
        (Permission.VISIT_WRITE, inside and found.treatment_end is None, "End treatment", ("end-treatment",)),
        (Permission.VISIT_WRITE, inside, "End the study", ("end-study",)),
        (Permission.QUERY_RAISE, True, "Raise a query", ("queries", "raise")),
        (Permission.IDENTITY_READ, True, "Name and contact", ("identity",)),
    ]
    return [
        (words, subject_url(here, one.code, *path))
        for needed, holds, words, path in offers
        if holds and found.may(needed)
    ]
