"""Proportions, their comparisons and rates against the independent packages, each to that package's own accuracy."""

import math

import numpy as np
import pytest

from tests.oracles.proportion_calls import PROPORTION_CASES, pair

# Root finders of these packages stop early; ratesci, and closed forms, do not.
STOPS_AT = {
    "prop_ci_midp": 5e-5,
    "riskdiff_mn": 1e-6,
    "riskdiff_mee": 5e-5,
    "riskdiff_MN_lrstat": 1e-6,
    "boschloo_exact2x2": 5e-5,
    "poisson_exactci_minlike": 1e-3,
    "poisson_exactci_blaker": 2e-4,
}
COMPARED = [case for case in PROPORTION_CASES if pair(case) is not None]


def test_every_case_of_the_oracle_has_a_counterpart_but_ratios_without_events():
    left = [case for case in PROPORTION_CASES if case not in COMPARED]
    assert all(case["inputs"]["x1"] == case["inputs"]["x2"] == 0 and "ratio" in case["kind"] for case in left)


@pytest.mark.parametrize(
    "case", [c for c in COMPARED if not c["kind"].startswith("fisher")], ids=lambda c: c["call"][:80]
)
def test_limits_and_p_values_agree(case):
    ours, theirs = pair(case)
    assert ours == pytest.approx(theirs, abs=STOPS_AT.get(case["kind"], 1e-9))


@pytest.mark.parametrize("case", [c for c in COMPARED if c["kind"].startswith("fisher")], ids=lambda c: c["call"])
def test_fisher_agrees_with_r_whose_odds_ratios_are_roots_in_their_inverse(case):
    ours, theirs = pair(case)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-10)
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        if case["inputs"]["x1"] + case["inputs"]["x2"] == 0:
            continue
        if math.isinf(other) or other == 0:
            assert mine == other
        else:
            # R's uniroot stops within 1.2e-4 of the odds ratio or, above 1, of its inverse.
            assert min(mine, 1 / mine) == pytest.approx(min(other, 1 / other), abs=1.3e-4)


def test_boschloo_is_never_below_the_grid_of_exact2x2():
    for case in PROPORTION_CASES:
        if case["kind"] == "boschloo_exact2x2":
            ours, theirs = pair(case)
            assert ours[0] >= theirs[0] * (1 - 1e-9)
            assert ours[0] == pytest.approx(theirs[0], rel=2e-3)


def test_infinite_and_empty_sides_are_written_out():
    assert not any(np.isnan(pair(case)[0]).any() for case in COMPARED)
