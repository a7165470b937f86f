"""Finding a request's route: a group of routes is asked once whether the address could be one of its own.

The framework tries route after route, in two rounds, and there are some hundreds. One expression for a whole module says no at
once in nearly every case.

Invariants
1. Which route is found never depends on this: a group that could match is tried route by route, as the framework does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

_PARAMETER: Final = re.compile(r"\{[^}]*\}")


class RouteGroup(APIRouter):
    """The routes of one router, to be included under ``prefix``."""

    def __init__(self, router: APIRouter, prefix: str = "") -> None:
        super().__init__(routes=router.routes)
        # A line's end is part of an address as any letter is, and a last one the framework's own expressions let pass.
        self._could_match = re.compile(f"(?:{'|'.join(_patterns(prefix, router.routes))})\\n?", re.DOTALL)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if self._could_match.fullmatch(_below_root(scope)) else (Match.NONE, {})


def _below_root(scope: Scope) -> str:
    """The path that routes are asked for, where a proxy puts the application below a path of its own."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if path == root or path.startswith(f"{root}/") else path


def _patterns(prefix: str, routes: Iterable[BaseRoute]) -> Iterable[str]:
    """Each path with anything at all in the place of a parameter: wider than the route's own expression, never narrower."""
    for route in routes:
        words = _PARAMETER.split(prefix + (route.path if isinstance(route, Route) else "{}"))
        yield ".*".join(re.escape(word) for word in words)
