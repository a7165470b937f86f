"""What tells an arm, sealed at rest; and the commitments that prove it unchanged when it is opened.

    master key ──wraps──▶ data key of one holder ──seals──▶ values, slots, documents
    slots ──hash──▶ commitments ──Merkle tree──▶ root, published when the list is sealed

``data_keys`` wraps, ``values`` seals, ``commitments`` hashes, ``slots`` does all three for a list.
"""

from randomization.sealing.commitments import (
    ListCommitment,
    canonical_json,
    design_commitment,
    merkle_root,
    slot_commitment,
)
from randomization.sealing.data_keys import (
    DataKey,
    WrappedKey,
    WrappedKeyBroken,
    WrongKey,
    new_data_key,
    rewrap,
    unwrap,
    wrap,
)
from randomization.sealing.slots import (
    ListHolderDiffers,
    SealedList,
    SealedSlot,
    UnsealedSlot,
    open_adaptive_design,
    open_list_design,
    open_seed,
    open_slot,
    seal_adaptive,
    seal_list,
    seal_slot,
)
from randomization.sealing.values import (
    Opener,
    Place,
    SealBroken,
    SealedValue,
    ValueTooLong,
    open_blob,
    open_value,
    seal_blob,
    seal_value,
)

__all__ = [
    "DataKey",
    "ListCommitment",
    "ListHolderDiffers",
    "Opener",
    "Place",
    "SealBroken",
    "SealedList",
    "SealedSlot",
    "SealedValue",
    "UnsealedSlot",
    "ValueTooLong",
    "WrappedKey",
    "WrappedKeyBroken",
    "WrongKey",
    "canonical_json",
    "design_commitment",
    "merkle_root",
    "new_data_key",
    "open_adaptive_design",
    "open_blob",
    "open_list_design",
    "open_seed",
    "open_slot",
    "open_value",
    "rewrap",
    "seal_adaptive",
    "seal_blob",
    "seal_list",
    "seal_slot",
    "seal_value",
    "slot_commitment",
    "unwrap",
    "wrap",
]
