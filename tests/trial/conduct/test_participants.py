
from tests.support.house import House
from tests.support.participants import participant, pretend_randomized, ready_to_randomize, registered
from trial.conduct.participants import ParticipantStatus


def test_codes_follow_the_order_of_registration_across_sites(house: House):
    codes = [participant(house, registered(house, site)).code for site in ("S1", "S2", "S1")]
    assert codes == ["P-0001", "P-0002", "P-0003"]


def test_somebody_consented_screened_and_signed_is_ready_to_randomize(house: House):
    ready = participant(house, ready_to_randomize(house))
    assert ready.status is ParticipantStatus.ELIGIBLE
    assert ready.eligibility_signed_at == house.clock.now()


def test_a_randomized_participant_carries_number_instant_and_stratum(house: House):
    done = participant(house, pretend_randomized(house, "S2"))
    assert done.status is ParticipantStatus.RANDOMIZED
    assert done.randomization_number == "R-0001"
    assert done.stratum == "site=S2; opioid_use=no; pain_type=neuropathic"
