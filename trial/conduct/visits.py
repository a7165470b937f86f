"""Visits: what took place when, what was missed and why, and what is due.

Invariants
1. A visit is recorded once; to change it needs a reason. ``MOVES`` says how a visit's standing may change.
2. What happened is recorded even outside its window, and marked so; only a date in the future is refused.
3. Dates as planned are kept beside the date on which the visit happened, under the version in force then.

What it does not do: infusions. ``infusions`` records those, and their visits with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, bindparam
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may, check_may_somewhere, may
from trial.clock import local_date
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.forms import CorrectionNeedsReason, FormAnswers, recorded_forms, write_forms
from trial.conduct.participants import (
    ACTIVE,
    Participant,
    ParticipantRecord,
    Step,
    check_active,
    check_not_future,
    check_randomized,
    check_was_active,
    take_step,
)
from trial.conduct.queries import DataDomain
from trial.conduct.schedules import (
    Anchors,
    PlannedVisit,
    VisitStanding,
    planned_visit,
    planned_visits,
    standing,
    treatment_is_over,
)
from trial.conduct.sites import Site, sites_of
from trial.conduct.trials import Lever, check_lever_open
from trial.database.columns import choice, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import Protocol, Visit
from trial.protocol.versions import NoVersionAdopted, protocol_of, version_in_force

MOVES: Final[dict[VisitStanding, frozenset[VisitStanding]]] = {
    VisitStanding.DUE: frozenset({VisitStanding.DONE, VisitStanding.MISSED}),
    VisitStanding.DONE: frozenset({VisitStanding.DONE}),
    VisitStanding.MISSED: frozenset({VisitStanding.DONE, VisitStanding.MISSED}),
    VisitStanding.NOT_EXPECTED: frozenset({VisitStanding.DONE}),
}
WRITTEN_AT_VISITS: Final = frozenset({DataDomain.SCREENING, DataDomain.CONDUCT, DataDomain.SAFETY})


class VisitMoveNotPossible(Conflict):
    code = "visit.move_not_possible"


class VisitIsAnInfusion(InvalidInput):
    code = "visit.is_an_infusion"


class VisitIsScreening(InvalidInput):
    code = "visit.is_screening"


class VisitNotYetDue(Conflict):
    code = "visit.not_yet_due"


class TreatmentIsInfused(InvalidInput):
    code = "treatment.is_infused"


class RecordVisit(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    visit: str
    happened_on: date
    forms: dict[str, FormAnswers] = {}
    reason: str | None = None


class MissVisit(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    visit: str
    reason: str = Bounded(min_length=3, max_length=500)


class StartTreatment(BaseModel):
    """The first dose where treatment is not infused."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    first_dose_at: AwareDatetime


class VisitRecord(ParticipantRecord, table=True):
    __tablename__ = "visit"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "visit"))

    visit: str = Field(max_length=48)
    standing: VisitStanding = choice(VisitStanding)
    happened_on: date | None = None
    planned_on: date | None = None
    window_from: date | None = None
    window_to: date | None = None
    in_window: bool | None = None
    missed_reason: str | None = prose(default=None)


_OF_PARTICIPANT: Final = select(VisitRecord).where(
    VisitRecord.participant_id == bindparam("participant_id"), VisitRecord.visit == bindparam("visit")
)


@dataclass(frozen=True, slots=True)
class VisitState:
    """One visit of a participant's schedule: as planned, as it stands, as recorded."""

    participant: Participant
    planned: PlannedVisit
    standing: VisitStanding
    record: VisitRecord | None


def record_visit(session: TrialSession, actor: Actor, command: RecordVisit) -> VisitRecord:
    """A visit after randomization took place, with the forms filled in at it.

    Raises ``NotRandomized``, ``ParticipantHasLeft``, ``LeverClosed``, ``VisitIsAnInfusion``, ``VisitIsScreening``,
    ``DateInFuture``, ``AnswersRefused``, ``CorrectionNeedsReason``, ``NotInProtocol``.
    """
    casebook = open_for(session, actor, Action.VISIT_RECORDED, command.participant_id, reason=command.reason)
    check_was_active(casebook.participant, command.happened_on)
    visit = _visit_after_randomization(casebook, command.visit)
    check_not_future(command.happened_on, casebook.today, "happened_on")
    known = _stored(session, casebook.participant.id, visit.code)
    _check_move(visit, known, VisitStanding.DONE)
    if known is not None and known.happened_on not in (None, command.happened_on) and not command.reason:
        raise CorrectionNeedsReason(
            f"{visit.name} is recorded already. To change its date, give the reason.",
            fields={"reason": "A correction needs a reason."},
        )
    record = known or _new(session, casebook, visit.code, VisitStanding.DONE)
    _place(record, casebook, command.happened_on)
    write_forms(
        session,
        casebook,
        visit,
        command.forms,
        command.happened_on,
        domains=WRITTEN_AT_VISITS,
        known={} if known is None else recorded_forms(session, casebook.participant.id, visit.code),
        reason=command.reason,
    )
    session.add(record)
    session.flush()
    return record


