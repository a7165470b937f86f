"""What a site's people see first: the way to the participants, and what is due, late or waiting today."""

from collections.abc import Iterator
from urllib.parse import urlencode

from api.pages.frame import Place, Way, When, WorkRow, home_worklist, register_way
from api.pages.site.agenda import agenda_of
from api.pages.site.dossiers import latest_signature
from api.pages.site.words import counted
from trial.access.permissions import Permission
from trial.conduct.consents import reconsents_due
from trial.conduct.eligibility import assessments_for
from trial.conduct.participant_readers import participants_of
from trial.conduct.participants import Participant, ParticipantStatus
from trial.conduct.visits import VisitState
from trial.database.session import TrialSession

register_way(Way("Participants", "participants", (Permission.SCREENING_READ, Permission.VISIT_READ), order=10))


def _address(here: Place, **filters: str) -> str:
    chosen = {"site": here.site.code} if here.site and len(here.sites) > 1 else {}
    return f"{here.url('participants')}?{urlencode({**chosen, **filters})}"


def _of_status(session: TrialSession, here: Place, status: ParticipantStatus) -> list[Participant]:
    site_id = here.site.id if here.site else None
    return participants_of(session, here.actor, here.trial.id, statuses=[status], site_id=site_id)


@home_worklist(Permission.SCREENING_WRITE)
def enrolling(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """People in screening, people ready to randomize, consents to renew."""
    screening = _of_status(session, here, ParticipantStatus.SCREENING)
    eligible = _of_status(session, here, ParticipantStatus.ELIGIBLE)
    again = reconsents_due(session, here.actor, here.trial.id, site_id=here.site.id if here.site else None)
    yield WorkRow(len(screening), "in screening", _address(here, status="screening"))
    yield WorkRow(len(eligible), "ready to randomize", _address(here, status="eligible"), _codes(eligible))
    yield WorkRow(len(again), "to consent again", _address(here), _codes(again), "warning")


@home_worklist(Permission.ELIGIBILITY_SIGN)
def to_sign(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Assessments that wait for an investigator's signature."""
    waiting = []
    for one in _of_status(session, here, ParticipantStatus.SCREENING):
        made = assessments_for(session, here.actor, one.id)
        if made and made[0].eligible and latest_signature(session, made[0]) is None:
            waiting.append(one)
    url = _address(here, status="screening")
    if len(waiting) == 1:
        url = here.url("participants", waiting[0].code, "eligibility", "sign")
    yield WorkRow(len(waiting), "eligibility to sign", url, _codes(waiting), "warning")


@home_worklist(Permission.VISIT_WRITE)
def visits(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Visits after treatment whose window is open, or over."""
    agenda = agenda_of(session, here)
    due, late = (agenda.due(word, doses=False) for word in ("Due", "Late"))
    yield _visit_row(due, "due", _address(here, status="trial", due="due"), "active", "today")
    yield _visit_row(late, "late", _address(here, status="trial", due="late"), "danger", "late")


def _visit_row(states: list[VisitState], word: str, url: str, kind: str, when: When) -> WorkRow:
    label = counted(len(states), f"visit {word}", f"visits {word}")
    return WorkRow(len(states), label, url, _who(states), kind, when)


def _codes(found: list[Participant]) -> str:
    return _some([one.code for one in found])


def _who(states: list[VisitState]) -> str:
    return _some([f"{state.participant.code} {state.planned.visit.name}" for state in states])


def _some(words: list[str]) -> str:
    """The first few, so that a tile tells who."""
    shown = ", ".join(words[:3])
    return f"{shown} and {len(words) - 3} more" if len(words) > 3 else shown
