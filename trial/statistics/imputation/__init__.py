"""Multiple imputation: under MAR, by reference to another arm, and shifted until the conclusion tips."""

from __future__ import annotations

from trial.statistics.imputation.multiple import STRATEGIES, Imputations, Strategy, impute
from trial.statistics.imputation.pooling import (
    PooledEstimate,
    TippingPoint,
    TippingStep,
    compare_imputed,
    pool,
    tipping_point,
)

__all__ = [
    "STRATEGIES",
    "Imputations",
    "PooledEstimate",
    "Strategy",
    "TippingPoint",
    "TippingStep",
    "compare_imputed",
    "impute",
    "pool",
    "tipping_point",
]
