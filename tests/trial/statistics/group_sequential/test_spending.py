import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.design_calls import gsdesign
from tests.oracles.reading import cases
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential.spending import (
    SPENDING_FUNCTIONS,
    Spending,
    hwang_shih_decani,
    kim_demets,
    ld_obrien_fleming,
    ld_pocock,
)

EVERY_KIND = [
    Spending("lan_demets_obrien_fleming"),
    Spending("lan_demets_pocock"),
    Spending("hwang_shih_decani", -4.0),
    Spending("hwang_shih_decani", 0.0),
    Spending("hwang_shih_decani", 1.0),
    Spending("kim_demets", 3.0),
    Spending("exponential", 0.75),
    Spending("stepwise", points=((0.3, 0.1), (0.7, 0.5))),
]


SPENT = [c for c in cases("gsd_efficacy_gsDesign.json") if c["test_type"] == 1 and "sfu=sf" in c["call"]]


@pytest.mark.parametrize("case", SPENT, ids=lambda case: case["call"][:60])
def test_cumulative_spending_agrees_with_gsdesign(case):
    spent = gsdesign(case).efficacy(case["informationRates"], 0.025)
    assert spent == pytest.approx(np.array(case["upper_cum_spend"], float), abs=1e-12)


@pytest.mark.parametrize("spend", EVERY_KIND, ids=str)
@given(alpha=st.floats(1e-6, 0.5), first=st.floats(0, 1), second=st.floats(0, 1))
def test_spending_starts_at_nothing_never_falls_and_ends_at_exactly_alpha(spend, alpha, first, second):
    low, high = sorted((first, second))
    assert spend(0.0, alpha) == 0.0
    assert spend(1.0, alpha) == alpha
    assert 0.0 <= spend(low, alpha) <= spend(high, alpha) <= alpha


def test_the_smallest_fractions_spend_a_tiny_amount_without_losing_its_digits():
    # 2 − 2Φ(x) written as a difference would keep no digit here; erfc does.
    from math import erfc, sqrt

    from scipy.special import ndtri

    z = -ndtri(0.0125) / sqrt(0.05)
    assert ld_obrien_fleming(0.05, 0.025) == pytest.approx(erfc(z / sqrt(2.0)), rel=1e-12)


@pytest.mark.parametrize("fraction", [-0.1, 1.0001, np.nan, [0.5, 2.0]])
def test_a_fraction_outside_its_interval_is_refused_by_name(fraction):
    for kind in EVERY_KIND:
        with pytest.raises(OutOfRange, match=r"fraction must be in \[0, 1\]"):
            kind(fraction, 0.025)


def test_every_function_is_among_those_that_are_tested():
    assert {kind.name for kind in EVERY_KIND} == set(SPENDING_FUNCTIONS)


def test_parameters_outside_their_intervals_are_refused_by_name():
    with pytest.raises(OutOfRange, match=r"alpha must be in \(0, 1\)"):
        ld_pocock(0.5, 0.0)
    with pytest.raises(OutOfRange, match=r"gamma must be in \[-40, 40\]"):
        hwang_shih_decani(0.5, 0.025, 50.0)
    with pytest.raises(OutOfRange, match=r"rho must be in \(0, 50\]"):
        kim_demets(0.5, 0.025, 0.0)


def test_a_named_spending_refuses_what_its_function_does_not_take():
    with pytest.raises(OutOfRange, match="must be one of"):
        Spending("obrien")
    with pytest.raises(OutOfRange, match="needs parameter"):
        Spending("hwang_shih_decani")
    with pytest.raises(OutOfRange, match="takes no parameter"):
        Spending("lan_demets_pocock", 1.0)
    with pytest.raises(OutOfRange, match="gamma"):
        Spending("hwang_shih_decani", 99.0)


def test_a_named_spending_prints_as_words():
    assert str(Spending("hwang_shih_decani", -4.0)) == "Hwang–Shih–DeCani, γ = -4"


def test_straight_lines_go_through_the_points_that_were_given():
    own = Spending("stepwise", points=((0.25, 0.1), (0.5, 0.4)))
    assert own([0.0, 0.25, 0.5, 0.75, 1.0], 0.05) == pytest.approx([0.0, 0.005, 0.02, 0.035, 0.05], abs=1e-15)
    assert "0.1 by 0.25" in str(own)


@pytest.mark.parametrize(
    "points",
    [(), ((0.5,),), ((0.5, 0.4), (0.5, 0.6)), ((0.5, 0.8), (0.7, 0.2)), ((1.5, 1.0),), ((1.0, 0.5),), "no", None],
)
def test_points_that_are_no_spending_are_refused(points):
    with pytest.raises(OutOfRange):
        Spending("stepwise", points=points)


def test_exponential_spending_has_its_own_parameter():
    with pytest.raises(OutOfRange, match="nu must be"):
        Spending("exponential", 11.0)
    assert Spending("exponential", 0.5)(0.25, 0.025) == pytest.approx(0.025**2)
