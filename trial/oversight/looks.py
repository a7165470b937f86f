"""Planned looks: how much information each needs, and which one is due.

Invariants
1. Looks and their fractions are the protocol's. Full information is the number of participants with the primary endpoint
   that the plan expects: the participants of the design (``planned_by_design``) less the expected missing fraction. What
   the sponsor decides on recruitment since moves no look.
2. A look is due when its information has been reached and no meeting was convened for it.
3. Counting information needs no arm and no outcome's value: only that the endpoint was answered.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import polars as pl
from sqlalchemy import text

from trial.database.session import TrialSession
from trial.protocol.schema import Protocol

_ANSWERED: Final = text(
    "SELECT count(DISTINCT r.participant_id) FROM trial.outcome AS r CROSS JOIN LATERAL"
    " jsonb_to_recordset(r.scores) AS s(domain text, raw float8, score float8)"
    " WHERE r.trial_id = :trial AND r.instrument = :instrument AND r.visit = ANY(:visits)"
    " AND s.domain = :domain AND coalesce(s.score, s.raw) IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class PlannedLook:
    """``needed`` participants with the primary endpoint make the look due."""

    number: int
    name: str
    information_fraction: float
    needed: int


def full_information(protocol: Protocol, planned_participants: int) -> int:
    """Participants with the primary endpoint that a complete trial is expected to have."""
    return max(1, round(planned_participants * (1 - protocol.sample_size.missing_fraction)))


def planned_looks(protocol: Protocol, planned_participants: int) -> list[PlannedLook]:
    """The protocol's looks, in order; the final analysis is none of them."""
    whole = full_information(protocol, planned_participants)
    return [
        PlannedLook(look.number, look.name, look.information_fraction, math.ceil(look.information_fraction * whole))
        for look in protocol.design.looks
    ]


def due_look(
    protocol: Protocol, planned_participants: int, information: int, held: Collection[int]
) -> PlannedLook | None:
    """The latest look whose information is reached and that has no meeting; an earlier one that was passed is not held late."""
    reached = [look for look in planned_looks(protocol, planned_participants) if information >= look.needed]
    return reached[-1] if reached and reached[-1].number not in held else None


def information_now(session: TrialSession, trial_id: UUID, protocol: Protocol) -> int:
    """How many participants have answered the primary endpoint at its visit by now: what a home page shows."""
    primary = protocol.endpoints.primary
    if primary.score is None:
        return 0
    wanted = {
        "trial": trial_id,
        "instrument": primary.score.instrument,
        "domain": primary.score.domain,
        "visits": list(primary.visits),
    }
    return int(session.execute(_ANSWERED, wanted).scalar_one())


def information_in(snapshot: Mapping[str, pl.DataFrame], protocol: Protocol) -> int:
    """How many participants of a snapshot have answered the primary endpoint at its visit."""
    primary = protocol.endpoints.primary
    if primary.score is None:
        return 0
    answered = snapshot["scores"].filter(
        pl.col("instrument") == primary.score.instrument,
        pl.col("domain") == primary.score.domain,
        pl.col("visit").is_in(list(primary.visits)),
        pl.col("score").is_not_null() | pl.col("raw").is_not_null(),
    )
    return answered["participant"].n_unique()


def information_fraction(protocol: Protocol, planned_participants: int, information: int) -> float:
    """The share of full information, at most 1."""
    return min(1.0, information / full_information(protocol, planned_participants))
