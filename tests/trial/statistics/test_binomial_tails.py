"""Two-sided tests and intervals of a binomial share, beside sums of exact fractions."""

from fractions import Fraction
from math import comb, isinf

import pytest

from trial.statistics import binomial_test, clopper_pearson
from trial.statistics.binomial_tails import share_interval, two_sided_p
from trial.statistics.checks import OutOfRange

SIZES = (1, 2, 5, 9, 12)
SHARES = (0.03, 0.25, 0.5, 0.81)


def exact_p(x, n, share, kind):
    """The p-value in fractions."""
    s = Fraction(share)
    chances = [comb(n, j) * s**j * (1 - s) ** (n - j) for j in range(n + 1)]
    low, high = sum(chances[: x + 1]), sum(chances[x:])
    if kind == "minlike":
        return float(sum(chance for chance in chances if chance <= chances[x]))
    if kind == "central":
        return float(min(2 * min(low, high), 1))
    tails = (
        [sum(chances[j:]) for j in range(x + 1, n + 1)] if low <= high else [sum(chances[:j]) for j in range(1, x + 1)]
    )
    smaller = min(low, high)
    return float(min(smaller + max([tail for tail in tails if tail <= smaller], default=0), 1))


@pytest.mark.parametrize("kind", ["minlike", "central", "blaker"])
@pytest.mark.parametrize("n", SIZES)
def test_the_p_value_is_the_sum_of_what_the_convention_counts(kind, n):
    for x in range(n + 1):
        for share in SHARES:
            assert two_sided_p(x, n, share, kind) == pytest.approx(exact_p(x, n, share, kind), rel=1e-10)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("kind", ["minlike", "blaker"])
@pytest.mark.parametrize("n", SIZES)
def test_an_interval_ends_where_its_own_test_begins_to_reject(kind, n, alpha):
    """The R package exactci stops within 2e-4 of its limits; that these are the limits is shown by p on either side."""
    for x in range(n + 1):
        odds = share_interval(x, n, alpha, kind)
        for limit, outwards in zip((1.0 if isinf(o) else o / (1.0 + o) for o in odds), (-1.0, 1.0), strict=True):
            if limit in (0.0, 1.0):
                continue
            assert exact_p(x, n, limit + 1e-7 * outwards, kind) < alpha
            assert exact_p(x, n, limit - 1e-7 * outwards, kind) >= alpha


@pytest.mark.parametrize("n", SIZES)
def test_blaker_s_interval_lies_within_the_one_of_equal_tails(n):
    for x in range(n + 1):
        (low, high), (least, most) = (share_interval(x, n, 0.05, kind) for kind in ("blaker", "central"))
        assert least <= low * (1 + 1e-12)
        assert high <= most * (1 + 1e-12)


def test_the_central_test_belongs_to_clopper_and_pearson_s_interval():
    interval = clopper_pearson(7, 30)
    for limit in (interval.lower, interval.upper):
        assert binomial_test(7, 30, limit, two_sided="central").p_value == pytest.approx(0.05, rel=1e-9)


def test_one_sided_tests_add_up_with_what_was_seen():
    greater, less = (binomial_test(4, 10, 0.3, alternative=side).p_value for side in ("greater", "less"))
    assert greater + less - comb(10, 4) * 0.3**4 * 0.7**6 == pytest.approx(1.0, rel=1e-12)


def test_what_cannot_be_tested_is_refused_by_name():
    with pytest.raises(OutOfRange, match="proportion"):
        binomial_test(4, 10, 1.0)
    with pytest.raises(OutOfRange, match="two_sided"):
        binomial_test(4, 10, 0.5, two_sided="shortest")
    with pytest.raises(OutOfRange, match="alternative"):
        binomial_test(4, 10, 0.5, alternative="more")
