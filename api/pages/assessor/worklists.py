"""What an efficacy assessor sees first: questionnaires due and late."""

from collections.abc import Iterator

from api.pages.assessor.agenda import DueAssessment, due_assessments
from api.pages.frame import Place, Way, WorkRow, home_worklist, register_way
from api.pages.site.subjects import list_url
from api.pages.site.words import counted
from trial.access.permissions import Permission
from trial.database.session import TrialSession

register_way(Way("Assessments", "assessments", (Permission.EFFICACY_WRITE,), order=12))


@home_worklist(Permission.EFFICACY_WRITE)
def assessments(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """By visit: a visit with three questionnaires counts once."""
    found = due_assessments(session, here)
    late = [one for one in found if one.is_late]
    due = [one for one in found if not one.is_late]
    url = list_url(here, "assessments")
    yield WorkRow(len(due), counted(len(due), "assessment due", "assessments due"), url, _who(due))
    yield WorkRow(
        len(late), counted(len(late), "assessment late", "assessments late"), url, _who(late), "danger", "late"
    )


def _who(found: list[DueAssessment]) -> str:
    return ", ".join(f"{one.participant.code} {one.planned.visit.name}" for one in found[:3])
