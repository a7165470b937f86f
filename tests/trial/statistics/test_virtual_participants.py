"""The simulated trial looks like the published figures, and shows what those figures do not prove."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trial.statistics.blinding_indices import ArmGuesses, bang_index
from trial.statistics.checks import OutOfRange
from trial.statistics.linear import ancova
from trial.statistics.virtual_participants import (
    SCENARIOS,
    GuessBehaviour,
    Scenario,
    answers_for_t_score,
    shown_score,
    simulate_changes,
    simulate_completion,
    simulate_course,
    simulate_participant,
)
from trial.statistics.virtual_participants.answers import split_total
from trial.statistics.virtual_participants.events import EVENT_KINDS, simulate_events
from trial.statistics.virtual_participants.infusions import simulate_infusion

NONE, STUDY, OPTIMISTIC = SCENARIOS["none"], SCENARIOS["study"], SCENARIOS["optimistic"]
VISITS = NONE.visits
PRIMARY = VISITS.index(NONE.primary_visit)
# PROMIS pain interference 4a, raw sum 4 to 20.
PAIN_T = dict(
    zip(
        range(4, 21),
        [41.6, 49.6, 52.0, 53.9, 55.6, 57.1, 58.5, 59.9, 61.2, 62.5, 63.8, 65.2, 66.6, 68.0, 69.7, 71.6, 75.6],
        strict=True,
    )
)


def generator(seed=20251020):
    return np.random.default_rng(seed)


def a_cohort(n, active, scenario=STUDY, seed=3):
    rng = generator(seed)
    return [simulate_course(rng, scenario, simulate_participant(rng, scenario), active=active) for _ in range(n)]


class TestResponderRatesWithoutAnyEffect:
    """clinical facts, section 3: 20–46 % responders is about what a mean change of −2 alone yields."""

    def test_the_null_trial_has_a_mean_change_of_about_minus_two_with_no_exposure_at_all(self):
        changes = simulate_changes(generator(), NONE, 40_000)
        assert changes[:, 0].mean() == pytest.approx(-2.0, abs=0.15)
        assert changes[:, 0].std() == pytest.approx(7.0, abs=0.1)

    @pytest.mark.parametrize("scale", ["pain_interference", "fatigue", "depression", "sleep_disturbance"])
    def test_between_20_and_46_percent_are_responders_with_no_effect(self, scale):
        changes = simulate_changes(generator(), NONE, 40_000, scale=scale)[:, 0]
        at_five, at_three = (changes <= -5).mean(), (changes <= -3).mean()
        assert 0.20 < at_five < at_three < 0.464

    def test_at_the_two_point_threshold_half_respond_to_nothing(self):
        changes = simulate_changes(generator(), NONE, 40_000)[:, 0]
        assert (changes <= -2).mean() == pytest.approx(0.50, abs=0.02)

    @pytest.mark.parametrize("sd_change", [5.0, 7.0, 9.0])
    def test_with_any_plausible_spread_27_to_37_percent_pass_five_points(self, sd_change):
        pain = replace(NONE.scales["pain_interference"], sd_change=sd_change)
        scenario = Scenario(scales={**NONE.scales, "pain_interference": pain})
        rate = (simulate_changes(generator(), scenario, 40_000)[:, 0] <= -5).mean()
        assert 0.26 < rate < 0.38

    def test_the_scored_answers_of_single_participants_show_the_same(self):
        rng, better = generator(11), {2: 0, 3: 0, 5: 0}
        n = 1200
        for _ in range(n):
            person = simulate_participant(rng, NONE)
            after = simulate_course(rng, NONE, person, active=0.0).scores["end_of_infusions"]
            t = [
                PAIN_T[sum(answers_for_t_score(rng, PAIN_T, latent["pain_interference"]))]
                for latent in (person.latent, after)
            ]
            for threshold in better:
                better[threshold] += t[1] - t[0] <= -threshold
        assert 0.20 < better[5] / n < better[3] / n < 0.464
        assert 0.40 < better[2] / n < 0.58

    def test_a_trial_of_placebo_against_placebo_would_look_like_success_in_both_arms_and_differ_in_neither(self):
        rng = generator(5)
        one, other = (simulate_changes(rng, NONE, 20_000, active=active)[:, 0] for active in (0.0, 1.0))
        assert (one <= -5).mean() > 0.25
        assert (other <= -5).mean() == pytest.approx((one <= -5).mean(), abs=0.02)


class TestEffect:
    def test_with_no_effect_the_exposure_changes_nothing_at_all(self):
        unexposed, exposed = (simulate_changes(generator(), NONE, 500, active=active) for active in (0.0, 1.0))
        assert np.array_equal(unexposed, exposed)

    @pytest.mark.parametrize("scenario", [STUDY, OPTIMISTIC], ids=["study", "optimistic"])
    def test_the_set_effect_is_recovered_at_the_primary_visit(self, scenario):
        rng = generator()
        n = 40_000
        active = np.repeat([0.0, 1.0], n // 2)
        change = simulate_changes(rng, scenario, n, active=active)[:, PRIMARY]
        arms = np.where(active > 0, "exposed", "unexposed")
        contrast = ancova(change, arms, reference="unexposed").contrast
        assert contrast.lower < scenario.effect < contrast.upper
        assert contrast.difference == pytest.approx(scenario.effect, abs=0.2)

    def test_a_null_trial_of_the_protocol_s_size_rejects_about_one_time_in_twenty(self):
        rng, n, rejected = generator(8), 346, 0
        active = np.tile([0.0, 1.0], n // 2)
        arms = np.where(active > 0, "exposed", "unexposed")
        for _ in range(400):
            change = simulate_changes(rng, NONE, n, active=active)[:, PRIMARY]
            rejected += ancova(change, arms, reference="unexposed").contrast.p_value < 0.05
        assert 0.02 < rejected / 400 < 0.085

    def test_function_rises_where_symptoms_fall(self):
        for scale in ("physical_function", "social_roles_ability", "pseq"):
            assert simulate_changes(generator(), STUDY, 5_000, active=1.0, scale=scale)[:, PRIMARY].mean() > 1.0

    def test_half_the_exposure_has_half_the_effect(self):
        full, half, none = (
            simulate_changes(generator(), OPTIMISTIC, 100, active=active)[:, PRIMARY] for active in (1.0, 0.5, 0.0)
        )
        assert half - none == pytest.approx((full - none) / 2)


def test_changes_at_neighbouring_visits_are_correlated_and_distant_ones_less():
    correlations = np.corrcoef(simulate_changes(generator(), NONE, 40_000).T)
    assert correlations[0, 1] == pytest.approx(0.7, abs=0.03)
    assert correlations[0, 1] > correlations[0, 2] > correlations[0, 3] > 0.25


def test_scales_move_together_and_function_against_symptoms():
    people = [simulate_participant(rng, NONE) for rng in [generator()] for _ in range(1500)]
    latent = {name: np.array([p.latent[name] for p in people]) for name in NONE.scales}
    assert 0.3 < np.corrcoef(latent["fatigue"], latent["depression"])[0, 1] < 0.7
    assert -0.7 < np.corrcoef(latent["fatigue"], latent["physical_function"])[0, 1] < -0.3


class TestCompletion:
    def test_86_1_percent_receive_all_five_infusions(self):
        received, _ = simulate_completion(generator(), NONE, 200_000)
        assert (received == 5).mean() == pytest.approx(0.861, abs=0.003)
        assert set(np.unique(received)) == {0, 1, 2, 3, 4, 5}

    def test_follow_up_keeps_the_shares_of_the_scenario_and_never_resumes(self):
        _, visits = simulate_completion(generator(), NONE, 200_000)
        for place, share in enumerate(NONE.retention):
            assert (visits > place).mean() == pytest.approx(share, abs=0.004)

    def test_those_who_stop_infusions_are_likelier_to_leave(self):
        received, visits = simulate_completion(generator(), NONE, 50_000)
        stayed = visits == len(VISITS)
        assert stayed[received < 5].mean() < stayed[received == 5].mean() - 0.1

    def test_a_trial_without_infusions_has_none(self):
        received, _ = simulate_completion(generator(), replace(NONE, infusions=0), 50)
        assert not received.any()


class TestAdverseEvents:
    def test_the_ratio_of_participants_with_an_event_is_that_of_the_review(self):
        rng, n = generator(), 6_000
        having = {
            active: sum(bool(simulate_events(rng, STUDY, active=active, infusions=5, last_day=182)) for _ in range(n))
            for active in (0.0, 1.0)
        }
        assert having[0.0] / n == pytest.approx(0.22, abs=0.02)
        assert having[1.0] / having[0.0] == pytest.approx(3.26, abs=0.35)

    def test_events_happen_in_infusions_that_were_received_with_grades_that_their_terms_have(self):
        highest = {kind.verbatim: kind.highest_grade for kind in EVENT_KINDS}
        for course in a_cohort(300, 1.0):
            for event in course.events:
                assert 1 <= event.grade <= highest[event.verbatim]
                assert event.duration_minutes >= 5
                if event.infusion is None:
                    assert event.minute is None
                    assert event.day is not None
                else:
                    assert 1 <= event.infusion <= course.infusions_received
                    assert event.minute is not None

    def test_who_received_nothing_has_no_infusion_event(self):
        rng = generator()
        for _ in range(300):
            events = simulate_events(rng, STUDY, active=1.0, infusions=0, last_day=182)
            assert all(event.infusion is None for event in events)

    def test_serious_events_are_rare_and_severe(self):
        scenario = replace(STUDY, serious_risk=1.0)
        events = [event for course in a_cohort(60, 1.0, scenario) for event in course.events if event.serious]
        assert events
        assert all(event.grade >= 2 for event in events)
        assert sum(event.serious for course in a_cohort(200, 1.0) for event in course.events) < 15

    def test_dissociation_is_mostly_a_matter_of_exposure(self):
        told = {
            active: Counter(event.verbatim for course in a_cohort(300, active) for event in course.events)
            for active in (0.0, 1.0)
        }
        assert told[1.0]["felt detached from the body"] > 10 * (1 + told[0.0]["felt detached from the body"])


class TestInfusions:
    def test_systolic_pressure_rises_by_20_to_30_and_is_back_20_minutes_after(self):
        rng = generator()
        person = simulate_participant(rng, STUDY)
        courses = [simulate_infusion(rng, STUDY, person, active=1.0, infusion=1) for _ in range(400)]
        mean = {
            minute: np.mean([r.sbp_mmhg for c in courses for r in c.vitals if r.minute == minute]) - person.sbp_mmhg
            for minute in (-10, 40, 55, 70)
        }
        assert 20 < mean[40] < 30
        assert abs(mean[-10]) < 1.5
        assert abs(mean[70]) < 1.5
        assert mean[70] < mean[55] < mean[40]

    def test_without_exposure_nothing_rises(self):
        rng = generator()
        person = simulate_participant(rng, STUDY)
        courses = [simulate_infusion(rng, STUDY, person, active=0.0, infusion=1) for _ in range(200)]
        at_end = [r.sbp_mmhg for c in courses for r in c.vitals if r.minute == 40]
        assert np.mean(at_end) == pytest.approx(person.sbp_mmhg, abs=1.5)
        assert np.mean([total for c in courses for _, total in c.cadss]) < 1.0

    def test_dissociation_peaks_at_the_end_and_wanes_over_the_days(self):
        rng = generator()
        person = simulate_participant(rng, STUDY)

        def mean_total(infusion, minute):
            courses = [simulate_infusion(rng, STUDY, person, active=1.0, infusion=infusion) for _ in range(400)]
            return np.mean([total for c in courses for at, total in c.cadss if at == minute])

        assert mean_total(1, 40) == pytest.approx(16, abs=2.0)
        assert mean_total(1, 100) < 1.0
        assert mean_total(5, 40) < mean_total(1, 40) - 3

    def test_readings_stay_where_monitors_and_people_are(self):
        for course in a_cohort(60, 1.0):
            for infusion in course.infusions:
                assert [r.minute for r in infusion.vitals] == [-10, 0, 10, 20, 30, 40, 55, 70, 100]
                for reading in infusion.vitals:
                    assert 60 < reading.sbp_mmhg < 240
                    assert reading.dbp_mmhg < reading.sbp_mmhg
                    assert 88 <= reading.spo2_percent <= 100
                    assert -3 <= reading.rass <= 0
                assert all(0 <= total <= 92 for _, total in infusion.cadss)

    def test_the_caller_chooses_the_minutes(self):
        rng = generator()
        course = simulate_course(
            rng, replace(STUDY, completion=1.0), simulate_participant(rng, STUDY), active=1.0, vital_minutes=(0, 40)
        )
        assert [r.minute for r in course.infusions[0].vitals] == [0, 40]


class TestGuesses:
    def test_infusion_staff_and_participants_see_through_it_and_the_assessor_does_not(self):
        exposed, unexposed = a_cohort(500, 1.0), a_cohort(500, 0.0)

        def index(guesser, courses, right, wrong):
            found = Counter(g.belief for c in courses for g in c.guesses if g.guesser == guesser)
            return bang_index(ArmGuesses(found[right], found[wrong], found["dont_know"])).estimate

        for guesser in ("participant", "infusion_nurse"):
            assert index(guesser, exposed, "active", "inactive") > 0.4
            assert index(guesser, unexposed, "inactive", "active") > 0.2
        assert abs(index("assessor", unexposed, "inactive", "active")) < 0.2

    def test_an_active_comparator_can_be_made_harder_to_tell(self):
        fair = GuessBehaviour(0.3, 0.5, 0.5)
        scenario = replace(STUDY, guesses={"participant": fair, "infusion_nurse": fair, "assessor": fair})
        beliefs = Counter(g.belief for c in a_cohort(300, 1.0, scenario) for g in c.guesses)
        assert beliefs["active"] / (beliefs["active"] + beliefs["inactive"]) == pytest.approx(0.5, abs=0.06)

    def test_who_does_not_know_gives_neither_certainty_nor_reason(self):
        for course in a_cohort(80, 1.0):
            for guess in course.guesses:
                unsure = guess.belief == "dont_know"
                assert (guess.certainty is None) == (guess.reason is None) == unsure
                assert unsure or 1 <= guess.certainty <= 5

    def test_guesses_are_asked_after_the_first_and_fifth_infusion_and_at_the_primary_visit(self):
        course = next(c for c in a_cohort(50, 1.0) if c.infusions_received == 5 and c.attended("month_3"))
        assert [(g.occasion, g.guesser) for g in course.guesses] == [
            ("infusion_1", "participant"),
            ("infusion_1", "infusion_nurse"),
            ("infusion_5", "participant"),
            ("infusion_5", "infusion_nurse"),
            ("month_3", "participant"),
            ("month_3", "assessor"),
        ]


class TestPeople:
    def test_demography_is_that_of_the_study(self):
        rng = generator()
        people = [simulate_participant(rng, NONE) for _ in range(4_000)]
        ages = np.array([p.age_years for p in people])
        assert ages.mean() == pytest.approx(50.4, abs=1.2)
        assert ages.std() == pytest.approx(15.2, abs=1.5)
        assert ages.min() >= 18
        assert np.mean([p.sex == "F" for p in people]) == pytest.approx(0.718, abs=0.025)
        assert np.mean([p.race == "WHITE" for p in people]) == pytest.approx(0.833, abs=0.02)

    def test_their_values_are_submission_values_of_cdisc(self):
        from trial.reference import submission_values

        rng = generator()
        people = [simulate_participant(rng, NONE) for _ in range(600)]
        for attribute, codelist in (("sex", "C66731"), ("race", "C74457"), ("ethnicity", "C66790")):
            assert {getattr(p, attribute) for p in people} <= set(submission_values(codelist))
        reasons = {reason for c in a_cohort(300, 1.0) for reason in (c.leaving_reason, c.stopping_reason) if reason}
        assert reasons <= set(submission_values("C66727"))
        assert len(reasons) >= 4

    def test_baselines_lie_in_the_moderate_bands(self):
        rng = generator()
        people = [simulate_participant(rng, NONE) for _ in range(1_000)]
        means = {name: np.mean([p.latent[name] for p in people]) for name in NONE.scales}
        assert all(60 < means[name] < 70 for name in ("pain_interference", "fatigue", "depression"))
        assert 30 < means["physical_function"] < 40
        assert 20 < means["pcs"] < 36

    def test_the_eligible_meet_the_minimum_and_the_others_fall_short(self):
        rng = generator()
        for _ in range(200):
            assert simulate_participant(rng, NONE).latent["pain_interference"] >= 60.6
            assert simulate_participant(rng, NONE, eligible=False).latent["pain_interference"] < 60.0

    def test_opioid_doses_belong_to_those_who_take_opioids(self):
        rng = generator()
        for _ in range(100):
            person = simulate_participant(rng, NONE)
            course = simulate_course(rng, NONE, person, active=1.0)
            assert (person.opioid_mme_per_day > 0) == person.baseline_opioid
            assert person.baseline_opioid or not any(course.opioid_mme_per_day.values())

    def test_somebody_who_leaves_has_a_day_between_the_visits_and_a_reason(self):
        leavers = [c for c in a_cohort(300, 0.0) if c.leaving_day is not None]
        assert leavers
        for course in leavers:
            assert course.leaving_reason is not None
            assert not course.attended(VISITS[-1])
            assert 1 <= course.leaving_day < 182
        assert all(c.attended(VISITS[-1]) for c in a_cohort(300, 0.0) if c.leaving_day is None)

    def test_the_same_seed_gives_the_same_people(self):
        assert a_cohort(5, 1.0) == a_cohort(5, 1.0)

    def test_baseline_facts_do_not_depend_on_the_scenario_s_effect(self):
        assert simulate_participant(generator(), NONE) == simulate_participant(generator(), OPTIMISTIC)


class TestAnswers:
    @given(target=st.floats(20, 90), seed=st.integers(0, 2**32 - 1))
    def test_answers_score_to_the_nearest_t(self, target, seed):
        answers = answers_for_t_score(np.random.default_rng(seed), PAIN_T, target)
        assert len(answers) == 4
        assert all(1 <= answer <= 5 for answer in answers)
        assert abs(PAIN_T[sum(answers)] - target) == min(abs(t - target) for t in PAIN_T.values())

    def test_noise_spreads_repeated_answers_around_the_target(self):
        rng = generator()
        scores = [PAIN_T[sum(answers_for_t_score(rng, PAIN_T, 65.0, noise_sd=2.0))] for _ in range(2_000)]
        assert np.mean(scores) == pytest.approx(65.0, abs=0.3)
        assert 1.5 < np.std(scores) < 2.7

    @settings(max_examples=60)
    @given(items=st.integers(1, 13), highest=st.integers(1, 6), share=st.floats(0, 1), seed=st.integers(0, 1000))
    def test_a_total_is_split_into_answers_within_their_range(self, items, highest, share, seed):
        total = round(share * items * highest)
        answers = split_total(np.random.default_rng(seed), total, items=items, lowest=0, highest=highest)
        assert sum(answers) == total
        assert all(0 <= answer <= highest for answer in answers)

    def test_answers_to_one_form_differ_from_each_other(self):
        rng = generator()
        assert any(len(set(answers_for_t_score(rng, PAIN_T, 65.2))) > 1 for _ in range(20))

    def test_impossible_tables_and_targets_are_refused(self):
        with pytest.raises(OutOfRange, match="t_by_raw"):
            answers_for_t_score(generator(), {}, 50.0)
        with pytest.raises(OutOfRange, match="target_t"):
            answers_for_t_score(generator(), PAIN_T, float("nan"))
        with pytest.raises(OutOfRange, match="total"):
            split_total(generator(), 21, items=4, lowest=1, highest=5)

    def test_totals_are_shown_within_their_range_and_whole(self):
        assert shown_score(NONE, "pcs", 61.3) == 52.0
        assert shown_score(NONE, "pain_intensity", 6.6) == 7.0
        assert shown_score(NONE, "pain_interference", 66.6) == 66.6


class TestScenario:
    def test_another_trial_without_infusions_and_with_other_visits_can_be_simulated(self):
        scenario = replace(
            STUDY,
            scales={"pain_interference": STUDY.scales["pain_interference"]},
            visits=("week_4", "week_12"),
            primary_visit="week_12",
            visit_days=(28, 84),
            response=(0.8, 1.0),
            retention=(0.95, 0.9),
            infusions=0,
        )
        rng = generator()
        course = simulate_course(rng, scenario, simulate_participant(rng, scenario), active=0.5)
        assert sorted(course.scores) == ["week_12", "week_4"]
        assert course.infusions == ()
        assert {g.occasion for g in course.guesses} <= {"week_12"}

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"effect": -30.0}, "effect"),
            ({"completion": 1.2}, "completion"),
            ({"event_risk": 0.5}, "event_risk at exposure 1"),
            ({"visit_correlation": 1.0}, "visit_correlation"),
            ({"retention": (0.9, 0.95, 0.8, 0.7)}, "retention"),
            ({"visits": ("one",)}, "one entry per visit"),
            ({"primary_visit": "month_9"}, "primary_visit"),
        ],
    )
    def test_impossible_assumptions_are_refused_by_name(self, change, told):
        with pytest.raises(OutOfRange, match=told):
            replace(STUDY, **change)

    def test_exposures_outside_their_range_are_refused(self):
        rng = generator()
        person = simulate_participant(rng, NONE)
        for active in (-0.1, 2.1, float("nan")):
            with pytest.raises(OutOfRange, match="active"):
                simulate_course(rng, NONE, person, active=active)
        with pytest.raises(OutOfRange, match="active"):
            simulate_changes(rng, NONE, 3, active=[0.0, 1.0])
        with pytest.raises(OutOfRange, match="n must be at least 1"):
            simulate_changes(rng, NONE, 0)
        with pytest.raises(OutOfRange, match="scale must be one of"):
            simulate_changes(rng, NONE, 3, scale="happiness")

    def test_a_scenario_prints_as_one_line(self):
        assert str(STUDY).startswith("Effect -2 T on pain interference")


def test_nothing_in_the_simulator_names_an_arm():
    from pathlib import Path

    import trial.statistics.virtual_participants as package

    for file in Path(package.__file__).parent.glob("*.py"):
        code = file.read_text(encoding="utf-8")
        assert '"ketamine"' not in code.lower()
        assert '"placebo"' not in code.lower()
