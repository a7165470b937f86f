"""Minimization against a naive twin, against its theory of ratios, and against the order of things."""

from collections import Counter
from fractions import Fraction
from itertools import product
from statistics import pstdev, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.schemes import (
    AdaptiveScheme,
    Balance,
    Imbalance,
    MarginalCounts,
    Minimization,
    Stream,
    exact,
    scheme_from_parameters,
)

SEED = bytes(range(32))
KNOWN_TRIAL = "321301202231130023103102311302"
FACTORS = {"site": ("S01", "S02", "S03"), "opioid": ("no", "yes")}
PARTICIPANTS = st.fixed_dictionaries({name: st.sampled_from(levels) for name, levels in FACTORS.items()})


def minimization(ratio=(1, 1), probability="0.8", imbalance=Imbalance.RANGE, weights=("1", "1"), overall="0"):
    balances = tuple(Balance(name, exact(weight)) for name, weight in zip(FACTORS, weights, strict=True))
    return Minimization(ratio, balances, exact(probability), imbalance, exact(overall))


@st.composite
def histories(draw):
    ratio = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4).map(tuple))
    seats = minimization(ratio).seats
    history = draw(st.lists(st.tuples(PARTICIPANTS, st.integers(0, seats - 1)), max_size=25))
    return ratio, history, draw(PARTICIPANTS)


def naive_scores(scheme, history, newcomer, spread):
    """The twin: give each seat in turn, count again from scratch, sum the weighted imbalance."""
    scores = []
    for seat in range(scheme.seats):
        score = 0
        for balance in scheme.factors:
            after = [*history, (newcomer, seat)]
            same = [s for levels, s in after if levels[balance.factor] == newcomer[balance.factor]]
            score += balance.weight * spread([Fraction(same.count(s)) for s in range(scheme.seats)])
        scores.append(score)
    return scores


@pytest.mark.parametrize(
    ("imbalance", "spread"),
    [(Imbalance.RANGE, lambda counts: max(counts) - min(counts)), (Imbalance.VARIANCE, pvariance)],
)
@given(histories())
def test_scores_rank_as_those_of_the_naive_twin(imbalance, spread, case):
    ratio, history, newcomer = case
    scheme = minimization(ratio, imbalance=imbalance, weights=("2", "0.5"))
    fast = scheme.scores(MarginalCounts.of(scheme.seats, history), newcomer)
    naive = naive_scores(scheme, history, newcomer, spread)
    for first, second in product(range(scheme.seats), repeat=2):
        assert (fast[first] < fast[second]) == (naive[first] < naive[second])


@given(histories())
def test_the_standard_deviation_ranks_as_floating_point_does_where_that_can_tell(case):
    ratio, history, newcomer = case
    scheme = minimization(ratio, imbalance=Imbalance.STANDARD_DEVIATION)
    fast = scheme.scores(MarginalCounts.of(scheme.seats, history), newcomer)
    naive = [float(score) for score in naive_scores(scheme, history, newcomer, pstdev)]
    for first, second in product(range(scheme.seats), repeat=2):
        if abs(naive[first] - naive[second]) > 1e-9:
            assert (fast[first] < fast[second]) == (naive[first] < naive[second])


def test_equal_sums_of_roots_tie_whatever_their_order():
    scheme = Minimization((1, 1), (Balance("a"), Balance("b")), imbalance=Imbalance.STANDARD_DEVIATION)
    at_level = {("a", "x"): (3, 0), ("b", "x"): (0, 3)}
    state = MarginalCounts(2, (3, 3), at_level)
    assert scheme.probabilities(state, {"a": "x", "b": "x"}) == (Fraction(1, 2), Fraction(1, 2))


def test_the_preferred_arm_is_the_one_that_is_behind():
    history = [({"site": "S01", "opioid": "no"}, 0), ({"site": "S01", "opioid": "yes"}, 0)]
    state = MarginalCounts.of(2, history)
    assert minimization().probabilities(state, {"site": "S01", "opioid": "no"}) == (
        exact("0.2"),
        exact("0.8"),
    )


