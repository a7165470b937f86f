"""The stage of a demo trial: who acts, where, when, with which seed; and what the stories need to know of each other.

Invariants
1. A person acts with the roles that were granted, at the site of the role; nobody acts for another.
2. Proof of a password that nobody typed is made in one place, ``unsafe_simulated_proof``, which refuses every trial that
   is not simulated.
3. Equal seeds give equal people, sites and instants.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np

from api.cli.demo.calendar import Calendar
from api.cli.demo.roster import username_at
from api.cli.demo.timeline import Timeline
from api.installation import Installation
from randomization.unblinding.simulator import arms_for_simulator
from trial.access.actors import Actor
from trial.access.signatures import Reauthenticated
from trial.clock import SetClock
from trial.conduct.trials import Trial, TrialKind
from trial.database.session import TrialSession
from trial.errors import NotPermitted
from trial.ids import Entropy, SystemEntropy, UnsafeSeededEntropy, new_id
from trial.protocol.schema import Protocol
from trial.statistics.virtual_participants import Scenario


class NotASimulatedTrial(NotPermitted):
    code = "demo.not_a_simulated_trial"


class DemoEntropy:
    """Seeded where the trial depends on it, so that equal seeds give equal trials; the system's for what lets people in."""

    _SECRETS = frozenset({"totp", "master key", "login-session"})

    def __init__(self, seed: int, code: str, stream: str = "") -> None:
        # The code takes part: a second trial in one database must not draw the first one's ids again.
        self._seeded = UnsafeSeededEntropy(f"{seed}/{code}/{stream}".encode())
        self._system = SystemEntropy()

    def take(self, size: int, purpose: str) -> bytes:
        source: Entropy = self._system if purpose in self._SECRETS else self._seeded
        return source.take(size, purpose)


def unsafe_simulated_proof(trial: Trial, actor: Actor, at: datetime) -> Reauthenticated:
    """That ``actor`` gave a password just now, although nobody did. Raises ``NotASimulatedTrial``."""
    if trial.kind is not TrialKind.SIMULATED:
        raise NotASimulatedTrial("Only a simulated trial may be signed without a password. Nothing was signed.")
    return Reauthenticated(actor.account_id, at)


@dataclass(frozen=True, slots=True)
class Place:
    """A site; ``number`` counts from 1, ``share`` is its part of all arrivals, ``opens_in_week`` counts from the first Monday."""

    id: UUID
    code: str
    number: int
    zone: str
    share: float
    opens_in_week: int


@dataclass
class Stage:
    """One demo trial while it is conducted."""

    installation: Installation
    clock: SetClock
    timeline: Timeline
    calendar: Calendar
    trial: Trial
    protocol: Protocol
    scenario: Scenario
    seed: int
    planned: int
    places: dict[str, Place]
    actors: dict[str, Actor]
    randomized: int = 0
    finished: int = 0
    """How many were randomized, and how many have come to their end, of those whose stories are told here."""
    look_begun: bool = False
    happened: set[int] = field(default_factory=set)
    """The incidents of the trial that are known here to have begun."""
    _arms: dict[str, str] = field(default_factory=dict, repr=False)

    def person(self, username: str) -> Actor:
        return self.actors[username]

    def at(self, name: str, place: Place) -> Actor:
        """The person who does ``name`` at the site."""
        return self.actors[username_at(name, place.code)]

    def proof(self, actor: Actor) -> Reauthenticated:
        return unsafe_simulated_proof(self.trial, actor, self.clock.now())

    def key(self) -> str:
        """A fresh idempotency key, from the stream of the story that goes on."""
        return str(new_id(self.timeline.entropy, "idempotency"))

    def rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    def exposure(self, session: TrialSession, participant: str) -> float:
        """1 for the active treatment, 0 for another; asked of the strongroom for everybody randomized by now."""
        if participant not in self._arms:
            self._arms.update(arms_for_simulator(session, self.trial.id).arms)
        return 1.0 if self.protocol.arm(self._arms[participant]).role == "active" else 0.0

    @property
    def gathering_zone(self) -> str:
        """The zone of the first site, where the study's own people are."""
        return next(iter(self.places.values())).zone
