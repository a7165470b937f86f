"""What goes wrong in a demo trial: one serious event, one broken code, deviations, and questions about data.

Invariants
1. One participant has the serious event and another the broken code; both stay in follow-up.
2. The participants are chosen by their number and by what lies ahead of them, never by their arm.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from api.cli.demo.calendar import at, working_day
from api.cli.demo.life import Life
from api.cli.demo.stage import Place, Stage
from api.cli.demo.timeline import Story
from api.jobs.regulator_copies import MakeRegulatorCopy, make_regulator_copy
from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.expedition import DealWithReport, Expedition, deal_with_report
from randomization.unblinding.register import AssessImpact, UnblindingReason, assess_impact
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.deviations import RecordDeviation, record_deviation
from trial.conduct.queries import (
    READERS,
    AnswerQuery,
    CloseQuery,
    DataDomain,
    Query,
    QueryStatus,
    RaiseQuery,
    answer_query,
    close_query,
    queries_for,
    raise_query,
)
from trial.database.session import TrialSession
from trial.partial_dates import PartialDate
from trial.safety.adverse_events import (
    Ascertainment,
    EventFacts,
    EventTreatment,
    ReportAdverseEvent,
    UpdateAdverseEvent,
    get_event,
    report_adverse_event,
    update_adverse_event,
)
from trial.safety.causality import AssessAdverseEvent, assess_adverse_event
from trial.safety.clocks import SITES_OWN
from trial.safety.narratives import WriteNarrative, write_narrative
from trial.safety.serious import SignSae, sign_sae
from trial.safety.situation_facts import ErrorStage, Harm, Measure, SituationFacts, SituationKind
from trial.safety.special_situations import ReportSituation, report_situation
from trial.safety.susars import AssessSusar, assess_susar
from trial.safety.watch import case_under_watch

SERIOUS_TERM: Final = "Syncope"
_SERIOUS_FROM, _BROKEN_FROM = 0.2, 0.35
"""Shares of the planned participants that are randomized before the incident may begin."""
_ANSWERERS: Final = ("coordinator", "investigator")


def after_infusion(life: Life, number: int) -> None:
    """Begin an incident where its time has come and this participant's course allows it."""
    tally, course = life.stage.tally, life.followed
    stays = course.leaving_reason is None and course.infusions_received == life.stage.scenario.infusions
    share = tally.randomized / life.stage.planned
    if number == life.stage.scenario.infusions and stays and share >= _SERIOUS_FROM and not tally.serious_event_begun:
        tally.serious_event_begun = True
        life.stage.timeline.add(serious_event(life))
    elif number == 2 and stays and share >= _BROKEN_FROM and not tally.code_break_begun:
        tally.code_break_begun = True
        life.stage.timeline.add(broken_code(life))


def serious_event(life: Life) -> Story:
    """Reported, judged and signed by the investigator; judged for the sponsor and sent; followed up, and signed again."""
    stage, place = life.stage, life.place
    investigator, monitor = stage.at("investigator", place), stage.person("medical-monitor")
    onset = life.study_day(16)
    session = yield at(onset, 18, 20, place.zone)
    facts = _serious_facts(place, onset, None)
    reported = report_adverse_event(
        session,
        investigator,
        ReportAdverseEvent(
            idempotency_key=stage.key(),
            participant_id=life.participant_id,
            facts=facts,
            aware_at=stage.clock.now() - timedelta(hours=2),
        ),
    )
    judged = AssessAdverseEvent(event_id=reported.id, causality="possible", relations=_others_unlikely(stage))
    assess_adverse_event(session, investigator, judged)
    _mislabelled_bag(life, session, onset)
    _sign_serious(stage, session, place, reported.id)
    session = yield at(onset + timedelta(days=1), 9, 45, place.zone)
    judgement = AssessAdverseEvent(
        event_id=reported.id,
        causality="possible",
        expected=False,
        narrative="Fainted at home eleven days after the last infusion; observed in hospital for two nights.",
    )
    assess_adverse_event(session, monitor, judgement)
    verdict = AssessSusar(
        event_id=reported.id, narrative="Serious, possibly related, not in the reference safety information."
    )
    assess_susar(session, monitor, verdict)
    session = yield at(onset + timedelta(days=3), 14, 5, place.zone)
    expedite(stage, session, reported.id)
    session = yield at(onset + timedelta(days=9), 10, 30, place.zone)
    recovered = _serious_facts(place, onset, onset + timedelta(days=2))
    update = UpdateAdverseEvent(event_id=reported.id, facts=recovered, reason="Discharge letter received")
    updated = update_adverse_event(session, investigator, update)
    _sign_serious(stage, session, place, updated.id)


