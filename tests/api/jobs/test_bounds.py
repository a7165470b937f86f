"""Bounds on harm checked by the clock: by arm for two readers alone, pooled ones that may pause recruitment at once."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlmodel import select

from api.jobs.bounds import READERS, check_bounds, check_trial
from randomization.unblinding.bounds import bounds_for
from tests.support.events import assessed, reported
from tests.support.house import House
from tests.support.mailbox import mailbox
from tests.support.participants import adopt, amended, infuse, participant, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, randomized, true_arms
from tests.support.variants import variant
from trial.access.accounts import Account
from trial.access.actions import Action
from trial.access.actors import system_actor
from trial.access.alerts import Alert
from trial.access.permissions import Permission
from trial.access.policies import declare, may
from trial.conduct.trials import LeverClosed, get_trial
from trial.errors import NotPermitted
from trial.oversight.harm_pauses import (
    HarmPauseReleased,
    ReleaseHarmPause,
    pauses_of,
    release_harm_pause,
    standing_pauses,
)
from trial.reference import ROLES

HALLUCINATED = {"term": "Hallucinations", "grade": 3, "verbatim": "saw things", "hospitalization": True}
RULE = "aesi_sae_rate"


def treated(house: House, number: int) -> list:
    """Randomized, and infused once."""
    people = [randomized(house) for _ in range(number)]
    house.clock.advance(timedelta(days=1))
    for one in people:
        infuse(house, one, 1)
    return people


def seen_by(house: House, role: str):
    with house.database.transaction() as session:
        return bounds_for(session, house.actor(session, role), house.trial.id)


def test_a_bound_that_one_arm_reaches_is_told_to_two_readers_and_leaves_no_trace_for_others(
    house, installation, owner_url
):
    open_for_randomization(house)
    people = treated(house, 5)
    first = check_trial(installation, house.trial.id)
    assert first is not None
    assert not any(state.reached for state in first)
    assert check_trial(installation, house.trial.id) is None  # nothing that counts has changed
    arms = true_arms(house)
    for one in people:
        if arms[participant(house, one).code] == "KET":
            reported(house, one, **HALLUCINATED)
    states = {(one.rule.name, one.group): one for one in check_trial(installation, house.trial.id)}
    letters = [group for (rule, group), state in states.items() if rule == RULE and state.reached]
    assert len(letters) == 1
    assert set(letters) < {"A", "B"}
    for role in READERS:
        found = seen_by(house, role)
        assert [(one.rule, one.group, one.observed == one.at_risk) for one in found.reached] == [
            (RULE, letters[0], True)
        ]
    for role in set(ROLES) - set(READERS):
        with pytest.raises(NotPermitted):
            seen_by(house, role)
    with house.database.reading() as session:
        assert not [one for one in session.exec(select(Alert)) if one.kind.value == "harm_bound"]
        assert get_trial(session, house.trial.id).randomizing_open
    with create_engine(owner_url, poolclass=NullPool).connect() as owner:
        sizes = owner.execute(text("SELECT DISTINCT octet_length(content) FROM sealed.bound_findings")).scalars().all()
        rows = owner.execute(
            text(
                "SELECT count(*) FROM audit.entry WHERE action = 'safety:bounds:checked'"
                " AND table_name IN ('trial.bound_check', 'sealed.bound_findings')"
            )
        ).scalar_one()
    assert len(sizes) == 1  # a check that found nothing is as long as one that found something
    assert rows == 2 * 2


def test_a_bound_that_is_newly_reached_is_mailed_to_its_two_readers_once(house, installation, monkeypatch):
    open_for_randomization(house)
    people = treated(house, 2)
    with house.database.transaction() as session:
        declare(session, system_actor("installer"), Action.ACCOUNT_CREATED)
        for account in session.exec(select(Account)):
            account.email = f"{account.username}@trial.example"
            session.add(account)
    with mailbox() as box:
        monkeypatch.setenv("EQUIPOISE_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("EQUIPOISE_SMTP_PORT", str(box.port))
        check_trial(installation, house.trial.id)
        assert box.letters == []
        for one in people:
            reported(house, one, **HALLUCINATED)
        check_trial(installation, house.trial.id)
        first = sorted(str(letter["To"]) for letter in box.letters)
        reported(house, people[0], verbatim="felt sick", term="Nausea")
        check_trial(installation, house.trial.id)
    assert first == ["dsmb-chair@trial.example", "statistician-unblinded@trial.example"]
    assert len(box.letters) == 2
    told = box.to("dsmb-chair@trial.example")[0]
    assert not any(word in told for word in ("KET", "PBO", "P-0001", "Hallucinations", "arm A", "arm B"))


def test_the_two_readers_are_those_who_convene_the_board(house):
    with house.database.reading() as session:
        allowed = {role for role in ROLES if may(house.actor(session, role), Permission.BOARD_CONVENE, house.trial.id)}
    assert allowed == set(READERS)


def adopted(house: House, loaded) -> None:
    house.clock.advance(timedelta(minutes=1))
    version = amended(house, loaded=loaded)
    for site in house.sites:
        adopt(house, version, site)


def died_of_it(house: House, participant_id) -> None:
    facts = {"term": "Seizure", "grade": 5, "death": True, "outcome": "FATAL", "verbatim": "died in a seizure"}
    assessed(house, reported(house, participant_id, **facts).id, "possible")


def release(house: House, pause_id, key: str = "release-01") -> None:
    with house.database.transaction() as session:
        command = ReleaseHarmPause(idempotency_key=key, pause_id=pause_id, reason="The board advised to go on.")
        release_harm_pause(session, house.actor(session, "sponsor"), house.proof("sponsor"), command)


def pauses(house: House):
    with house.database.reading() as session:
        return standing_pauses(session, house.trial.id)


def test_a_pooled_bound_pauses_randomizing_at_once_until_the_sponsor_signs(house, installation):
    open_for_randomization(house)
    adopted(house, variant(pauses=True, version="1.1"))
    first, second = treated(house, 2)
    waiting = ready_to_randomize(house, "S1")
    died_of_it(house, first)
    check_trial(installation, house.trial.id)
    (pause,) = pauses(house)
    assert (pause.rule, pause.observed, pause.at_risk) == ("related_death", 1, 2)
    with house.database.reading() as session:
        trial = get_trial(session, house.trial.id)
        assert (trial.randomizing_open, trial.dosing_open, trial.follow_up_open) == (False, True, True)
        told = {one.role for one in session.exec(select(Alert)) if one.kind.value == "harm_bound"}
    assert told == {"sponsor", "medical_monitor", "dsmb_chair", "coordinator", "investigator"}
    with pytest.raises(LeverClosed):
        randomize(house, waiting)
    release(house, pause.id)
    randomize(house, waiting)
    check_trial(installation, house.trial.id)
    assert pauses(house) == []  # the same death pauses once
    died_of_it(house, second)
    check_trial(installation, house.trial.id)
    (again,) = pauses(house)
    assert again.observed == 2
    with pytest.raises(HarmPauseReleased):
        release(house, pause.id, key="release-02")
    with house.database.reading() as session:
        assert [entry is not None for _, entry in pauses_of(session, house.trial.id)] == [False, True]


def test_only_the_sponsor_releases_a_pause(house, installation):
    open_for_randomization(house)
    adopted(house, variant(pauses=True, version="1.1"))
    died_of_it(house, treated(house, 1)[0])
    check_trial(installation, house.trial.id)
    command = ReleaseHarmPause(idempotency_key="release-03", pause_id=pauses(house)[0].id, reason="Go on.")
    for role in ("coordinator", "medical_monitor", "dsmb_chair", "administrator"):
        with house.database.transaction() as session, pytest.raises(NotPermitted):
            release_harm_pause(session, house.actor(session, role), house.proof(role), command)


def test_the_clock_checks_every_trial_that_is_under_way_once_for_each_change(house, installation):
    open_for_randomization(house)
    treated(house, 1)
    ran = SimpleNamespace(additional_context={"installation": installation})
    check_bounds(ran, 0)
    assert check_trial(installation, house.trial.id) is None
