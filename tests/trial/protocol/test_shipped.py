"""What the shipped protocols must say, figure by figure, and what they must never say."""

from __future__ import annotations

from datetime import date

import pytest

from trial.protocol import SHIPPED, shipped_protocol, shipped_text
from trial.reference import promis29_items, promis29_tables

KETA = shipped_protocol("keta-pain")
SECOND = shipped_protocol("second")
EVERY = [pytest.param(shipped_protocol(name), id=name) for name in SHIPPED]


def test_two_arms_one_to_one():
    assert (KETA.arm_codes, KETA.shares) == (("KET", "PBO"), (1, 1))
    assert [arm.role for arm in KETA.arms] == ["active", "placebo"]


def test_both_comparators_are_offered():
    assert [variant.id for variant in KETA.arm("PBO").variants] == ["saline", "midazolam"]
    assert KETA.arm("PBO").variants[1].default_without_single_source


def test_the_allocation_is_stratified_and_capped():
    randomization = KETA.randomization
    assert randomization.scheme.name == "permuted_blocks"
    assert randomization.site_is_factor
    assert {factor.name: factor.level_codes for factor in KETA.factors} == {
        "opioid_use": ("yes", "no"),
        "pain_type": ("neuropathic", "nociplastic", "nociceptive_or_mixed"),
    }
    assert (randomization.within_days_of_eligibility, randomization.site_cap_fraction) == (7, 0.40)
    assert randomization.before_visit == "INF1"


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_no_shipped_protocol_holds_block_sizes_or_a_seed(name):
    said = [line for line in shipped_text(name).splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(said).lower()
    assert "block_size" not in text
    assert "seed:" not in text


def test_the_dose_and_its_rules():
    plan = KETA.infusions
    assert (plan.dose.mg_per_kg, plan.dose.cap_mg, plan.dose.stock_mg_per_ml) == (0.5, 50, 50)
    assert (plan.dose.syringe_graduation_ml, plan.weight.redose_if_change_over) == (0.01, 0.10)
    assert (plan.weight.adjusted.from_bmi, plan.weight.adjusted.excess_fraction) == (30, 0.4)
    assert (plan.delivery.volume_ml, plan.delivery.minutes, plan.delivery.rate_ml_per_h) == (100, 40, 150)
    assert (plan.count, plan.days.may_move_days, plan.days.all_within_days) == (5, 1, 9)
    assert plan.monitoring.minutes == (-10, 0, 10, 20, 30, 40, 55, 70, 100)
    assert [(scale.instrument, scale.minutes) for scale in plan.monitoring.scales] == [("CADSS", (-10, 40, 100))]


def test_the_worked_dose_of_the_synopsis():
    dose = KETA.infusions.dose
    ordered = dose.mg_per_kg * 82.4
    steps = round(ordered / dose.stock_mg_per_ml / dose.syringe_graduation_ml)
    drawn = steps * dose.syringe_graduation_ml
    assert (round(ordered, 3), round(drawn, 2), round(drawn * dose.stock_mg_per_ml, 3)) == (41.2, 0.82, 41.0)


def test_hold_stop_and_discharge_rules():
    rules = KETA.infusions.rules
    held = {
        (rule.reading.measure, rule.reading.comparison, rule.reading.value, rule.reading.readings)
        for rule in rules
        if rule.reading
    }
    assert held == {
        ("SYSBP", ">=", 180, 2), ("DIABP", ">=", 110, 2), ("HR", ">", 130, 1), ("HR", "<", 45, 1),
        ("OXYSAT", "<", 92, 1), ("RASS", "<=", -3, 1),
    }  # fmt: skip
    assert [rule.unresolved_after_min for rule in rules if rule.unresolved_after_min] == [10]
    assert {rule.sign.code for rule in rules if rule.sign and rule.action == "stop"} == {
        "anaphylaxis", "arrhythmia", "seizure",
    }  # fmt: skip
    discharge = KETA.infusions.discharge
    assert (discharge.minutes_after_end, discharge.vitals_within_fraction_of_baseline) == (60, 0.20)


def test_nine_inclusion_and_thirteen_exclusion_criteria_each_with_a_machine_check():
    assert (len(KETA.inclusion), len(KETA.exclusion)) == (9, 13)
    assert all(criterion.check for criterion in KETA.eligibility)


def test_thresholds_without_a_single_source_say_so():
    marked = {criterion.id for criterion in KETA.eligibility if criterion.default_without_single_source}
    assert marked == {"I02", "I03", "I04", "I06", "E01", "E05", "E06"}
    assert all(rule.default_without_single_source for rule in KETA.infusions.rules)
    assert KETA.infusions.dose.default_without_single_source
    assert KETA.infusions.monitoring.default_without_single_source


def test_the_schedule_of_visits():
    windows = {visit.code: (visit.day, visit.opens, visit.closes) for visit in KETA.visits}
    assert windows["SCR"][1:] == (-28, -1)
    assert windows["BL"][1:] == (-7, -1)
    assert windows["M1"] == (30, 30 - 7, 30 + 7)
    assert windows["M3"] == (91, 91 - 14, 91 + 14)
    assert windows["M6"] == (182, 182 - 21, 182 + 21)
    assert KETA.visit("EOI").dates(date(2026, 3, 6)).closes == date(2026, 3, 8)
    assert KETA.visit("BL").instruments[0].times == 2
    assert [KETA.visit_of_dose(number).code for number in range(1, 6)] == ["INF1", "INF2", "INF3", "INF4", "INF5"]


def test_month_3_asks_every_instrument_and_the_end_of_infusions_does_not():
    assert set(KETA.visit("M3").instrument_ids) == {
        "PROMIS-29", "SATISFACTION-ROLES", "PCS", "PSEQ", "PGIC", "C-SSRS",
    }  # fmt: skip
    assert "PCS" not in KETA.visit("EOI").instrument_ids


def test_the_primary_endpoint_and_the_order_of_the_key_secondary_ones():
    primary = KETA.endpoints.primary
    assert (primary.score.domain, primary.visits) == ("pain_interference", ("M3",))
    assert [endpoint.id for endpoint in KETA.endpoints.key_secondary] == [
        "pi_m6", "fatigue_m3", "depression_m3", "pi_responder_m3",
    ]  # fmt: skip
    thresholds = KETA.endpoints.responder_thresholds[0]
    assert (thresholds.points, thresholds.key.value) == ((2, 3, 5), 3)


def test_death_counts_as_the_worst_pain_interference():
    death = next(event for event in KETA.estimand.intercurrent_events if event.event == "death")
    worst = promis29_tables()["pain_interference", "2.0"].scores[20].t_score
    assert (death.strategy, death.value) == ("composite", worst)


def test_the_design_and_sample_size():
    assert KETA.design.information_fractions == (0.50, 0.75, 1.0)
    assert KETA.design.efficacy.function == "lan_demets_obrien_fleming"
    futility = KETA.design.futility
    assert (futility.gamma, futility.beta, futility.binding) == (-4, 0.10, False)
    size = KETA.sample_size
    assert (size.fixed_per_arm, size.inflation, size.missing_fraction, size.total) == (166, 1.041, 0.15, 408)
    per_arm = size.fixed_per_arm * size.inflation / (1 - size.missing_fraction)
    assert size.total / 2 - 1 < per_arm <= size.total / 2


def test_safety_bounds_and_clocks():
    kinds = {rule.id: rule for rule in KETA.stopping_rules}
    assert (kinds["related_death"].count, kinds["related_saes_of_one_kind"].count) == (1, 2)
    bound = kinds["aesi_sae_rate"]
    assert (bound.rate_limit, bound.probability_above, bound.prior_a, bound.prior_b) == (0.05, 0.95, 0.5, 0.5)
    assert (bound.by_arm, bound.seen_by) == (True, "board")
    clocks = {clock.id: (clock.within_hours, clock.within_days) for clock in KETA.adverse_events.clocks}
    assert clocks["site_to_sponsor"] == (24, None)
    assert (clocks["fda_7"], clocks["fda_15"], clocks["eu_7_complete"]) == ((None, 7), (None, 15), (None, 8))
    assert KETA.adverse_events.dictionary.version == "6.0"
    assert KETA.adverse_events.causality.related_codes == {"certain", "probable", "possible"}


def test_five_board_members_with_the_statistician_in_the_quorum():
    board = KETA.board
    assert (len(board.seats), board.quorum) == (5, 3)
    assert [seat.seat for seat in board.seats if seat.needed_for_quorum] == ["statistician"]


def test_who_guesses_and_when():
    asked = {form.occasion: set(form.guessers) for form in KETA.guesses.forms}
    assert asked == {
        "INF1": {"participant", "infusion_nurse"},
        "INF5": {"participant", "infusion_nurse"},
        "M3": {"participant", "assessor"},
    }


def test_promis_items_agree_with_the_packaged_reference():
    promis = KETA.instrument("PROMIS-29")
    packaged = [(item.item_id, item.response_set, item.reversed) for item in promis29_items()]
    assert [(item.id, item.answers, item.reversed) for item in promis.items] == packaged
    for domain in promis.domains:
        if domain.table:
            table = promis29_tables()[domain.name, promis.version]
            assert (domain.low, domain.high) == (table.scores[4].t_score, table.scores[20].t_score)
            assert domain.better == table.better


def test_no_item_text_of_a_licensed_instrument_is_shipped():
    sentences = {item.paraphrase for item in promis29_items() if " " in item.paraphrase}
    assert len(sentences) > 20
    assert not [words for words in sentences if words in shipped_text("keta-pain")]


def test_the_amendment_changes_its_version_and_one_threshold_only():
    before, after = (shipped_protocol(name).model_dump() for name in ("keta-pain", "keta-pain-1.1"))
    assert {name for name in before if before[name] != after[name]} == {"identity", "eligibility"}
    changed = [new["id"] for old, new in zip(before["eligibility"], after["eligibility"], strict=True) if old != new]
    assert changed == ["I04"]
    amended = shipped_protocol("keta-pain-1.1").identity
    assert (amended.version, amended.supersedes, amended.reconsent.who) == ("1.1", "1.0", "everybody_in_the_trial")


def test_the_second_protocol_has_another_shape():
    assert (len(SECOND.arms), SECOND.shares) == (3, (2, 1, 1))
    assert SECOND.randomization.scheme.name == "minimization"
    assert SECOND.infusions is None
    assert not set(SECOND.visit_codes) & set(KETA.visit_codes) - {"SCR", "BL"}
    assert SECOND.design.futility is None


@pytest.mark.parametrize("protocol", EVERY)
def test_every_responder_endpoint_names_a_threshold_that_is_reported(protocol):
    reported = {
        (thresholds.score.domain, unit, value)
        for thresholds in protocol.endpoints.responder_thresholds
        for unit, values in (("points", thresholds.points), ("percent", thresholds.percent))
        for value in values
    }
    for endpoint in protocol.endpoints.all:
        if endpoint.threshold:
            assert (endpoint.score.domain, endpoint.threshold.unit, endpoint.threshold.value) in reported


@pytest.mark.parametrize("protocol", EVERY)
def test_visits_of_one_anchor_come_in_the_order_of_their_days(protocol):
    for anchor in ("first_dose", "randomization"):
        days = [visit.day for visit in protocol.visits if visit.anchor == anchor]
        assert days == sorted(days)
