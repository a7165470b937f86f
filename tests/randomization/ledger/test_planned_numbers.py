"""The sponsor raises and lowers the planned number by signed decisions; looks go on from the design."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from randomization.ledger.planned_numbers import (
    ChangePlannedNumber,
    PlannedBelowRandomized,
    PlannedNumberUnchanged,
    change_planned_number,
    changes_of,
    planned_at,
    planned_by_design,
)
from randomization.ledger.tallies import SiteCapReached, TrialFull
from tests.support.house import House
from tests.support.participants import as_owner, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, randomized
from tests.support.replacing import leave, stand_in
from tests.support.variants import variant
from trial.access.signatures import ReauthenticationNeeded, signatures_on
from trial.audit.verification import verify_audit
from trial.conduct.participants import TrialLocked
from trial.conduct.trials import get_trial
from trial.errors import NotPermitted


def change(house: House, planned: int, *, role: str = "sponsor", key: str | None = None, proof_of: str | None = None):
    command = ChangePlannedNumber(
        trial_id=house.trial.id, planned_participants=planned, reason="the budget says so",
        idempotency_key=key or str(uuid4()),
    )  # fmt: skip
    with house.database.transaction() as session:
        return change_planned_number(session, house.actor(session, role), house.proof(proof_of or role), command)


def planned(house: House) -> int:
    with house.database.reading() as session:
        return get_trial(session, house.trial.id).planned_participants


def rows(house: House) -> int:
    with house.database.reading() as session:
        return session.execute(text("SELECT count(*) FROM trial.planned_number_change")).scalar_one()


@pytest.fixture
def small(database, clock) -> House:
    """Five are planned; a site of the three may have two."""
    sites = ("S1", "S2", "S3")
    loaded = variant(replaces="{when: before_first_dose, at_most: 1}")
    return House.build(database, clock, loaded=loaded, sites=sites, planned=5)


def test_a_full_trial_goes_on_when_the_sponsor_raises_the_number_and_the_site_s_cap_goes_with_it(small: House):
    open_for_randomization(small)
    for site in ("S1", "S1", "S2", "S2", "S3"):
        randomized(small, site)
    waiting = ready_to_randomize(small, "S3")
    more = ready_to_randomize(small, "S1")
    with pytest.raises(TrialFull):
        randomize(small, waiting)
    made = change(small, 6)
    assert (made.number, made.was, made.planned, planned(small)) == (1, 5, 6, 6)
    randomize(small, waiting)
    change(small, 7)
    with pytest.raises(SiteCapReached, match="cap of 2"):
        randomize(small, more)
    change(small, 8)
    randomize(small, more)


def test_the_number_is_never_lowered_below_those_randomized_replacements_not_counted(small: House):
    open_for_randomization(small)
    first, *_ = [randomized(small, site) for site in ("S1", "S2", "S3")]
    newcomer = ready_to_randomize(small, "S2")
    stand_in(small, newcomer, leave(small, first))
    randomize(small, newcomer)
    with pytest.raises(PlannedBelowRandomized, match="3 participants are randomized already"):
        change(small, 2)
    assert (planned(small), rows(small)) == (5, 0)
    change(small, 3)
    with pytest.raises(TrialFull):
        randomize(small, ready_to_randomize(small, "S3"))


def test_refusals_leave_nothing_written(small: House, owner_url: str):
    for role in ("coordinator", "statistician_unblinded", "dsmb_chair"):
        with pytest.raises(NotPermitted):
            change(small, 9, role=role)
    with pytest.raises(ReauthenticationNeeded):
        change(small, 9, proof_of="coordinator")
    with pytest.raises(PlannedNumberUnchanged):
        change(small, 5)
    for impossible in (1, 100_001):
        with pytest.raises(ValueError, match="planned_participants"):
            change(small, impossible)
    as_owner(owner_url, "UPDATE trial.trial SET locked_at = now()")
    with pytest.raises(TrialLocked):
        change(small, 9)
    assert (planned(small), rows(small)) == (5, 0)


def test_a_change_is_signed_kept_with_its_reason_and_made_once_for_one_key(small: House):
    key = str(uuid4())
    assert change(small, 9, key=key).id == change(small, 9, key=key).id
    with small.database.reading() as session:
        (made,) = changes_of(session, small.trial.id)
        assert len(signatures_on(session, made)) == 1
        told = session.execute(
            text(
                "SELECT action, content ->> 'reason' FROM (SELECT action, content::jsonb FROM audit.entry"
                " WHERE table_name = 'trial.trial' ORDER BY id DESC LIMIT 1) AS latest"
            )
        ).one()
        assert tuple(told) == ("trial:planned_number:changed", "the budget says so")
        assert verify_audit(session).is_whole


def test_what_was_planned_at_an_instant_is_known_and_the_design_stays(small: House):
    before = small.clock.now()
    for number in (9, 4):
        small.clock.advance(timedelta(days=1))
        change(small, number)
    with small.database.reading() as session:
        trial = get_trial(session, small.trial.id)
        days = [before + timedelta(days=day) for day in range(4)]
        assert [planned_at(session, trial, day) for day in days] == [5, 9, 4, 4]
        assert planned_by_design(session, trial) == 5
