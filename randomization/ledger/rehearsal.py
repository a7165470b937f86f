"""The restore drill: whether an escrowed key opens all that is sealed, shown without showing any of it.

Invariants
1. Every data key is unwrapped; of every sealed list the seed, the design and the first unused slot of each stratum are
   opened and compared with their commitments.
2. What was opened is forgotten at once: counts come back, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select

from randomization.holders import open_every_data_key
from randomization.ledger.allocation_lists import AllocationList, ListStatus, StratumCounter, commitment_of
from randomization.ledger.sealed_matter import open_matter, open_one_slot
from randomization.sealing import DataKey
from randomization.verification import check_design
from trial.database.session import TrialSession, strongroom


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How much opened."""

    data_keys: int
    lists: int
    slots: int


def rehearse_restore(session: TrialSession) -> Rehearsal:
    """Open what the session's key must open. Raises ``WrongKey`` and what else a seal raises; then the escrow is no good."""
    with strongroom(session):
        keys = open_every_data_key(session)
        sealed = session.exec(select(AllocationList).where(AllocationList.status == ListStatus.SEALED)).all()
        slots = sum(_open_list(session, keys[str(one.id)], one) for one in sealed)
    return Rehearsal(len(keys), len(sealed), slots)


def _open_list(session: TrialSession, key: DataKey, sealed: AllocationList) -> int:
    matter = open_matter(session, sealed, key)
    check_design(str(sealed.id), matter.seed, matter.design.parameters(), commitment_of(sealed, ()))
    if not sealed.has_slots:
        return 0
    counters = session.exec(select(StratumCounter).where(col(StratumCounter.list_id) == sealed.id)).all()
    left = [counter for counter in counters if not counter.is_exhausted]
    for counter in left:
        open_one_slot(session, key, counter, counter.next_position)
    return len(left)
