"""What belongs to one visit: forms and ratings for the site, questionnaires for the assessor; what is there, what is not.

A task says who does it. A reader who may not see an outcome is not told whether it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.pages.site.dossiers import Dossier
from api.pages.site.subjects import subject_url
from api.pages.site.words import Kind
from trial.access.permissions import Permission
from trial.conduct.queries import READERS, DataDomain
from trial.conduct.visits import WRITTEN_AT_VISITS
from trial.protocol.schema import Form, Instrument, Visit


@dataclass(frozen=True, slots=True)
class VisitTask:
    """``done`` is ``None`` where the reader may not know."""

    label: str
    done: bool | None
    url: str
    hint: str = ""

    @property
    def tag(self) -> tuple[str, Kind]:
        if self.done is None:
            return "Assessor", "plain"
        return ("Recorded", "done") if self.done else ("Not recorded", "waiting")

    @property
    def line(self) -> tuple[str, str, str, str, str]:
        """As ``ui.task_list`` takes it."""
        return self.label, self.url, *self.tag, self.hint


def site_forms(found: Dossier, visit: Visit) -> list[Form]:
    """The forms that the site records at the visit, in the protocol's order."""
    forms = (found.casebook.protocol.form(code) for code in visit.forms)
    return [form for form in forms if DataDomain(form.domain) in WRITTEN_AT_VISITS]


def missing_forms(found: Dossier, visit: Visit) -> list[Form]:
    """Those of them that are not recorded and that the reader may see."""
    recorded = found.forms.get(visit.code, {})
    return [
        form
        for form in site_forms(found, visit)
        if form.code not in recorded and found.may(READERS[DataDomain(form.domain)])
    ]


def tasks_of(found: Dossier, visit: Visit) -> list[VisitTask]:
    """Forms first, then instruments, each with its address where the reader may record or read it."""
    return [*_form_tasks(found, visit), *_instrument_tasks(found, visit)]


def _form_tasks(found: Dossier, visit: Visit) -> Iterator[VisitTask]:
    recorded = found.forms.get(visit.code, {})
    for form in site_forms(found, visit):
        if found.may(READERS[DataDomain(form.domain)]):
            url = subject_url(found.here, found.casebook.participant.code, "visits", visit.code, "forms", form.code)
            yield VisitTask(form.name, form.code in recorded, url)


def _instrument_tasks(found: Dossier, visit: Visit) -> Iterator[VisitTask]:
    for expected in visit.instruments:
        instrument = found.casebook.protocol.instrument(expected.id)
        if instrument.completed_by == "infusion_nurse":
            continue
        done = _entered(found, visit, instrument)
        times = f"{expected.times} times" if expected.times > 1 else ""
        yield VisitTask(
            instrument.name,
            None if done is None else done >= expected.times,
            _instrument_url(found, visit, instrument),
            ", ".join(part for part in (_who(instrument), times) if part),
        )


def _entered(found: Dossier, visit: Visit, instrument: Instrument) -> int | None:
    rated = instrument.completed_by == "clinician"
    if not found.may(Permission.ADVERSE_EVENT_READ if rated else Permission.EFFICACY_READ):
        return None
    return sum(outcome.instrument == instrument.id for outcome in found.outcomes.get(visit.code, []))


def _instrument_url(found: Dossier, visit: Visit, instrument: Instrument) -> str:
    code = found.casebook.participant.code
    if instrument.completed_by == "clinician":
        return subject_url(found.here, code, "visits", visit.code, "ratings", instrument.id)
    if found.may(Permission.EFFICACY_WRITE):
        return found.here.url("assessments", code, visit.code, instrument.id)
    return ""


def _who(instrument: Instrument) -> str:
    return {
        "participant": "Answered by the participant",
        "assessor": "Rated by the efficacy assessor",
        "clinician": "Rated by the site",
    }.get(instrument.completed_by, "")
