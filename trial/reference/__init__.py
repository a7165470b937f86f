"""Packaged reference data: roles, dictionaries, controlled terms, scoring tables. ``PROVENANCE.md`` says whence."""

from __future__ import annotations

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

__all__ = [
    "ROLES",
    "PermissionRow",
    "RoleConflict",
    "Scope",
    "conflict_between",
    "permissions",
    "role_conflicts",
    "role_scopes",
]