def test_a_weight_decides_between_factors_that_disagree():
    history = [({"site": "S01", "opioid": "no"}, 0), ({"site": "S02", "opioid": "yes"}, 1)]
    newcomer = {"site": "S01", "opioid": "yes"}
    state = MarginalCounts.of(2, history)
    assert minimization().probabilities(state, newcomer) == (Fraction(1, 2), Fraction(1, 2))
    assert minimization(weights=("3", "1")).probabilities(state, newcomer) == (Fraction(1, 5), Fraction(4, 5))
    assert minimization(weights=("1", "3")).probabilities(state, newcomer) == (Fraction(4, 5), Fraction(1, 5))


def test_the_overall_balance_counts_when_it_has_a_weight():
    state = MarginalCounts.of(2, [({"site": "S02", "opioid": "no"}, 0)])
    newcomer = {"site": "S01", "opioid": "yes"}
    assert minimization().probabilities(state, newcomer) == (Fraction(1, 2), Fraction(1, 2))
    assert minimization(overall="1").probabilities(state, newcomer) == (Fraction(1, 5), Fraction(4, 5))


@given(histories(), st.sampled_from(list(Imbalance)), st.integers(0, 20))
def test_probabilities_are_a_distribution_with_the_best_seats_ahead(case, imbalance, step):
    ratio, history, newcomer = case
    least = Fraction(1, minimization(ratio, Fraction(1)).seats)
    scheme = minimization(ratio, least + (1 - least) * Fraction(step, 20), imbalance)
    state = MarginalCounts.of(scheme.seats, history)
    chances, scores = scheme.probabilities(state, newcomer), scheme.scores(state, newcomer)
    assert sum(chances) == sum(scheme.arm_probabilities(state, newcomer)) == 1
    assert all(chance >= 0 for chance in chances)
    assert max(chances) == chances[scores.index(min(scores))]


def chances_at_each_position(scheme, participants):
    """Exact: every course of the trial, with its chance; for each position the overall chance of each arm."""
    courses = [(Fraction(1), MarginalCounts(scheme.seats))]
    for levels in participants:
        overall, grown = [Fraction(0)] * len(scheme.ratio), []
        for weight, state in courses:
            for seat, chance in enumerate(scheme.probabilities(state, levels)):
                overall[scheme.arm_of(seat)] += weight * chance
                if chance:
                    grown.append((weight * chance, state.after(levels, seat)))
        courses = grown
        yield tuple(overall)


@pytest.mark.parametrize("imbalance", list(Imbalance))
@pytest.mark.parametrize("ratio", [(1, 1), (2, 1), (1, 3), (2, 1, 1)])
def test_an_unequal_ratio_is_kept_exactly_at_every_position(ratio, imbalance):
    sequence = [("S01", "no"), ("S01", "yes"), ("S02", "yes"), ("S01", "yes"), ("S02", "no")]
    participants = [{"site": site, "opioid": opioid} for site, opioid in sequence]
    due = tuple(Fraction(share, sum(ratio)) for share in ratio)
    for overall in chances_at_each_position(minimization(ratio, "0.9", imbalance), participants):
        assert overall == due


def test_an_arm_holds_as_many_seats_as_its_share_in_lowest_terms():
    assert minimization((2, 1, 1)).arms_of_seats == (0, 0, 1, 2)
    assert minimization((4, 2)).arms_of_seats == (0, 0, 1)
    assert minimization((3, 3)).arms_of_seats == (0, 1)


def test_the_least_probability_is_no_minimization_at_all():
    newcomer = {"site": "S01", "opioid": "no"}
    state = MarginalCounts.of(3, [(newcomer, 0)] * 9)
    chances = minimization((2, 1), Fraction(1, 3)).arm_probabilities(state, newcomer)
    assert chances == (Fraction(2, 3), Fraction(1, 3))


@pytest.mark.parametrize("ratio", [(1, 1), (2, 1, 1), (3, 1), (1, 5)])
def test_a_long_trial_ends_close_to_the_ratio(ratio):
    scheme = minimization(ratio, "0.9")
    levels = [{"site": site, "opioid": opioid} for site, opioid in product(*FACTORS.values())]
    counts = Counter(map(scheme.arm_of, scheme.replay(Stream(SEED, "l", "all"), levels * 100)))
    for arm, share in enumerate(ratio):
        assert abs(counts[arm] - 600 * share / sum(ratio)) <= 6


