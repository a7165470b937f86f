"""Bounds on harm checked by the clock: by arm for two readers alone, pooled ones that may pause recruitment at once."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlmodel import select

from api.jobs import bounds
from api.jobs.bounds import READERS, check_bounds, check_trial
from randomization.unblinding.bounds import bounds_for
from reports.plan import NoScoredPrimaryEndpoint
from tests.support.events import assessed, reported, reporting
from tests.support.house import House
from tests.support.mailbox import mailbox
from tests.support.participants import adopt, amended, infuse, participant, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, randomized, true_arms
from tests.support.script.logs import captured_log
from tests.support.variants import variant
from trial.access.accounts import Account
from trial.access.actions import Action
from trial.access.actors import system_actor
from trial.access.alerts import Alert
from trial.access.permissions import Permission
from trial.access.policies import declare, may
from trial.conduct.trials import Lever, LeverClosed, get_trial, lever_is_open
from trial.errors import NotPermitted
from trial.oversight.decisions import MoveLevers, move_levers
from trial.oversight.harm_pauses import (
    HarmPauseReleased,
    ReleaseHarmPause,
    pauses_of,
    release_harm_pause,
    standing_pauses,
)
from trial.reference import ROLES
from trial.safety.adverse_events import report_adverse_event

HALLUCINATED = {"term": "Hallucinations", "grade": 3, "verbatim": "saw things", "hospitalization": True}
RULE = "aesi_sae_rate"


def treated(house: House, number: int) -> list:
    """Randomized, and infused once."""
    people = [randomized(house) for _ in range(number)]
    house.clock.advance(timedelta(days=1))
    for one in people:
        infuse(house, one, 1)
    return people


def each_minute(installation) -> None:
    check_bounds(SimpleNamespace(additional_context={"installation": installation}), 0)


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
        each_minute(installation)
        assert box.letters == []
        for one in people:
            reported(house, one, **HALLUCINATED)
        monkeypatch.setenv("EQUIPOISE_SMTP_PORT", "1")  # nobody listens there
        each_minute(installation)
        checked = seen_by(house, "dsmb_chair").checked_at
        monkeypatch.setenv("EQUIPOISE_SMTP_PORT", str(box.port))
        each_minute(installation)
        assert seen_by(house, "dsmb_chair").checked_at == checked  # mailed later, and nothing more is written
        first = sorted(str(letter["To"]) for letter in box.letters)
        reported(house, people[0], verbatim="felt sick", term="Nausea")
        each_minute(installation)
    assert first == ["dsmb-chair@trial.example", "statistician-unblinded@trial.example"]
    assert len(box.letters) == 2
    told = box.to("dsmb-chair@trial.example")[0]
    assert not any(word in told for word in ("KET", "PBO", "P-0001", "Hallucinations", "arm A", "arm B"))


def test_what_commits_late_is_counted_although_its_entries_have_earlier_ids(house, installation):
    open_for_randomization(house)
    first, second = treated(house, 2)
    with house.database.transaction() as slow:
        report_adverse_event(slow, house.actor(slow, "coordinator", "S1"), reporting(house, first))
        slow.flush()
        reported(house, second, verbatim="threw up", term="Vomiting")
        check_trial(installation, house.trial.id)
    assert check_trial(installation, house.trial.id) is not None
    assert check_trial(installation, house.trial.id) is None


def test_somebody_randomized_while_the_bounds_are_counted_waits_for_the_next_check(house, installation, monkeypatch):
    open_for_randomization(house)
    treated(house, 1)
    waiting = ready_to_randomize(house)
    real = bounds.read_tables

    def read_then_randomize(*given):
        tables = real(*given)
        monkeypatch.setattr(bounds, "read_tables", real)
        randomize(house, waiting)
        return tables

    monkeypatch.setattr(bounds, "read_tables", read_then_randomize)
    assert check_trial(installation, house.trial.id) is not None
    assert check_trial(installation, house.trial.id) is not None


def test_a_trial_that_cannot_be_counted_keeps_no_other_from_being_checked(house, installation, monkeypatch):
    open_for_randomization(house)
    treated(house, 1)

    def refuse(protocol):
        raise NoScoredPrimaryEndpoint("Its primary endpoint is no score.")

    with monkeypatch.context() as patch:
        patch.setattr(bounds, "plan_from_protocol", refuse)
        with captured_log() as logged:
            each_minute(installation)
    assert "plan.no_scored_primary_endpoint" in logged.getvalue()
    assert check_trial(installation, house.trial.id) is not None


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
        assert [lever_is_open(trial, one) for one in Lever] == [False, True, True]
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


def test_a_release_opens_nothing_that_the_sponsor_has_closed(house, installation):
    open_for_randomization(house)
    adopted(house, variant(pauses=True, version="1.1"))
    died_of_it(house, treated(house, 1)[0])
    check_trial(installation, house.trial.id)
    with house.database.transaction() as session:
        closed = MoveLevers(trial_id=house.trial.id, levers={Lever.RANDOMIZING: False}, reason="As the board advised.")
        move_levers(session, house.actor(session, "sponsor"), closed)
    release(house, pauses(house)[0].id)
    with house.database.reading() as session:
        assert not lever_is_open(get_trial(session, house.trial.id), Lever.RANDOMIZING)


def test_a_pooled_bound_that_everybody_may_see_is_told_once_and_pauses_nothing(house, installation):
    open_for_randomization(house)
    adopted(house, variant(told=True, version="1.1"))
    first, second = treated(house, 2)
    for one in (first, second):
        died_of_it(house, one)
        check_trial(installation, house.trial.id)
    with house.database.reading() as session:
        told = [one.role for one in session.exec(select(Alert)) if one.kind.value == "harm_bound"]
        assert lever_is_open(get_trial(session, house.trial.id), Lever.RANDOMIZING)
    assert sorted(told) == ["dsmb_chair", "medical_monitor", "sponsor"]


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
    each_minute(installation)
    assert check_trial(installation, house.trial.id) is None
