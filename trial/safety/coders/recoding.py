"""What another dictionary version changes: for each coded event what becomes of its term and grade, told before it is done.

Invariants
1. Only what is certain is carried over by itself: the same term, or the same code under another name, with the grade that the
   event had. Everything else waits for a coder.
2. Nothing is carried over silently: each change is an edit of the event with its reason, in its history.
3. The report is of the state that it was asked in; after recoding it shows what is left.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import col

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.database.session import TrialSession
from trial.reference import CtcaeTerm, ctcae_term, ctcae_terms
from trial.safety.adverse_events import AdverseEvent, CodeEvent, code_event
from trial.safety.coders.events import books_by_site, events_in
from trial.safety.coding import dictionary_label
from trial.safety.reading import may_see_detail

HEADINGS: Final = ("participant", "event", "from", "term", "grade", "to", "new_term", "outcome", "what")


class Outcome(StrEnum):
    """What becomes of an event's coding in another version."""

    SAME = "same"
    RENAMED = "renamed"
    REWORDED = "reworded"
    GRADE_GONE = "grade_gone"
    TERM_GONE = "term_gone"


CERTAIN: Final = frozenset({Outcome.SAME, Outcome.RENAMED})


@dataclass(frozen=True, slots=True)
class Move:
    """A term and grade carried from one version to another. ``what`` says it in words."""

    outcome: Outcome
    term: str | None
    what: str


@dataclass(frozen=True, slots=True)
class RecodingLine:
    """One event whose dictionary is not the one in force at its site. Words are withheld where the reader may not see them."""

    event_id: UUID
    participant: str
    number: int
    before: str
    term: str | None
    grade: int | None
    after: str
    move: Move


class RecodeEvents(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    reason: str = Bounded(min_length=3, max_length=2000)


def carried_over(old_version: str, new_version: str, term: str, grade: int) -> Move:
    """What becomes of a CTCAE ``term`` at ``grade``: versions are ``"5.0"`` and ``"6.0"``. Pure."""
    before, after = ctcae_term(old_version, term), ctcae_term(new_version, term)
    if after is None:
        after = _same_code(new_version, before)
    if after is None:
        return Move(Outcome.TERM_GONE, None, f"CTCAE {new_version} has no term “{term}”, nor its code.")
    if grade not in after.grades:
        return Move(Outcome.GRADE_GONE, after.term, f"“{after.term}” has no grade {grade} any more.")
    if before is not None and before.grades[grade] != after.grades[grade]:
        return Move(Outcome.REWORDED, after.term, f"Grade {grade} now reads: {after.grades[grade]}")
    if after.term != term:
        return Move(Outcome.RENAMED, after.term, f"The same code is now called “{after.term}”.")
    return Move(Outcome.SAME, after.term, "The same term, and the same words of the grade.")


def _same_code(version: str, before: CtcaeTerm | None) -> CtcaeTerm | None:
    """The one term that has the old term's code; none where several share it."""
    same = [term for term in ctcae_terms(version) if before is not None and term.llt_code == before.llt_code]
    return same[0] if len(same) == 1 else None


def recoding_report(session: TrialSession, actor: Actor, trial_id: UUID) -> list[RecodingLine]:
    """Every event that is coded by another dictionary than the one in force at its site. Raises ``NotPermitted``."""
    check_may(actor, Permission.CODING_WRITE, trial_id)
    lines = []
    for site_id, book in books_by_site(session, trial_id).items():
        rules = book.protocol.adverse_events
        label, version = dictionary_label(rules), rules.dictionary.version
        others = events_in(trial_id).where(col(AdverseEvent.site_id) == site_id, col(AdverseEvent.dictionary) != label)
        with session.exec(others) as rows:
            lines += [_line(actor, event, code, label, version) for event, code in rows]
    return sorted(lines, key=lambda line: (line.participant, line.number))


def _line(actor: Actor, event: AdverseEvent, code: str, label: str, version: str) -> RecodingLine:
    move = carried_over(event.dictionary.rpartition(" ")[2], version, event.term, event.grade)
    shown = event.aesi is None or may_see_detail(actor, event)
    told = move if shown else Move(move.outcome, None, "")
    term, grade = (event.term, event.grade) if shown else (None, None)
    return RecodingLine(event.id, code, event.number, event.dictionary, term, grade, label, told)


def recode(session: TrialSession, actor: Actor, command: RecodeEvents) -> list[RecodingLine]:
    """Carry over what is certain and visible to ``actor``; the lines of what was carried over. Raises as ``code_event`` does."""
    done = []
    for line in recoding_report(session, actor, command.trial_id):
        if (
            line.move.outcome in CERTAIN
            and line.term is not None
            and line.grade is not None
            and line.move.term is not None
        ):
            event = session.get(AdverseEvent, line.event_id)
            assert event is not None, "it was read just above"
            change = CodeEvent(
                event_id=event.id, term=line.move.term, grade=line.grade, aesi=event.aesi, reason=command.reason
            )
            code_event(session, actor, change)
            done.append(line)
    return done


def report_csv(lines: list[RecodingLine]) -> bytes:
    """The report as a file: one line an event, UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    for one in lines:
        new, grade = one.move.term or "", "" if one.grade is None else one.grade
        writer.writerow(
            [
                one.participant,
                one.number,
                one.before,
                one.term or "",
                grade,
                one.after,
                new,
                one.move.outcome,
                one.move.what,
            ]
        )
    return text.getvalue().encode()
