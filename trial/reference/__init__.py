"""Packaged reference data: roles, dictionaries, controlled terms, scoring tables. See ``PROVENANCE.md``."""

from __future__ import annotations

from trial.reference.dictionaries import (
    AesiTerm,
    ControlledTerm,
    CtcaeTerm,
    LayWords,
    UnknownReferenceTable,
    aesi_terms,
    codelists,
    controlled_terms,
    ctcae_term,
    ctcae_terms,
    lay_words,
    submission_values,
)
from trial.reference.permissions import (
    ROLES,
    PermissionRow,
    RoleConflict,
    Scope,
    conflict_between,
    permissions,
    role_conflicts,
    role_scopes,
)
from trial.reference.promis import PromisItem, PromisTable, TScore, promis29_items, promis29_tables
from trial.reference.reporting import CalibrationFact, ReportingItem, calibration, reporting_items

__all__ = [
    "ROLES",
    "AesiTerm",
    "CalibrationFact",
    "ControlledTerm",
    "CtcaeTerm",
    "LayWords",
    "PermissionRow",
    "PromisItem",
    "PromisTable",
    "ReportingItem",
    "RoleConflict",
    "Scope",
    "TScore",
    "UnknownReferenceTable",
    "aesi_terms",
    "calibration",
    "codelists",
    "conflict_between",
    "controlled_terms",
    "ctcae_term",
    "ctcae_terms",
    "lay_words",
    "permissions",
    "promis29_items",
    "promis29_tables",
    "reporting_items",
    "role_conflicts",
    "role_scopes",
    "submission_values",
]
