"""The application: middlewares, routes found in ``api.routes`` and ``api.pages``, errors, static files.

A module of ``api.routes`` exposes ``router`` and is served under ``/api/v1``; its tag is its name. A module
of ``api.pages`` that exposes ``router`` is served from the root and is not part of the OpenAPI document. A
page module with ``DEVELOPMENT_ONLY = True`` is served only in development.

Invariants
1. An application with a route that does not say who may use it does not start.
2. Every route stands behind one gate, which enforces what the route declares before it does anything else.
3. Nothing is configured by import: two applications with different services can live in one process.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache, partial
from types import ModuleType
from typing import Any, cast

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Lifespan

import api.pages
import api.routes
from api.assets import STATIC_PREFIX, serve_asset
from api.errors import install_error_handlers
from api.gate import pass_gate
from api.matching import RouteGroup
from api.openapi import DESCRIPTION, OPENAPI_PATH, describe, operation_id
from api.permissions import check_every_route_declares
from api.product import product_version
from api.security import middleware_stack
from api.services import AppServices

API_PREFIX = "/api/v1"
_GATE = Depends(pass_gate)


def create_app(
    services: AppServices,
    *,
    lifespan: Lifespan[FastAPI] | None = None,
    extra_routers: tuple[APIRouter, ...] = (),
) -> FastAPI:
    """An application over ``services``. ``extra_routers`` let tests plant routes; they pass every check."""
    templates: dict[int, str] = {}
    app = FastAPI(
        title="Equipoise",
        version=product_version(),
        description=DESCRIPTION,
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        routes=[*_routes(services.development)],
        generate_unique_id_function=operation_id,
        middleware=middleware_stack(services, lambda: templates),
        dependencies=[_GATE],
        # The framework's own spans and metrics would carry raw paths, which hold ids.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.services = services
    install_error_handlers(app)
    for router in extra_routers:
        app.include_router(router)
    check_every_route_declares(app)
    templates.update(path_templates(app))
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's documented way to replace it
    return app


def path_templates(app: FastAPI) -> Mapping[int, str]:
    """The full path template of each route by the identity of the object that a request's scope names."""
    templates: dict[int, str] = {}
    for route in iter_route_contexts(app.routes):
        found = route.original_route
        templates[id(found)] = route.path or ""
        if not isinstance(found, APIRoute):
            # Plain routes and mounts leave only their endpoint in the scope.
            templates[id(getattr(found, "endpoint", getattr(found, "app", None)))] = route.path or ""
    return templates


@cache
def _routes(development: bool) -> tuple[BaseRoute, ...]:
    """Every route behind the gate, put together once a process: it takes longer than all else, and knows no services."""
    whole = APIRouter(dependencies=[_GATE], generate_unique_id_function=operation_id)
    # Files first, because routes are tried one after the other: each page asks for six.
    whole.mount(STATIC_PREFIX.rstrip("/"), serve_asset, name="static")
    for module in _modules_with_router(api.routes):
        tag = module.__name__.rpartition(".")[2].replace("_", " ")
        whole.include_router(RouteGroup(module.router, API_PREFIX), prefix=API_PREFIX, tags=[tag])
    for module in _modules_with_router(api.pages):
        if development or not getattr(module, "DEVELOPMENT_ONLY", False):
            whole.include_router(RouteGroup(module.router), include_in_schema=False)
    return tuple(whole.routes)


def _modules_with_router(package: ModuleType) -> Iterator[Any]:
    """Modules in the order of their names, so that the document and the matching of routes never vary."""
    seen: set[int] = set()
    found = pkgutil.walk_packages(cast("list[str]", package.__path__), prefix=f"{package.__name__}.")
    for name in sorted(entry.name for entry in found):
        module = importlib.import_module(name)
        router = getattr(module, "router", None)
        if isinstance(router, APIRouter) and id(router) not in seen:
            seen.add(id(router))
            yield module
