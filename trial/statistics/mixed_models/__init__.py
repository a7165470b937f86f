"""Repeated measurements by restricted maximum likelihood: structures, fit, degrees of freedom, and the trial's MMRM."""

from __future__ import annotations

from trial.statistics.mixed_models.covariance import NAMES as COVARIANCES
from trial.statistics.mixed_models.inference import FTest, TTest
from trial.statistics.mixed_models.model import Coefficient, MmrmResult, VisitContrast, VisitMean, mmrm
from trial.statistics.mixed_models.reml import NotConverged, SingularCovariance

__all__ = [
    "COVARIANCES",
    "Coefficient",
    "FTest",
    "MmrmResult",
    "NotConverged",
    "SingularCovariance",
    "TTest",
    "VisitContrast",
    "VisitMean",
    "mmrm",
]
