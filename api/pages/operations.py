"""The operations of the JSON API on one page, from the OpenAPI document, without a script."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.openapi import OPENAPI_PATH
from api.pages.render import page
from api.permissions import KEY, public

router = APIRouter()


@router.get("/developers", openapi_extra=public())
def list_operations(request: Request) -> HTMLResponse:
    """Grouped by noun, with what each demands."""
    return page(request, "operations.html", groups=_groups(request.app.openapi()), openapi_path=OPENAPI_PATH)


def _groups(document: dict[str, Any]) -> dict[str, list[list[str]]]:
    groups: dict[str, list[list[str]]] = {}
    for path, methods in document.get("paths", {}).items():
        for method, operation in methods.items():
            noun = operation.get("tags", ["other"])[0]
            demanded = operation.get(KEY, "")
            needs = demanded if isinstance(demanded, str) else " or ".join(demanded)
            groups.setdefault(noun, []).append([path, method.upper(), operation.get("summary", ""), needs])
    return dict(sorted(groups.items()))
