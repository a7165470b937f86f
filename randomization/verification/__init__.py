"""Anyone can check an opened list: inside the program, or with one file and no program at all.

``checks`` verifies with the code that made the list; ``standalone`` is an outsider's second derivation, and what
``equipoise randomization verify`` runs; ``publication`` writes the two files that it reads.
"""

from __future__ import annotations

from randomization.verification.checks import (
    CommitmentBroken,
    DesignDiffers,
    DrawNotFromSeed,
    OpenedDraw,
    OpenedList,
    OpenedListUnreadable,
    OpenedSlot,
    SlotDiffers,
    SlotNotFromSeed,
    SlotOutOfPlace,
    SlotProblem,
    check_design,
    check_root,
    verify_draws,
    verify_opened_list,
)
from randomization.verification.publication import (
    NotAsCommitted,
    as_file,
    commitment_document,
    opened_document,
    verifier_text,
    verify_file,
)

__all__ = [
    "CommitmentBroken",
    "DesignDiffers",
    "DrawNotFromSeed",
    "NotAsCommitted",
    "OpenedDraw",
    "OpenedList",
    "OpenedListUnreadable",
    "OpenedSlot",
    "SlotDiffers",
    "SlotNotFromSeed",
    "SlotOutOfPlace",
    "SlotProblem",
    "as_file",
    "check_design",
    "check_root",
    "commitment_document",
    "opened_document",
    "verifier_text",
    "verify_draws",
    "verify_file",
    "verify_opened_list",
]
