"""From screening to randomization: the tasks, what stands in the way of each, and the one that comes next."""

from __future__ import annotations

from dataclasses import dataclass

from api.pages.site.dossiers import Dossier
from api.pages.site.stages import stage_url
from api.pages.site.subjects import subject_url
from api.pages.site.visit_tasks import missing_forms, site_forms
from api.pages.site.words import Kind, visit_tag
from trial.access.permissions import Permission
from trial.conduct.participants import ACTIVE, BEFORE_RANDOMIZATION, ParticipantStatus
from trial.conduct.schedules import VisitStanding
from trial.conduct.visits import VisitState


@dataclass(frozen=True, slots=True)
class NextStep:
    """The page's one main action, named by its verb; ``waits_for`` says who else has to act."""

    label: str = ""
    url: str = ""
    waits_for: str = ""


def before_randomization(found: Dossier) -> bool:
    return found.casebook.participant.status in BEFORE_RANDOMIZATION


def is_signed(found: Dossier) -> bool:
    """Whether the latest assessment is signed, and still as it was signed."""
    return found.casebook.participant.status is ParticipantStatus.ELIGIBLE and found.signature is not None


def task_lines(found: Dossier) -> list[tuple[str, str, str, str, str]]:
    """The tasks before randomization, as ``ui.task_list`` takes them."""
    return [_consent(found), *_visits(found), _criteria(found), _signature(found), _randomize(found)]


def next_step(found: Dossier) -> NextStep:
    """What comes next for this reader."""
    if found.casebook.participant.status not in ACTIVE:
        return NextStep()
    if found.needs_consent:
        label = "Record consent" if found.casebook.participant.consented_on is None else "Record the new consent"
        return _mine(found, Permission.SCREENING_WRITE, label, "consent", waits="consent")
    if before_randomization(found):
        return _next_before(found)
    return _next_stage(found) or _next_visit(found)


def _next_before(found: Dossier) -> NextStep:
    visit = next(
        (state.planned.visit for state in _screening_visits(found) if missing_forms(found, state.planned.visit)), None
    )
    if visit is not None:
        form = missing_forms(found, visit)[0]
        path = ("visits", visit.code, "forms", form.code)
        return _mine(found, Permission.SCREENING_WRITE, f"Record {_lower(form.name)}", *path, waits="screening")
    if is_signed(found):
        label = f"Randomize {found.casebook.participant.code}"
        return _mine(found, Permission.PARTICIPANT_RANDOMIZE, label, "randomize", waits="randomization")
    if found.assessment is None or not found.assessment.eligible:
        return _mine(found, Permission.SCREENING_WRITE, "Answer the criteria", "eligibility", waits="the criteria")
    return _mine(
        found,
        Permission.ELIGIBILITY_SIGN,
        "Sign eligibility",
        "eligibility",
        "sign",
        waits="an investigator's signature",
    )


def _next_stage(found: Dossier) -> NextStep | None:
    stage = next((stage for stage in found.stages if stage.is_due), None)
    if stage is None:
        return None
    if not found.may(Permission.PARTICIPANT_RANDOMIZE):
        return NextStep(waits_for=stage.label)
    label = f"Randomize {found.casebook.participant.code}: {stage.label}"
    return NextStep(label, stage_url(found.here, found.casebook.participant.code, stage.code, "randomize"))


def _next_visit(found: Dossier) -> NextStep:
    today = found.casebook.today
    for state in found.visits:
        visit = state.planned.visit
        if state.standing is not VisitStanding.DUE or visit.period == "screening":
            continue
        if visit.dose is not None and found.casebook.protocol.infusions is not None:
            if not found.may(Permission.INFUSION_READ):
                return NextStep(waits_for=visit.name)
            return NextStep(
                f"Open {_lower(visit.name)}", subject_url(found.here, _code(found), "infusions", visit.dose)
            )
        if visit_tag(state, today)[0] in ("Due", "Late"):
            return _mine(
                found, Permission.VISIT_WRITE, f"Record {_lower(visit.name)}", "visits", visit.code, waits=visit.name
            )
        return NextStep()
    return NextStep()


def _mine(found: Dossier, needed: Permission, label: str, *path: str, waits: str) -> NextStep:
    if found.may(needed):
        return NextStep(label, subject_url(found.here, _code(found), *path))
    return NextStep(waits_for=waits)


def _consent(found: Dossier) -> tuple[str, str, str, str, str]:
    given = found.casebook.participant.consented_on is not None
    hint = "Again, under the amended protocol" if given and found.needs_consent else ""
    word, kind = ("Done", "done") if not found.needs_consent else ("To do", "active")
    return "Consent", _url(found, "consent"), word, kind, hint


def _visits(found: Dossier) -> list[tuple[str, str, str, str, str]]:
    lines = []
    for state in _screening_visits(found):
        visit = state.planned.visit
        forms, missing = site_forms(found, visit), missing_forms(found, visit)
        also = [expected.id for expected in visit.instruments]
        hint = f"{len(forms) - len(missing)} of {len(forms)} forms" + (f"; {', '.join(also)}" if also else "")
        if found.casebook.participant.consented_on is None:
            lines.append((visit.name, "", "After consent", "waiting", hint))
            continue
        word, kind = ("To do", "active") if missing else ("Done", "done")
        lines.append((visit.name, _url(found, "visits", visit.code), word, kind, hint))
    return lines


def _criteria(found: Dossier) -> tuple[str, str, str, str, str]:
    label, url = "Eligibility criteria", _url(found, "eligibility")
    if found.casebook.participant.consented_on is None:
        return label, "", "After consent", "waiting", ""
    if found.assessment is None:
        return label, url, "To do", "active", ""
    if not found.assessment.eligible:
        return label, url, "Not met or not known", "warning", "Open to see which criteria"
    return label, url, "All met", "done", ""


def _signature(found: Dossier) -> tuple[str, str, str, str, str]:
    label = "Signature on eligibility"
    if is_signed(found) and found.signature is not None:
        return label, _url(found, "eligibility"), "Signed", "done", f"By {found.signature.printed_name}"
    if found.assessment is None or not found.assessment.eligible:
        return label, "", "Cannot start yet", "waiting", "Opens when every criterion is met"
    if found.may(Permission.ELIGIBILITY_SIGN):
        return label, _url(found, "eligibility", "sign"), "To do", "active", ""
    return label, "", "Waits for an investigator", "warning", "An investigator of this site signs"


def _randomize(found: Dossier) -> tuple[str, str, str, str, str]:
    label: str = "Randomize"
    if not is_signed(found):
        return label, "", "Cannot start yet", "waiting", "Opens when eligibility is signed"
    if not found.may(Permission.PARTICIPANT_RANDOMIZE):
        return label, "", "Waits for the site", "waiting", ""
    kind: Kind = "active"
    return label, _url(found, "randomize"), "Ready", kind, ""


def _screening_visits(found: Dossier) -> list[VisitState]:
    return [state for state in found.visits if state.planned.visit.period == "screening"]


def _url(found: Dossier, *path: str) -> str:
    return subject_url(found.here, _code(found), *path)


def _code(found: Dossier) -> str:
    return found.casebook.participant.code


def _lower(name: str) -> str:
    """Inside a sentence, but not for abbreviations."""
    return name if name[1:2].isupper() else f"{name[:1].lower()}{name[1:]}"
