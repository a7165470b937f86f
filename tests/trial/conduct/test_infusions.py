from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from tests.support.house import House
from tests.support.participants import (
    as_owner,
    calm_readings,
    consented,
    infuse,
    infused,
    infusion_command,
    order,
    participant,
    pretend_randomized,
    protocol_at,
)
from trial.conduct.departures import departures_for
from trial.conduct.forms import forms_for
from trial.conduct.infusion_courses import (
    Infusion,
    InfusionAlreadyRecorded,
    InfusionOrder,
    InfusionOutOfDays,
    InfusionOutOfOrder,
    InfusionStatus,
    TreatmentIsOver,
)
from trial.conduct.infusion_orders import OrderInfusion, order_infusion, orders_for
from trial.conduct.infusions import (
    InfusionNotOrdered,
    Interruption,
    MissInfusion,
    ReadingsRefused,
    RecordInfusion,
    Sign,
    SignUnknown,
    VolumeRefused,
    infusions_for,
    miss_infusion,
    record_infusion,
)
from trial.conduct.participants import NotRandomized, ParticipantStatus
from trial.conduct.trials import LeverClosed
from trial.conduct.visits import visits_for
from trial.errors import NotPermitted

DAY = timedelta(days=1)


def test_an_order_is_the_nominal_dose_and_the_same_bag_for_everybody(house: House):
    kept = _order(house, pretend_randomized(house), 1, weight_kg=82.4, height_cm=185.0)
    assert (kept.dose_mg, kept.mg_per_kg, kept.dose_weight_kg) == (41.2, 0.5, 82.4)
    assert (kept.volume_ml, kept.rate_ml_per_h, kept.minutes) == (100, 150, 40)


def test_a_small_change_of_weight_keeps_the_dose_and_a_large_one_does_not(house: House):
    someone = pretend_randomized(house)
    _order(house, someone, 1, weight_kg=70.0, height_cm=175.0)
    _give(house, someone, 1)
    house.clock.advance(DAY)
    kept = _order(house, someone, 2, weight_kg=72.0)
    assert (kept.weight_kg, kept.dose_mg, kept.height_cm) == (72.0, 35.0, 175.0)
    again = _order(house, someone, 2, weight_kg=78.0)
    assert (again.id, again.dose_mg, again.flags) == (kept.id, 39.0, ["redosed"])


def test_only_an_investigator_orders(house: House):
    with pytest.raises(NotPermitted):
        _order(house, pretend_randomized(house), 1, role="infusion_nurse")


def test_infusions_are_ordered_one_after_the_other(house: House):
    someone = pretend_randomized(house)
    with pytest.raises(InfusionOutOfOrder):
        _order(house, someone, 2)
    infuse(house, someone, 1)
    with pytest.raises(InfusionAlreadyRecorded):
        _order(house, someone, 1)
    with pytest.raises(InfusionOutOfOrder, match="no infusion 6"):
        _order(house, someone, 6)


def test_never_two_infusions_on_one_day(house: House):
    someone = pretend_randomized(house)
    infuse(house, someone, 1)
    with pytest.raises(InfusionOutOfDays):
        _order(house, someone, 2)


def test_an_infusion_may_move_by_one_day_and_no_further(house: House):
    someone = pretend_randomized(house)
    infuse(house, someone, 1)
    house.clock.advance(2 * DAY)
    _order(house, someone, 2)
    house.clock.advance(DAY)
    with pytest.raises(InfusionOutOfDays, match="not made up"):
        _order(house, someone, 2)


def test_before_randomization_nothing_is_ordered(house: House):
    with pytest.raises(NotRandomized):
        _order(house, consented(house), 1)


def test_the_sponsor_can_stop_dosing_on_day_three_of_five(house: House, owner_url: str):
    someone = infused(house, infusions=2)
    house.clock.advance(DAY)
    order(house, someone, 3)
    as_owner(owner_url, "UPDATE trial.trial SET dosing_open = false")
    with pytest.raises(LeverClosed):
        _give(house, someone, 3)
    house.clock.advance(DAY)
    _miss(house, someone, 3)


