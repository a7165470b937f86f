"""Forms as recorded: the answers to one form of the protocol at one visit.

Invariants
1. Answers pass the protocol's edit checks before they are kept; what is kept but unexpected becomes a query.
2. A form is recorded once a visit. To record it again is a correction, and needs a reason.
3. A form has a domain, and only those who may read that domain read it.

What it does not do: decide who may record. ``screening``, ``baseline``, ``visits``, ``infusions`` and ``outcomes`` do,
and call ``write_forms``.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actors import Actor
from trial.access.policies import may
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.edit_checks import check_form
from trial.conduct.participants import ParticipantRecord
from trial.conduct.queries import READERS, DataDomain, query_from_check
from trial.database.columns import choice, document
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.protocol.schema import Form, Value, Visit

FormAnswers = dict[str, Value | None]


class FormNotExpected(InvalidInput):
    code = "form.not_expected"


class CorrectionNeedsReason(InvalidInput):
    code = "record.correction_needs_reason"


class FormRecord(ParticipantRecord, table=True):
    __tablename__ = "form_record"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "visit", "form"))

    visit: str = Field(max_length=48)
    form: str = Field(max_length=48)
    domain: DataDomain = choice(DataDomain)
    performed_on: date
    answers: dict[str, Any] = document()


def write_forms(
    session: TrialSession,
    casebook: Casebook,
    visit: Visit,
    given: Mapping[str, FormAnswers],
    performed_on: date,
    *,
    domains: Collection[DataDomain],
    known: Mapping[str, FormRecord],
    reason: str | None = None,
) -> list[FormRecord]:
    """Keep the answers of several forms of one visit, and raise the queries that they call for.

    domains: which domains the calling act may write. known: what is recorded at this visit, by form.
    Raises ``FormNotExpected``, ``AnswersRefused``, ``CorrectionNeedsReason``, ``NotInProtocol``.
    """
    if not given:
        return []
    forms = [_expected(casebook, visit, code, domains) for code in given]
    together = {(code, name): value for code, answers in given.items() for name, value in answers.items()}
    before = {(code, name): value for code, record in known.items() for name, value in record.answers.items()}
    kept = []
    for form in forms:
        questions = check_form(form, given[form.code], {**before, **together})
        kept.append(_keep(session, casebook, visit, form, given[form.code], performed_on, known.get(form.code), reason))
        for question in questions:
            query_from_check(
                session,
                casebook,
                DataDomain(form.domain),
                question.sentence,
                visit=visit.code,
                subject=form.code,
                field=question.field,
            )
    return kept


def _expected(casebook: Casebook, visit: Visit, code: str, domains: Collection[DataDomain]) -> Form:
    form = casebook.protocol.form(code)
    if code not in visit.forms:
        raise FormNotExpected(
            f"{form.name} is not part of {visit.name}. That visit has: {', '.join(visit.forms) or 'no forms'}."
        )
    if DataDomain(form.domain) not in domains:
        raise FormNotExpected(f"{form.name} belongs to the {form.domain} data. Record it there.")
    return form


def _keep(
    session: TrialSession,
    casebook: Casebook,
    visit: Visit,
    form: Form,
    answers: FormAnswers,
    performed_on: date,
    known: FormRecord | None,
    reason: str | None,
) -> FormRecord:
    clean = {name: value for name, value in answers.items() if value is not None}
    if known is None:
        record = FormRecord(
            **casebook.stamp(session),
            visit=visit.code,
            form=form.code,
            domain=DataDomain(form.domain),
            performed_on=performed_on,
            answers=clean,
        )
    else:
        if known.answers != clean and not reason:
            raise CorrectionNeedsReason(
                f"{form.name} is recorded already for {visit.name}. To correct it, give the reason.",
                fields={"reason": "A correction needs a reason."},
            )
        record = known
        record.answers, record.performed_on = clean, performed_on
    session.add(record)
    return record


def recorded_forms(session: TrialSession, participant_id: UUID, visit: str) -> dict[str, FormRecord]:
    """What is recorded at a visit, by form. For services; readers use ``forms_for``."""
    found = select(FormRecord).where(FormRecord.participant_id == participant_id, FormRecord.visit == visit)
    return {record.form: record for record in session.exec(found)}


def forms_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[FormRecord]:
    """The forms of a participant whose domains ``actor`` may read, in order of the visits."""
    casebook = open_casebook(session, participant_id)
    readable = [domain for domain, needed in READERS.items() if may(actor, needed, casebook.trial.id, casebook.site.id)]
    found = session.exec(
        select(FormRecord).where(FormRecord.participant_id == participant_id, col(FormRecord.domain).in_(readable))
    )
    order = {code: place for place, code in enumerate(casebook.protocol.visit_codes)}
    return sorted(found, key=lambda record: (order.get(record.visit, len(order)), record.form))
