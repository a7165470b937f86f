"""The slots of an allocation list, sealed one by one and committed to together.

Invariants
1. A slot's ciphertext holds its arm and its salt; both must agree with the commitment when it opens.
2. Sealed slots of one list all have the same length, whatever the arms are called.
3. The holder of the data key is the list: no list's slot opens in another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from randomization.lists import AdaptiveDesign, ListDesign, StratifiedList, StratumSlots
from randomization.sealing.commitments import (
    SALT_SIZE,
    ListCommitment,
    canonical_json,
    design_commitment,
    merkle_root,
    slot_commitment,
    slot_committer,
)
from randomization.sealing.data_keys import NONCE_SIZE, DataKey
from randomization.sealing.values import (
    Place,
    SealBroken,
    SealedValue,
    Sealer,
    open_blob,
    open_value,
    seal_blob,
    seal_value,
)
from trial.errors import Conflict
from trial.ids import Entropy

_SLOT: Final = "slot"
_SEED: Final = Place("seed")
_DESIGN: Final = Place("design")


class ListHolderDiffers(Conflict):
    """A list may be sealed under its own data key only."""

    code = "list.key_of_another"


@dataclass(frozen=True)
class UnsealedSlot:
    """A slot laid open: handle it as what it is."""

    arm: str = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedSlot:
    """What is stored for one slot. ``position`` counts from 1 within the stratum."""

    stratum: str
    position: int
    sealed: SealedValue
    commitment: bytes


@dataclass(frozen=True)
class SealedList:
    """All of a list that is stored, and its commitment, which is published."""

    slots: tuple[SealedSlot, ...] = field(repr=False)
    seed: SealedValue = field(repr=False)
    design: SealedValue = field(repr=False)
    commitment: ListCommitment = field(repr=False)


def seal_list(key: DataKey, generated: StratifiedList, seed: bytes, entropy: Entropy) -> SealedList:
    """The whole list, sealed under its own data key."""
    if key.holder != generated.list_id:
        raise ListHolderDiffers("This data key belongs to another list. Make a key for this one.")
    slots = tuple(slot for stratum in generated.strata for slot in _seal_stratum(key, generated, stratum, entropy))
    leaves = tuple(slot.commitment for slot in slots)
    return _seal_design(key, generated.design, seed, slots, leaves, entropy)


def seal_adaptive(key: DataKey, design: AdaptiveDesign, seed: bytes, entropy: Entropy) -> SealedList:
    """A scheme without a list: its seed and parameters, sealed and committed to."""
    return _seal_design(key, design, seed, (), (), entropy)


def _seal_design(
    key: DataKey,
    design: ListDesign | AdaptiveDesign,
    seed: bytes,
    slots: tuple[SealedSlot, ...],
    leaves: tuple[bytes, ...],
    entropy: Entropy,
) -> SealedList:
    parameters = design.parameters()
    committed = design_commitment(key.holder, seed, parameters)
    return SealedList(
        slots=slots,
        seed=seal_value(key, _SEED, seed, entropy),
        design=seal_blob(key, _DESIGN, canonical_json(parameters).encode(), entropy),
        commitment=ListCommitment(key.holder, committed, merkle_root(leaves), leaves),
    )


def _seal_stratum(
    key: DataKey, generated: StratifiedList, stratum: StratumSlots, entropy: Entropy
) -> Iterator[SealedSlot]:
    count = len(stratum.arms)
    salts, nonces = entropy.take(SALT_SIZE * count, "slot salts"), entropy.take(NONCE_SIZE * count, "nonces")
    sealer, commitment_to = Sealer(key, _SLOT, stratum.key), slot_committer(key.holder, stratum.key)
    for index, arm in enumerate(generated.arm_codes(stratum)):
        salt = salts[SALT_SIZE * index : SALT_SIZE * (index + 1)]
        nonce = nonces[NONCE_SIZE * index : NONCE_SIZE * (index + 1)]
        sealed = sealer.seal(index + 1, salt + arm.encode(), nonce)
        yield SealedSlot(stratum.key, index + 1, sealed, commitment_to(index + 1, arm, salt))


def seal_slot(key: DataKey, stratum: str, position: int, arm: str, entropy: Entropy) -> SealedSlot:
    """One slot with a fresh salt."""
    salt = entropy.take(SALT_SIZE, "slot salt")
    sealed = seal_value(key, Place(_SLOT, position, stratum), salt + arm.encode(), entropy)
    return SealedSlot(stratum, position, sealed, slot_commitment(key.holder, stratum, position, arm, salt))


def open_slot(key: DataKey, slot: SealedSlot) -> UnsealedSlot:
    """The arm and salt of ``slot``, which must agree with its commitment."""
    value = open_value(key, Place(_SLOT, slot.position, slot.stratum), slot.sealed)
    opened = UnsealedSlot(arm=value[SALT_SIZE:].decode(), salt=value[:SALT_SIZE])
    found = slot_commitment(key.holder, slot.stratum, slot.position, opened.arm, opened.salt)
    if not compare_digest(found, slot.commitment):
        raise SealBroken(
            f"Slot {slot.position} of {slot.stratum} in {key.holder} is not the one that was committed to. "
            "Stop using the list and restore it from a backup."
        )
    return opened


def open_seed(key: DataKey, sealed: SealedValue) -> bytes:
    return open_value(key, _SEED, sealed)


def open_list_design(key: DataKey, sealed: SealedValue) -> ListDesign:
    return ListDesign.from_parameters(json.loads(open_blob(key, _DESIGN, sealed)))


def open_adaptive_design(key: DataKey, sealed: SealedValue) -> AdaptiveDesign:
    return AdaptiveDesign.from_parameters(json.loads(open_blob(key, _DESIGN, sealed)))
