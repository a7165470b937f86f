"""How a list comes to be: one person designs it, a second confirms it, and only then does it exist.

Invariants
1. Two different people, neither with a role at any site; the matrix gives each a permission of its own.
2. The first contribution to the seed is sealed and its commitment recorded before the second is given.
3. Arms, ratio and factors come from the protocol; block sizes only from the designer, and they are stored sealed.
4. A new site, or a stratum that runs low, gets a fresh list with a commitment of its own; no list is ever changed.
5. A list that was found wrong is retired by another (``retirements``), by the same two acts.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import col, func, select

from randomization.holders import make_data_key
from randomization.ledger.allocation_lists import (
    ENVELOPE_STAGES,
    AllocationList,
    ListAlreadySealed,
    ListNotFound,
    ListStatus,
    StratumCounter,
    commitment_of,
)
from randomization.ledger.designs import design_from
from randomization.ledger.retirements import lists_to_retire, lock_to_retire, note_retirements, retire, retired_ids
from randomization.ledger.sealed_matter import (
    ListMatter,
    SlotRecord,
    open_matter,
    store_contribution,
    store_sealed_list,
    stored_contribution,
)
from randomization.lists import UNSTRATIFIED, AdaptiveDesign, ListDesign, generate_list
from randomization.sealing import DataKey, ListCommitment, Place, SealedList, seal_adaptive, seal_blob, seal_list
from randomization.sealing.commitments import canonical_json
from randomization.seeds import Contribution, check_contribution, combine_contributions, commit_contribution
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.conduct.sites import find_site, sites_of
from trial.conduct.trials import Trial
from trial.database.session import TrialSession, strongroom
from trial.errors import NotPermitted
from trial.protocol.schema.allocation import MAIN_STAGE
from trial.protocol.versions import ProtocolVersion, active_version, protocol_of


class SecondPersonNeeded(NotPermitted):
    code = "list.second_person_needed"


class SiteRoleHeld(NotPermitted):
    code = "list.site_role_held"


class DesignList(BaseModel):
    """``sites`` are codes; none stands for every site of the trial. ``contribution`` is 16 random bytes or more.

    ``block_sizes`` are for permuted blocks; ``limit`` for the big stick, the block urn and the maximal procedure;
    ``uploaded`` (a CSV file's text, with ``codes`` to translate its codes) for a list made elsewhere, which brings
    its own number of slots. Minimization takes none of these and no slots. ``version`` is the label of an active version of
    the protocol, for sites that have not adopted the newest, which stands for none. ``retires`` are lists whose place this one
    takes once it is sealed, with the reason.
    """

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    stage: str = Bounded(default=MAIN_STAGE, min_length=1, max_length=32, pattern=r"^[a-z0-9_]+$")
    block_sizes: tuple[int, ...] = Bounded(default=(), repr=False)
    limit: int | None = Bounded(default=None, repr=False)
    uploaded: str | None = Bounded(default=None, repr=False)
    codes: dict[str, dict[str, str]] = Bounded(default_factory=dict, repr=False)
    slots_per_stratum: int = Bounded(default=0, ge=0)
    sites: tuple[str, ...] = ()
    version: str | None = Bounded(default=None, max_length=32)
    retires: tuple[UUID, ...] = ()
    retirement_reason: str | None = Bounded(default=None, min_length=3, max_length=2000, repr=False)
    contribution: bytes = Bounded(repr=False)


class ConfirmList(BaseModel):
    model_config = ConfigDict(frozen=True)

    list_id: UUID
    contribution: bytes = Bounded(repr=False)


def design_list(session: TrialSession, actor: Actor, command: DesignList) -> AllocationList:
    """The first person's part: what the list shall be, and a contribution to its seed.

    Raises ``ListDesignInvalid``, ``SiteRoleHeld``, ``ContributionInvalid``, ``SiteNotFound``, ``VersionNotFound``,
    ``VersionNotActive``, ``NotInProtocol`` for a stage that the protocol does not have, and what ``lists_to_retire`` raises.
    """
    authorize(session, actor, Action.LIST_DESIGNED, trial_id=command.trial_id)
    check_no_site_role(actor, command.trial_id)
    version = active_version(session, command.trial_id, command.version)
    protocol = protocol_of(version)
    seen = protocol if command.stage.startswith(ENVELOPE_STAGES) else protocol.at_stage(command.stage)
    retired = lists_to_retire(session, version, command.stage, command.retires, command.retirement_reason)
    design = design_from(seen, _site_codes(session, command), command)
    made = begin_list(session, actor, version, command.stage, design, command.contribution)
    note_retirements(session, made, retired, command.retirement_reason or "")
    return made


def begin_list(
    session: TrialSession,
    actor: Actor,
    version: ProtocolVersion,
    stage: str,
    design: ListDesign | AdaptiveDesign,
    secret: bytes,
) -> AllocationList:
    """Part of an authorized act: the list as it waits for its second person. Raises ``ContributionInvalid``."""
    contribution = Contribution(str(actor.account_id), secret)
    made = AllocationList(
        **session.stamp(),
        trial_id=version.trial_id,
        protocol_version_id=version.id,
        stage=stage,
        ordinal=_next_ordinal(session, version.trial_id, stage),
        scheme=design.scheme.name,
        status=ListStatus.DESIGNED,
        slots_per_stratum=design.slots_per_stratum if isinstance(design, ListDesign) else 0,
        designed_by=actor.account_id,
        contribution_commitment=commit_contribution(contribution).hex(),
    )
    session.add(made)
    session.flush()
    _seal_first_part(session, made, design, contribution)
    return made


def check_no_site_role(actor: Actor, trial_id: UUID) -> None:
    """Raise ``SiteRoleHeld``."""
    if any(held.trial_id == trial_id and held.site_id is not None for held in actor.roles):
        raise SiteRoleHeld("Nobody with a role at a site takes part in making a list. Ask somebody without one.")


def _site_codes(session: TrialSession, command: DesignList) -> tuple[str, ...]:
    if command.sites:
        return tuple(find_site(session, command.trial_id, code).code for code in command.sites)
    return tuple(site.code for site in sites_of(session, command.trial_id))


def _next_ordinal(session: TrialSession, trial_id: UUID, stage: str) -> int:
    # One designer at a time in a trial; a participant's row may refer to the trial meanwhile.
    session.exec(select(Trial.id).where(Trial.id == trial_id).with_for_update(key_share=True)).one()
    found = select(func.count(col(AllocationList.id))).where(
        AllocationList.trial_id == trial_id, AllocationList.stage == stage
    )
    return session.exec(found).one() + 1


def _seal_first_part(
    session: TrialSession,
    made: AllocationList,
    design: ListDesign | AdaptiveDesign,
    contribution: Contribution,
) -> None:
    with strongroom(session):
        key = make_data_key(session, made.trial_id, str(made.id))
        parameters = canonical_json(design.parameters()).encode()
        session.add(
            ListMatter(
                **session.stamp(),
                trial_id=made.trial_id,
                list_id=made.id,
                design=seal_blob(key, Place("design"), parameters, session.entropy).token,
            )
        )
        store_contribution(session, key, made, made.designed_by, contribution.secret)


def confirm_list(session: TrialSession, actor: Actor, command: ConfirmList) -> AllocationList:
    """The second person's part: a contribution of their own; the list is generated, sealed and committed to, and what it
    retires is retired.

    Raises ``ListNotFound``, ``ListAlreadySealed``, ``SecondPersonNeeded``, ``SiteRoleHeld``, ``ContributionInvalid``,
    ``ListRetired``, ``StrataLeftWithout``.
    """
    made = session.get(AllocationList, command.list_id, with_for_update={"key_share": True}, populate_existing=True)
    if made is None:
        raise ListNotFound("There is no such allocation list. Choose one from the trial's lists.")
    authorize(session, actor, Action.LIST_CONFIRMED, trial_id=made.trial_id)
    check_no_site_role(actor, made.trial_id)
    if made.status is not ListStatus.DESIGNED:
        raise ListAlreadySealed("This list is sealed already, and a sealed list never changes. Design another one.")
    if made.designed_by == actor.account_id:
        raise SecondPersonNeeded("Who designed a list does not confirm it. Ask the unblinded statistician.")
    second = Contribution(str(actor.account_id), command.contribution)
    retired = lock_to_retire(session, made)
    with strongroom(session):
        sealed = _seal_all(session, made, actor.account_id, second)
    made.status, made.confirmed_by, made.sealed_at = ListStatus.SEALED, actor.account_id, session.now()
    made.design_commitment = sealed.commitment.design.hex()
    made.root = sealed.commitment.root.hex()
    session.add(made)
    session.flush()
    # Last, for whoever randomizes waits from here on until this transaction ends.
    retire(session, made, retired, made.sealed_at)
    return made


def _seal_all(session: TrialSession, made: AllocationList, confirmer: UUID, second: Contribution) -> SealedList:
    matter = open_matter(session, made)
    first_secret = stored_contribution(session, matter.key, made.id, made.designed_by)
    first = Contribution(str(made.designed_by), first_secret)
    check_contribution(first, bytes.fromhex(made.contribution_commitment))
    seed = combine_contributions(first, second)
    design = matter.design
    sealed = _sealed(session, matter.key, made, design, seed)
    store_contribution(session, matter.key, made, confirmer, second.secret)
    store_sealed_list(session, matter.stored, sealed, _make_counters(session, made, design))
    return sealed


def _sealed(
    session: TrialSession, key: DataKey, made: AllocationList, design: ListDesign | AdaptiveDesign, seed: bytes
) -> SealedList:
    if isinstance(design, ListDesign):
        return seal_list(key, generate_list(design, str(made.id), seed), seed, session.entropy)
    return seal_adaptive(key, design, seed, session.entropy)


def _make_counters(session: TrialSession, made: AllocationList, design: ListDesign | AdaptiveDesign) -> dict[str, UUID]:
    strata = design.strata() if isinstance(design, ListDesign) else (UNSTRATIFIED,)
    counters = [
        StratumCounter(
            **session.stamp(),
            trial_id=made.trial_id,
            list_id=made.id,
            ordinal=ordinal,
            stratum=stratum,
            slots=design.slots_of(stratum) if isinstance(design, ListDesign) else None,
        )
        for ordinal, stratum in enumerate(strata)
    ]
    session.add_all(counters)
    session.flush()
    return {counter.stratum: counter.id for counter in counters}


def published_commitment(session: TrialSession, made: AllocationList) -> ListCommitment:
    """What is published of a sealed list: root, design commitment, salted leaves, and which lists it retires.

    Raises ``ListNotSealed``.
    """
    commitment_of(made, ())
    with strongroom(session):
        leaves = session.exec(
            select(SlotRecord.commitment)
            .join(StratumCounter, col(StratumCounter.id) == col(SlotRecord.counter_id))
            .where(StratumCounter.list_id == made.id)
            .order_by(col(StratumCounter.ordinal), col(SlotRecord.position))
        ).all()
    return commitment_of(made, tuple(bytes(leaf) for leaf in leaves), retired_ids(session, made.id))
