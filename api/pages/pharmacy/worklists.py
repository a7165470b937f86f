"""What the pharmacy and the people who handle kits see first."""

from collections.abc import Iterator

from api.pages.frame import Place, Way, WorkRow, home_worklist, register_way
from api.pages.pharmacy.agenda import preparations_today
from api.pages.site.subjects import list_url
from api.pages.site.words import counted
from randomization.kits.shipments import ShipmentStatus, shipments_to
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.database.session import TrialSession

register_way(Way("Preparations", "preparations", (Permission.PHARMACY_PREPARE, Permission.PHARMACY_VERIFY), order=14))
register_way(Way("Bags", "bags", (Permission.INFUSION_WRITE,), order=15))
register_way(Way("Stock", "stock", (Permission.KIT_ACCOUNT,), order=30))


@home_worklist(Permission.PHARMACY_PREPARE, Permission.PHARMACY_VERIFY)
def preparations(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Orders of today to prepare, and preparations that wait for this person's check."""
    found = preparations_today(session, here)
    make = [one for one in found if one.is_to_prepare and one.may_prepare]
    check = [one for one in found if one.is_to_check(here.actor.account_id)]
    url = list_url(here, "preparations")
    who = ", ".join(one.participant for one in make[:3])
    yield WorkRow(len(make), counted(len(make), "preparation due", "preparations due"), url, who, "warning")
    yield WorkRow(len(check), counted(len(check), "preparation to check", "preparations to check"), url)


@home_worklist(Permission.KIT_RECEIVE)
def shipments(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Shipments on the way to the caller's sites."""
    coming = [
        one
        for site in here.sites
        if may(here.actor, Permission.KIT_RECEIVE, here.trial.id, site.id)
        for one in shipments_to(session, here.actor, site.id)
        if one.status is ShipmentStatus.SENT
    ]
    label = counted(len(coming), "shipment to receive", "shipments to receive")
    yield WorkRow(len(coming), label, list_url(here, "stock"), "", "plain", "waiting")