def expedite(stage: Stage, session: TrialSession, event_id: UUID) -> None:
    """The monitor narrates; the safety officer unblinds the case for the authorities and deals with each report."""
    monitor, officer = stage.person("medical-monitor"), stage.person("safety-officer")
    words = "Fainted at home eleven days after the last infusion. Observed for two nights; no cause was found."
    write_narrative(session, monitor, WriteNarrative(event_id=event_id, text=words))
    making = MakeRegulatorCopy(event_id=event_id, idempotency_key=stage.key())
    copy = make_regulator_copy(session, officer, stage.proof(officer), making)
    judged = AssessImpact(
        unblinding_id=copy.unblinding_id, impact="The safety officer alone knows.", bias_possible=False
    )
    assess_impact(session, monitor, judged)
    for due in case_under_watch(session, get_event(session, event_id)).dues:
        if due.is_open and due.jurisdiction != SITES_OWN:
            dealing = DealWithReport(
                event_id=event_id,
                clock_id=due.clock_id,
                decision=Expedition.SENT,
                note="Sent with the narrative.",
                idempotency_key=stage.key(),
            )
            deal_with_report(session, officer, dealing)


def _serious_facts(place: Place, onset: date, ended: date | None) -> EventFacts:
    return EventFacts(
        verbatim="fainted at home, taken to hospital",
        term=SERIOUS_TERM,
        grade=3,
        severity="SEVERE",
        treatments=(EventTreatment.HOSPITAL_CARE,),
        treatment_words="Observed on the ward, fluids by drip",
        hospitalization=True,
        onset=PartialDate.of(at(onset, 15, 40, place.zone), place.zone),
        ended=None if ended is None else PartialDate(ended.year, ended.month, ended.day),
        ascertainment=Ascertainment.NON_SYSTEMATIC,
        outcome="NOT RECOVERED/NOT RESOLVED" if ended is None else "RECOVERED/RESOLVED",
        action_taken="NOT APPLICABLE",
    )


def _others_unlikely(stage: Stage) -> dict[str, str]:
    """What the investigator says of every component beside the study treatment."""
    return {component.code: "unlikely" for component in stage.protocol.adverse_events.other_components}


def _mislabelled_bag(life: Life, session: TrialSession, day: date) -> None:
    """A medication error that reached nobody."""
    stage = life.stage
    command = ReportSituation(
        idempotency_key=stage.key(),
        participant_id=life.participant_id,
        happened=PartialDate(day.year, day.month, day.day),
        facts=SituationFacts(
            kind=SituationKind.MEDICATION_ERROR,
            stage=ErrorStage.LABELLING,
            reached_participant=False,
            harm=Harm.NONE,
            measures=(Measure.CORRECTED,),
        ),
        words="Two labels of the same day were exchanged; noticed at the second person's check and put right.",
        aware_at=stage.clock.now(),
    )
    report_situation(session, stage.at("coordinator", life.place), command)


