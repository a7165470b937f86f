"""Lists that are held: nobody is randomized from a list whose last allocations a restored database forgot, or that was altered.

Without a hold the next participant would get the slot, the number and perhaps the kit of somebody who has them already.

Invariants
1. A held list allocates to nobody but the participants of its receipts. Other lists go on.
2. A hold says how far each stratum had come, as the anchors tell it. The numbers of what is missing are set aside at once, so
   that no other list gives one of them again.
3. A hold ends when every missing allocation is back and two people have signed, one who designs lists and one who confirms them.
   Receipts that cannot be found any more may be passed over, by both: then their slots and numbers stay unused for good.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, text
from sqlmodel import Field, col, select

from randomization.ledger.allocation_lists import ENVELOPE_STAGES, AllocationList, StratumCounter, get_list
from randomization.ledger.tallies import number_of, numbers_given, set_numbers_aside
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.audit.anchors import Anchor
from trial.audit.restores import since_last_restore
from trial.database.columns import document, instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound, NotPermitted

MEANING: Final = (
    "I release this allocation list: what was missing after the restore is back, or passed over as I say here."
)
_TOLD: Final = ("statistician_randomization", "statistician_unblinded", "sponsor")


class HoldNotFound(NotFound):
    code = "hold.not_found"


class HoldReleased(Conflict):
    code = "hold.already_released"


class AllocationsStillMissing(Conflict):
    code = "hold.allocations_missing"


class HoldNeedsSecondPerson(NotPermitted):
    code = "hold.second_person_needed"


class HoldNotAsked(Conflict):
    code = "hold.release_not_asked"


class ReleasesDiffer(InvalidInput):
    code = "hold.releases_differ"


class NothingToPassOver(InvalidInput):
    code = "hold.nothing_to_pass_over"


class ReleaseHold(BaseModel):
    """``without_receipts`` passes over what is still missing; both people must say so.

    With an ``idempotency_key`` the same request sent again gives the first answer.
    """

    model_config = ConfigDict(frozen=True)

    hold_id: UUID
    reason: str = Bounded(min_length=3, max_length=2000)
    without_receipts: bool = False
    idempotency_key: str | None = None


class ListHold(TrialRecord, table=True):
    """``expected`` maps a stratum to how many were allocated from it, at least; ``numbers_from`` is the last number that
    the restored database knows."""

    __tablename__ = "list_hold"
    __table_args__ = in_schema("trial")

    list_id: UUID = Field(foreign_key="trial.allocation_list.id", index=True)
    reason: str = prose()
    expected: dict[str, Any] = document()
    numbers_from: int
    held_at: datetime = instant()
    released_at: datetime | None = instant(default=None)


class HoldSigning(TrialRecord, table=True):
    """One of the two signatures under a release; ``access.signature`` binds this row."""

    __tablename__ = "hold_signing"
    __table_args__ = in_schema("trial", UniqueConstraint("hold_id", "account_id"))

    hold_id: UUID = Field(foreign_key="trial.list_hold.id")
    account_id: UUID = Field(foreign_key="access.account.id")
    reason: str = prose()
    without_receipts: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """Allocations of one stratum that the anchors tell of and the database does not hold."""

    list_id: UUID
    stratum: str
    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        where = "" if self.stratum == "all" else f" of {self.stratum}"
        return f"position {self.first}{where}" if self.count == 1 else f"positions {self.first} to {self.last}{where}"


@dataclass(frozen=True, slots=True)
class Behind:
    """What the database lacks: by list, and lists that were sealed after the backup and are lost as a whole.

    ``revived`` are lists that a lost one had retired: this database would go on with them.
    """

    missing: tuple[Missing, ...]
    lost_lists: tuple[str, ...]
    revived: tuple[UUID, ...] = ()


def find_behind(session: TrialSession, anchors: Sequence[Anchor]) -> Behind:
    """Compare every list with the furthest that the anchors since the last declared restore tell of it."""
    expected = _furthest(anchors)
    sealed = {str(one.id): one for one in session.exec(select(AllocationList)) if one.root is not None}
    found: list[Missing] = []
    for name in sorted(expected.keys() & sealed.keys()):
        # What became of an envelope stands on the envelope: it is reconciled again.
        if not sealed[name].stage.startswith(ENVELOPE_STAGES):
            found.extend(_missing_in(session, sealed[name].id, expected[name]))
    lost = expected.keys() - sealed.keys()
    revived = {sealed[name].id for name in _retired_by(anchors, lost) & sealed.keys()}
    return Behind(tuple(found), tuple(sorted(lost)), tuple(sorted(revived)))


def _retired_by(anchors: Sequence[Anchor], lists: Collection[str]) -> set[str]:
    facts = (fact for anchor in since_last_restore(anchors) for fact in anchor.facts.get("lists", ()))
    return {retired for fact in facts if fact["list"] in lists for retired in fact.get("retires", ())}


def _furthest(anchors: Sequence[Anchor]) -> dict[str, dict[str, int]]:
    furthest: dict[str, dict[str, int]] = {}
    for anchor in since_last_restore(anchors):
        for fact in anchor.facts.get("lists", ()):
            strata = furthest.setdefault(fact["list"], {})
            for stratum, used in fact["used"].items():
                strata[stratum] = max(used, strata.get(stratum, 0))
    return furthest


def _missing_in(session: TrialSession, list_id: UUID, expected: Mapping[str, int]) -> list[Missing]:
    counters = session.exec(
        select(StratumCounter).where(StratumCounter.list_id == list_id).order_by(col(StratumCounter.ordinal))
    )
    return [
        Missing(list_id, one.stratum, one.next_position, expected[one.stratum])
        for one in counters
        if expected.get(one.stratum, 0) >= one.next_position
    ]


def hold_lists(
    session: TrialSession, actor: Actor, missing: Sequence[Missing], *, also: Sequence[UUID] = (), reason: str
) -> list[ListHold]:
    """Hold every list of which something is missing, and those named besides; one that is held already stays as it is.

    Raises ``ListNotFound``, ``NotPermitted``.
    """
    authorize(session, actor, Action.LIST_HELD, reason=reason)
    wanted = dict.fromkeys([*(one.list_id for one in missing), *also])
    found = [get_list(session, list_id) for list_id in wanted]
    return [
        _hold(session, one, [each for each in missing if each.list_id == one.id], reason)
        for one in found
        if open_hold(session, one.id) is None
    ]


def _hold(session: TrialSession, held: AllocationList, missing: list[Missing], reason: str) -> ListHold:
    count = sum(one.count for one in missing)
    from_number = numbers_given(session, held.trial_id, held.stage)
    hold = ListHold(
        **session.stamp(),
        trial_id=held.trial_id,
        protocol_version_id=held.protocol_version_id,
        list_id=held.id,
        reason=reason,
        expected={one.stratum: one.last for one in missing},
        numbers_from=from_number,
        held_at=session.now(),
    )
    session.add(hold)
    if count:
        set_numbers_aside(session, held.trial_id, held.stage, up_to=from_number + count)
    why = f"after a restored backup: {count} allocations are missing" if count else f"because {reason}"
    for role in _TOLD:
        sentence = f"List {held.ordinal} ({held.stage}) is held {why}."
        raise_alert(session, AlertKind.LIST_HELD, role, sentence, trial_id=held.trial_id)
    session.flush()
    return hold


def open_hold(session: TrialSession, list_id: UUID) -> ListHold | None:
    """The hold that stands on a list."""
    found = select(ListHold).where(ListHold.list_id == list_id, col(ListHold.released_at).is_(None))
    return session.exec(found).first()


def open_holds(session: TrialSession) -> list[ListHold]:
    """Every hold that stands."""
    return list(
        session.exec(select(ListHold).where(col(ListHold.released_at).is_(None)).order_by(col(ListHold.held_at)))
    )


def still_missing(session: TrialSession, hold: ListHold) -> list[Missing]:
    """What a hold still waits for."""
    return _missing_in(session, hold.list_id, hold.expected)


def missing_numbers(session: TrialSession, hold: ListHold) -> list[str]:
    """Randomization numbers since the backup that nobody holds: each belongs to a receipt that is not in yet."""
    stage = get_list(session, hold.list_id).stage
    last = numbers_given(session, hold.trial_id, stage)
    held = set(
        session.execute(
            text(
                "SELECT number FROM trial.allocation WHERE trial_id = :trial AND stage = :stage"
                " UNION SELECT number FROM trial.reseated_seat WHERE trial_id = :trial AND stage = :stage"
            ),
            {"trial": hold.trial_id, "stage": stage},
        ).scalars()
    )
    numbers = (number_of(stage, count) for count in range(hold.numbers_from + 1, last + 1))
    return [number for number in numbers if number not in held]


def ask_release(session: TrialSession, actor: Actor, proof: Reauthenticated, command: ReleaseHold) -> ListHold:
    """The first person's signature.

    Raises ``HoldNotFound``, ``HoldReleased``, ``AllocationsStillMissing``, ``HoldNeedsSecondPerson``, ``NothingToPassOver``.
    """
    return _once(session, actor, Action.HOLD_RELEASE_ASKED, command, lambda: _ask(session, actor, proof, command))


def confirm_release(session: TrialSession, actor: Actor, proof: Reauthenticated, command: ReleaseHold) -> ListHold:
    """The second person's signature: the list allocates again.

    Raises ``HoldNotAsked``, ``HoldNeedsSecondPerson``, ``ReleasesDiffer`` besides.
    """
    return _once(session, actor, Action.HOLD_RELEASED, command, lambda: _confirm(session, actor, proof, command))


def _once(
    session: TrialSession, actor: Actor, action: Action, command: ReleaseHold, do: Callable[[], ListHold]
) -> ListHold:
    """Authorize, then ``do`` unless the command's key has been answered."""
    hold = get_hold(session, command.hold_id)
    authorize(session, actor, action, trial_id=hold.trial_id, reason=command.reason)
    if command.idempotency_key is None:
        return do()
    exactly_once(session, actor, action, command.idempotency_key, command, lambda: do().id)
    return hold


