"""Emergency envelopes for one site: what to open, in order, when the system cannot be reached; and what became of each.

A set of envelopes has an allocation list of its own, designed and confirmed by two people as every list, in a stage of its
own (``envelopes_s1`` for site S1). So no slot can be taken both by the system and by an envelope, whatever comes first.

Invariants
1. Each envelope holds one slot of that list and one kit of the slot's arm, drawn uniformly and reserved when it is made. It
   shows the kit's number and no arm. Where the protocol numbers no kits, it names the treatment, inside, and is addressed
   to the unblinded pharmacist; each printing of such a set is entered in the register of unblindings.
2. An envelope is used for one participant or spoilt, once; the ledger's own constraints refuse a slot that is used twice.
3. An envelope that is opened out of order is recorded as such: nothing is put right.
4. The allocation is dated when the envelope was opened, and recorded when it was reconciled.
5. Envelopes of a retired list are neither made nor printed again. One that was opened all the same is recorded as it was used.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, select

from randomization.holders import data_key_of, find_data_keys
from randomization.kits.contents import kit_holder
from randomization.kits.kits import Kit, KitStatus, find_kits_at, move_kit
from randomization.kits.promises import KitReservation
from randomization.kits.shelves import no_usable_kit, open_shelf, take_kit
from randomization.ledger.allocation_lists import (
    ENVELOPE_STAGES,
    AllocationList,
    ListNotSealed,
    StratumCounter,
    get_list,
    protocol_of_list,
)
from randomization.ledger.allocations import Allocation
from randomization.ledger.lists_in_use import versions_in_use
from randomization.ledger.pharmacy_notices import tell_pharmacist
from randomization.ledger.reseated_seats import waiting_at
from randomization.ledger.retirements import retired_by
from randomization.ledger.sealed_matter import open_slots
from randomization.ledger.tallies import take_number
from randomization.lists import stratum_levels
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.eligibility import check_eligible_for_randomization
from trial.conduct.factors import stratum_label
from trial.conduct.participants import get_participant, mark_randomized
from trial.conduct.sites import Site, get_site
from trial.database.columns import instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, InvalidInput, NotFound
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import MAIN_STAGE

MEANING: Final = "I opened this emergency envelope as it is written here."


class EnvelopesNotOfSite(InvalidInput):
    code = "envelope.list_not_of_site"


class EnvelopesSuperseded(Conflict):
    code = "envelope.list_superseded"


class EnvelopesRetired(Conflict):
    code = "envelope.list_retired"


class EnvelopesMade(Conflict):
    code = "envelope.already_made"


class EnvelopeNotFound(NotFound):
    code = "envelope.not_found"


class EnvelopeReconciled(Conflict):
    code = "envelope.already_reconciled"


class OpenedInFuture(InvalidInput):
    code = "envelope.opened_in_future"


class MakeEnvelopes(BaseModel):
    """``list_id`` is a sealed list of stage ``envelopes_<site>`` for that site alone."""

    model_config = ConfigDict(frozen=True)

    list_id: UUID
    site_id: UUID
    idempotency_key: str


class ReconcileEnvelope(BaseModel):
    """``participant_id`` is who was given the kit; nobody, when it was opened by mistake or spoilt, with a reason."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    number: str = Bounded(max_length=32)
    participant_id: UUID | None = None
    opened_at: AwareDatetime
    opened_by: str = Bounded(min_length=2, max_length=120)
    remark: str = Bounded(default="", max_length=1000)
    idempotency_key: str

    @model_validator(mode="after")
    def _nobody_needs_a_reason(self) -> Self:
        if self.participant_id is None and len(self.remark.strip()) < 3:
            raise ValueError("say why the envelope was opened for nobody")
        return self


class Envelope(TrialRecord, table=True):
    __tablename__ = "envelope"
    __table_args__ = in_schema(
        "trial", UniqueConstraint("trial_id", "number"), UniqueConstraint("counter_id", "position")
    )

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    list_id: UUID = Field(foreign_key="trial.allocation_list.id", index=True)
    counter_id: UUID = Field(foreign_key="trial.stratum_counter.id")
    position: int
    stratum: str = prose()
    number: str = Field(max_length=32)
    kit_id: UUID | None = Field(default=None, foreign_key="trial.kit.id", unique=True)


class EnvelopeOpening(TrialRecord, table=True):
    """``in_order`` is whether every envelope of the stratum before it was reconciled by then."""

    __tablename__ = "envelope_opening"
    __table_args__ = in_schema("trial")

    site_id: UUID = Field(foreign_key="trial.site.id", index=True)
    envelope_id: UUID = Field(foreign_key="trial.envelope.id", unique=True)
    participant_id: UUID | None = Field(default=None, foreign_key="trial.participant.id", index=True)
    allocation_id: UUID | None = Field(default=None, foreign_key="trial.allocation.id")
    opened_at: datetime = instant()
    opened_by: str = Field(max_length=120)
    in_order: bool
    remark: str = prose()
    reconciled_by: UUID = Field(foreign_key="access.account.id")


def envelope_stage(site_code: str) -> str:
    """The stage of a site's envelope list."""
    return f"{ENVELOPE_STAGES}{site_code.lower()}"