def miss_visit(session: TrialSession, actor: Actor, command: MissVisit) -> VisitRecord:
    """A visit did not take place, and why. Raises as ``record_visit``, and ``VisitNotYetDue``."""
    casebook = open_for(session, actor, Action.VISIT_MISSED, command.participant_id, reason=command.reason)
    check_active(casebook.participant)
    visit = _visit_after_randomization(casebook, command.visit)
    known = _stored(session, casebook.participant.id, visit.code)
    _check_move(visit, known, VisitStanding.MISSED)
    record = known or _new(session, casebook, visit.code, VisitStanding.MISSED)
    _place(record, casebook, None)
    if record.window_from is not None and record.window_from > casebook.today:
        raise VisitNotYetDue(f"{visit.name} opens on {record.window_from.isoformat()}, so it cannot be missed yet.")
    record.missed_reason = command.reason
    session.add(record)
    session.flush()
    return record


def start_treatment(session: TrialSession, actor: Actor, command: StartTreatment) -> Participant:
    """The first dose was taken, in a trial without infusions.

    Raises ``TreatmentIsInfused``, ``LeverClosed``, ``NotRandomized``, ``DateInFuture``, ``StepNotPossible``.
    """
    casebook = open_for(session, actor, Action.VISIT_RECORDED, command.participant_id, lever=Lever.DOSING)
    if casebook.protocol.infusions is not None:
        raise TreatmentIsInfused("This trial's treatment is infused. Record the infusion instead.")
    participant = casebook.participant
    check_not_future(casebook.day_of(command.first_dose_at), casebook.today, "first_dose_at")
    take_step(session, participant, Step.START_TREATMENT)
    participant.first_dose_at = participant.last_dose_at = command.first_dose_at
    session.flush()
    return participant


def note_visit(session: TrialSession, casebook: Casebook, visit: Visit, on: date) -> None:
    """That a visit took place, where another record shows it. The caller knows that it is not recorded yet."""
    record = _new(session, casebook, visit.code, VisitStanding.DONE)
    _place(record, casebook, on)
    session.add(record)


def note_missed(session: TrialSession, casebook: Casebook, visit: Visit, reason: str) -> None:
    """That a visit was missed, where another record shows it. The caller knows that it is not recorded yet."""
    record = _new(session, casebook, visit.code, VisitStanding.MISSED)
    _place(record, casebook, None)
    record.missed_reason = reason
    session.add(record)


def can_become(now: VisitStanding, then: VisitStanding) -> bool:
    return then in MOVES[now]


def anchors_of(participant: Participant, zone: str) -> Anchors:
    """The dates, at the site, from which this participant's visits count."""

    def day(instant: datetime | None) -> date | None:
        return None if instant is None else local_date(instant, zone)

    return Anchors(
        first_dose=day(participant.first_dose_at),
        last_dose=day(participant.last_dose_at),
        randomization=day(participant.randomized_at),
        treatment_is_over=treatment_is_over(participant.status),
    )


def schedule_of(
    protocol: Protocol, participant: Participant, zone: str, records: Iterable[VisitRecord]
) -> list[VisitState]:
    """The whole schedule of one participant, given the visits that are recorded."""
    by_code = {record.visit: record for record in records}
    recorded = {code: record.standing for code, record in by_code.items()}
    return [
        VisitState(
            participant,
            planned,
            standing(planned.visit, participant.status, recorded),
            by_code.get(planned.visit.code),
        )
        for planned in planned_visits(protocol, anchors_of(participant, zone))
    ]


