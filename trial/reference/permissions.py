"""The permission matrix and the pairs of roles that one person may not hold in one trial.

Invariants
1. The tables are the authority: no role and no permission exists that they do not name.
2. A role holds a permission at its sites (``site``), in the whole study (``study``) or not at all.
3. A conflict has no direction: ``(a, b)`` and ``(b, a)`` are the same pair.

It decides nothing about a person: ``trial.access`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from trial.reference.files import TornReferenceFileError, header, rows

Scope = Literal["site", "study"]

_PERMISSIONS = "permissions.csv"
_NOT_ROLES = frozenset({"permission", "domain", "note"})

ROLES: tuple[str, ...] = tuple(name for name in header(_PERMISSIONS) if name not in _NOT_ROLES)
"""Every role, in the order of the matrix."""


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """One permission: the domain it opens, and who holds it at which scope."""

    name: str
    domain: str
    holders: Mapping[str, Scope]
    note: str


@dataclass(frozen=True, slots=True)
class RoleConflict:
    """Two roles that one person may not hold in one trial, and why."""

    roles: frozenset[str]
    why: str


def _holders(row: Mapping[str, str]) -> Mapping[str, Scope]:
    held: dict[str, Scope] = {}
    for role in ROLES:
        scope = row[role]
        if scope not in {"", "site", "study"}:
            raise TornReferenceFileError(f"{_PERMISSIONS}: {row['permission']} gives {role} the scope {scope!r}.")
        if scope:
            held[role] = cast("Scope", scope)
    return MappingProxyType(held)


@cache
def permissions() -> Mapping[str, PermissionRow]:
    """The matrix by permission name (``participant:randomize``)."""
    return MappingProxyType(
        {
            row["permission"]: PermissionRow(row["permission"], row["domain"], _holders(row), row["note"])
            for row in rows(_PERMISSIONS)
        }
    )


@cache
def role_scopes() -> Mapping[str, frozenset[Scope]]:
    """For each role the scopes at which it holds anything."""
    matrix = permissions().values()
    return MappingProxyType(
        {role: frozenset(row.holders[role] for row in matrix if role in row.holders) for role in ROLES}
    )


@cache
def role_conflicts() -> Mapping[frozenset[str], RoleConflict]:
    """Conflicting pairs, keyed by the unordered pair of role names."""
    found = (RoleConflict(frozenset({row["role_a"], row["role_b"]}), row["why"]) for row in rows("role_conflicts.csv"))
    return MappingProxyType({conflict.roles: conflict for conflict in found})


def conflict_between(role: str, other: str) -> RoleConflict | None:
    """The conflict of two roles, in either order, or ``None``."""
    return role_conflicts().get(frozenset({role, other}))
