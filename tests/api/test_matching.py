"""A group of routes that says no at once says nothing else than its routes would."""

import re

import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import Match

from api.app import create_app
from api.matching import RouteGroup
from api.services import AppServices
from trial.settings import Settings


@pytest.fixture
def app(database):
    return create_app(AppServices(Settings(), database))


def filled(route):
    return re.sub(r"\{[^}]*\}", "a.b~c", route.path)


def answers(route, path, root):
    """What the route says to exactly this path, whether or not it lies below the root."""
    return route.matches({"type": "http", "path": path, "method": "GET", "headers": [], "root_path": root})[0]


def matches(route, path, root=""):
    return answers(route, root + path, root)


@pytest.mark.parametrize("root", ["", "/trials-office"])
def test_no_group_says_no_to_an_address_of_one_of_its_routes(app, root):
    groups = [route for route in app.routes if isinstance(getattr(route, "original_router", None), RouteGroup)]
    for group in groups:
        own = [filled(route) for route in iter_route_contexts([group])]
        assert all(matches(group, address, root) is not Match.NONE for address in own)
    assert sum(1 for group in groups for _ in iter_route_contexts([group])) > 300


@pytest.mark.parametrize("root", ["", "/a", "/t", "/api"])
@pytest.mark.parametrize(
    "address",
    ["/", "", "//", "/t", "/t/A/participants/P-0001", "/t/A/participants/P-0001/", "/t/A/nowhere", "/api/v1/trials",
     "/api/v1/trials/A/participants/P-0001/randomization", "/static/equipoise.css", "/account", "/account\n",
     "/t/A\nB/participants", "/t/A/participants/P-0001\n"],
)  # fmt: skip
def test_an_address_is_answered_by_the_same_routes_as_without_groups(app, monkeypatch, address, root):
    ours = [answers(route, address, root) for route in app.routes]
    monkeypatch.setattr(RouteGroup, "matches", APIRouter.matches)
    assert ours == [answers(route, address, root) for route in app.routes]


def test_most_groups_say_no_without_asking_their_routes(app, monkeypatch):
    asked = []
    real = APIRouter.matches
    monkeypatch.setattr(APIRouter, "matches", lambda self, scope: asked.append(self) or real(self, scope))
    for route in app.routes:
        matches(route, "/t/KETA-PAIN/participants/P-0001")
    groups = sum(isinstance(getattr(route, "original_router", None), RouteGroup) for route in app.routes)
    assert 1 <= len(asked) < groups / 4
