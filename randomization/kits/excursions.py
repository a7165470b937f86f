"""Storage excursions: which kits stood too warm or too cold, and what is decided about those in quarantine.

Invariants
1. One excursion has one verdict, for every kit in it: a verdict kit by kit could follow what the kits hold.
2. A verdict has a reason and is given on numbers alone. A rejected kit never comes back; a released one goes back to
   the shelf, or to the participant to whom it was promised.
3. A kit of an excursion that waits for its verdict is not decided alone.
"""

from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from randomization.kits.kits import Kit, KitStatus, find_kit, find_kits_at, kits_of_status, move_kit
from randomization.kits.promises import is_promised
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.conduct.sites import Site, get_site
from trial.database.columns import choice, document, instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.protocol.versions import newest_active_version


class Verdict(StrEnum):
    RELEASED = "released"
    REJECTED = "rejected"


class ExcursionNotFound(NotFound):
    code = "excursion.not_found"


class ExcursionInFuture(InvalidInput):
    code = "excursion.in_future"


class ExcursionDecided(Conflict):
    code = "excursion.already_decided"


class KitInExcursion(Conflict):
    code = "excursion.decided_as_a_whole"


class KitNotInQuarantine(Conflict):
    code = "kit.not_in_quarantine"


class RecordExcursion(BaseModel):
    """``numbers`` are the kits that stood there; none named means every kit on the shelf."""

    model_config = ConfigDict(frozen=True)

    site_id: UUID
    began_at: AwareDatetime
    ended_at: AwareDatetime
    lowest_c: float = Bounded(ge=-100, le=100)
    highest_c: float = Bounded(ge=-100, le=100)
    numbers: tuple[str, ...] = ()
    what: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ended_at <= self.began_at:
            raise ValueError("the excursion ends after it began")
        if self.highest_c < self.lowest_c:
            raise ValueError("the highest temperature is not below the lowest")
        return self


class DecideExcursion(BaseModel):
    model_config = ConfigDict(frozen=True)

    excursion_id: UUID
    verdict: Verdict
    reason: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str


