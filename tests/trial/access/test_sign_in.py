"""Signing in, lockout, sessions, signatures with re-authentication."""

from datetime import timedelta

import pytest
from sqlmodel import select

from tests.support.house import PASSWORD, House
from tests.support.statements import listening
from trial.access.accounts import Account, close_account, code_secret
from trial.access.alerts import Alert
from trial.access.codes import code_at
from trial.access.login_sessions import LoginSession, SessionOver, end_session, resume_session
from trial.access.passwords import LIGHT_FOR_SIMULATION, PasswordTooWeak, check_password_acceptable, hash_password
from trial.access.sign_in import SignInRefused, give_code, sign_in
from trial.access.signatures import (
    CodeNeeded,
    ReauthenticationNeeded,
    SignatureVoid,
    check_signed,
    reauthenticate,
    sign,
)
from trial.conduct.sites import Site, get_site

NAME = "coordinator-s1"
IDLE = timedelta(minutes=30)


def code(house: House, name: str = NAME) -> str:
    with house.database.session() as session:
        account = session.exec(select(Account).where(Account.username == name)).one()
        return code_at(code_secret(session, account), house.clock.now())


def enter(house: House, password: str = PASSWORD, name: str = NAME) -> str:
    token, _ = sign_in(house.database, name, password, strength=LIGHT_FOR_SIMULATION)
    token, _ = give_code(house.database, token, code(house, name))
    return token


def resumed(house: House, token: str):
    with house.database.transaction() as session:
        return resume_session(session, token, IDLE)


def test_password_then_code_lets_a_person_in_with_the_roles_held(house: House):
    found = resumed(house, enter(house))
    assert {role.role for role in found.actor.roles} == {"coordinator"}
    assert found.code_accepted_at == house.clock.now()


def test_the_password_alone_opens_nothing(house: House):
    token, _ = sign_in(house.database, NAME, PASSWORD, strength=LIGHT_FOR_SIMULATION)
    with pytest.raises(SessionOver):
        resumed(house, token)


def test_the_token_of_the_first_step_is_void_after_the_second(house: House):
    half, _ = sign_in(house.database, NAME, PASSWORD, strength=LIGHT_FOR_SIMULATION)
    give_code(house.database, half, code(house))
    with pytest.raises(SessionOver):
        resumed(house, half)


def test_only_the_digest_of_a_session_token_is_stored(house: House):
    token = enter(house)
    with house.database.session() as session:
        assert token not in {login.token_hash for login in session.exec(select(LoginSession))}


@pytest.mark.parametrize(("name", "password"), [(NAME, "wrong password!"), ("nobody-at-all", PASSWORD), ("", "")])
def test_every_refusal_of_sign_in_reads_the_same(house: House, name: str, password: str):
    with pytest.raises(SignInRefused) as refused:
        sign_in(house.database, name, password, strength=LIGHT_FOR_SIMULATION)
    with pytest.raises(SignInRefused) as reference:
        sign_in(house.database, "somebody-else", "another wrong one", strength=LIGHT_FOR_SIMULATION)
    assert refused.value.sentence == reference.value.sentence


def test_a_code_is_accepted_once(house: House):
    used = code(house)
    half, _ = sign_in(house.database, NAME, PASSWORD, strength=LIGHT_FOR_SIMULATION)
    give_code(house.database, half, used)
    again, _ = sign_in(house.database, NAME, PASSWORD, strength=LIGHT_FOR_SIMULATION)
    with pytest.raises(SignInRefused):
        give_code(house.database, again, used)


def test_five_failures_lock_the_account_and_alert_the_administrator(house: House):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            sign_in(house.database, NAME, "wrong password!", strength=LIGHT_FOR_SIMULATION)
    with pytest.raises(SignInRefused):
        sign_in(house.database, NAME, PASSWORD, strength=LIGHT_FOR_SIMULATION)
    with house.database.session() as session:
        assert [alert.role for alert in session.exec(select(Alert))] == ["administrator"]
    house.clock.advance(timedelta(minutes=16))
    assert enter(house)


def test_a_session_ends_when_idle(house: House):
    token = enter(house)
    house.clock.advance(timedelta(minutes=29))
    resumed(house, token)
    house.clock.advance(timedelta(minutes=29))
    resumed(house, token)
    house.clock.advance(timedelta(minutes=31))
    with pytest.raises(SessionOver):
        resumed(house, token)


