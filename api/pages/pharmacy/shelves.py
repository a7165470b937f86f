"""At which sites the caller handles or accounts for kits, and the words that these pages share."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from sqlmodel import select

from api.pages.site.subjects import list_url
from api.places import Place
from randomization.kits.kits import Kit
from trial.access.accounts import get_account
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.sites import Site
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.protocol.versions import newest_active_version, protocol_of


class SiteNotChosen(InvalidInput):
    code = "stock.site_not_chosen"


def stock_sites(here: Place) -> list[Site]:
    """The sites whose kits the caller accounts for: the chosen one, or all."""
    mine = [site for site in here.sites if may(here.actor, Permission.KIT_ACCOUNT, here.trial.id, site.id)]
    return [site for site in mine if here.site is None or site.id == here.site.id]


def chosen_site(here: Place) -> Site:
    """The one site at which something is recorded. Raises ``SiteNotChosen``."""
    if here.site is None:
        raise SiteNotChosen("Choose the site first: what is recorded here is of one site.")
    return here.site


def handles(here: Place) -> bool:
    """Whether the caller may record something here: kits are handled at one site."""
    return here.site is not None and here.may(Permission.KIT_RECEIVE)


def numbers_kits(session: TrialSession, trial_id: UUID) -> bool:
    """Whether the trial has numbered kits, by its newest protocol or by what was ever sent."""
    sent = session.exec(select(Kit.id).where(Kit.trial_id == trial_id).limit(1)).first()
    return sent is not None or protocol_of(newest_active_version(session, trial_id)).supply.numbered_kits


def numbers_in(text: Any) -> tuple[str, ...]:
    """Kit numbers as people type them: with spaces, commas or new lines between them."""
    return tuple(part for part in re.split(r"[\s,;]+", str(text or "")) if part)


def name_of(session: TrialSession, account_id: Any) -> str:
    return get_account(session, account_id).display_name if account_id else ""


def stock_trail(here: Place) -> list[tuple[str, str]]:
    return [("Stock", list_url(here, "stock"))]
