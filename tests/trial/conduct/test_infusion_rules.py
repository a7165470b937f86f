from datetime import UTC, datetime, timedelta

import pytest

from tests.support.participants import calm_readings
from trial.conduct.infusion_rules import SignSeen, discharge_unmet, readings_missing, rules_fired
from trial.protocol.loader import shipped_protocol

PLAN = shipped_protocol("keta-pain").infusions
assert PLAN is not None
END = datetime(2026, 3, 2, 10, tzinfo=UTC)


def readings(**series: dict[int, float]) -> dict[int, dict[str, float]]:
    """Calm readings, but for the given measures at the given minutes."""
    changed = calm_readings(PLAN)
    for measure, values in series.items():
        for minute, value in values.items():
            changed.setdefault(minute, {})[measure] = value
    return changed


def fired(*args: object, **kwargs: object) -> list[tuple[str, int]]:
    return [(one.rule, one.minute) for one in rules_fired(PLAN, *args, **kwargs)]  # type: ignore[arg-type]


def test_calm_readings_fire_no_rule():
    assert fired(readings()) == []


@pytest.mark.parametrize(
    ("measure", "at_bound", "beyond", "rule"),
    [
        ("HR", 130, 131, "hold_hr_high"),
        ("HR", 45, 44, "hold_hr_low"),
        ("OXYSAT", 92, 91, "hold_spo2"),
        ("RASS", -2, -3, "hold_sedation"),
    ],
)
def test_a_rule_of_one_reading_fires_beyond_its_bound_only(measure: str, at_bound: float, beyond: float, rule: str):
    assert fired(readings(**{measure: {20: at_bound}})) == []
    assert fired(readings(**{measure: {20: beyond}})) == [(rule, 20)]


def test_a_pressure_must_be_high_twice_in_a_row():
    assert fired(readings(SYSBP={20: 185})) == []
    assert fired(readings(SYSBP={20: 185, 40: 185})) == []
    assert fired(readings(SYSBP={20: 185, 30: 180})) == [("hold_sbp", 30)]


def test_a_hold_that_lasts_ten_minutes_stops_the_infusion():
    assert fired(readings(HR={20: 140, 30: 141})) == [("hold_hr_high", 20), ("stop_unresolved", 30)]


def test_a_hold_that_is_over_at_the_next_reading_does_not():
    assert fired(readings(HR={20: 140, 40: 140})) == [("hold_hr_high", 20)]


@pytest.mark.parametrize("sign", ["anaphylaxis", "arrhythmia", "seizure"])
def test_a_sign_that_stops_fires_at_its_minute(sign: str):
    assert fired(readings(), [SignSeen(sign, 12)]) == [(f"stop_{sign}", 12)]


def test_distress_that_is_still_seen_ten_minutes_later_stops():
    signs = [SignSeen("psychotomimetic", 15), SignSeen("psychotomimetic", 26)]
    assert fired(readings(), signs) == [("hold_psychotomimetic", 15), ("stop_unresolved", 25)]


def test_a_calm_participant_goes_home_after_an_hour():
    assert _unmet(readings(), minutes=60) == ()
    assert _unmet(readings(), minutes=59) == ("less than 60 min after the end",)


def test_vitals_are_compared_with_the_first_reading():
    assert _unmet(readings(SYSBP={-10: 100, 100: 120})) == ()
    assert _unmet(readings(SYSBP={-10: 100, 100: 121})) == ("SYSBP not within 20% of baseline",)


def test_somebody_drowsy_or_without_an_escort_stays():
    unmet = _unmet(readings(RASS={100: -1}), confirmed=frozenset({"orientated"}))
    assert unmet == ("RASS not == 0", "not confirmed: Escort present")


def test_missing_readings_are_counted_up_to_the_end_of_the_watch():
    taken = readings()
    del taken[55]
    assert readings_missing(PLAN, taken, until_minute=100) == len(PLAN.monitoring.measures)
    assert readings_missing(PLAN, taken, until_minute=40) == 0


def _unmet(
    taken: dict[int, dict[str, float]],
    *,
    minutes: int = 90,
    confirmed: frozenset[str] = frozenset({"orientated", "escort"}),
) -> tuple[str, ...]:
    return discharge_unmet(
        PLAN.discharge,
        taken,
        ended_at=END,
        discharged_at=END + timedelta(minutes=minutes),
        confirmed=confirmed,
    )