def test_signing_out_ends_the_session(house: House):
    token = enter(house)
    found = resumed(house, token)
    with house.database.transaction() as session:
        end_session(session, found.actor, found.session_id)
    with pytest.raises(SessionOver):
        resumed(house, token)


def test_a_closed_account_is_out_at_once(house: House):
    token = enter(house)
    with house.database.transaction() as session:
        account = house.people[("coordinator", "S1")]
        close_account(session, house.actor(session, "administrator"), account.id, house.trial.id, "left the site")
    with pytest.raises(SessionOver):
        resumed(house, token)


@pytest.mark.parametrize("password", ["short", "coordinator-s1-coordinator-s1", "aaaaaaaaaaaaaaaa"])
def test_a_weak_password_is_refused(password: str):
    with pytest.raises(PasswordTooWeak):
        check_password_acceptable(password, NAME)


def prove(house: House, password: str = PASSWORD, given: str | None = None, accepted=None):
    with house.database.session() as session:
        actor = house.actor(session, "investigator", "S1")
    return actor, reauthenticate(house.database, actor, password, given, accepted, strength=LIGHT_FOR_SIMULATION)


def test_a_signature_needs_the_code_too_after_fifteen_minutes(house: House):
    fresh, stale = house.clock.now() - timedelta(minutes=14), house.clock.now() - timedelta(minutes=16)
    prove(house, accepted=fresh)
    with pytest.raises(CodeNeeded):
        prove(house, accepted=stale)
    prove(house, given=code(house, "investigator-s1"), accepted=stale)


def test_a_password_that_was_changed_since_it_was_read_signs_nothing(house: House):
    with house.database.session() as session:
        actor = house.actor(session, "investigator", "S1")
    before = hash_password(PASSWORD, LIGHT_FOR_SIMULATION)
    with pytest.raises(SignInRefused):
        reauthenticate(
            house.database, actor, PASSWORD, None, house.clock.now(), stored=before, strength=LIGHT_FOR_SIMULATION
        )


def test_a_wrong_password_signs_nothing_and_counts_towards_the_lockout(house: House):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            prove(house, password="wrong password!", accepted=house.clock.now())
    with pytest.raises(SignInRefused):
        prove(house, accepted=house.clock.now())


def test_guessing_at_a_locked_account_does_the_same_work_for_a_right_password_as_for_a_wrong_one(house: House):
    asked = {}
    for _ in range(5):
        with pytest.raises(SignInRefused):
            prove(house, password="wrong password!", accepted=house.clock.now())
    for password in ("wrong password!", PASSWORD):
        with listening() as said, pytest.raises(SignInRefused):
            prove(house, password=password, accepted=house.clock.now())
        asked[password] = said
    assert asked["wrong password!"] == asked[PASSWORD]


def test_a_proof_is_good_for_a_minute_and_for_one_person(house: House):
    actor, proof = prove(house, accepted=house.clock.now())
    with house.database.session() as session:
        site = get_site(session, house.site_id("S1"))
        with pytest.raises(ReauthenticationNeeded):
            sign(session, house.actor(session, "coordinator", "S1"), proof, site, "I approve")
        house.clock.advance(timedelta(seconds=61))
        with pytest.raises(ReauthenticationNeeded):
            sign(session, actor, proof, site, "I approve")


def test_a_change_of_the_record_voids_the_signature_even_behind_the_services(house: House):
    from sqlalchemy import text

    from trial.access.actions import Action
    from trial.access.policies import authorize

    with house.database.transaction() as session:
        sponsor = house.actor(session, "sponsor")
        authorize(session, sponsor, Action.SITE_ACTIVATED, trial_id=house.trial.id)
        site = session.get_one(Site, house.site_id("S1"))
        sign(session, sponsor, house.proof("sponsor"), site, "The checklist is complete")
        assert check_signed(session, site).printed_name == "Sponsor"
    with house.database.transaction() as session:
        authorize(session, house.actor(session, "sponsor"), Action.SITE_ADDED, trial_id=house.trial.id)
        session.execute(text("UPDATE trial.site SET name = 'Other' WHERE code = 'S1'"))
    with house.database.session() as session, pytest.raises(SignatureVoid):
        check_signed(session, session.get_one(Site, house.site_id("S1")))
