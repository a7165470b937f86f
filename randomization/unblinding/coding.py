"""Arms as A and B: the frame for a closed report, and the code that says which is which.

Invariants
1. One coding a trial, drawn at random when it is first needed and sealed; a second report uses the same letters. An arm that
   an amendment adds gets a further letter: no frame ever holds an arm's own code.
2. The frame is for who holds ``allocation:read``; each use has a purpose and an entry in the register.
3. The code itself is opened by the board's chair alone, with an entry.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import polars as pl
from sqlalchemy import LargeBinary
from sqlmodel import Field, col, select

from randomization.holders import find_data_key, make_data_key
from randomization.ledger.allocations import Allocation, allocations_of
from randomization.ledger.seats import arms_given
from randomization.sealing import Place, SealedValue, open_blob, seal_blob
from randomization.unblinding.register import UnblindingKind, enter
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.conduct.participants import Participant
from trial.conduct.trials import Trial
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession, strongroom
from trial.ids import Entropy, draw_below
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import MAIN_STAGE
from trial.protocol.versions import newest_active_version, protocol_of

_PLACE = Place("arm coding")
_FURTHER = ("participant", "stage", "number", "randomized_at", "arm")


class ArmCoding(Record, table=True):
    """Which label stands for which arm, sealed."""

    __tablename__ = "arm_coding"
    __table_args__ = in_schema("sealed", digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", unique=True)
    content: bytes = Field(sa_type=LargeBinary, repr=False)


def closed_frame(
    session: TrialSession, actor: Actor, trial_id: UUID, purpose: str, *, until: datetime | None = None
) -> pl.DataFrame:
    """``participant, arm`` with the arms coded; those randomized by ``until``, or all. Raises ``NotPermitted``."""
    authorize(session, actor, Action.CLOSED_FRAME_OPENED, trial_id=trial_id, reason=purpose)
    enter(session, actor, UnblindingKind.CLOSED_FRAME, trial_id, purpose)
    return arms_frame(session, trial_id, until=until, coded=True)


def decode(session: TrialSession, actor: Actor, trial_id: UUID, purpose: str) -> dict[str, str]:
    """Which arm each label stands for: for the chair of the board. Raises ``NotPermitted``."""
    authorize(session, actor, Action.CLOSED_CODE_OPENED, trial_id=trial_id, reason=purpose)
    enter(session, actor, UnblindingKind.CODE_DECODED, trial_id, purpose)
    with strongroom(session):
        labels = _labels(session, trial_id)
    return {label: arm for arm, label in sorted(labels.items(), key=lambda pair: pair[1])}


def arms_frame(session: TrialSession, trial_id: UUID, *, until: datetime | None, coded: bool) -> pl.DataFrame:
    """For the ways to an arm in this package, once they have authorized and entered."""
    allocations = allocations_of(session, trial_id, until=until)
    codes = dict(session.exec(select(Participant.id, Participant.code).where(Participant.trial_id == trial_id)).all())
    with strongroom(session):
        arms = arms_given(session, allocations)
        labels = _labels(session, trial_id, set(arms.values())) if coded else {arm: arm for arm in arms.values()}
    rows = sorted((codes[one.participant_id], labels[arms[one.id]]) for one in allocations)
    return pl.DataFrame(rows, schema={"participant": pl.String(), "arm": pl.String()}, orient="row")


def further_frame(session: TrialSession, trial_id: UUID) -> pl.DataFrame:
    """``participant, stage, number, randomized_at, arm`` of every randomization after the first; asked as ``arms_frame``."""
    found = select(Allocation).where(Allocation.trial_id == trial_id, Allocation.stage != MAIN_STAGE)
    allocations = session.exec(found.order_by(col(Allocation.randomized_at), Allocation.number)).all()
    codes = dict(session.exec(select(Participant.id, Participant.code).where(Participant.trial_id == trial_id)).all())
    with strongroom(session):
        arms = arms_given(session, allocations)
    rows = [
        (codes[one.participant_id], one.stage, one.number, one.randomized_at.isoformat(), arms[one.id])
        for one in allocations
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(_FURTHER, pl.String()), orient="row")


def _labels(session: TrialSession, trial_id: UUID, given: Collection[str] = ()) -> dict[str, str]:
    """The label of each arm of the protocol and of those ``given``; drawn and sealed when there is none yet."""
    # Two first reports at once: the second waits, and finds the first one's coding.
    session.exec(select(Trial.id).where(Trial.id == trial_id).with_for_update(key_share=True)).one()
    holder = f"arm-coding:{trial_id}"
    key = find_data_key(session, holder)
    protocol = protocol_of(newest_active_version(session, trial_id))
    if key is None:
        key = make_data_key(session, trial_id, holder)
        stored = ArmCoding(**session.stamp(), trial_id=trial_id, content=b"")
        labels = _drawn_labels(protocol, session.entropy)
    else:
        stored = session.exec(select(ArmCoding).where(col(ArmCoding.trial_id) == trial_id)).one()
        labels = json.loads(open_blob(key, _PLACE, SealedValue(bytes(stored.content))))
    more = {*protocol.arm_codes, *given} - labels.keys()
    if more or not stored.content:
        labels |= _further_labels(sorted(more), labels.values(), session.entropy)
        stored.content = seal_blob(key, _PLACE, json.dumps(labels).encode(), session.entropy).token
        session.add(stored)
    return labels


def _further_labels(arms: Sequence[str], taken: Collection[str], entropy: Entropy) -> dict[str, str]:
    """The first letters that are free, dealt to these arms in a random order."""
    letters = (chr(ord("A") + index) for index in range(len(arms) + len(taken)))
    free = [letter for letter in letters if letter not in taken][: len(arms)]
    return {arm: free.pop(draw_below(entropy, len(free), "arm coding")) for arm in arms}


def _drawn_labels(protocol: Protocol, entropy: Entropy) -> dict[str, str]:
    """The protocol's labels, dealt to its arms in a random order."""
    free = list(protocol.board.arms_shown_as)
    if len(free) != len(protocol.arm_codes):
        free = [chr(ord("A") + index) for index in range(len(protocol.arm_codes))]
    return {arm: free.pop(draw_below(entropy, len(free), "arm coding")) for arm in protocol.arm_codes}
