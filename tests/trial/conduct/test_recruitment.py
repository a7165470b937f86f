"""Sites that are closed and reopened, cohorts that are paused and resumed: signed decisions, each refusal with its own code."""

from uuid import uuid4

import pytest

from tests.support.house import House
from tests.support.participants import ready_to_randomize, registered
from trial.access.signatures import signatures_on
from trial.conduct.eligibility import can_be_randomized, check_eligible_for_randomization, why_not_randomizable
from trial.conduct.recruitment import (
    CohortNotPaused,
    CohortPausedAlready,
    CohortUnknown,
    DecideOnCohort,
    DecideOnSite,
    SiteNotClosed,
    SiteNotOpen,
    close_site,
    decisions_on_recruitment,
    pause_cohort,
    reopen_site,
    resume_cohort,
)
from trial.conduct.sites import SiteClosed, SiteNotFound
from trial.errors import NotPermitted

OPIOID = ("baseline", "opioid_use")


def on_site(house: House, act, site: str = "S1", role: str = "sponsor", key: str | None = None):
    command = DecideOnSite(site_id=house.site_id(site), reason="too slow", idempotency_key=key or str(uuid4()))
    with house.database.transaction() as session:
        return act(session, house.actor(session, role), house.proof(role), command)


def on_cohort(house: House, act, *, role: str = "sponsor", site: str | None = None, **levels: str):
    command = DecideOnCohort(
        trial_id=house.trial.id, levels=levels, site=site, reason="enough of them", idempotency_key=str(uuid4())
    )
    with house.database.transaction() as session:
        return act(session, house.actor(session, role), house.proof(role), command)


def refusal(house: House, participant_id) -> str | None:
    with house.database.transaction() as session:
        found = why_not_randomizable(session, participant_id)
        assert can_be_randomized(session, participant_id) is (found is None)
        return found.code if found else None


def test_a_closed_site_takes_nobody_and_a_reopened_one_goes_on(house: House):
    here, there = ready_to_randomize(house, "S1"), ready_to_randomize(house, "S2")
    with pytest.raises(SiteNotClosed):
        on_site(house, reopen_site)
    with pytest.raises(NotPermitted):
        on_site(house, close_site, role="coordinator")
    key = str(uuid4())
    closed = on_site(house, close_site, key=key)
    assert on_site(house, close_site, key=key).id == closed.id, "a repeated request is one decision"
    with pytest.raises(SiteNotOpen):
        on_site(house, close_site)
    assert (refusal(house, here), refusal(house, there)) == ("site.closed", None)
    with pytest.raises(SiteClosed):
        registered(house)
    on_site(house, reopen_site)
    assert refusal(house, here) is None
    registered(house)
    with house.database.transaction() as session:
        decisions = decisions_on_recruitment(session, house.trial.id)
        assert [(one.number, one.scope, one.is_open) for one in decisions] == [
            (1, "site=S1", False),
            (2, "site=S1", True),
        ]
        assert all(len(signatures_on(session, one)) == 1 for one in decisions)


def test_a_paused_cohort_waits_while_others_are_randomized(house: House):
    user = ready_to_randomize(house, "S1", {OPIOID: "yes"})
    at_two = ready_to_randomize(house, "S2", {OPIOID: "yes"})
    other = ready_to_randomize(house, "S1", {OPIOID: "no"})
    with pytest.raises(CohortUnknown):
        on_cohort(house, pause_cohort, opioid_use="sometimes")
    with pytest.raises(SiteNotFound):
        on_cohort(house, pause_cohort, site="S7", opioid_use="yes")
    with pytest.raises(CohortNotPaused):
        on_cohort(house, resume_cohort, opioid_use="yes")
    with pytest.raises(NotPermitted):
        on_cohort(house, pause_cohort, role="medical_monitor", opioid_use="yes")
    on_cohort(house, pause_cohort, site="S1", opioid_use="yes")
    assert [refusal(house, one) for one in (user, at_two, other)] == ["cohort.paused", None, None]
    on_cohort(house, pause_cohort, opioid_use="yes")
    assert [refusal(house, one) for one in (user, at_two, other)] == ["cohort.paused", "cohort.paused", None]
    with pytest.raises(CohortPausedAlready):
        on_cohort(house, pause_cohort, opioid_use="yes")
    on_cohort(house, resume_cohort, opioid_use="yes")
    assert [refusal(house, one) for one in (user, at_two, other)] == ["cohort.paused", None, None]
    with house.database.transaction() as session:
        # What was allocated before the pause, and is only recorded now, is let through.
        assert check_eligible_for_randomization(session, user, recruiting=False).participant.id == user
