"""Everything about one participant that this reader may see, read once for a page.

Invariants
1. Each part is asked of the service that owns it; what the reader may not see is empty, never half.
2. Dose visits are left out for those who hold neither screening nor pharmacy: an efficacy assessor learns nothing of the
   infusions here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from api.pages.data.query_subjects import Line, lines_of, may_query, shown_queries
from api.pages.site.stages import StageStanding, stages_of
from api.pages.site.subjects import may_here, opened
from api.places import Place
from trial.access.permissions import Permission
from trial.access.signatures import Signature, holds, signatures_on
from trial.conduct.casebooks import Casebook
from trial.conduct.consents import Consent, ConsentWithdrawal, consents_for, must_consent_again, withdrawals_for
from trial.conduct.departures import StudyEnd, TreatmentEnd, departures_for
from trial.conduct.deviations import Deviation, deviations_for
from trial.conduct.eligibility import EligibilityAssessment, assessments_for
from trial.conduct.forms import FormRecord, forms_for
from trial.conduct.outcomes import Outcome, outcomes_for
from trial.conduct.randomization_errors import RandomizationErrorMark, errors_for
from trial.conduct.replacements import StandIn, stand_ins_about
from trial.conduct.screening import ScreeningFailure, screening_failure_for
from trial.conduct.visits import VisitState, visits_for
from trial.database.session import TrialSession
from trial.safety.reading import EventView, events_for


@dataclass(frozen=True)
class Dossier:
    here: Place
    casebook: Casebook
    visits: list[VisitState]
    forms: dict[str, dict[str, FormRecord]]
    outcomes: dict[str, list[Outcome]]
    treatment_end: TreatmentEnd | None
    study_end: StudyEnd | None
    consents: list[Consent] = field(default_factory=list)
    withdrawals: list[ConsentWithdrawal] = field(default_factory=list)
    assessment: EligibilityAssessment | None = None
    signature: Signature | None = None
    failure: ScreeningFailure | None = None
    deviations: list[Deviation] = field(default_factory=list)
    randomization_errors: list[RandomizationErrorMark] = field(default_factory=list)
    stands_in_for: StandIn | None = None
    replaced_by: StandIn | None = None
    events: list[EventView] = field(default_factory=list)
    queries: list[Line] = field(default_factory=list)
    stages: tuple[StageStanding, ...] = ()

    def may(self, permission: Permission) -> bool:
        return may_here(self.here, self.casebook, permission)

    @property
    def needs_consent(self) -> bool:
        """No consent yet, or one that an amendment asks for again."""
        book = self.casebook
        if book.participant.consented_on is None:
            return True
        return must_consent_again(book.participant, book.protocol, book.version_id)


def dossier(session: TrialSession, here: Place, code: str) -> Dossier:
    """Raises ``ParticipantNotFound``, ``NotPermitted``."""
    book = opened(session, here, code)
    one = book.participant.id
    treatment_end, study_end = departures_for(session, here.actor, one)
    screening: dict[str, Any] = (
        _screening(session, here, book) if may_here(here, book, Permission.SCREENING_READ) else {}
    )
    return Dossier(
        here=here,
        casebook=book,
        visits=[state for state in visits_for(session, here.actor, one) if _shows(here, book, state)],
        forms=_by_visit(forms_for(session, here.actor, one)),
        outcomes=_outcomes(outcomes_for(session, here.actor, one)),
        treatment_end=treatment_end if sees_doses(here, book) else None,
        study_end=study_end,
        deviations=deviations_for(session, here.actor, one) if screening else [],
        randomization_errors=errors_for(session, here.actor, one) if screening else [],
        events=_events(session, here, book),
        queries=_queries(session, here, book),
        stages=stages_of(session, book),
        **screening,
    )


def sees_doses(here: Place, book: Casebook) -> bool:
    """Whether dose visits are the reader's to see."""
    readers = (Permission.SCREENING_READ, Permission.INFUSION_READ, Permission.PHARMACY_PREPARE)
    return any(may_here(here, book, permission) for permission in readers)


def latest_signature(session: TrialSession, assessment: EligibilityAssessment | None) -> Signature | None:
    """The latest signature on the assessment that still holds."""
    given = signatures_on(session, assessment) if assessment is not None else []
    return next((one for one in reversed(given) if assessment is not None and holds(one, assessment)), None)


def _shows(here: Place, book: Casebook, state: VisitState) -> bool:
    return state.planned.visit.dose is None or sees_doses(here, book)


def _screening(session: TrialSession, here: Place, book: Casebook) -> dict[str, Any]:
    one = book.participant.id
    assessments = assessments_for(session, here.actor, one)
    stands_in_for, replaced_by = stand_ins_about(session, book.participant)
    latest = assessments[0] if assessments else None
    return {
        "stands_in_for": stands_in_for,
        "replaced_by": replaced_by,
        "consents": consents_for(session, here.actor, one),
        "withdrawals": withdrawals_for(session, here.actor, one),
        "assessment": latest,
        "signature": latest_signature(session, latest),
        "failure": screening_failure_for(session, here.actor, one),
    }


def _events(session: TrialSession, here: Place, book: Casebook) -> list[EventView]:
    if not may_here(here, book, Permission.ADVERSE_EVENT_READ):
        return []
    return events_for(session, here.actor, book.trial.id, participant_id=book.participant.id)


def _queries(session: TrialSession, here: Place, book: Casebook) -> list[Line]:
    """Those that are not closed, for people whose business queries are."""
    if not may_query(here):
        return []
    return lines_of(session, here, shown_queries(session, here, participant_id=book.participant.id))


def _by_visit(records: list[FormRecord]) -> dict[str, dict[str, FormRecord]]:
    found: dict[str, dict[str, FormRecord]] = {}
    for record in records:
        found.setdefault(record.visit, {})[record.form] = record
    return found


def _outcomes(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.visit, []).append(outcome)
    return found
