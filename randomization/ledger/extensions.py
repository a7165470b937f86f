"""Lists during the trial: the list that continues one that runs low (``low_strata`` tells which).

Invariants
1. A continuation has the scheme of the list before it, block sizes and limits too, which nobody needs to know or type;
   seed, slots and commitment are its own, and two people make it as they made the first.
2. Positions go on where the earlier list ends: it is used up first.
3. A list is continued under the newest active version that allocates as its own does: a site that has not adopted an
   amendment goes on. Where every site allocates otherwise now, nothing is continued: a new list is designed.
4. A retired list is not continued: the list in its place is.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from randomization.ledger.allocation_lists import AllocationList, ListNotSealed, ListStatus, get_list
from randomization.ledger.generation import begin_list, check_no_site_role
from randomization.ledger.lists_in_use import counters_in_use, lists_missing, versions_in_use
from randomization.ledger.retirements import retired_by
from randomization.ledger.sealed_matter import open_matter
from randomization.schemes import UploadedList
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.conduct.sites import sites_of
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict
from trial.protocol.schema.allocation import MAIN_STAGE
from trial.protocol.versions import ProtocolVersion, get_version


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
    if before.id in retired_by(session, before.trial_id):
        raise ListNotContinued("This list is retired: another one took its place. Continue that one.")
    version = _version_to_continue(session, before)
    with strongroom(session):
        design = open_matter(session, before).list_design
    if isinstance(design.scheme, UploadedList):
        raise ListNotContinued("An uploaded list has no rule to continue it by. Upload another list for these strata.")
    longer = replace(design, slots_per_stratum=command.slots_per_stratum)
    return begin_list(session, actor, version, before.stage, longer, command.contribution)


def can_extend(session: TrialSession, made: AllocationList) -> bool:
    """Whether there is something to continue: a sealed list with an end, from which somebody may still be taken."""
    return made.status is ListStatus.SEALED and made.has_slots and _serves_somebody(session, made)


def _serves_somebody(session: TrialSession, made: AllocationList) -> bool:
    known = versions_in_use(session, made.trial_id)
    counters = counters_in_use(session, made.trial_id, made.stage)
    return any(known.version_for(made, one.stratum) for of, one in counters if of.id == made.id)


def _version_to_continue(session: TrialSession, before: AllocationList) -> ProtocolVersion:
    """The newest active version that allocates as the list's own does. Raises ``ListNotContinued`` where no site follows it."""
    if not _serves_somebody(session, before):
        raise ListNotContinued(
            "The protocol's arms, ratio, scheme or factors have changed since, and no site allocates by this list any more."
            " Design a new list."
        )
    known = versions_in_use(session, before.trial_id)
    designed = known.designed[before.protocol_version_id]
    agreeing = [one for one in known.active if known.designed[one].allocates_like(designed, before.stage)]
    return get_version(session, agreeing[-1])


def sites_without_list(session: TrialSession, trial_id: UUID, stage: str = MAIN_STAGE) -> list[str]:
    """Codes of open sites that no sealed list serves: added late, or past an amendment that allocates otherwise."""
    missing = {code for one in lists_missing(session, trial_id, stage) for code in one.sites}
    return [site.code for site in sites_of(session, trial_id) if site.code in missing]