def _ask(session: TrialSession, actor: Actor, proof: Reauthenticated, command: ReleaseHold) -> ListHold:
    hold = _locked(session, command.hold_id)
    if asked_by(session, hold.id) is not None:
        raise HoldNeedsSecondPerson("This release is asked for already. A second person confirms it.")
    _check_complete(session, hold, command)
    _add_signing(session, actor, proof, hold, command)
    return hold


def _confirm(session: TrialSession, actor: Actor, proof: Reauthenticated, command: ReleaseHold) -> ListHold:
    hold = _locked(session, command.hold_id)
    asked = asked_by(session, hold.id)
    if asked is None:
        raise HoldNotAsked("Nobody has asked for this release yet. The randomization statistician signs first.")
    if asked.account_id == actor.account_id:
        raise HoldNeedsSecondPerson("Who asked for the release does not confirm it. Ask the unblinded statistician.")
    # Receipts that came back since the first signature leave nothing to pass over, whatever was said then.
    found_since = asked.without_receipts and not _lacks(session, hold)
    if asked.without_receipts != command.without_receipts and not found_since:
        raise ReleasesDiffer("The first person said otherwise of the missing receipts. Agree, then sign the same.")
    _check_complete(session, hold, command)
    _add_signing(session, actor, proof, hold, command)
    if command.without_receipts:
        _pass_over(session, hold)
    hold.released_at = session.now()
    session.add(hold)
    session.flush()
    return hold