def _sign_serious(stage: Stage, session: TrialSession, place: Place, event_id: UUID) -> None:
    investigator = stage.at("investigator", place)
    command = SignSae(idempotency_key=stage.key(), event_id=event_id)
    sign_sae(session, investigator, stage.proof(investigator), command)


def broken_code(life: Life) -> Story:
    """An investigator breaks the code at night; the medical monitor judges next day what it means for the trial."""
    stage, place = life.stage, life.place
    investigator = stage.at("investigator", place)
    night = life.study_day(2)
    session = yield at(night, 21, 35, place.zone)
    command = BreakCode(
        participant_id=life.participant_id,
        reason=UnblindingReason.MEDICAL_NEED,
        note="Severe confusion in the emergency department; anaesthesia needs to know.",
        idempotency_key=stage.key(),
    )
    shown = break_code(session, investigator, stage.proof(investigator), command)
    session = yield at(night + timedelta(days=1), 10, 10, place.zone)
    impact = AssessImpact(
        unblinding_id=shown.unblinding_id,
        impact="The investigator alone knows; the assessor does not. Analysed as randomized.",
        bias_possible=False,
    )
    assess_impact(session, stage.person("medical-monitor"), impact)
    deviate(life, session, "prohibited_treatment", "Lorazepam was given in the emergency department.", night)


def deviate(life: Life, session: TrialSession, category: str, description: str, day: date) -> None:
    command = RecordDeviation(
        participant_id=life.participant_id, category=category, description=description, happened_on=day
    )
    record_deviation(session, life.stage.at("coordinator", life.place), command)


def monitor_asks(life: Life, visit: str, day: date) -> Story:
    """The monitor compares the visit with its source and asks."""
    session = yield at(working_day(day + timedelta(days=6)), 11, life.number % 60, life.place.zone)
    command = RaiseQuery(
        participant_id=life.participant_id,
        domain=DataDomain.CONDUCT,
        question="The opioid dose differs from the medication list of the same day. Which one is right?",
        visit=visit,
        subject="analgesics",
        field="daily_mme",
    )
    raise_query(session, life.stage.at("monitor", life.place), command)


def query_desk(stage: Stage, place: Place) -> Story:
    """Every fourth Wednesday the site answers what is open; two days later the data manager closes it."""
    week = place.opens_in_week + 3
    while stage.tally.stories_open:
        wednesday = stage.calendar.day(week, 2)
        session = yield at(wednesday, 16, 10, place.zone)
        answered = answer_all_at(stage, session, place)
        week += 4
        if answered:
            session = yield at(wednesday + timedelta(days=2), 10, 5, place.zone)
            close_all(stage, session)


def answer_all_at(stage: Stage, session: TrialSession, place: Place) -> int:
    """The site's answers, each by somebody who may read what is asked about; how many there were."""
    answered = 0
    for name in _ANSWERERS:
        actor = stage.at(name, place)
        for query in queries_for(session, actor, stage.trial.id, status=QueryStatus.OPEN):
            if query.site_id == place.id and may(actor, READERS[query.domain], stage.trial.id, place.id):
                command = AnswerQuery(query_id=query.id, answer="Checked against the source: the entry is right.")
                answer_query(session, actor, command)
                answered += 1
    return answered


def close_all(stage: Stage, session: TrialSession) -> None:
    """The data manager closes what is answered; the list is read by somebody who may read each domain."""
    manager = stage.person("data-manager")
    assert may(manager, Permission.QUERY_CLOSE, stage.trial.id), "closing is the data manager's task"
    for query in _answered(stage, session):
        close_query(session, manager, CloseQuery(query_id=query.id, remark="Settled"))


def _answered(stage: Stage, session: TrialSession) -> list[Query]:
    readers = [stage.person("data-manager"), *(stage.at("coordinator", place) for place in stage.places.values())]
    found = {
        query.id: query
        for reader in readers
        for query in queries_for(session, reader, stage.trial.id, status=QueryStatus.ANSWERED)
    }
    return list(found.values())