def test_draws_follow_the_probabilities():
    scheme, newcomer = minimization((2, 1, 1), "0.8"), {"site": "S01", "opioid": "no"}
    state = MarginalCounts.of(4, [(newcomer, 0)])
    chances = scheme.probabilities(state, newcomer)
    stream = Stream(SEED, "l", "all")
    counts = Counter(scheme.assign(stream, position, state, newcomer) for position in range(1, 4001))
    for arm, chance in enumerate(chances):
        spread = float(chance * (1 - chance) * 4000) ** 0.5
        assert abs(counts[arm] - 4000 * chance) < 4 * spread


@given(st.lists(PARTICIPANTS, min_size=1, max_size=15), st.integers(1, 15))
def test_a_position_draws_the_same_whatever_was_drawn_before(participants, position):
    scheme, fresh, used = minimization((2, 1)), Stream(SEED, "l", "all"), Stream(SEED, "l", "all")
    state = MarginalCounts(3)
    for earlier in range(1, position):
        scheme.assign(used, earlier, state, participants[0])
    assert scheme.assign(used, position, state, participants[-1]) == scheme.assign(
        fresh, position, state, participants[-1]
    )


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_dicts_and_of_the_past_does_not_matter(case, random):
    ratio, history, newcomer = case
    scheme = minimization(ratio, imbalance=Imbalance.STANDARD_DEVIATION, weights=("1", "0.3"))
    shuffled = [(dict(reversed(levels.items())), arm) for levels, arm in history]
    random.shuffle(shuffled)
    turned = dict(reversed(newcomer.items()))
    assert scheme.probabilities(MarginalCounts.of(scheme.seats, shuffled), turned) == scheme.probabilities(
        MarginalCounts.of(scheme.seats, history), newcomer
    )


@given(histories())
def test_counting_one_by_one_equals_counting_at_once(case):
    ratio, history, _ = case
    seats = minimization(ratio).seats
    state = MarginalCounts(seats)
    for levels, seat in history:
        state = state.after(levels, seat)
    at_once = MarginalCounts.of(seats, history)
    assert (state.overall(), state.at_level) == (at_once.overall(), at_once.at_level)


def test_levels_that_are_not_minimized_on_do_not_matter():
    plain, more = {"site": "S01", "opioid": "no"}, {"site": "S01", "opioid": "no", "sex": "F"}
    scheme = minimization()
    assert scheme.probabilities(MarginalCounts.of(2, [(more, 0)]), more) == scheme.probabilities(
        MarginalCounts.of(2, [(plain, 0)]), plain
    )


def test_a_known_trial_never_changes():
    levels = [{"site": site, "opioid": opioid} for site, opioid in product(*FACTORS.values())] * 5
    seats = minimization((2, 1, 1)).replay(Stream(SEED, "list-1", "all"), levels)
    assert "".join(map(str, seats)) == KNOWN_TRIAL


def test_parameters_give_the_same_scheme_back():
    scheme = minimization((2, 1, 1), "0.85", Imbalance.VARIANCE, ("1", "0.5"), "0.25")
    assert scheme_from_parameters(scheme.parameters()) == scheme
    assert isinstance(scheme, AdaptiveScheme)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: minimization((1,)), "between 2 and 250 arms"),
        (lambda: minimization((1, 250)), "at most 250 seats"),
        (lambda: minimization((1, 1), "0.4"), r"probability must lie in \[1/2, 1\]"),
        (lambda: minimization((1, 1), "1.1"), r"probability must lie in"),
        (lambda: Minimization((1, 1), (Balance("a"),), 0.8), "exact fraction"),
        (lambda: Minimization((1, 1), ()), "at least one factor"),
        (lambda: Minimization((1, 1), (Balance("a"), Balance("a"))), "named once"),
        (lambda: Balance("a", Fraction(0)), "above 0"),
        (lambda: Balance(""), "must have a name"),
        (lambda: minimization(overall="-1"), "at least 0"),
        (lambda: minimization().scores(MarginalCounts(3), {}), "must count 2 seats"),
        (lambda: minimization().scores(MarginalCounts(2), {"site": "S01"}), "a level of opioid"),
        (lambda: minimization().assign(Stream(SEED, "l", "s"), 0, MarginalCounts(2), {}), "position must be"),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
