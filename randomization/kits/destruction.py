"""Witnessed destruction: one person destroys kits and signs, another has seen it and signs.

Invariants
1. The two are different people, and each signs a record of their own that never changes afterwards.
2. Only returned and rejected kits are destroyed; they count as destroyed from the witness's signature on.
3. A witness who did not see it says so with a reason; then the kits stand as before.
"""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from randomization.kits.kits import KitStatus, KitStepNotPossible, can_become, find_kits_at, move_kit
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.sites import Site, get_site
from trial.database.columns import document, instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound, NotPermitted
from trial.protocol.versions import newest_active_version

DESTROYER_MEANING = "I destroyed these kits as it is written here."
WITNESS_MEANING = "I was present and saw these kits destroyed."
REFUSAL_MEANING = "I did not see these kits destroyed."


class DestructionNotFound(NotFound):
    code = "destruction.not_found"


class AlreadyInDestruction(Conflict):
    code = "destruction.kit_waits_for_witness"


class AlreadyWitnessed(Conflict):
    code = "destruction.already_witnessed"


class RefusalUnexplained(InvalidInput):
    code = "destruction.refusal_unexplained"


class WitnessIsDestroyer(NotPermitted):
    code = "destruction.second_person_needed"


class DestroyKits(BaseModel):
    model_config = ConfigDict(frozen=True)

    site_id: UUID
    numbers: tuple[str, ...]
    method: str = Bounded(min_length=3, max_length=1000)
    idempotency_key: str


class WitnessDestruction(BaseModel):
    model_config = ConfigDict(frozen=True)

    destruction_id: UUID
    seen: bool
    remark: str = Bounded(default="", max_length=1000)
    idempotency_key: str


class Destruction(TrialRecord, table=True):
    __tablename__ = "destruction"
    __table_args__ = in_schema("trial")

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    kits: list[str] = document()
    method: str = prose()
    destroyed_at: datetime = instant()
    destroyed_by: UUID = Field(foreign_key="access.account.id")


class DestructionWitness(TrialRecord, table=True):
    __tablename__ = "destruction_witness"
    __table_args__ = in_schema("trial")

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    destruction_id: UUID = Field(foreign_key="trial.destruction.id", unique=True)
    seen: bool
    remark: str = prose()
    witnessed_at: datetime = instant()
    witnessed_by: UUID = Field(foreign_key="access.account.id")


def destroy_kits(session: TrialSession, actor: Actor, proof: Reauthenticated, command: DestroyKits) -> Destruction:
    """The first signature. Raises ``SiteNotFound``, ``NotPermitted``, ``NoKitNamed``, ``KitNotFound``,
    ``KitStepNotPossible``, ``AlreadyInDestruction``, ``ReauthenticationNeeded``."""
    site = get_site(session, command.site_id)
    authorize(session, actor, Action.KITS_DESTROYED, trial_id=site.trial_id, site_id=site.id)
    made = exactly_once(
        session,
        actor,
        Action.KITS_DESTROYED,
        command.idempotency_key,
        command,
        lambda: _destroy(session, actor, proof, site, command),
    )
    return get_destruction(session, made)


def _destroy(session: TrialSession, actor: Actor, proof: Reauthenticated, site: Site, command: DestroyKits) -> UUID:
    kits = find_kits_at(session, site.id, command.numbers)
    for kit in kits:
        if not can_become(kit, KitStatus.DESTROYED):
            raise KitStepNotPossible(
                f"Kit {kit.number} is {kit.status.value}: only returned or rejected kits are destroyed."
            )
    waiting = {
        number
        for one in _destructions_at(session, site.id)
        if witness_of(session, one.id) is None
        for number in one.kits
    }
    if again := sorted(waiting & {kit.number for kit in kits}):
        raise AlreadyInDestruction(f"The destruction of {', '.join(again)} waits for its witness already.")
    made = Destruction(
        **session.stamp(),
        trial_id=site.trial_id,
        protocol_version_id=newest_active_version(session, site.trial_id).id,
        site_id=site.id,
        kits=[kit.number for kit in kits],
        method=command.method,
        destroyed_at=session.now(),
        destroyed_by=actor.account_id,
    )
    session.add(made)
    sign(session, actor, proof, made, DESTROYER_MEANING, site.trial_id)
    return made.id


def witness_destruction(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: WitnessDestruction
) -> DestructionWitness:
    """The second signature. Raises ``DestructionNotFound``, ``NotPermitted``, ``WitnessIsDestroyer``,
    ``RefusalUnexplained``, ``AlreadyWitnessed``, ``ReauthenticationNeeded``."""
    found = get_destruction(session, command.destruction_id)
    authorize(
        session,
        actor,
        Action.DESTRUCTION_WITNESSED,
        trial_id=found.trial_id,
        site_id=found.site_id,
        reason=command.remark or None,
    )
    made = exactly_once(
        session,
        actor,
        Action.DESTRUCTION_WITNESSED,
        command.idempotency_key,
        command,
        lambda: _witness(session, actor, proof, found, command),
    )
    return session.get_one(DestructionWitness, made)


def _witness(
    session: TrialSession, actor: Actor, proof: Reauthenticated, found: Destruction, command: WitnessDestruction
) -> UUID:
    if found.destroyed_by == actor.account_id:
        raise WitnessIsDestroyer("Who destroyed does not witness. Ask the second person who was there.")
    _check_explained(command)
    kits = find_kits_at(session, found.site_id, found.kits)
    if witness_of(session, found.id) is not None:
        raise AlreadyWitnessed("This destruction has its witness already.")
    if command.seen:
        for kit in kits:
            move_kit(session, kit, KitStatus.DESTROYED)
    made = DestructionWitness(
        **session.stamp(),
        trial_id=found.trial_id,
        protocol_version_id=found.protocol_version_id,
        site_id=found.site_id,
        destruction_id=found.id,
        seen=command.seen,
        remark=command.remark,
        witnessed_at=session.now(),
        witnessed_by=actor.account_id,
    )
    session.add(made)
    sign(session, actor, proof, made, WITNESS_MEANING if command.seen else REFUSAL_MEANING, found.trial_id)
    return made.id


def _check_explained(command: WitnessDestruction) -> None:
    if not command.seen and len(command.remark.strip()) < 3:
        raise RefusalUnexplained(
            "Say why you did not see it: the kits then stand as before.",
            fields={"remark": "Give a reason when you were not there."},
        )


def get_destruction(session: TrialSession, destruction_id: UUID) -> Destruction:
    """Raises ``DestructionNotFound``."""
    found = session.get(Destruction, destruction_id)
    if found is None:
        raise DestructionNotFound("There is no such destruction. Choose one from the site's list.")
    return found


def destructions_of(session: TrialSession, actor: Actor, site_id: UUID) -> list[Destruction]:
    """Every destruction at a site, the last one first. Raises ``SiteNotFound``, ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.KIT_ACCOUNT, site.trial_id, site.id)
    return _destructions_at(session, site.id)


def _destructions_at(session: TrialSession, site_id: UUID) -> list[Destruction]:
    found = select(Destruction).where(Destruction.site_id == site_id)
    return list(session.exec(found.order_by(col(Destruction.destroyed_at).desc(), col(Destruction.id))))


def witness_of(session: TrialSession, destruction_id: UUID) -> DestructionWitness | None:
    return session.exec(select(DestructionWitness).where(DestructionWitness.destruction_id == destruction_id)).first()
