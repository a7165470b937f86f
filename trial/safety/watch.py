"""The watch over serious events: what falls due for each, what is dealt with, and what is late.

Invariants
1. Every serious event of the trial is here, and every event that ever was serious or was called a SUSAR.
2. What a person may see of the clocks is cut by place: a site sees its own report to the sponsor, and no clock of an
   authority, from which it could read what the sponsor judged.
3. The same facts are read with a handful of queries, however many events there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may, check_may_somewhere, may, sites_where
from trial.clock import local_date
from trial.conduct.participants import Participant
from trial.conduct.sites import Site, sites_of
from trial.database.session import TrialSession
from trial.protocol.schema import AdverseEventRules
from trial.protocol.versions import protocol_of, version_in_force
from trial.safety.adverse_events import CRITERIA, AdverseEvent, EventVersion, VersionKind, get_event
from trial.safety.causality import Causality, SponsorAssessment
from trial.safety.clocks import SITES_OWN, CaseFacts, Due, Sent, dues
from trial.safety.expedited_reports import ExpeditedReport, as_sent
from trial.safety.jurisdictions import clocks_that_apply
from trial.safety.susars import SusarAssessment, Verdict, judge


@dataclass(frozen=True, slots=True)
class WatchedCase:
    """One event under the watch, with every clock that runs or ran for it. ``provisional``: the sponsor has not judged."""

    event: AdverseEvent
    participant: str
    site: Site
    rules: AdverseEventRules
    verdict: Verdict
    provisional: bool
    reports: tuple[ExpeditedReport, ...]
    dues: tuple[Due, ...]

    @property
    def code(self) -> str:
        """How the case is called everywhere: ``S1-001/2``."""
        return f"{self.participant}/{self.event.number}"


@dataclass(frozen=True, slots=True)
class WatchedDue:
    """One line of the worklist."""

    case: WatchedCase
    due: Due


@dataclass(frozen=True, slots=True)
class DueReports:
    """What falls due for one event, as one reader may see it; ``provisional`` while the sponsor has not assessed it."""

    event_id: UUID
    provisional: bool
    reports: tuple[Due, ...]


def due_reports(session: TrialSession, actor: Actor, event_id: UUID) -> DueReports:
    """What falls due for the event, for those who may read its clocks. Raises ``EventNotFound``, ``NotPermitted``."""
    event = get_event(session, event_id)
    check_may(actor, Permission.SAE_CLOCK_READ, event.trial_id, event.site_id)
    case = case_under_watch(session, event)
    return DueReports(event.id, case.provisional, dues_for(actor, case))


def watched_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[WatchedDue]:
    """Every clock that the actor may see: open ones first, the first due first. Raises ``NotPermitted``."""
    check_may_somewhere(actor, Permission.SAE_CLOCK_READ, trial_id)
    sites = sites_where(actor, Permission.SAE_CLOCK_READ, trial_id)
    cases = [one for one in cases_under_watch(session, trial_id) if sites is None or one.event.site_id in sites]
    found = [WatchedDue(case, due) for case in cases for due in dues_for(actor, case)]
    return sorted(found, key=lambda one: (not one.due.is_open, one.due.due_at, one.case.code, one.due.clock_id))


def dues_for(actor: Actor, case: WatchedCase) -> tuple[Due, ...]:
    """The case's clocks that the actor may see."""
    if may(actor, Permission.SAE_CLOCK_READ, case.event.trial_id):
        return case.dues
    return tuple(due for due in case.dues if due.jurisdiction == SITES_OWN)


def case_under_watch(session: TrialSession, event: AdverseEvent) -> WatchedCase:
    """One event with its clocks, for services and readers that have authorized."""
    (found,) = _cases(session, event.trial_id, [event])
    return found


def cases_under_watch(session: TrialSession, trial_id: UUID) -> list[WatchedCase]:
    """Every case of the trial, by participant and number, for jobs and readers that have authorized."""
    judged = select(SusarAssessment.event_id).where(SusarAssessment.trial_id == trial_id)
    wanted = select(AdverseEvent).where(
        AdverseEvent.trial_id == trial_id,
        or_(
            col(AdverseEvent.serious).is_(True),
            col(AdverseEvent.sponsor_received_at).is_not(None),
            col(AdverseEvent.id).in_(judged),
        ),
    )
    return sorted(
        _cases(session, trial_id, session.exec(wanted).all()), key=lambda one: (one.participant, one.event.number)
    )


def _cases(session: TrialSession, trial_id: UUID, events: Iterable[AdverseEvent]) -> list[WatchedCase]:
    known = _Known(session, trial_id, list(events))
    return [known.case(event) for event in known.events]