class DecideKit(BaseModel):
    """A verdict on one kit that was set aside by itself: damaged, open, mislaid and found."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    number: str = Bounded(max_length=16)
    verdict: Verdict
    reason: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str


class StorageExcursion(TrialRecord, table=True):
    __tablename__ = "storage_excursion"
    __table_args__ = in_schema("trial")

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    began_at: datetime = instant()
    ended_at: datetime = instant()
    lowest_c: float
    highest_c: float
    kits: list[str] = document()
    what: str = prose()
    recorded_by: UUID = Field(foreign_key="access.account.id")


class QuarantineVerdict(TrialRecord, table=True):
    """What was decided about one kit, alone or with the others of its excursion."""

    __tablename__ = "quarantine_verdict"
    __table_args__ = in_schema("trial")

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    kit_id: UUID = Field(foreign_key="trial.kit.id", index=True)
    excursion_id: UUID | None = Field(default=None, foreign_key="trial.storage_excursion.id", index=True)
    verdict: Verdict = choice(Verdict)
    reason: str = prose()
    decided_at: datetime = instant()
    decided_by: UUID = Field(foreign_key="access.account.id")


def record_excursion(session: TrialSession, actor: Actor, command: RecordExcursion) -> StorageExcursion:
    """Write down an excursion; its kits go into quarantine at once.

    Raises ``SiteNotFound``, ``NotPermitted``, ``ExcursionInFuture``, ``NoKitNamed``, ``KitNotFound``, ``KitStepNotPossible``.
    """
    site = get_site(session, command.site_id)
    authorize(session, actor, Action.EXCURSION_RECORDED, trial_id=site.trial_id, site_id=site.id, reason=command.what)
    made = exactly_once(
        session,
        actor,
        Action.EXCURSION_RECORDED,
        command.idempotency_key,
        command,
        lambda: _record(session, actor, site, command),
    )
    return get_excursion(session, made)


def _record(session: TrialSession, actor: Actor, site: Site, command: RecordExcursion) -> UUID:
    if command.ended_at > session.now():
        raise ExcursionInFuture("The excursion ends in the future. Record it when the storage is in order again.")
    shelf = kits_of_status(session, site.id, {KitStatus.AVAILABLE, KitStatus.ASSIGNED})
    kits = find_kits_at(session, site.id, command.numbers or [kit.number for kit in shelf])
    for kit in kits:
        move_kit(session, kit, KitStatus.QUARANTINED)
    excursion = StorageExcursion(
        **session.stamp(),
        trial_id=site.trial_id,
        protocol_version_id=newest_active_version(session, site.trial_id).id,
        site_id=site.id,
        kits=[kit.number for kit in kits],
        recorded_by=actor.account_id,
        **command.model_dump(include={"began_at", "ended_at", "lowest_c", "highest_c", "what"}),
    )
    session.add(excursion)
    return excursion.id


def decide_excursion(session: TrialSession, actor: Actor, command: DecideExcursion) -> StorageExcursion:
    """Release or reject every kit of an excursion that is still in quarantine.

    Raises ``ExcursionNotFound``, ``NotPermitted``, ``ExcursionDecided``.
    """
    excursion = get_excursion(session, command.excursion_id)
    authorize(
        session,
        actor,
        Action.QUARANTINE_DECIDED,
        trial_id=excursion.trial_id,
        site_id=excursion.site_id,
        reason=command.reason,
    )
    exactly_once(
        session,
        actor,
        Action.QUARANTINE_DECIDED,
        command.idempotency_key,
        command,
        lambda: _decide_all(session, actor, excursion, command),
    )
    return excursion


def _decide_all(session: TrialSession, actor: Actor, excursion: StorageExcursion, command: DecideExcursion) -> UUID:
    kits = find_kits_at(session, excursion.site_id, excursion.kits)
    if verdict_on(session, excursion.id) is not None:
        raise ExcursionDecided("This excursion has its verdict already. A new doubt is a new excursion.")
    for kit in kits:
        if kit.status is KitStatus.QUARANTINED:
            _decide(session, actor, kit, command.verdict, command.reason, excursion.id)
    session.flush()
    return excursion.id


def decide_kit(session: TrialSession, actor: Actor, command: DecideKit) -> Kit:
    """Release or reject one kit. Raises ``KitNotFound``, ``NotPermitted``, ``KitNotInQuarantine``, ``KitInExcursion``."""
    kit = find_kit(session, command.trial_id, command.number)
    authorize(
        session, actor, Action.QUARANTINE_DECIDED, trial_id=kit.trial_id, site_id=kit.site_id, reason=command.reason
    )
    exactly_once(
        session,
        actor,
        Action.QUARANTINE_DECIDED,
        command.idempotency_key,
        command,
        lambda: _decide_one(session, actor, command),
    )
    return find_kit(session, command.trial_id, command.number)


def _decide_one(session: TrialSession, actor: Actor, command: DecideKit) -> UUID:
    kit = find_kit(session, command.trial_id, command.number, to_write=True)
    if kit.status is not KitStatus.QUARANTINED:
        raise KitNotInQuarantine("This kit is not in quarantine, so there is nothing to decide. Check the number.")
    if any(
        kit.number in one.kits for one in excursions_at(session, kit.site_id) if verdict_on(session, one.id) is None
    ):
        raise KitInExcursion(
            "This kit stood in a storage excursion. Decide the excursion: all its kits share a verdict."
        )
    return _decide(session, actor, kit, command.verdict, command.reason)


def _decide(
    session: TrialSession, actor: Actor, kit: Kit, verdict: Verdict, reason: str, excursion_id: UUID | None = None
) -> UUID:
    released = KitStatus.ASSIGNED if is_promised(session, kit) else KitStatus.AVAILABLE
    move_kit(session, kit, released if verdict is Verdict.RELEASED else KitStatus.REJECTED)
    made = QuarantineVerdict(
        **session.stamp(),
        trial_id=kit.trial_id,
        protocol_version_id=kit.protocol_version_id,
        site_id=kit.site_id,
        kit_id=kit.id,
        excursion_id=excursion_id,
        verdict=verdict,
        reason=reason,
        decided_at=session.now(),
        decided_by=actor.account_id,
    )
    session.add(made)
    return made.id


def get_excursion(session: TrialSession, excursion_id: UUID) -> StorageExcursion:
    """Raises ``ExcursionNotFound``."""
    found = session.get(StorageExcursion, excursion_id)
    if found is None:
        raise ExcursionNotFound("There is no such excursion. Choose one from the site's list.")
    return found


def excursions_of(session: TrialSession, actor: Actor, site_id: UUID) -> list[StorageExcursion]:
    """Every excursion at a site, the last one first. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    return excursions_at(session, site.id)


def excursions_at(session: TrialSession, site_id: UUID) -> list[StorageExcursion]:
    found = select(StorageExcursion).where(StorageExcursion.site_id == site_id)
    return list(session.exec(found.order_by(col(StorageExcursion.began_at).desc(), col(StorageExcursion.id))))


def verdict_on(session: TrialSession, excursion_id: UUID) -> QuarantineVerdict | None:
    """What was decided about an excursion: the same for each of its kits."""
    return session.exec(select(QuarantineVerdict).where(QuarantineVerdict.excursion_id == excursion_id)).first()