def test_an_infusion_needs_an_order_of_its_own_day(house: House):
    someone = pretend_randomized(house)
    with pytest.raises(InfusionNotOrdered):
        _give(house, someone, 1)
    order(house, someone, 1)
    house.clock.advance(DAY)
    with pytest.raises(InfusionNotOrdered):
        _give(house, someone, 1)


def test_the_first_infusion_starts_treatment_and_dates_the_visits(house: House):
    someone = pretend_randomized(house)
    infuse(house, someone, 1)
    stored = participant(house, someone)
    assert stored.status is ParticipantStatus.ON_TREATMENT
    assert stored.first_dose_at == stored.last_dose_at == house.clock.now() - timedelta(hours=2, minutes=40)
    with house.database.transaction() as session:
        states = visits_for(session, house.actor(session, "coordinator", "S1"), someone)
    done = {one.planned.visit.code: one for one in states if one.standing == "done"}
    assert set(done) == {"SCR", "BL", "INF1"}
    assert done["INF1"].record is not None
    assert done["INF1"].record.in_window is True


def test_five_infusions_complete_the_treatment(house: House):
    someone = infused(house)
    assert participant(house, someone).status is ParticipantStatus.FOLLOW_UP
    with house.database.transaction() as session:
        treatment, study = departures_for(session, house.actor(session, "monitor", "S1"), someone)
    assert treatment is not None
    assert (treatment.kind, treatment.reason) == ("completed", "completed")
    assert treatment.ended_on == house.clock.now().date()
    assert study is None
    with pytest.raises(TreatmentIsOver):
        _order(house, someone, 6)


def test_a_missed_infusion_is_not_made_up_and_the_treatment_not_complete(house: House):
    someone = infused(house, infusions=3)
    house.clock.advance(DAY)
    missed = _miss(house, someone, 4)
    assert (missed.status, missed.given_on, missed.missed_reason) == (InfusionStatus.MISSED, None, "Had a cold")
    with pytest.raises(InfusionAlreadyRecorded):
        _order(house, someone, 4)
    house.clock.advance(DAY)
    infuse(house, someone, 5)
    with house.database.transaction() as session:
        treatment, _ = departures_for(session, house.actor(session, "monitor", "S1"), someone)
    assert treatment is not None
    assert (treatment.kind, treatment.detail) == ("discontinued", "Had a cold")


def test_what_was_done_is_kept_beside_what_the_rules_said(house: House):
    someone = pretend_randomized(house)
    order(house, someone, 1)
    plan = protocol_at(house).infusions
    assert plan is not None
    readings = calm_readings(plan)
    for minute in (20, 30):
        readings[minute]["SYSBP"] = 185
    del readings[100]
    kept = _give(house, someone, 1, readings=readings, signs=(Sign(code="psychotomimetic", minute=25),))
    assert [(one["rule"], one["minute"]) for one in kept.rules_fired] == [
        ("hold_psychotomimetic", 25),
        ("hold_sbp", 30),
    ]
    assert kept.readings["20"]["SYSBP"] == 185
    assert kept.discharge_unmet == []


def test_an_infusion_that_was_stopped_is_partial_with_its_reason_and_interruptions(house: House):
    someone = pretend_randomized(house)
    order(house, someone, 1)
    with pytest.raises(VolumeRefused):
        _give(house, someone, 1, infused_volume_ml=60)
    with pytest.raises(VolumeRefused):
        _give(house, someone, 1, infused_volume_ml=101)
    pause = Interruption(minute=12, minutes=8, reason="High pressure")
    kept = _give(house, someone, 1, infused_volume_ml=60, stopped_reason="Arrhythmia", interruptions=(pause,))
    assert (kept.status, kept.interrupted_min, kept.infused_volume_ml) == (InfusionStatus.PARTIAL, 8, 60)


def test_early_discharge_is_recorded_with_what_was_not_met(house: House):
    someone = pretend_randomized(house)
    order(house, someone, 1)
    command = infusion_command(house, someone, 1)
    kept = _give(
        house,
        someone,
        1,
        discharged_at=command.ended_at + timedelta(minutes=30),
        confirmed_at_discharge=("orientated",),
    )
    assert kept.discharge_unmet == ["less than 60 min after the end", "not confirmed: Escort present"]


