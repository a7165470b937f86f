"""The infusion domain by a grant: to whom it may be given, what it opens, and that it ends."""

import pytest

from tests.support.house import House
from tests.support.participants import infused
from trial.access.infusion_domain import (
    EndInfusionDomain,
    GrantInfusionDomain,
    InfusionDomainHeld,
    InfusionDomainNotForRole,
    InfusionGrantNotFound,
    end_infusion_domain,
    grant_infusion_domain,
)
from trial.access.infusion_grants import InfusionDomainGrant
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.infusions import infusions_for
from trial.errors import NotPermitted


def granted(house: House, role: str = "data_manager", *, by: str = "sponsor") -> InfusionDomainGrant:
    with house.database.transaction() as session:
        command = GrantInfusionDomain(
            trial_id=house.trial.id, account_id=house.people[(role, None)].id, reason="Readings to clean."
        )
        return grant_infusion_domain(session, house.actor(session, by), command)


def reads(house: House, role: str) -> tuple[bool, bool]:
    """Whether the person reads the infusion domain, and whether they write in it."""
    with house.database.session() as session:
        actor = house.actor(session, role)
        place = (house.trial.id, house.site_id("S1"))
        return may(actor, Permission.INFUSION_READ, *place), may(actor, Permission.INFUSION_WRITE, *place)


def test_a_grant_opens_reading_for_one_person_until_it_is_ended(house: House):
    someone = infused(house, infusions=1)
    assert reads(house, "data_manager") == (False, False)
    grant = granted(house)
    assert reads(house, "data_manager") == (True, False)
    assert reads(house, "statistician_blinded") == (False, False)
    with house.database.session() as session:
        assert len(infusions_for(session, house.actor(session, "data_manager"), someone)) == 1
    with pytest.raises(InfusionDomainHeld):
        granted(house)
    end = EndInfusionDomain(trial_id=house.trial.id, grant_id=grant.id, reason="The work is done.")
    with house.database.transaction() as session:
        end_infusion_domain(session, house.actor(session, "sponsor"), end)
    assert reads(house, "data_manager") == (False, False)
    with house.database.session() as session, pytest.raises(InfusionGrantNotFound):
        end_infusion_domain(session, house.actor(session, "sponsor"), end)


@pytest.mark.parametrize("role", ["sponsor", "dsmb_chair", "statistician_unblinded", "administrator"])
def test_it_is_given_to_data_managers_and_blinded_statisticians_alone(house: House, role: str):
    with pytest.raises(InfusionDomainNotForRole):
        granted(house, role)


def test_only_the_sponsor_gives_it(house: House):
    with pytest.raises(NotPermitted):
        granted(house, by="data_manager")