def make_envelopes(session: TrialSession, actor: Actor, command: MakeEnvelopes) -> list[Envelope]:
    """One envelope for each slot of the list, with a reserved kit in each.

    Raises ``ListNotFound``, ``NotPermitted``, ``ListNotSealed``, ``EnvelopesNotOfSite``, ``EnvelopesSuperseded``,
    ``EnvelopesRetired``, ``EnvelopesMade``, ``NoUsableKit``.
    """
    found, site = get_list(session, command.list_id), get_site(session, command.site_id)
    authorize(session, actor, Action.ENVELOPES_MADE, trial_id=found.trial_id)
    exactly_once(
        session,
        actor,
        Action.ENVELOPES_MADE,
        command.idempotency_key,
        command,
        lambda: _make(session, found, site),
    )
    return envelopes_in(session, found.id)


def _make(session: TrialSession, found: AllocationList, site: Site) -> UUID:
    session.refresh(found, with_for_update={"key_share": True})
    if found.root is None:
        raise ListNotSealed("This list is not sealed yet. Have it confirmed before envelopes are made.")
    if found.stage != envelope_stage(site.code) or found.trial_id != site.trial_id or not found.has_slots:
        raise EnvelopesNotOfSite(f"Envelopes for {site.code} need a list of stage {envelope_stage(site.code)}.")
    check_envelopes_in_use(session, found)
    if envelopes_in(session, found.id):
        raise EnvelopesMade("The envelopes of this list are made already. Print them again, or design another list.")
    counters = {one.id: one for one in session.exec(select(StratumCounter).where(StratumCounter.list_id == found.id))}
    _check_not_superseded(session, found, counters.values())
    protocol = protocol_of_list(session, found)
    for number, (counter_id, position, kit_id) in enumerate(_reserved(session, found, site, protocol), start=1):
        made = Envelope(
            **session.stamp(),
            trial_id=found.trial_id,
            protocol_version_id=found.protocol_version_id,
            site_id=site.id,
            list_id=found.id,
            counter_id=counter_id,
            position=position,
            stratum=counters[counter_id].stratum,
            number=f"E-{site.code}-{found.ordinal}-{number:03d}",
            kit_id=kit_id,
        )
        session.add(made)
        if kit_id is not None:
            reserved = KitReservation(
                **session.stamp(), trial_id=found.trial_id, kit_id=kit_id, reserved_for=made.number
            )
            session.add(reserved)
    session.flush()
    return found.id


def check_envelopes_in_use(session: TrialSession, found: AllocationList) -> None:
    """Raise ``EnvelopesRetired``: no envelope of a retired list is made or printed."""
    if found.id in retired_by(session, found.trial_id):
        raise EnvelopesRetired(
            "This list is retired: another one took its place. Take its envelopes back from the site, have each recorded"
            " there as opened for nobody, and make those of the new list."
        )


def _check_not_superseded(session: TrialSession, found: AllocationList, counters: Iterable[StratumCounter]) -> None:
    known = versions_in_use(session, found.trial_id)
    later = {version for one in counters for version in known.superseded_by(found, one.stratum)}
    if later:
        raise EnvelopesSuperseded(
            f"This list was made for version {known.designed[found.protocol_version_id].version} of the protocol, and version"
            f" {' and '.join(sorted(later))}, in force at the site now, allocates otherwise. Design another list for envelopes."
        )


def _reserved(
    session: TrialSession, found: AllocationList, site: Site, protocol: Protocol
) -> list[tuple[UUID, int, UUID | None]]:
    """For each slot a kit of its arm, taken from the shelf as at randomization, where there are kits. Raises ``NoUsableKit``."""
    if not protocol.supply.numbered_kits:
        with strongroom(session):
            key = data_key_of(session, str(found.id))
            return [(counter_id, sealed.position, None) for counter_id, sealed, _ in open_slots(session, key, found.id)]
    kits = kit_holder(found.trial_id)
    with strongroom(session):
        keys = find_data_keys(session, [str(found.id), kits])
        if kits not in keys:
            raise no_usable_kit()
        shelf = open_shelf(session, keys[kits], site, protocol)
        reserved: list[tuple[UUID, int, UUID | None]] = []
        for counter_id, sealed, slot in open_slots(session, keys[str(found.id)], found.id):
            kit = take_kit(session, shelf, slot.arm)
            shelf.kits[slot.arm].remove(kit)
            reserved.append((counter_id, sealed.position, kit.id))
    return reserved


def reconcile_envelope(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: ReconcileEnvelope
) -> EnvelopeOpening:
    """Record what became of an envelope; with a participant it is their allocation.

    Raises ``EnvelopeNotFound``, ``NotPermitted``, ``EnvelopeReconciled``, ``OpenedInFuture``,
    ``ReauthenticationNeeded``, and what ``check_eligible_for_randomization`` raises of the participant. No cap and no closed
    lever stands in the way: the kit was given.
    """
    envelope = find_envelope(session, command.trial_id, command.number)
    authorize(
        session,
        actor,
        Action.ENVELOPE_RECONCILED,
        trial_id=envelope.trial_id,
        site_id=envelope.site_id,
        reason=command.remark or None,
    )
    made = exactly_once(
        session,
        actor,
        Action.ENVELOPE_RECONCILED,
        command.idempotency_key,
        command,
        lambda: _reconcile(session, actor, proof, envelope, command),
    )
    return session.get_one(EnvelopeOpening, made)


