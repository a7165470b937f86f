"""The sealed level of a scripted trial: what is exchanged under seal between two worlds, and nothing else.

A world runs the product as it stands. Between two worlds only these are different, and every one is below the seal:

    list      the arms of the generated list, changed after generation (``generate_list``)
    shipments which arm stands in which lot, and how many kits of each
    packing   the entropy of the packing order, so that given kits hold given arms
    choice    the entropy of the kit choice, so that given kits are taken, at randomization and as replacements

Choices are steered through the entropy, never by replacing the code that draws: code that does not draw uniformly cannot
be steered, its kit numbers come out different, and the comparison shows it.

Hashes of sealed matter are injected too: they differ by nature between two sealings, and tell nothing. They are the
digests of ciphertexts in the audit, the salted slot commitments and their root, the keyed fingerprint of a shipping command,
and name and size of the bytes of a closed report and of a regulator's copy. With those fixed the rest of the audit's chain
must be equal hash by hash.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from api.jobs import regulator_copies, reports
from api.routes import allocation_lists
from randomization.kits import replacements, shipments
from randomization.kits.contents import UnsealedContent
from randomization.ledger import generation, randomize
from randomization.lists import ListDesign, StratifiedList, generate_list
from randomization.sealing import ListCommitment, slots
from randomization.verification import commitment_document
from trial.ids import UnsafeSeededEntropy

CLOSED_REPORT = b"%PDF-1.7 a closed report in place of the real one"
REGULATOR_COPY = b"%PDF-1.7 a regulator's copy in place of the real one"
PACKING, CHOICE = "packing order", "kit choice"

FIXED_DIGESTS = """
CREATE OR REPLACE FUNCTION audit.redacted(image jsonb, treatments jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(jsonb_object_agg(field.key, CASE
        WHEN field.value = 'null'::jsonb THEN field.value
        WHEN treatments ->> field.key = 'secret' THEN '"[redacted]"'::jsonb
        WHEN treatments ->> field.key = 'digest' THEN '"sha256:[injected]"'::jsonb
        ELSE field.value END), '{}'::jsonb)
    FROM jsonb_each(image) AS field
$$
"""


class ScriptedEntropy(UnsafeSeededEntropy):
    """Seeded bytes; for a purpose that is scripted, the scripted numbers first."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._scripted: dict[str, deque[int]] = defaultdict(deque)

    def script(self, purpose: str, numbers: Sequence[int]) -> None:
        """What the next draws below a bound give; numbers that were not asked for are forgotten."""
        self._scripted[purpose] = deque(numbers)

    def take(self, size: int, purpose: str) -> bytes:
        drawn = super().take(size, purpose)
        waiting = self._scripted[purpose]
        return waiting.popleft().to_bytes(size, "big") if waiting else drawn


@dataclass
class SealedFacts:
    """What happened under seal in one world; no blinded person sees any of it."""

    lists: list[StratifiedList] = field(default_factory=list)
    packed: list[list[tuple[UUID, str]]] = field(default_factory=list)
    taken: list[UUID] = field(default_factory=list)
    stood_in: list[UUID] = field(default_factory=list)


@dataclass(frozen=True)
class Exchange:
    """How a world differs under seal. Nothing given: as it is drawn."""

    arms: Mapping[str, str] = field(default_factory=dict)
    list_seed: bytes | None = None
    packing: tuple[tuple[str, ...], ...] = ()
    choices: tuple[UUID, ...] = ()
    stand_ins: tuple[UUID, ...] = ()

    def redrawn(self, design: ListDesign, list_id: str, drawn: StratifiedList) -> StratifiedList:
        made = drawn if self.list_seed is None else generate_list(design, list_id, self.list_seed)
        swap = np.array([design.arms.index(self.arms.get(arm, arm)) for arm in design.arms], dtype=np.uint8)
        return replace(made, strata=tuple(replace(one, arms=swap[one.arms]) for one in made.strata))

    def arm_of(self, arm: str) -> str:
        return self.arms.get(arm, arm)


def packing_draws(contents: Sequence[UnsealedContent], wanted: Sequence[str]) -> list[int]:
    """The draws with which Fisher and Yates arrange ``contents`` so that the arms stand as wanted."""
    arms, draws = [one.arm for one in contents], []
    for last in range(len(arms) - 1, 0, -1):
        other = next((index for index in range(last, -1, -1) if arms[index] == wanted[last]), last)
        draws.append(other)
        arms[last], arms[other] = arms[other], arms[last]
    return draws


@contextmanager
def under_seal(exchange: Exchange) -> Iterator[SealedFacts]:
    """Apply the exchange while the block runs, around whatever code stands there now, planted leaks included."""
    facts = SealedFacts()
    with pytest.MonkeyPatch.context() as patch:
        _exchange_lists(patch, exchange, facts)
        _steer_packing(patch, exchange, facts)
        _steer_choice(patch, randomize, exchange.choices, facts.taken)
        _steer_choice(patch, replacements, exchange.stand_ins, facts.stood_in)
        _inject_hashes(patch)
        yield facts


def _exchange_lists(patch: pytest.MonkeyPatch, exchange: Exchange, facts: SealedFacts) -> None:
    real = generation.generate_list

    def exchanged(design: ListDesign, list_id: str, seed: bytes) -> StratifiedList:
        facts.lists.append(exchange.redrawn(design, list_id, real(design, list_id, seed)))
        return facts.lists[-1]

    patch.setattr(generation, "generate_list", exchanged)


def _steer_packing(patch: pytest.MonkeyPatch, exchange: Exchange, facts: SealedFacts) -> None:
    real_shuffle, real_store = shipments._shuffle, shipments.store_content

    def shuffle(contents, entropy):
        number = len(facts.packed)
        facts.packed.append([])
        if number < len(exchange.packing):
            entropy.script(PACKING, packing_draws(contents, exchange.packing[number]))
        real_shuffle(contents, entropy)
        entropy.script(PACKING, ())

    def store(session, key, kit, content):
        facts.packed[-1].append((kit.id, content.arm))
        real_store(session, key, kit, content)

    patch.setattr(shipments, "_shuffle", shuffle)
    patch.setattr(shipments, "store_content", store)


def _steer_choice(patch: pytest.MonkeyPatch, module: ModuleType, choices: Sequence[UUID], taken: list[UUID]) -> None:
    real = module.take_kit

    def take(session, shelf, arm):
        number = len(taken)
        ids = [kit.id for kit in shelf.kits[arm]]
        if number < len(choices) and choices[number] in ids:
            session.entropy.script(CHOICE, [ids.index(choices[number])])
        kit = real(session, shelf, arm)
        session.entropy.script(CHOICE, ())
        taken.append(kit.id)
        return kit

    patch.setattr(module, "take_kit", take)


@contextmanager
def injected_commitments() -> Iterator[None]:
    """While the block runs, a published commitment has leaves of zeros, as many as there are."""

    def with_fixed_leaves(published: ListCommitment) -> dict[str, Any]:
        return commitment_document(replace(published, slots=tuple(bytes(32) for _ in published.slots)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allocation_lists, "commitment_document", with_fixed_leaves)
        yield


def _inject_hashes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(slots, "merkle_root", lambda leaves: hashlib.sha256(f"root over {len(leaves)}".encode()).digest())
    real = shipments._fingerprint

    def fingerprint(session, command):
        real(session, command)
        masked = [str(command.trial_id), str(command.site_id), sum(lot.kits for lot in command.lots)]
        return shipments._Fingerprint(digest=hashlib.sha256(repr(masked).encode()).hexdigest())

    patch.setattr(shipments, "_fingerprint", fingerprint)
    build = reports.closed_session
    patch.setattr(reports, "closed_session", lambda *given, **named: build(*given, **named) and CLOSED_REPORT)
    draw = regulator_copies.cioms_form
    patch.setattr(regulator_copies, "cioms_form", lambda case, copy: draw(case, copy) and REGULATOR_COPY)


def inject_digests(owner_url: str) -> None:
    """The audit of this database notes that a sealed column was written, and a fixed digest in place of its own."""
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute(FIXED_DIGESTS)
