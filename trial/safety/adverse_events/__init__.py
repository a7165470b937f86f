"""Adverse events: what happened, in the reporter's words and in the dictionary's, and whether it was serious.

Invariants
1. Seriousness is computed by the database from six criteria; nobody types it, and severity has no part in it.
2. Term and grade are the pinned dictionary's (``coding``); outcome, action and severity are CDISC controlled terms.
3. An event that is recovered or resolved has a date of its end, as far as known.
4. Events are numbered for each participant in the order of reporting; none is ever removed. A recurrence is a new event.
5. Each submission is a version of its own (``versions``), with a reason after the first. That an event became serious, or
   fatal or life-threatening, keeps the instant at which the sponsor heard of it: the expedited clocks count from there.
6. A grade that changes is a course of periods (``facts``); the event's grade is the worst of them.
7. Everybody who meets a participant may report; neither the blind nor a lever of the sponsor stands in the way.

What it does not do: judge causality (``causality``), expectedness (``susars``) or what falls due (``clocks``).
"""

from trial.safety.adverse_events.checks import (
    CourseOutOfOrder,
    DeathWithoutFatal,
    EventBeforeConsent,
    EventDatesImpossible,
    EventEndMissing,
    EventEndsBeforeOnset,
    EventInconsistent,
    EventInTheFuture,
    EventPerhapsBeforeConsent,
    FatalWithoutDeath,
    GradeFiveWithoutDeath,
    InfusionUnknown,
    SeverityMissing,
    TreatmentWordsMissing,
    check_death_agrees,
    check_facts,
)
from trial.safety.adverse_events.facts import (
    CourseRewritten,
    CriterionRemoved,
    EventFacts,
    GradeLowered,
    GradePeriod,
    followed_up,
)
from trial.safety.adverse_events.neighbours import (
    EventLooksTheSame,
    Likeness,
    RecurrenceBeforeFirst,
    RecurrenceUnknown,
    look_alikes,
)
from trial.safety.adverse_events.records import AdverseEvent, EventNotFound, events_of, facts_of, get_event
from trial.safety.adverse_events.reporting import (
    CodeEvent,
    ReportAdverseEvent,
    UpdateAdverseEvent,
    code_event,
    report_adverse_event,
    update_adverse_event,
)
from trial.safety.adverse_events.terms import (
    ACTIONS_TAKEN,
    CRITERIA,
    FATAL,
    OUTCOMES,
    RECOVERED,
    SEVERITIES,
    Ascertainment,
    EventTreatment,
)
from trial.safety.adverse_events.versions import (
    EventVersion,
    FactChange,
    VersionKind,
    add_version,
    changes_between,
    keep_first,
    versions_of,
)

__all__ = [
    "ACTIONS_TAKEN",
    "CRITERIA",
    "FATAL",
    "OUTCOMES",
    "RECOVERED",
    "SEVERITIES",
    "AdverseEvent",
    "Ascertainment",
    "CodeEvent",
    "CourseOutOfOrder",
    "CourseRewritten",
    "CriterionRemoved",
    "DeathWithoutFatal",
    "EventBeforeConsent",
    "EventDatesImpossible",
    "EventEndMissing",
    "EventEndsBeforeOnset",
    "EventFacts",
    "EventInTheFuture",
    "EventInconsistent",
    "EventLooksTheSame",
    "EventNotFound",
    "EventPerhapsBeforeConsent",
    "EventTreatment",
    "EventVersion",
    "FactChange",
    "FatalWithoutDeath",
    "GradeFiveWithoutDeath",
    "GradeLowered",
    "GradePeriod",
    "InfusionUnknown",
    "Likeness",
    "RecurrenceBeforeFirst",
    "RecurrenceUnknown",
    "ReportAdverseEvent",
    "SeverityMissing",
    "TreatmentWordsMissing",
    "UpdateAdverseEvent",
    "VersionKind",
    "add_version",
    "changes_between",
    "check_death_agrees",
    "check_facts",
    "code_event",
    "events_of",
    "facts_of",
    "followed_up",
    "get_event",
    "keep_first",
    "look_alikes",
    "report_adverse_event",
    "update_adverse_event",
    "versions_of",
]