def last_hold(session: TrialSession, list_id: UUID) -> ListHold | None:
    """The hold that stands on a list, or the last one that was released."""
    found = select(ListHold).where(ListHold.list_id == list_id)
    newest = (col(ListHold.released_at).is_not(None), col(ListHold.held_at).desc())
    return session.exec(found.order_by(*newest)).first()


def signings_of(session: TrialSession, hold_id: UUID) -> list[HoldSigning]:
    """The signatures under a release, the first one first."""
    found = select(HoldSigning).where(HoldSigning.hold_id == hold_id)
    return list(session.exec(found.order_by(col(HoldSigning.recorded_at), col(HoldSigning.id))))


def asked_by(session: TrialSession, hold_id: UUID) -> HoldSigning | None:
    """The signature that asked for the release."""
    return next(iter(signings_of(session, hold_id)), None)


def get_hold(session: TrialSession, hold_id: UUID) -> ListHold:
    """Raises ``HoldNotFound``."""
    hold = session.get(ListHold, hold_id)
    if hold is None:
        raise HoldNotFound("There is no such hold. Choose one from its list's page, or from “equipoise recover show”.")
    return hold


def _locked(session: TrialSession, hold_id: UUID) -> ListHold:
    hold = session.get_one(ListHold, hold_id, with_for_update={"key_share": True}, populate_existing=True)
    if hold.released_at is not None:
        raise HoldReleased("This list is released already. Nothing was changed.")
    return hold


def _lacks(session: TrialSession, hold: ListHold) -> bool:
    return bool(still_missing(session, hold) or missing_numbers(session, hold))


def _check_complete(session: TrialSession, hold: ListHold, command: ReleaseHold) -> None:
    missing, numbers = still_missing(session, hold), missing_numbers(session, hold)
    if not command.without_receipts and (missing or numbers):
        told = "; ".join([*map(str, missing), *([f"numbers {', '.join(numbers)}"] if numbers else [])])
        raise AllocationsStillMissing(
            f"Receipts are still missing for {told}. Take them first; if they are lost for good, both people say that what"
            " is missing is passed over (--without-receipts by command)."
        )
    if command.without_receipts and missing and not get_list(session, hold.list_id).has_slots:
        raise NothingToPassOver(
            "A scheme without a list depends on everybody before, so no allocation of it can be passed over. Find the"
            " receipts, or read them from the participants' pages on paper."
        )


def _add_signing(
    session: TrialSession, actor: Actor, proof: Reauthenticated, hold: ListHold, command: ReleaseHold
) -> None:
    signing = HoldSigning(
        **session.stamp(),
        trial_id=hold.trial_id,
        protocol_version_id=hold.protocol_version_id,
        hold_id=hold.id,
        account_id=actor.account_id,
        reason=command.reason,
        without_receipts=command.without_receipts,
    )
    session.add(signing)
    sign(session, actor, proof, signing, MEANING, hold.trial_id)


def _pass_over(session: TrialSession, hold: ListHold) -> None:
    for one in still_missing(session, hold):
        counter = session.exec(
            select(StratumCounter)
            .where(StratumCounter.list_id == hold.list_id, StratumCounter.stratum == one.stratum)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        ).one()
        counter.next_position = max(counter.next_position, one.last + 1)
        session.add(counter)
