"""What a reporting checklist is filled from: the protocol, the frozen data, who does what, and what was decided.

Invariants
1. Without a frame of treatments nothing here tells an arm of anyone, and the frames hold no treatment variable.
2. Block sizes, limits of imbalance, seeds and lists are no part of it, and cannot be: they are sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from reports.analyses.disposition import Flow, participant_flow
from reports.analyses.groups import POOLED, Frames, Grouping
from reports.analyses.harms import Harms, harms
from reports.context import AnalysisPlan, ReportContext
from trial.protocol.schema import Protocol


@dataclass(frozen=True)
class RoleHolder:
    """Somebody with a role in the trial; ``site`` is empty for a role of the whole trial."""

    role: str
    name: str
    site: str = ""


@dataclass(frozen=True)
class VersionFact:
    """A version of the protocol, as it says of itself."""

    label: str
    dated: str
    changes: str
    sha256: str


@dataclass(frozen=True)
class Facts:
    """Everything that fillers read. ``shows_arms`` is true only where the frames were made with treatments."""

    protocol: Protocol
    context: ReportContext
    snapshot: Mapping[str, pl.DataFrame]
    frames: Frames
    grouping: Grouping
    people: tuple[RoleHolder, ...]
    seats: tuple[tuple[str, str], ...]  # seat of the board, who sits there
    versions: tuple[VersionFact, ...]
    reference: str | None = None

    @property
    def shows_arms(self) -> bool:
        return not self.grouping.pooled

    @property
    def plan(self) -> AnalysisPlan:
        return self.context.plan

    @property
    def trial(self) -> str:
        return self.protocol.identity.code

    @cached_property
    def flow(self) -> Flow:
        return participant_flow(self.frames, self.plan, self.grouping)

    @cached_property
    def harms(self) -> Harms:
        """By arm where arms are shown; otherwise pooled, with nothing of special interest."""
        return harms(
            self.frames, self.plan, self.grouping, reference=self.reference, withhold_special=not self.shows_arms
        )

    def holders(self, *roles: str) -> tuple[RoleHolder, ...]:
        return tuple(one for one in self.people if one.role in roles)

    def named(self, *roles: str) -> str:
        """Who holds these roles, by name; or that nobody does."""
        found = listed(dict.fromkeys(one.name for one in self.holders(*roles)))
        return found or f"nobody yet in {self.trial}"

    def by_group(self, numbers: Iterable[tuple[str, object]]) -> str:
        """``A 12, B 14`` by arm, or the number alone where arms are pooled."""
        pairs = list(numbers)
        if len(pairs) == 1 and pairs[0][0] == POOLED:
            return str(pairs[0][1])
        return ", ".join(f"{label} {number}" for label, number in pairs)


def listed(words: Iterable[str], most: int = 12) -> str:
    """Words with commas; what is beyond ``most`` is counted."""
    found = list(words)
    if len(found) <= most:
        return ", ".join(found)
    return f"{', '.join(found[:most])} and {len(found) - most} more"


def spoken(role: str) -> str:
    """A role's or a code's name as words."""
    return role.replace("_", " ").replace(" dsmb", " DSMB")
