"""A door that nobody has thought about keeps the application from starting."""

import pytest
from fastapi import APIRouter

from api.permissions import (
    RouteWithoutPermission,
    participant_link,
    permission,
    public,
    route_table,
    self_service,
)


def router_with(**extra):
    router = APIRouter()

    @router.get("/planted/{participant_id}", **extra)
    def planted(participant_id: str) -> None: ...

    return router


def test_a_route_that_names_nothing_is_refused_at_start(build):
    with pytest.raises(RouteWithoutPermission, match="planted"):
        build(router_with())


def test_a_route_hidden_in_a_nested_router_is_found(build):
    outer = APIRouter(prefix="/outer")
    outer.include_router(router_with())
    with pytest.raises(RouteWithoutPermission, match="/outer/planted"):
        build(outer)


def test_a_permission_that_the_matrix_does_not_know_is_refused():
    with pytest.raises(RouteWithoutPermission, match="participant:peek"):
        permission("participant:peek")


def test_a_misspelt_kind_written_by_hand_is_refused_at_start(build):
    with pytest.raises(RouteWithoutPermission, match="publik"):
        build(router_with(openapi_extra={"x-permission": "publik"}))


def test_an_empty_permission_is_refused():
    with pytest.raises(RouteWithoutPermission, match="empty name"):
        permission()


@pytest.mark.parametrize(
    ("declared", "kind", "names"),
    [
        (permission("participant:randomize"), "permission", ("participant:randomize",)),
        (permission("visit:read", "screening:read"), "permission", ("visit:read", "screening:read")),
        (public(), "public", ()),
        (self_service(), "self", ()),
        (participant_link(), "participant", ()),
    ],
)
def test_the_table_says_what_each_route_declares(build, declared, kind, names):
    routes = route_table(build(router_with(openapi_extra=declared)))
    planted = next(route for route in routes if route.name == "planted")
    assert (planted.kind, planted.permissions) == (kind, names)
    assert (planted.path, planted.methods) == ("/planted/{participant_id}", ("GET",))


def test_only_the_static_files_and_the_openapi_document_are_exempt(build):
    app = build(router_with(openapi_extra=public()))
    listed = {route.name for route in route_table(app)}
    assert {"static", "openapi"}.isdisjoint(listed)


def test_the_style_guide_is_served_in_development_only(build):
    assert "show_style_guide" not in {route.name for route in route_table(build())}
    assert "show_style_guide" in {route.name for route in route_table(build(development=True))}