def _reconcile(
    session: TrialSession, actor: Actor, proof: Reauthenticated, envelope: Envelope, command: ReconcileEnvelope
) -> UUID:
    counter = session.get_one(
        StratumCounter, envelope.counter_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if opening_of(session, envelope.id) is not None:
        raise EnvelopeReconciled("What became of this envelope is recorded already. Check its number.")
    if command.opened_at > session.now():
        raise OpenedInFuture(
            "The envelope was not opened in the future.", fields={"opened_at": "Give a time before now."}
        )
    allocation = _allocate(session, actor, proof, envelope, command) if command.participant_id else None
    if allocation is None:
        _spoil(session, envelope)
    in_order = envelope.position == counter.next_position
    counter.next_position = max(counter.next_position, envelope.position + 1)
    session.add(counter)
    made = EnvelopeOpening(
        **session.stamp(),
        trial_id=envelope.trial_id,
        protocol_version_id=envelope.protocol_version_id,
        site_id=envelope.site_id,
        envelope_id=envelope.id,
        participant_id=command.participant_id,
        allocation_id=allocation.id if allocation else None,
        in_order=in_order,
        reconciled_by=actor.account_id,
        **command.model_dump(include={"opened_at", "opened_by", "remark"}),
    )
    session.add(made)
    return made.id


def _spoil(session: TrialSession, envelope: Envelope) -> None:
    if envelope.kit_id is None:
        return
    (kit,) = find_kits_at(session, envelope.site_id, [session.get_one(Kit, envelope.kit_id).number])
    move_kit(session, kit, KitStatus.REJECTED)


def _allocate(
    session: TrialSession, actor: Actor, proof: Reauthenticated, envelope: Envelope, command: ReconcileEnvelope
) -> Allocation:
    assert command.participant_id is not None, "asked before"
    if get_participant(session, command.participant_id).site_id != envelope.site_id:
        raise EnvelopesNotOfSite("The envelope belongs to another site than the participant.")
    candidate = check_eligible_for_randomization(session, command.participant_id, recruiting=False)
    waiting = waiting_at(session, envelope.counter_id, envelope.position)
    number = waiting.number if waiting else take_number(session, candidate, MAIN_STAGE, given_already=True)
    allocation = Allocation(
        **session.stamp(),
        trial_id=candidate.trial.id,
        protocol_version_id=candidate.protocol_version_id,
        participant_id=candidate.participant.id,
        site_id=candidate.site.id,
        stage=MAIN_STAGE,
        number=number,
        list_id=envelope.list_id,
        counter_id=envelope.counter_id,
        position=envelope.position,
        stratum=envelope.stratum,
        kit_id=envelope.kit_id,
        randomized_at=command.opened_at,
        randomized_by=actor.account_id,
    )
    session.add(allocation)
    if allocation.kit_id is None:
        tell_pharmacist(session, candidate.participant, number)
    if waiting:
        waiting.participant_id, waiting.allocation_id = candidate.participant.id, allocation.id
        session.add(waiting)
    then = protocol_of_list(session, get_list(session, envelope.list_id))
    used = stratum_label(then, candidate.site.code, stratum_levels(envelope.stratum))
    mark_randomized(session, candidate.participant, number, command.opened_at, stratum=used)
    sign(session, actor, proof, allocation, MEANING, candidate.trial.id)
    return allocation


def find_envelope(session: TrialSession, trial_id: UUID, number: str) -> Envelope:
    """By the number on it. Raises ``EnvelopeNotFound``."""
    wanted = select(Envelope).where(Envelope.trial_id == trial_id, Envelope.number == number.strip().upper())
    found = session.exec(wanted).first()
    if found is None:
        raise EnvelopeNotFound("There is no envelope of this number. Read it on the envelope again.")
    return found


def envelopes_in(session: TrialSession, list_id: UUID) -> list[Envelope]:
    """A list's envelopes, by number."""
    return list(session.exec(select(Envelope).where(Envelope.list_id == list_id).order_by(Envelope.number)))


def envelopes_at(session: TrialSession, actor: Actor, site_id: UUID) -> list[tuple[Envelope, EnvelopeOpening | None]]:
    """A site's envelopes with what became of each, by number; what is in one is not told. Raises ``NotPermitted``."""
    site = get_site(session, site_id)
    check_may(actor, Permission.PARTICIPANT_RANDOMIZE, site.trial_id, site.id)
    rows = session.exec(select(Envelope).where(Envelope.site_id == site.id).order_by(Envelope.number))
    return [(one, opening_of(session, one.id)) for one in rows]


def opening_of(session: TrialSession, envelope_id: UUID) -> EnvelopeOpening | None:
    return session.exec(select(EnvelopeOpening).where(EnvelopeOpening.envelope_id == envelope_id)).first()
