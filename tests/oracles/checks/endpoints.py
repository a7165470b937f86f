"""Endpoints against their oracles: linear and mixed models, proportions, rates, survival, blinding, imputation."""

from tests.oracles.validation import Check

CHECKS: tuple[Check, ...] = ()
