"""Group sequential designs and inference against their oracles."""

from tests.oracles.validation import Check

CHECKS: tuple[Check, ...] = ()
