"""Whether the facts of an event can be: with the protocol, with the calendar, with consent and with each other.

Each refusal has a code of its own. Those about dates are ``EventDatesImpossible``, those about facts that contradict each
other ``EventInconsistent``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from typing import Final

from trial.conduct.casebooks import Casebook
from trial.errors import InvalidInput
from trial.partial_dates import PartialDate
from trial.safety.adverse_events.facts import EventFacts
from trial.safety.adverse_events.terms import FATAL, RECOVERED, EventTreatment
from trial.safety.coding import Coding, code

_DEATH: Final = 5


class EventDatesImpossible(InvalidInput):
    code = "adverse_event.dates_impossible"


class EventInTheFuture(EventDatesImpossible):
    code = "adverse_event.in_the_future"


class EventEndsBeforeOnset(EventDatesImpossible):
    code = "adverse_event.ends_before_onset"


class EventBeforeConsent(EventDatesImpossible):
    code = "adverse_event.before_consent"


class EventPerhapsBeforeConsent(InvalidInput):
    code = "adverse_event.perhaps_before_consent"


class CourseOutOfOrder(EventDatesImpossible):
    code = "adverse_event.course_out_of_order"


class EventInconsistent(InvalidInput):
    code = "adverse_event.inconsistent"


class FatalWithoutDeath(EventInconsistent):
    code = "adverse_event.fatal_without_death"


class DeathWithoutFatal(EventInconsistent):
    code = "adverse_event.death_without_fatal"


class GradeFiveWithoutDeath(EventInconsistent):
    code = "adverse_event.grade_5_without_death"


class EventEndMissing(InvalidInput):
    code = "adverse_event.end_missing"


class InfusionUnknown(InvalidInput):
    code = "adverse_event.infusion_unknown"


class SeverityMissing(InvalidInput):
    code = "adverse_event.severity_missing"


class TreatmentWordsMissing(InvalidInput):
    code = "adverse_event.treatment_words_missing"


def check_facts(casebook: Casebook, facts: EventFacts) -> Coding:
    """The coding, when the facts agree with the protocol, with the calendar and with each other.

    Raises ``TermUnknown``, ``GradeNotInDictionary``, ``EventDatesImpossible``, ``EventEndMissing``,
    ``EventInconsistent``, ``InfusionUnknown``, ``SeverityMissing``, ``TreatmentWordsMissing``.
    """
    rules = casebook.protocol.adverse_events
    for period in facts.course:
        code(rules, facts.term, period.grade, facts.aesi)
    coding = code(rules, facts.term, facts.grade, facts.aesi)
    check_death_agrees(death=facts.death, outcome=facts.outcome, grade=facts.grade)
    _check_said(facts, severity_required=rules.severity_required)
    _check_dates(casebook, facts)
    _check_course(facts)
    _check_infusion(casebook, facts)
    return coding


def check_death_agrees(*, death: bool, outcome: str, grade: int) -> None:
    """A fatal outcome and the criterion death say the same, and grade 5 is death.

    Raises ``FatalWithoutDeath``, ``DeathWithoutFatal``, ``GradeFiveWithoutDeath``, all ``EventInconsistent``.
    """
    if outcome == FATAL and not death:
        raise FatalWithoutDeath(
            "The outcome is FATAL, so the criterion death is met: mark the event as serious because of death, or choose"
            " another outcome.",
            fields={"outcome": "FATAL if and only if the criterion death is met."},
        )
    if death and outcome != FATAL:
        raise DeathWithoutFatal(
            "The criterion death is met, so the outcome is FATAL: choose it, or take the criterion away.",
            fields={"outcome": "FATAL if and only if the criterion death is met."},
        )
    if grade == _DEATH and not death:
        raise GradeFiveWithoutDeath(
            "Grade 5 is death. Set the criterion death, or choose the grade that the event had.",
            fields={"grade": "Grade 5 is death."},
        )


def check_consented_before(casebook: Casebook, facts: EventFacts, *, confirmed: bool) -> None:
    """Events count from consent. Raises ``EventBeforeConsent``; ``EventPerhapsBeforeConsent`` until it is confirmed."""
    consented = casebook.participant.consented_on
    if consented is None:
        return
    if facts.onset.latest() < consented:
        raise EventBeforeConsent(
            f"The event began before consent ({_said(consented)}), so it belongs to the medical history. Correct the"
            " onset, or record a worsening after consent with its own onset.",
            fields={"onset": f"Before consent on {_said(consented)}."},
        )
    if facts.onset.earliest() < consented and not confirmed:
        raise EventPerhapsBeforeConsent(
            f"With what is known of its onset, the event can have begun before consent ({_said(consented)}). Give the"
            " onset more exactly, or confirm that it began after consent.",
            fields={"confirmed_after_consent": f"Did it begin after consent on {_said(consented)}?"},
        )


def _said(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _check_said(facts: EventFacts, *, severity_required: bool) -> None:
    if facts.outcome in RECOVERED and facts.ended is None:
        raise EventEndMissing(
            "A recovered event needs the date of its end, as far as it is known; a year alone is enough.",
            fields={"ended": "Give the date of the end, as far as it is known."},
        )
    if severity_required and facts.severity is None:
        raise SeverityMissing(
            "The protocol asks for the severity of each event: mild, moderate or severe.",
            fields={"severity": "Choose one answer."},
        )
    if set(facts.treatments) - {EventTreatment.NONE} and not (facts.treatment_words or "").strip():
        raise TreatmentWordsMissing(
            "Say in words what was given or done for the event.",
            fields={"treatment_words": "Say what was given or done."},
        )


def _check_dates(casebook: Casebook, facts: EventFacts) -> None:
    for name, when in _dates(facts):
        if when.surely_after(casebook.now, casebook.site.zone):
            raise EventInTheFuture(
                f"{when} is in the future at this site. Give what is known, and nothing that is expected.",
                fields={name: "This is in the future."},
            )
    if facts.ended is not None and facts.ended.surely_before(facts.onset):
        raise EventEndsBeforeOnset(
            "The event ended before it began. Correct one of the two dates.",
            fields={"ended": "Before the onset."},
        )


def _dates(facts: EventFacts) -> Iterator[tuple[str, PartialDate]]:
    yield "onset", facts.onset
    if facts.ended is not None:
        yield "ended", facts.ended
    yield from (("course", period.since) for period in facts.course if period.since is not None)


def _check_course(facts: EventFacts) -> None:
    """Periods follow each other between onset and end, and each changes the grade."""
    known = [facts.onset, *(period.since for period in facts.course if period.since is not None)]
    known += [facts.ended] if facts.ended is not None and facts.course else []
    if any(later.surely_before(earlier) for earlier, later in itertools.pairwise(known)):
        raise CourseOutOfOrder(
            "The periods of the grade follow each other between the onset and the end. Correct the date that does not.",
            fields={"course": "A period begins before the one before it, or after the end."},
        )
    grades = [period.grade for period in facts.course]
    if any(one == other for one, other in itertools.pairwise(grades)) or _DEATH in grades[:-1]:
        raise CourseOutOfOrder(
            "Each period has another grade than the one before it, and nothing follows grade 5.",
            fields={"course": "Leave out a period that changes nothing."},
        )


def _check_infusion(casebook: Casebook, facts: EventFacts) -> None:
    doses = {visit.dose for visit in casebook.protocol.visits if visit.dose is not None}
    if facts.infusion is not None and facts.infusion not in doses:
        known = ", ".join(map(str, sorted(doses))) or "none"
        raise InfusionUnknown(
            f"The protocol has no infusion {facts.infusion}; it has: {known}.",
            fields={"infusion": f"Choose one of: {known}."},
        )
