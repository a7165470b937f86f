"""What the infusion team and the investigators see first: infusions of today, and those to order."""

from collections.abc import Iterator

from api.pages.frame import Place, Way, WorkRow, home_worklist, register_way
from api.pages.infusion.courses import SeenCourse, courses_now
from api.pages.site.subjects import list_url
from api.pages.site.words import counted
from trial.access.permissions import Permission
from trial.conduct.infusion_courses import NoInfusions
from trial.database.session import TrialSession

register_way(Way("Infusions", "infusions", (Permission.INFUSION_READ,), order=15))


def _today(session: TrialSession, here: Place) -> list[SeenCourse]:
    try:
        return [one for one in courses_now(session, here) if one.is_today]
    except NoInfusions:
        return []


@home_worklist(Permission.INFUSION_WRITE)
def to_give(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Infusions of today that are ordered; those that are not wait for an investigator."""
    ready = [one for one in _today(session, here) if one.order is not None]
    yield WorkRow(
        len(ready), counted(len(ready), "infusion today", "infusions today"), list_url(here, "infusions"), _who(ready)
    )


@home_worklist(Permission.INFUSION_ORDER)
def to_order(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Infusions of today without today's order."""
    waiting = [one for one in _today(session, here) if one.order is None]
    url = waiting[0].url if len(waiting) == 1 else list_url(here, "infusions")
    label = counted(len(waiting), "infusion to order", "infusions to order")
    yield WorkRow(len(waiting), label, url, _who(waiting), "warning")


def _who(found: list[SeenCourse]) -> str:
    return ", ".join(f"{one.book.participant.code} infusion {one.number}" for one in found[:3])
