"""What became of a report that fell due: sent to the authority, or filed because there was no active treatment. Sealed.

Invariants
1. One act deals with a report, whichever treatment it was. Outside the seal it leaves one row, the same for every treatment
   (``trial.safety.expedited_reports``); the decision, the recipient and the reference stand under seal, padded to one size.
2. It is the unblinded safety officer's, after the regulator's copy of the case was made: so each case is unblinded, whatever
   comes of it.
3. To read the decisions again is entered in the register.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import LargeBinary
from sqlmodel import Field, col, select

from randomization.holders import data_key_of, find_data_key, make_data_key
from randomization.sealing import DataKey, Place, SealedValue, open_value, seal_value
from randomization.unblinding.copies import copies_of
from randomization.unblinding.register import UnblindingKind, enter
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.conduct.casebooks import Casebook, open_casebook
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import ExpeditedClock
from trial.safety.adverse_events import get_event
from trial.safety.clocks import Due
from trial.safety.expedited_reports import OF_ITS_OWN_ACCORD, ExpeditedReport, Stage, is_to_an_authority, stage_of
from trial.safety.watch import WatchedCase, case_under_watch

_SIZE: Final = 8192


class Expedition(StrEnum):
    SENT = "sent"
    NOT_EXPEDITED = "not_expedited"


class ReportNotDue(Conflict):
    code = "expedited_report.not_due"


class CaseNotUnblinded(Conflict):
    code = "expedited_report.case_not_unblinded"


class SentWhenImpossible(InvalidInput):
    code = "expedited_report.time_impossible"


class DealWithReport(BaseModel):
    """``clock_id`` names the clock that asks for it, or ``follow_up`` with the ``jurisdiction`` where none does.

    ``dealt_with_at`` is when it was sent, or filed; now, where it is left out.
    """

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    clock_id: str = Bounded(min_length=1, max_length=48)
    jurisdiction: str | None = Bounded(default=None, max_length=16)
    decision: Expedition
    recipient: str = Bounded(default="", max_length=200, repr=False)
    reference: str = Bounded(default="", max_length=200, repr=False)
    note: str = Bounded(min_length=3, max_length=1000, repr=False)
    dealt_with_at: AwareDatetime | None = None
    idempotency_key: str


class ExpeditionRecord(Record, table=True):
    """The decision on one report, sealed."""

    __tablename__ = "expedition"
    __table_args__ = in_schema("sealed", digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    report_id: UUID = Field(foreign_key="trial.expedited_report.id", unique=True)
    content: bytes = Field(sa_type=LargeBinary, repr=False)


@dataclass(frozen=True, slots=True)
class OpenedExpedition:
    """A decision on its way to the officer."""

    report: ExpeditedReport
    decision: Expedition = field(repr=False)
    recipient: str = field(repr=False)
    reference: str = field(repr=False)
    note: str = field(repr=False)


def deal_with_report(session: TrialSession, actor: Actor, command: DealWithReport) -> ExpeditedReport:
    """End a clock. Raises ``CaseNotUnblinded``, ``ReportNotDue``, ``SentWhenImpossible``, ``ValueTooLong``."""
    event = get_event(session, command.event_id)
    casebook = open_casebook(session, event.participant_id, to_write=True)
    authorize(session, actor, Action.REPORT_DEALT_WITH, trial_id=casebook.trial.id, site_id=casebook.site.id)
    made = exactly_once(
        session,
        actor,
        Action.REPORT_DEALT_WITH,
        command.idempotency_key,
        _Public(**command.model_dump(include=set(_Public.model_fields))),
        lambda: _deal(session, actor, casebook, command).id,
    )
    found = session.get(ExpeditedReport, made)
    assert found is not None, "reports are never removed"
    return found


class _Public(BaseModel):
    """What the idempotency key is bound to: its hash stands outside the seal, so the decision is not in it."""

    event_id: UUID
    clock_id: str
    jurisdiction: str | None
    dealt_with_at: datetime | None


def _deal(session: TrialSession, actor: Actor, casebook: Casebook, command: DealWithReport) -> ExpeditedReport:
    event = get_event(session, command.event_id)
    session.refresh(event)
    case = case_under_watch(session, event)
    if not copies_of(session, event.id):
        raise CaseNotUnblinded(
            "Make the regulator's copy of this case first. It is made of every case, whatever it shows."
        )
    clock, due = _what_is_due(case, command)
    jurisdiction = clock.jurisdiction if clock else str(command.jurisdiction)
    at = _checked_time(command.dealt_with_at or session.now(), due, session.now())
    earlier = [one for one in case.reports if one.jurisdiction == jurisdiction]
    stage = stage_of(clock, earlier)
    report = ExpeditedReport(
        **casebook.stamp(session),
        event_id=event.id,
        clock_id=command.clock_id,
        jurisdiction=jurisdiction,
        number=len(earlier) + 1,
        stage=stage,
        follow_up=_follow_up(stage, earlier),
        started_at=due.started_at if due else at,
        due_at=due.due_at if due else None,
        dealt_with_at=at,
        dealt_with_by=actor.account_id,
        printed_name=actor.display_name,
    )
    session.add(report)
    session.flush()
    _seal(session, casebook.trial.id, report.id, command)
    return report


def _what_is_due(case: WatchedCase, command: DealWithReport) -> tuple[ExpeditedClock | None, Due | None]:
    authorities = [clock for clock in case.rules.clocks if is_to_an_authority(clock)]
    if command.clock_id == OF_ITS_OWN_ACCORD:
        if not any(one.jurisdiction == command.jurisdiction for one in case.reports):
            raise ReportNotDue(
                "A follow-up report follows a first one to the same authority. Deal with that one first."
            )
        return None, None
    clock = next((one for one in authorities if one.id == command.clock_id), None)
    due = next((one for one in case.dues if clock and one.clock_id == clock.id and one.is_open), None)
    if clock is None or due is None:
        raise ReportNotDue("No report is due under this clock. Choose one of those that are open for the case.")
    return clock, due


def _follow_up(stage: Stage, earlier: list[ExpeditedReport]) -> int | None:
    if stage is not Stage.FOLLOW_UP:
        return None
    return sum(one.stage is Stage.FOLLOW_UP for one in earlier) + 1


def _checked_time(at: datetime, due: Due | None, now: datetime) -> datetime:
    if at > now or (due is not None and at < due.started_at):
        raise SentWhenImpossible(
            "The report was dealt with after its clock began and not in the future. Correct the time.",
            fields={"dealt_with_at": "Give a time after day 0 that is past."},
        )
    return at


def _seal(session: TrialSession, trial_id: UUID, report_id: UUID, command: DealWithReport) -> None:
    holder = _holder(trial_id)
    plain = json.dumps([command.decision.value, command.recipient, command.reference, command.note]).encode()
    with strongroom(session):
        key = find_data_key(session, holder) or make_data_key(session, trial_id, holder)
        sealed = seal_value(key, _place(report_id), plain, session.entropy, _SIZE)
        session.add(ExpeditionRecord(**session.stamp(), trial_id=trial_id, report_id=report_id, content=sealed.token))
        session.flush()


def open_expeditions(session: TrialSession, actor: Actor, event_id: UUID) -> list[OpenedExpedition]:
    """What became of each report of a case, for the safety officer; entered in the register. Raises ``NotPermitted``."""
    event = get_event(session, event_id)
    casebook = open_casebook(session, event.participant_id)
    authorize(session, actor, Action.EXPEDITIONS_OPENED, trial_id=casebook.trial.id, site_id=casebook.site.id)
    case = case_under_watch(session, event)
    enter(
        session,
        actor,
        UnblindingKind.CLOSED_DOCUMENT,
        casebook.trial.id,
        f"Opened: what became of the reports of case {case.code}",
        participant=casebook.participant,
    )
    if not case.reports:
        return []
    with strongroom(session):
        key = data_key_of(session, _holder(casebook.trial.id))
        wanted = select(ExpeditionRecord).where(col(ExpeditionRecord.report_id).in_([one.id for one in case.reports]))
        stored = {one.report_id: bytes(one.content) for one in session.exec(wanted)}
    return [_opened(key, report, stored[report.id]) for report in case.reports]


def _opened(key: DataKey, report: ExpeditedReport, token: bytes) -> OpenedExpedition:
    decision, recipient, reference, note = json.loads(open_value(key, _place(report.id), SealedValue(token)))
    return OpenedExpedition(report, Expedition(decision), recipient, reference, note)


def _holder(trial_id: UUID) -> str:
    return f"expeditions:{trial_id}"


def _place(report_id: UUID) -> Place:
    return Place("expedition", part=str(report_id))
