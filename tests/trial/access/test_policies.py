"""Who may do what: the matrix decides, at the place that it says."""

import pytest
from sqlalchemy import text
from sqlmodel import select

from tests.support.house import House
from trial.access.actions import PERMISSION_OF, Action, NoPermission
from trial.access.actors import Actor, HeldRole, person, system_actor
from trial.access.permissions import Permission
from trial.access.policies import authorize, may, sites_where
from trial.conduct.trials import Trial
from trial.errors import NotPermitted
from trial.ids import UnsafeSeededEntropy, new_id
from trial.reference.permissions import ROLES, permissions

ENTROPY = UnsafeSeededEntropy(1)
TRIAL, OTHER, HERE, ELSEWHERE, WHO = (new_id(ENTROPY) for _ in range(5))


def holder(role: str, site=None) -> Actor:
    return person(WHO, "Somebody", (HeldRole(role, TRIAL, site),))


def test_the_list_of_permissions_is_the_matrix():
    assert [permission.value for permission in Permission] == list(permissions())


def test_every_act_needs_a_permission_or_says_that_it_needs_none():
    assert set(PERMISSION_OF) == set(Action)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_holds_a_permission_exactly_where_the_matrix_says(role: str):
    for permission in Permission:
        scope = permissions()[permission].holders.get(role)
        assert may(holder(role, HERE), permission, TRIAL, HERE) is (scope is not None)
        assert may(holder(role, HERE), permission, TRIAL, ELSEWHERE) is (scope == "study")
        assert may(holder(role, HERE), permission, TRIAL) is (scope == "study")
        assert may(holder(role, HERE), permission, OTHER, HERE) is False


def test_sites_where_names_the_sites_of_a_site_role_and_none_for_the_whole_study():
    assert sites_where(holder("coordinator", HERE), "screening:read", TRIAL) == {HERE}
    assert sites_where(holder("data_manager"), "screening:read", TRIAL) is None
    assert sites_where(holder("administrator"), "screening:read", TRIAL) == frozenset()


def test_a_token_narrows_and_never_widens():
    owner = holder("statistician_blinded")
    token = Actor(
        owner.kind, owner.key, owner.display_name, owner.roles, frozenset({"dataset:naive:pull", "data:lock"})
    )
    assert may(token, "dataset:naive:pull", TRIAL)
    assert not may(token, "report:open:read", TRIAL)
    assert not may(
        Actor(owner.kind, owner.key, "x", owner.roles, frozenset({"report:closed:read"})), "report:closed:read", TRIAL
    )


@pytest.mark.parametrize(
    "action", [action for action, needed in PERMISSION_OF.items() if needed is NoPermission.SYSTEM]
)
def test_no_person_may_do_what_only_the_system_does(house: House, action: Action):
    with house.database.session() as session, pytest.raises(NotPermitted):
        authorize(session, house.actor(session, "sponsor"), action, trial_id=house.trial.id)


def test_a_system_actor_may_do_only_what_is_listed_beside_its_name(house: House):
    with house.database.session() as session, pytest.raises(NotPermitted):
        authorize(session, system_actor("doorkeeper"), Action.TRIAL_CREATED)


def test_the_blinded_role_cannot_read_the_strongroom_and_the_login_role_cannot_read_anything(house: House):
    with house.database.session() as session:
        assert session.exec(select(Trial)).first() is not None
        role = session.execute(text("SELECT current_user")).scalar_one()
    assert role == "equipoise_blinded"
