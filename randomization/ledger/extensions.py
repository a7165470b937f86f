"""Lists during the trial: the list that continues one that runs low (``low_strata`` tells which).

Invariants
1. A continuation has the scheme of the list before it, block sizes and limits too, which nobody needs to know or type;
   seed, slots and commitment are its own, and two people make it as they made the first.
2. Positions go on where the earlier list ends: it is used up first.
3. Where the protocol's arms, ratio or scheme have changed since, nothing is continued: a new list is designed.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from randomization.ledger.allocation_lists import AllocationList, ListNotSealed, ListStatus, get_list
from randomization.ledger.designs import SITE
from randomization.ledger.generation import begin_list, check_no_site_role
from randomization.ledger.low_strata import stratum_levels_of
from randomization.ledger.sealed_matter import open_matter
from randomization.lists import ListDesign, stratum_levels
from randomization.schemes import UploadedList
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.conduct.sites import sites_of
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import MAIN_STAGE
from trial.protocol.versions import newest_active_version, protocol_of


class ListNotContinued(Conflict):
    code = "list.not_continued"


class ExtendList(BaseModel):
    """``list_id`` is the list whose scheme and strata are continued; ``contribution`` as for a first list."""

    model_config = ConfigDict(frozen=True)

    list_id: UUID
    slots_per_stratum: int = Bounded(ge=1)
    contribution: bytes = Bounded(repr=False)


def extend_list(session: TrialSession, actor: Actor, command: ExtendList) -> AllocationList:
    """The first person's part; the second confirms it as any list.

    Raises ``ListNotFound``, ``ListNotSealed``, ``ListNotContinued``, ``SiteRoleHeld``, ``ContributionInvalid``,
    ``ListDesignInvalid``, ``VersionNotActive``.
    """
    before = get_list(session, command.list_id)
    authorize(session, actor, Action.LIST_DESIGNED, trial_id=before.trial_id)
    check_no_site_role(actor, before.trial_id)
    if before.status is not ListStatus.SEALED:
        raise ListNotSealed("This list is not sealed yet. Have it confirmed before you continue it.")
    if not before.has_slots:
        raise ListNotContinued("A scheme without a list has no end, so there is nothing to continue.")
    with strongroom(session):
        design = open_matter(session, before).list_design
    version = newest_active_version(session, before.trial_id)
    _check_continues(protocol_of(version), design)
    longer = replace(design, slots_per_stratum=command.slots_per_stratum)
    return begin_list(session, actor, version, before.stage, longer, command.contribution)


def _check_continues(protocol: Protocol, design: ListDesign) -> None:
    if isinstance(design.scheme, UploadedList):
        raise ListNotContinued("An uploaded list has no rule to continue it by. Upload another list for these strata.")
    same_arms = design.arms == protocol.arm_codes and design.scheme.ratio == protocol.shares
    if not same_arms or design.scheme.name != protocol.randomization.scheme.name:
        raise ListNotContinued("The protocol's arms, ratio or scheme have changed since. Design a new list.")


def sites_without_list(session: TrialSession, trial_id: UUID, stage: str = MAIN_STAGE) -> list[str]:
    """Codes of sites that no sealed list of the stage serves: added late, or never given a list."""
    codes = [site.code for site in sites_of(session, trial_id) if site.closed_on is None]
    levels = [stratum_levels(one.stratum) for one in stratum_levels_of(session, trial_id, stage)]
    if any(SITE not in one for one in levels):
        return []
    served = {one[SITE] for one in levels}
    return [code for code in codes if code not in served]
