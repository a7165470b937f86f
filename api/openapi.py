"""The OpenAPI document: operation ids are function names, every refusal is documented as a problem."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.errors import PROBLEM_JSON, Problem

OPENAPI_PATH = "/api/v1/openapi.json"
DESCRIPTION = (
    "Conducts a randomized, blinded clinical trial. Sign in with a bearer token made on the account page. "
    "Every refusal is `application/problem+json` with a stable `code`. Commands that allocate, dispense, sign "
    "or report take an idempotency key: the same key gives the first answer again."
)
_OPERATIONS = frozenset({"get", "post", "put", "patch", "delete"})


def operation_id(route: APIRoute) -> str:
    """Generated clients get the names that the code has."""
    return route.name


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once; replaces ``app.openapi``."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        _document_problems(document)
        _document_tags(document)
        app.openapi_schema = document
    return app.openapi_schema


def _document_problems(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["responses"] = {
        "Problem": {
            "description": "The request was refused; `code` and `detail` say why and what to do.",
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for operation in _operations(document):
        operation["responses"].pop("422", None)
        operation["responses"].setdefault("default", {"$ref": "#/components/responses/Problem"})
        operation["security"] = [] if operation.get("x-permission") == "public" else [{"token": []}]


def _document_tags(document: dict[str, Any]) -> None:
    used = sorted({tag for operation in _operations(document) for tag in operation.get("tags", [])})
    document["tags"] = [{"name": tag} for tag in used]


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        operation
        for methods in document.get("paths", {}).values()
        for method, operation in methods.items()
        if method in _OPERATIONS
    ]
