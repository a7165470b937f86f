"""A participant's infusions as a page shows them: what is next, on which days, with which order."""

from __future__ import annotations

from dataclasses import dataclass

from api.pages.site.subjects import may_here, opened, subject_url
from api.pages.site.words import Kind, span_words
from api.places import Place
from randomization.pharmacy.preparations import Preparation, PreparationStatus, preparation_for
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.dosing import DayWindow, infusion_window
from trial.conduct.infusion_courses import Course, Infusion, InfusionOrder, NoInfusions
from trial.conduct.infusion_orders import orders_for
from trial.conduct.infusions import infusions_for
from trial.conduct.participant_readers import participants_of
from trial.conduct.participants import Participant, ParticipantStatus
from trial.database.session import TrialSession
from trial.protocol.schema import InfusionPlan

_ON_COURSE = (ParticipantStatus.RANDOMIZED, ParticipantStatus.ON_TREATMENT)


@dataclass(frozen=True)
class SeenCourse:
    """``preparation`` belongs to today's order of the next infusion: that it is made and checked, never what."""

    here: Place
    book: Casebook
    plan: InfusionPlan
    course: Course
    preparation: Preparation | None

    @property
    def number(self) -> int:
        """The infusion that comes next; one past the last when all are recorded."""
        return self.course.next_number

    @property
    def is_over(self) -> bool:
        return self.number > self.plan.count or self.book.participant.status not in _ON_COURSE

    @property
    def window(self) -> DayWindow | None:
        return infusion_window(self.plan, self.number, self.course.given)

    @property
    def is_today(self) -> bool:
        return not self.is_over and (self.window is None or self.window.holds(self.book.today))

    @property
    def order(self) -> InfusionOrder | None:
        """Today's order for the next infusion."""
        return self.course.order_for(self.number, self.book.today)

    @property
    def days(self) -> str:
        window = self.window
        return "Any day now" if window is None else span_words(window.first, window.last)

    @property
    def tag(self) -> tuple[str, Kind]:
        if not self.is_today:
            early = self.window is not None and self.book.today < self.window.first
            return ("Planned", "waiting") if early else ("Days are over", "danger")
        if self.order is None:
            return "To order", "warning"
        if self.preparation is None:
            return "Ordered", "active"
        checked = self.preparation.status is PreparationStatus.VERIFIED
        return ("Prepared and checked", "done") if checked else ("Prepared, not checked", "active")

    @property
    def url(self) -> str:
        return subject_url(self.here, self.book.participant.code, "infusions", self.number)

    def recorded(self, number: int) -> Infusion | None:
        return next((one for one in self.course.infusions if one.infusion == number), None)

    def may(self, permission: Permission) -> bool:
        return may_here(self.here, self.book, permission)


def seen_course(session: TrialSession, here: Place, code: str) -> SeenCourse:
    """Raises ``ParticipantNotFound``, ``NotPermitted``, ``NoInfusions``."""
    return _course(session, here, opened(session, here, code))


def courses_now(session: TrialSession, here: Place) -> list[SeenCourse]:
    """Everybody who is on a course of infusions, those of today first, by code."""
    site_id = here.site.id if here.site else None
    found = participants_of(session, here.actor, here.trial.id, statuses=_ON_COURSE, site_id=site_id)
    courses = [_course(session, here, open_casebook(session, one.id)) for one in found if _reads(here, one)]
    return sorted(courses, key=lambda seen: (not seen.is_today, seen.book.participant.code))


def _reads(here: Place, one: Participant) -> bool:
    place = next((site for site in here.sites if site.id == one.site_id), None)
    return place is not None


def _course(session: TrialSession, here: Place, book: Casebook) -> SeenCourse:
    plan = book.protocol.infusions
    if plan is None:
        raise NoInfusions("This trial's treatment is not infused. Record the visit instead.")
    one = book.participant.id
    course = Course(tuple(orders_for(session, here.actor, one)), tuple(infusions_for(session, here.actor, one)))
    order = course.order_for(course.next_number, book.today)
    made = preparation_for(session, order.id) if order is not None else None
    return SeenCourse(here, book, plan, course, made)
