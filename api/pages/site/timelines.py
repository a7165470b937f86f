"""A participant's way from registration to the last visit, as one list in the order of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from api.pages.render import day_words, instant_words
from api.pages.site.dossiers import Dossier
from api.pages.site.stages import stage_url
from api.pages.site.subjects import subject_url
from api.pages.site.visit_tasks import missing_forms
from api.pages.site.words import END_REASON, STUDY_END, TREATMENT_END, counted, visit_tag, window_words
from trial.access.permissions import Permission
from trial.conduct.schedules import VisitStanding
from trial.conduct.visits import VisitState


class Moment(TypedDict):
    """One line of ``ui.timeline``."""

    title: str
    when: str
    word: str
    kind: str
    url: str
    detail: str


def timeline_of(found: Dossier) -> list[Moment]:
    """Registration, consent, visits, randomization, departures."""
    return [
        _moment("Registered", day_words(found.casebook.participant.assessed_on), "Done", "done"),
        *_consents(found),
        *_screening(found),
        *_eligibility(found),
        *_randomization(found),
        *_doses(found),
        *_treatment_end(found),
        *_after_doses(found),
        *_stages(found),
        *_study_end(found),
    ]


def _moment(title: str, when: str, word: str, kind: str, url: str = "", detail: str = "") -> Moment:
    return Moment(title=title, when=when, word=word, kind=kind, url=url, detail=detail)


def _consents(found: Dossier) -> Iterator[Moment]:
    url = _url(found, "consent")
    for consent in found.consents:
        title = "Consent given again" if consent.again else "Consent"
        yield _moment(title, day_words(consent.given_on), "Given", "done", url, f"Document {consent.document_version}")
    if not found.consents and found.casebook.participant.consented_on is not None:
        yield _moment("Consent", day_words(found.casebook.participant.consented_on), "Given", "done")
    for taken_back in found.withdrawals:
        title = f"Consent withdrawn: {taken_back.scope.value}"
        yield _moment(title, day_words(taken_back.withdrawn_on), "Withdrawn", "warning")


def _screening(found: Dossier) -> Iterator[Moment]:
    return (_visit(found, state) for state in found.visits if state.planned.visit.period == "screening")


def _doses(found: Dossier) -> Iterator[Moment]:
    return (_visit(found, state) for state in _randomized_visits(found) if state.planned.visit.dose is not None)


def _after_doses(found: Dossier) -> Iterator[Moment]:
    return (_visit(found, state) for state in _randomized_visits(found) if state.planned.visit.dose is None)


def _randomized_visits(found: Dossier) -> list[VisitState]:
    """The visits after screening, once there is somebody who is expected at them."""
    if found.casebook.participant.randomized_at is None:
        return []
    return [state for state in found.visits if state.planned.visit.period != "screening"]


def _visit(found: Dossier, state: VisitState) -> Moment:
    visit = state.planned.visit
    word, kind = visit_tag(state, found.casebook.today)
    return _moment(visit.name, window_words(state), word, kind, _visit_url(found, state), _visit_detail(found, state))


def _visit_url(found: Dossier, state: VisitState) -> str:
    visit = state.planned.visit
    if visit.dose is not None and found.casebook.protocol.infusions is not None:
        return _url(found, "infusions", visit.dose) if found.may(Permission.INFUSION_READ) else ""
    return _url(found, "visits", visit.code)


def _visit_detail(found: Dossier, state: VisitState) -> str:
    if state.record is not None and state.record.missed_reason:
        return state.record.missed_reason
    return ". ".join(words for words in (_missing_words(found, state), _query_words(found, state)) if words)


def _missing_words(found: Dossier, state: VisitState) -> str:
    if state.standing is not VisitStanding.DONE or not found.may(Permission.SCREENING_READ):
        return ""
    missing = [form.name for form in missing_forms(found, state.planned.visit)]
    return f"Missing: {', '.join(missing)}" if missing else ""


def _query_words(found: Dossier, state: VisitState) -> str:
    """How many questions about the visit are not settled."""
    count = sum(line.query.visit == state.planned.visit.code for line in found.queries)
    return f"{count} {counted(count, 'query', 'queries')} not closed" if count else ""


def _eligibility(found: Dossier) -> Iterator[Moment]:
    zone = found.casebook.site.zone
    if found.signature is not None:
        yield _moment(
            "Eligibility signed", instant_words(found.signature.signed_at, zone), "Signed", "done",
            _url(found, "eligibility"), f"By {found.signature.printed_name}",
        )  # fmt: skip
    elif found.assessment is not None:
        word, kind = ("Not signed", "warning") if found.assessment.eligible else ("Not met", "warning")
        yield _moment("Eligibility", day_words(found.assessment.assessed_on), word, kind, _url(found, "eligibility"))
    if found.failure is not None:
        yield _moment("Not enrolled", day_words(found.failure.failed_on), "Ended", "plain", "", found.failure.reason)


def _randomization(found: Dossier) -> Iterator[Moment]:
    participant = found.casebook.participant
    if participant.randomized_at is not None:
        when = instant_words(participant.randomized_at, found.casebook.site.zone)
        detail = f"Number {participant.randomization_number}"
        yield _moment("Randomized", when, "Done", "done", _url(found, "receipt"), detail)


def _stages(found: Dossier) -> Iterator[Moment]:
    code, zone = found.casebook.participant.code, found.casebook.site.zone
    for stage in found.stages:
        if stage.made is not None:
            when, url = (
                instant_words(stage.made.randomized_at, zone),
                stage_url(found.here, code, stage.code, "receipt"),
            )
            yield _moment(f"Randomized: {stage.label}", when, "Done", "done", url, f"Number {stage.made.number}")
        elif stage.is_due:
            randomizes = found.may(Permission.PARTICIPANT_RANDOMIZE)
            url = stage_url(found.here, code, stage.code, "randomize") if randomizes else ""
            yield _moment(f"To randomize: {stage.label}", "Now", "Due", "active", url)


def _treatment_end(found: Dossier) -> Iterator[Moment]:
    if found.treatment_end is not None:
        end = found.treatment_end
        detail = END_REASON[end.reason] + (f": {end.detail}" if end.detail else "")
        yield _moment("End of treatment", day_words(end.ended_on), *TREATMENT_END[end.kind], "", detail)


def _study_end(found: Dossier) -> Iterator[Moment]:
    if found.study_end is not None:
        end = found.study_end
        # Why somebody left can hint at what was felt in an infusion: not for those who rate efficacy.
        known = END_REASON[end.reason] + (f": {end.detail}" if end.detail else "")
        detail = known if found.may(Permission.SCREENING_READ) else ""
        yield _moment("End of study", day_words(end.ended_on), *STUDY_END[end.kind], "", detail)


def _url(found: Dossier, *path: object) -> str:
    return subject_url(found.here, found.casebook.participant.code, *path)