def visits_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[VisitState]:
    """A participant's schedule, for a reader. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.VISIT_READ, casebook.trial.id, casebook.site.id)
    found = session.exec(select(VisitRecord).where(VisitRecord.participant_id == participant_id))
    return schedule_of(casebook.protocol, casebook.participant, casebook.site.zone, found)


def due_visits(
    session: TrialSession, actor: Actor, trial_id: UUID, *, site_id: UUID | None = None, on: date | None = None
) -> list[VisitState]:
    """Visits that are open or overdue ``on`` a day (today at each site unless said), the earliest deadline first."""
    check_may_somewhere(actor, Permission.VISIT_READ, trial_id)
    due: list[VisitState] = []
    for site in sites_of(session, trial_id):
        if site_id in (None, site.id) and may(actor, Permission.VISIT_READ, trial_id, site.id):
            due += _due_at(session, site, on or local_date(session.now(), site.zone))
    return sorted(due, key=_deadline)


def _due_at(session: TrialSession, site: Site, day: date) -> list[VisitState]:
    try:
        protocol = protocol_of(version_in_force(session, site.id, day))
    except NoVersionAdopted:
        return []
    participants = session.exec(
        select(Participant)
        .where(Participant.site_id == site.id, col(Participant.status).in_(list(ACTIVE)))
        .order_by(col(Participant.code))
    ).all()
    records: dict[UUID, list[VisitRecord]] = {}
    for record in session.exec(select(VisitRecord).where(VisitRecord.site_id == site.id)):
        records.setdefault(record.participant_id, []).append(record)
    states = (state for one in participants for state in schedule_of(protocol, one, site.zone, records.get(one.id, [])))
    return [state for state in states if is_due(state, day)]


def is_due(state: VisitState, day: date) -> bool:
    """Whether somebody is to record the visit, or why it is missed, by ``day``: on the agenda and before a lock alike.

    A visit without dates waits for its anchor, so for another visit that is due, or for the end of treatment.
    """
    if state.standing is not VisitStanding.DUE:
        return False
    if state.planned.dates is not None:
        return state.planned.dates.opens <= day
    # Screening, and the visit that sets the anchor, are due as soon as the participant's status reaches them.
    before = state.planned.visit.period == "screening"
    return before or (state.planned.visit.dose == 1 and state.participant.randomized_at is not None)


def _deadline(state: VisitState) -> tuple[date, str, int]:
    closes = state.planned.dates.closes if state.planned.dates else date.max
    return closes, state.participant.code, state.planned.order


def _visit_after_randomization(casebook: Casebook, code: str) -> Visit:
    visit = casebook.protocol.visit(code)
    if visit.period == "screening":
        raise VisitIsScreening(f"{visit.name} is recorded with screening. Open the screening forms.")
    check_randomized(casebook.participant)
    if visit.dose is not None and casebook.protocol.infusions is not None:
        raise VisitIsAnInfusion(f"{visit.name} is recorded with its infusion. Open the infusion.")
    check_lever_open(casebook.trial, Lever.FOLLOW_UP)
    return visit


def _check_move(visit: Visit, known: VisitRecord | None, then: VisitStanding) -> None:
    now = VisitStanding.DUE if known is None else known.standing
    if not can_become(now, then):
        raise VisitMoveNotPossible(
            f"{visit.name} is recorded as {now.value}; it cannot become {then.value}. Correct the record instead."
        )


def _new(session: TrialSession, casebook: Casebook, visit: str, now: VisitStanding) -> VisitRecord:
    return VisitRecord(**casebook.stamp(session), visit=visit, standing=now)


def _place(record: VisitRecord, casebook: Casebook, on: date | None) -> None:
    """Date the record, with the plan that held when it was made."""
    planned = planned_visit(casebook.protocol, record.visit, anchors_of(casebook.participant, casebook.site.zone))
    if planned.dates is not None:
        record.planned_on = planned.dates.planned
        record.window_from, record.window_to = planned.dates.opens, planned.dates.closes
    record.happened_on = on
    record.in_window = None if on is None else planned.window_holds(on)
    if on is not None:
        record.standing, record.missed_reason = VisitStanding.DONE, None


def _stored(session: TrialSession, participant_id: UUID, visit: str) -> VisitRecord | None:
    return session.exec(_OF_PARTICIPANT, params={"participant_id": participant_id, "visit": visit}).first()