class _Known:
    """What is recorded about some events, read at once."""

    def __init__(self, session: TrialSession, trial_id: UUID, events: list[AdverseEvent]) -> None:
        self._session, self.events = session, events
        ids = [event.id for event in events]
        self._codes = dict(
            session.exec(
                select(Participant.id, Participant.code).where(
                    col(Participant.id).in_({event.participant_id for event in events})
                )
            ).all()
        )
        sites = sites_of(session, trial_id)
        self._sites = {site.id: site for site in sites}
        self._countries = [site.country for site in sites]
        self._rules: dict[UUID, AdverseEventRules] = {}
        self._reports: defaultdict[UUID, list[ExpeditedReport]] = defaultdict(list)
        for report in session.exec(
            select(ExpeditedReport)
            .where(col(ExpeditedReport.event_id).in_(ids))
            .order_by(col(ExpeditedReport.dealt_with_at), col(ExpeditedReport.id))
        ):
            self._reports[report.event_id].append(report)
        self._versions: defaultdict[UUID, list[EventVersion]] = defaultdict(list)
        for version in session.exec(
            select(EventVersion).where(col(EventVersion.event_id).in_(ids)).order_by(col(EventVersion.number))
        ):
            self._versions[version.event_id].append(version)
        self._sponsor: dict[UUID, SponsorAssessment] = {}
        for judgement in session.exec(
            select(SponsorAssessment)
            .where(col(SponsorAssessment.event_id).in_(ids))
            .order_by(col(SponsorAssessment.recorded_at), col(SponsorAssessment.id))
        ):
            self._sponsor[judgement.event_id] = judgement
        self._susars: defaultdict[UUID, list[SusarAssessment]] = defaultdict(list)
        for assessment in session.exec(
            select(SusarAssessment)
            .where(col(SusarAssessment.event_id).in_(ids))
            .order_by(col(SusarAssessment.recorded_at), col(SusarAssessment.id))
        ):
            self._susars[assessment.event_id].append(assessment)

    def case(self, event: AdverseEvent) -> WatchedCase:
        site, rules = self._sites[event.site_id], self._rules_at(event.site_id)
        verdict = judge(event, self._causality(event), rules)
        reports, susars = self._reports[event.id], self._susars[event.id]
        clocks = clocks_that_apply(rules.clocks, self._countries)
        facts = case_facts(event, self._versions[event.id], verdict, susars, site.zone, as_sent(reports))
        return WatchedCase(
            event,
            self._codes[event.participant_id],
            site,
            rules,
            verdict,
            verdict.is_provisional and not susars,
            tuple(reports),
            tuple(dues(clocks, facts)),
        )

    def _causality(self, event: AdverseEvent) -> Causality:
        sponsor = self._sponsor.get(event.id)
        return Causality(event.causality, sponsor.causality if sponsor else None, sponsor.expected if sponsor else None)

    def _rules_at(self, site_id: UUID) -> AdverseEventRules:
        if site_id not in self._rules:
            today = local_date(self._session.now(), self._sites[site_id].zone)
            self._rules[site_id] = protocol_of(version_in_force(self._session, site_id, today)).adverse_events
        return self._rules[site_id]


def case_facts(
    event: AdverseEvent,
    versions: list[EventVersion],
    verdict: Verdict,
    susars: list[SusarAssessment],
    zone: str,
    sent: tuple[Sent, ...] = (),
) -> CaseFacts:
    """The event as its clocks see it: a SUSAR until the medical monitor has judged it to be none."""
    called = bool(susars) and susars[-1].is_susar
    is_susar = verdict.is_susar or called
    return CaseFacts(
        zone=zone,
        aware_at=aware_of_seriousness(event, versions),
        sponsor_received_at=event.sponsor_received_at,
        serious=verdict.serious,
        susar=is_susar,
        fatal_or_life_threatening=event.fatal_or_life_threatening,
        became_fatal_or_life_threatening_at=event.became_fatal_or_life_threatening_at,
        follow_ups=follow_ups_of(event, versions),
        sent=sent,
        stood_down_at=None if is_susar else _stood_down_at(susars),
    )


def aware_of_seriousness(event: AdverseEvent, versions: list[EventVersion]) -> datetime:
    """When the site knew that the event is serious: when it heard what made the event serious, the last time that it became so.

    Of an event that was serious from its report on, that is the site's first awareness.
    """
    serious = [any(one.facts.get(name) for name in CRITERIA) for one in versions]
    became = [
        one.received_at for place, one in enumerate(versions) if place > 0 and serious[place] and not serious[place - 1]
    ]
    return became[-1] if became else event.aware_at


def follow_ups_of(event: AdverseEvent, versions: list[EventVersion]) -> tuple[datetime, ...]:
    """When the sponsor received each piece of further information on a serious event, corrections among them."""
    received = event.sponsor_received_at
    if received is None:
        return ()
    told = {VersionKind.FOLLOW_UP, VersionKind.CORRECTION}
    return tuple(one.recorded_at for one in versions if one.kind in told and one.recorded_at > received)


def _stood_down_at(susars: list[SusarAssessment]) -> datetime | None:
    """When a case that had been called a SUSAR was first judged to be none, and has stayed so."""
    last_called = max((place for place, one in enumerate(susars) if one.is_susar), default=None)
    if last_called is None or last_called + 1 == len(susars):
        return None
    return susars[last_called + 1].recorded_at
