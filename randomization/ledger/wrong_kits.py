"""A kit that was given by mistake: it is used up, its giving is on record, and the assignment stays.

Invariants
1. The kit that was given counts as dispensed from then on, whoever it was meant for: it is never handed out again.
2. The kit that was assigned stays assigned to its participant. Nobody learns whether the two hold the same treatment.
"""

from __future__ import annotations

from pydantic import Field as Bounded

from randomization.kits.kits import Kit, KitStatus, can_become, check_has_kits, find_kit, move_kit
from randomization.kits.promises import current_kit_id, kit_of
from randomization.ledger.allocations import every_allocation
from trial.access.actors import Actor
from trial.conduct.casebooks import Casebook
from trial.conduct.randomization_errors import (
    AlreadyMarked,
    Marking,
    RandomizationErrorKind,
    RandomizationErrorMark,
    begin_marking,
    errors_of,
    leave_mark,
    marked_once,
)
from trial.database.session import TrialSession
from trial.errors import InvalidInput


class KitWasAssigned(InvalidInput):
    code = "randomization_error.kit_was_assigned"


class KitNotAtSite(InvalidInput):
    code = "randomization_error.kit_not_at_site"


class MarkWrongKit(Marking):
    kit_given: str = Bounded(min_length=1, max_length=16)


def mark_wrong_kit(session: TrialSession, actor: Actor, command: MarkWrongKit) -> RandomizationErrorMark:
    """Another kit of the site was given than the one assigned.

    Raises ``NotRandomized``, ``NoKitsInTrial``, ``KitNotFound``, ``KitNotAtSite``, ``KitWasAssigned``, ``AlreadyMarked``,
    ``DateInFuture``.
    """
    return marked_once(session, actor, command, lambda: _mark_wrong_kit(session, actor, command))


def _mark_wrong_kit(session: TrialSession, actor: Actor, command: MarkWrongKit) -> RandomizationErrorMark:
    casebook = begin_marking(session, actor, command)
    check_has_kits(casebook.protocol)
    kit = find_kit(session, casebook.trial.id, command.kit_given, to_write=True)
    _check_given(session, casebook, kit)
    if any(mark.kit_given == kit.number for mark in errors_of(session, casebook.participant.id)):
        raise AlreadyMarked(f"That kit {kit.number} was given by mistake is on record already.")
    if can_become(kit, KitStatus.DISPENSED):
        move_kit(session, kit, KitStatus.DISPENSED)
    return leave_mark(session, casebook, command, RandomizationErrorKind.WRONG_KIT, kit_given=kit.number)


def _check_given(session: TrialSession, casebook: Casebook, kit: Kit) -> None:
    if kit.site_id != casebook.site.id:
        raise KitNotAtSite(f"Kit {kit.number} was never at this site. Read the number on the carton again.")
    assigned = [current_kit_id(session, kit_of(one)) for one in every_allocation(session, casebook.participant)]
    if kit.id in assigned:
        raise KitWasAssigned(f"Kit {kit.number} is the one that was assigned, so nothing went wrong with it.")
