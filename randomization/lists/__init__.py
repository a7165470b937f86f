"""Lists: their designs, their generation from a seed, and lists that were made elsewhere."""

from __future__ import annotations

from randomization.lists.designs import (
    MOST_SLOTS,
    UNSTRATIFIED,
    AdaptiveDesign,
    Factor,
    ListDesign,
    ListDesignInvalid,
    StratumUnknown,
    biased_coin,
    made,
    minimization,
    permuted_blocks,
    stratum_key,
    stratum_levels,
)
from randomization.lists.generation import (
    StratifiedList,
    StratumBalance,
    StratumSlots,
    adaptive_stream,
    balance_of,
    diagnose,
    generate_list,
    generate_stratum,
)
from randomization.lists.uploads import UploadedListInvalid, UploadProblem, read_uploaded_list

__all__ = [
    "MOST_SLOTS",
    "UNSTRATIFIED",
    "AdaptiveDesign",
    "Factor",
    "ListDesign",
    "ListDesignInvalid",
    "StratifiedList",
    "StratumBalance",
    "StratumSlots",
    "StratumUnknown",
    "UploadProblem",
    "UploadedListInvalid",
    "adaptive_stream",
    "balance_of",
    "biased_coin",
    "diagnose",
    "generate_list",
    "generate_stratum",
    "made",
    "minimization",
    "permuted_blocks",
    "read_uploaded_list",
    "stratum_key",
    "stratum_levels",
]