@pytest.mark.parametrize(
    ("readings", "field"),
    [({20: {"SYSBP": 20}}, "20.SYSBP"), ({20: {"MOOD": 3}}, "20.MOOD"), ({40: {"CADSS": 93}}, "40.CADSS")],
)
def test_a_reading_that_cannot_be_true_is_refused_by_name(house: House, readings: dict, field: str):
    someone = pretend_randomized(house)
    order(house, someone, 1)
    with pytest.raises(ReadingsRefused) as refusal:
        _give(house, someone, 1, readings=readings)
    assert set(refusal.value.fields) == {field}


def test_a_sign_outside_the_protocols_rules_is_refused(house: House):
    someone = pretend_randomized(house)
    order(house, someone, 1)
    with pytest.raises(SignUnknown):
        _give(house, someone, 1, signs=(Sign(code="yawning", minute=5),))


def test_an_infusion_ends_after_it_starts_and_before_going_home(house: House):
    someone = pretend_randomized(house)
    good = infusion_command(house, someone, 1)
    with pytest.raises(ValidationError):
        RecordInfusion.model_validate({**good.model_dump(), "ended_at": good.started_at})
    with pytest.raises(ValidationError):
        RecordInfusion.model_validate({**good.model_dump(), "discharged_at": good.started_at})


def test_the_forms_of_the_infusion_come_with_it_and_stay_in_its_domain(house: House):
    someone = pretend_randomized(house)
    order(house, someone, 1)
    checklist = {"open_question": "A little dizzy", "any_event": "yes"}
    _give(house, someone, 1, forms={"aesi_checklist": checklist})
    readers = {}
    for role in ("infusion_nurse", "efficacy_assessor", "data_manager"):
        with house.database.transaction() as session:
            found = forms_for(session, house.actor(session, role), someone)
        readers[role] = "aesi_checklist" in {one.form for one in found}
    assert readers == {"infusion_nurse": True, "efficacy_assessor": False, "data_manager": False}


@pytest.mark.parametrize(
    "role", ["efficacy_assessor", "data_manager", "statistician_blinded", "sponsor", "pharmacist_unblinded"]
)
def test_the_infusion_domain_is_closed_to_those_whom_its_content_could_unblind(house: House, role: str):
    someone = infused(house, infusions=1)
    with house.database.transaction() as session, pytest.raises(NotPermitted):
        infusions_for(session, house.actor(session, role), someone)
    with house.database.transaction() as session, pytest.raises(NotPermitted):
        orders_for(session, house.actor(session, role), someone)


@pytest.mark.parametrize("role", ["coordinator", "investigator", "infusion_nurse", "monitor", "medical_monitor"])
def test_the_infusion_team_and_its_monitors_read_the_course(house: House, role: str):
    someone = infused(house, infusions=2)
    with house.database.transaction() as session:
        actor = house.actor(session, role)
        assert [one.infusion for one in infusions_for(session, actor, someone)] == [1, 2]
        assert len(orders_for(session, actor, someone)) == 2


def _order(
    house: House,
    participant_id: UUID,
    number: int,
    *,
    weight_kg: float = 70.0,
    height_cm: float | None = None,
    role: str = "investigator",
) -> InfusionOrder:
    command = OrderInfusion(
        participant_id=participant_id,
        infusion=number,
        weight_kg=weight_kg,
        height_cm=height_cm or (175.0 if number == 1 else None),
    )
    with house.database.transaction() as session:
        return order_infusion(session, house.actor(session, role, "S1"), command)


def _give(house: House, participant_id: UUID, number: int, **changes: Any) -> Infusion:
    with house.database.transaction() as session:
        actor = house.actor(session, "infusion_nurse", "S1")
        return record_infusion(session, actor, infusion_command(house, participant_id, number, **changes))


def _miss(house: House, participant_id: UUID, number: int) -> Infusion:
    command = MissInfusion(participant_id=participant_id, infusion=number, reason="Had a cold")
    with house.database.transaction() as session:
        return miss_infusion(session, house.actor(session, "infusion_nurse", "S1"), command)
