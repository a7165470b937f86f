"""Roles that may not meet, tokens that do not widen, resets that need a second person."""

import threading
from datetime import timedelta

import pytest

from tests.support.house import INSTALLER, House
from trial.access.grants import (
    EndRole,
    GrantRole,
    RoleNeedsSite,
    RolesConflict,
    UnknownRole,
    end_role,
    grant_role,
    grants_of,
)
from trial.access.passwords import LIGHT_FOR_SIMULATION, hash_password
from trial.access.permissions import Permission
from trial.access.resets import RequestReset, ResetNotOpen, SecondPersonNeeded, approve_reset, request_reset
from trial.access.tokens import (
    CreateToken,
    TokenExpired,
    TokenRefused,
    TokenTooWide,
    create_token,
    resume_token,
    revoke_token,
)
from trial.errors import DomainError, NotPermitted
from trial.reference.permissions import ROLES, role_conflicts, role_scopes

NEW_HASH = hash_password("another long password", LIGHT_FOR_SIMULATION)


def give(house: House, session, role: str, account):
    site = house.site_id("S1") if "site" in role_scopes()[role] else None
    return grant_role(
        session, INSTALLER, GrantRole(account_id=account.id, trial_id=house.trial.id, role=role, site_id=site)
    )


def test_every_pair_of_the_conflict_table_is_refused_in_both_orders(house: House):
    with house.database.session() as session:
        for index, pair in enumerate(sorted(role_conflicts(), key=sorted)):
            for order, (first, second) in enumerate((sorted(pair), sorted(pair)[::-1])):
                account = house.hire(session, first, "S1", suffix=f"c{index}-{order}")
                with pytest.raises(RolesConflict):
                    give(house, session, second, account)


def test_roles_that_do_not_conflict_may_be_held_together(house: House):
    free = next((a, b) for a in ROLES for b in ROLES if a != b and frozenset({a, b}) not in role_conflicts())
    with house.database.session() as session:
        account = house.hire(session, free[0], "S1", suffix="free")
        give(house, session, free[1], account)
        assert {grant.role for grant in grants_of(session, account.id, session.now())} == set(free)


def test_two_administrators_at_once_cannot_give_two_roles_that_conflict(house: House):
    with house.database.transaction() as session:
        account = house.hire(session, "inspector", suffix="raced")
    outcomes: list[str] = []

    def race(role: str) -> None:
        try:
            with house.database.transaction() as session:
                give(house, session, role, account)
            outcomes.append("given")
        except DomainError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=race, args=(role,)) for role in ("pharmacist_unblinded", "coordinator")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("given") <= 1
    assert "access.roles_conflict" in outcomes


def test_a_role_ended_no_longer_counts_and_stays_on_record(house: House):
    with house.database.transaction() as session:
        account = house.people[("coordinator", "S1")]
        grant = grants_of(session, account.id, session.now())[0]
        end_role(session, house.actor(session, "administrator"), EndRole(grant_id=grant.id, reason="left"))
    with house.database.session() as session:
        assert grants_of(session, account.id, session.now()) == []
        assert grants_of(session, account.id, session.now() - timedelta(0)) == []


@pytest.mark.parametrize(("role", "error"), [("wizard", UnknownRole), ("coordinator", RoleNeedsSite)])
def test_a_role_that_does_not_fit_is_refused(house: House, role: str, error: type[DomainError]):
    with house.database.session() as session, pytest.raises(error):
        account = house.people[("inspector", None)]
        grant_role(session, INSTALLER, GrantRole(account_id=account.id, trial_id=house.trial.id, role=role))


def statistician(house: House, session):
    return house.actor(session, "statistician_blinded")


def make_token(house: House, *wanted: Permission, days: int = 30) -> str:
    with house.database.transaction() as session:
        command = CreateToken(trial_id=house.trial.id, name="script", permissions=wanted, days=days)
        return create_token(session, statistician(house, session), house.proof("statistician_blinded"), command)[0]


def test_a_token_acts_for_its_owner_with_what_it_carries_only(house: House):
    text = make_token(house, Permission.DATASET_NAIVE_PULL)
    with house.database.session() as session:
        actor = resume_token(session, text)
    assert actor.token_permissions == {"dataset:naive:pull"}
    assert actor.account_id == house.people[("statistician_blinded", None)].id


def test_a_token_carries_nothing_that_its_owner_does_not_hold(house: House):
    with pytest.raises(NotPermitted):
        make_token(house, Permission.DATASET_UNBLINDED_PULL)


def test_a_token_never_signs_nor_breaks_a_code(house: House):
    with pytest.raises(TokenTooWide):
        make_token(house, Permission.DATA_LOCK)


def test_a_token_ends_on_its_day_when_revoked_and_when_its_owner_leaves_no_trace_of_it(house: House):
    expiring, revoked = (
        make_token(house, Permission.DATASET_NAIVE_PULL, days=1),
        make_token(house, Permission.AUDIT_VERIFY),
    )
    with house.database.transaction() as session:
        from sqlmodel import select

        from trial.access.tokens import ApiToken

        found = session.exec(select(ApiToken).where(ApiToken.expires_at > session.now() + timedelta(days=2))).one()
        revoke_token(session, statistician(house, session), found.id)
    house.clock.advance(timedelta(days=2))
    with house.database.session() as session:
        with pytest.raises(TokenExpired):
            resume_token(session, expiring)
        with pytest.raises(TokenRefused):
            resume_token(session, revoked)
        with pytest.raises(TokenRefused):
            resume_token(session, "eqp_made_up")


def ask_reset(house: House, session, who: str, by: str = "administrator"):
    command = RequestReset(
        account_id=house.people[(who, None if (who, None) in house.people else "S1")].id,
        trial_id=house.trial.id,
        reason="lost telephone",
        new_password_hash=NEW_HASH,
    )
    return request_reset(session, house.actor(session, by), command)


def test_an_administrator_alone_cannot_take_over_somebody_who_can_reach_an_arm(house: House):
    with house.database.transaction() as session:
        reset = ask_reset(house, session, "pharmacist_unblinded")
        assert reset.second_person_needed
        assert reset.done_at is None
        with pytest.raises(SecondPersonNeeded):
            approve_reset(session, house.actor(session, "administrator"), reset.id)


def test_a_second_administrator_completes_the_reset(house: House):
    from trial.access.grants import actor_for

    with house.database.transaction() as session:
        reset = ask_reset(house, session, "statistician_unblinded")
        second = actor_for(session, house.hire(session, "administrator", suffix="two"))
        assert approve_reset(session, second, reset.id).done_at is not None
        with pytest.raises(ResetNotOpen):
            approve_reset(session, second, reset.id)


def test_a_person_who_can_reach_no_arm_is_reset_by_one_administrator(house: House):
    with house.database.transaction() as session:
        assert ask_reset(house, session, "coordinator").done_at is not None


def test_nobody_resets_themselves(house: House):
    with house.database.session() as session, pytest.raises(SecondPersonNeeded):
        ask_reset(house, session, "administrator")


def test_a_request_lapses_after_a_day(house: House):
    from trial.access.grants import actor_for

    with house.database.transaction() as session:
        reset = ask_reset(house, session, "pharmacist_unblinded")
        second = actor_for(session, house.hire(session, "administrator", suffix="two"))
        house.clock.advance(timedelta(days=1, minutes=1))
        with pytest.raises(ResetNotOpen):
            approve_reset(session, second, reset.id)
