"""What each route demands of its caller, said beside the route and checked when the application starts.

    @router.post("/participants/{participant_id}/consent", openapi_extra=permission("screening:write"))

Invariants
1. A route names permissions of the matrix, or is ``public``, ``self`` or ``participant``; one that names
   nothing, or a permission that the matrix does not know, stops the application at its start.
2. Exempt by name are only the static files and the OpenAPI document.

What it does not do: decide. The gate (``api.gate``) asks for what stands here before a route does anything, services
authorize each act (``trial.access``), and tests compare this table with the matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts

from trial.reference.permissions import permissions as permission_matrix

KEY = "x-permission"
EXEMPT_ROUTES = frozenset({"static", "openapi"})

AccessKind = Literal["permission", "public", "self", "participant"]
_KINDS: dict[str, AccessKind] = {"public": "public", "self": "self", "participant": "participant"}


class RouteWithoutPermission(RuntimeError):
    """A programmer's mistake, found before the first request is served."""


@dataclass(frozen=True, slots=True)
class RouteAccess:
    """One route as the access test walks it. ``permissions`` means: any one of them opens the route."""

    name: str
    methods: tuple[str, ...]
    path: str
    kind: AccessKind
    permissions: tuple[str, ...]


def permission(*names: str) -> dict[str, Any]:
    """The route needs any one of the named permissions of the matrix."""
    unknown = [name for name in names if name not in permission_matrix()]
    if unknown or not names:
        raise RouteWithoutPermission(f"The permission matrix does not know {', '.join(unknown) or 'an empty name'}.")
    return {KEY: names[0] if len(names) == 1 else list(names)}


def public() -> dict[str, Any]:
    """Anyone, signed in or not: sign-in, health, the documents of the API."""
    return {KEY: "public"}


def self_service() -> dict[str, Any]:
    """Whoever is signed in, about themselves: account, sessions, own tokens, choice of trial."""
    return {KEY: "self"}


def participant_link() -> dict[str, Any]:
    """A participant through a one-visit link; no account."""
    return {KEY: "participant"}


def route_table(app: FastAPI) -> list[RouteAccess]:
    """Every route and what it demands; raises ``RouteWithoutPermission`` for one that names nothing."""
    return [_access_of(route) for route in _guarded_routes(app)]


def check_every_route_declares(app: FastAPI) -> None:
    """Refuse to start with a door that nobody has thought about."""
    route_table(app)


def _guarded_routes(app: FastAPI) -> Iterator[RouteContext]:
    return (route for route in iter_route_contexts(app.routes) if route.name not in EXEMPT_ROUTES)


def access_of_declaration(declared: Any) -> tuple[AccessKind, tuple[str, ...]]:
    """What the value of ``x-permission`` demands. Raises ``RouteWithoutPermission`` for one that says nothing known."""
    names = tuple(declared) if isinstance(declared, list) else (declared,)
    if not all(isinstance(name, str) for name in names):
        raise RouteWithoutPermission("openapi_extra holds no permission.")
    kind = _KINDS.get(names[0], "permission")
    if kind == "permission":
        permission(*names)
    return kind, names if kind == "permission" else ()


def _access_of(route: RouteContext) -> RouteAccess:
    declared = (getattr(route, "openapi_extra", None) or {}).get(KEY)
    if declared is None:
        raise RouteWithoutPermission(
            f"The route {route.name} ({route.path}) does not say who may use it: give it "
            "openapi_extra=permission(...), public(), self_service() or participant_link()."
        )
    kind, permissions = access_of_declaration(declared)
    return RouteAccess(
        name=route.name or "",
        methods=tuple(sorted(route.methods or ())),
        path=route.path or "",
        kind=kind,
        permissions=permissions,
    )
