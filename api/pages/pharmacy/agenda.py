"""Today's orders with what the pharmacy has made of each. Read only for those who prepare or check at that site."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from api.pages.site.words import Tag
from api.places import Place
from randomization.pharmacy.preparations import Preparation, PreparationStatus, preparation_for, still_fits
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.clock import local_date
from trial.conduct.casebooks import open_casebook
from trial.conduct.infusion_courses import Infusion, InfusionOrder
from trial.conduct.participants import Participant
from trial.conduct.sites import Site
from trial.database.session import TrialSession


@dataclass(frozen=True)
class DuePreparation:
    """``preparation`` counts only while it fits the order as it is now (``still_fits``)."""

    participant: str
    site: Site
    order: InfusionOrder
    preparation: Preparation | None
    is_given: bool
    may_prepare: bool
    is_current: bool

    @property
    def is_to_prepare(self) -> bool:
        return not self.is_given and not self.is_current

    def is_to_check(self, account_id: UUID) -> bool:
        """Whether this person may be the second one."""
        made = self.preparation
        waits = self.is_current and made is not None and made.status is PreparationStatus.PREPARED
        return not self.is_given and waits and made is not None and made.prepared_by != account_id

    @property
    def tag(self) -> Tag:
        if self.is_given:
            return "Given", "done"
        if self.preparation is None:
            return "To prepare", "warning"
        if not self.is_current:
            return "Order changed: prepare again", "danger"
        checked = self.preparation.status is PreparationStatus.VERIFIED
        return ("Prepared and checked", "done") if checked else ("To check", "active")


def preparations_today(session: TrialSession, here: Place) -> list[DuePreparation]:
    """Every order of today at the sites for which the caller prepares or checks, by participant."""
    found: list[DuePreparation] = []
    for site in here.sites:
        if here.site is None or site.id == here.site.id:
            found += _at(session, here, site)
    return sorted(found, key=lambda one: one.participant)


def _at(session: TrialSession, here: Place, site: Site) -> list[DuePreparation]:
    prepares = may(here.actor, Permission.PHARMACY_PREPARE, here.trial.id, site.id)
    if not prepares and not may(here.actor, Permission.PHARMACY_VERIFY, here.trial.id, site.id):
        return []
    orders = session.exec(
        select(InfusionOrder, Participant.code)
        .join(Participant, col(Participant.id) == col(InfusionOrder.participant_id))
        .where(InfusionOrder.site_id == site.id, InfusionOrder.for_day == local_date(session.now(), site.zone))
    )
    return [_due(session, site, code, order, may_prepare=prepares) for order, code in orders]


def _due(session: TrialSession, site: Site, code: str, order: InfusionOrder, *, may_prepare: bool) -> DuePreparation:
    made = preparation_for(session, order.id)
    fits = made is not None and still_fits(session, open_casebook(session, order.participant_id), made, order)
    return DuePreparation(code, site, order, made, _is_given(session, order), may_prepare, fits)


def _is_given(session: TrialSession, order: InfusionOrder) -> bool:
    found = select(Infusion.id).where(
        Infusion.participant_id == order.participant_id, Infusion.infusion == order.infusion
    )
    return session.exec(found).first() is not None
