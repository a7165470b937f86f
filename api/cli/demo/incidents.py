"""What goes wrong in a demo trial: one serious event, one broken code, deviations, and questions about data.

Invariants
1. One participant has the serious event and another the broken code; both stay in follow-up.
2. The participants are chosen by their number and by what lies ahead of them, never by their arm.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, select

from api.cli.demo.calendar import at, working_day
from api.cli.demo.gatherings import gathering
from api.cli.demo.life import BROKEN, SERIOUS, Life
from api.cli.demo.stage import Place, Stage
from api.cli.demo.timeline import InTurn, Story
from api.jobs.regulator_copies import MakeRegulatorCopy, make_regulator_copy
from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.expedition import DealWithReport, Expedition, deal_with_report
from randomization.unblinding.register import (
    AssessImpact,
    Unblinding,
    UnblindingKind,
    UnblindingReason,
    assess_impact,
)
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
    AdverseEvent,
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
"""Shares of all arrivals that have come before the incident may begin."""
_ANSWERERS: Final = ("coordinator", "investigator")
_HAPPENED: Final = {
    SERIOUS: lambda trial_id: select(AdverseEvent.id).where(
        AdverseEvent.trial_id == trial_id, col(AdverseEvent.serious).is_(True)
    ),
    BROKEN: lambda trial_id: select(Unblinding.id).where(
        Unblinding.trial_id == trial_id, Unblinding.kind == UnblindingKind.EMERGENCY
    ),
}
"""What the records of a trial show when it has had an incident."""


def after_infusion(life: Life, number: int) -> None:
    """Let an incident follow where its time has come and this participant's course allows it.

    It may follow for several, at any site: the first whose turn comes has it, and the others see that it has happened.
    """
    stage, course = life.stage, life.followed
    if course.leaving_reason is not None or course.infusions_received < stage.scenario.infusions:
        return
    if number == stage.scenario.infusions and life.share >= _SERIOUS_FROM and not life.code_broken:
        _may_follow(life, SERIOUS, serious_event(life))
    elif number == 2 and life.share >= _BROKEN_FROM:
        _may_follow(life, BROKEN, broken_code(life))


def _may_follow(life: Life, part: int, story: Story) -> None:
    if part not in life.stage.happened:
        life.stage.timeline.add(life.story_id(part), story)


def _has_happened(life: Life, session: TrialSession, part: int) -> bool:
    """Whether the trial had this incident before; from now on it has."""
    stage, trial_id = life.stage, life.stage.trial.id
    if part not in stage.happened and session.exec(_HAPPENED[part](trial_id)).first() is None:
        stage.happened.add(part)
        return False
    stage.happened.add(part)
    return True


def serious_event(life: Life) -> Story:
    """Reported, judged and signed by the investigator; judged for the sponsor and sent; followed up, and signed again."""
    stage, place = life.stage, life.place
    investigator, monitor = stage.at("investigator", place), stage.person("medical-monitor")
    onset = life.study_day(16)
    session = yield InTurn(at(onset, 18, 20, place.zone))
    if _has_happened(life, session, SERIOUS):
        return
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
    session = yield InTurn(at(night, 21, 35, place.zone))
    if _has_happened(life, session, BROKEN):
        return
    life.code_broken = True
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
    """Every fourth Monday the site answers what is open; a week later the data manager closes it."""
    for monday in stage.calendar.mondays(place.opens_in_week + 3, every=4):
        session = yield gathering(stage, monday)
        if answer_all_at(stage, session, place):
            session = yield gathering(stage, monday + timedelta(weeks=1))
            close_all_at(stage, session, place)


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


def close_all_at(stage: Stage, session: TrialSession, place: Place) -> None:
    """The data manager closes what the site has answered; the list is read by somebody who may read each domain."""
    manager = stage.person("data-manager")
    assert may(manager, Permission.QUERY_CLOSE, stage.trial.id), "closing is the data manager's task"
    for query in _answered(stage, session, place):
        close_query(session, manager, CloseQuery(query_id=query.id, remark="Settled"))


def _answered(stage: Stage, session: TrialSession, place: Place) -> list[Query]:
    found = {
        query.id: query
        for reader in (stage.person("data-manager"), stage.at("coordinator", place))
        for query in queries_for(session, reader, stage.trial.id, status=QueryStatus.ANSWERED)
        if query.site_id == place.id
    }
    return list(found.values())
