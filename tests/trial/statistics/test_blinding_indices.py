import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.reading import cases, rows
from trial.statistics.blinding_indices import ArmGuesses, UndefinedIndex, bang_index, bang_index_graded, james_index
from trial.statistics.checks import EmptyArm, OutOfRange

CRISP_LIKE, ALL_DONT_KNOW = cases("blinding_index.json")
VECTORS = rows("blinding_index_testvectors.csv")


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["label"])
def test_published_tables_give_their_published_indices(row):
    count = {name: int(value) for name, value in row.items() if name[:2] in ("gu", "DK")}
    table = [
        [count["guessT_givenT"], count["guessT_givenP"]],
        [count["guessP_givenT"], count["guessP_givenP"]],
        [count["DK_givenT"], count["DK_givenP"]],
    ]
    assert james_index(table).estimate == pytest.approx(float(row["james"]), abs=5e-7)
    treated = bang_index(ArmGuesses(table[0][0], table[1][0], table[2][0]))
    control = bang_index(ArmGuesses(table[1][1], table[0][1], table[2][1]))
    assert (treated.estimate, treated.standard_error) == pytest.approx(
        (float(row["bang_T"]), float(row["bang_T_se"])), abs=1e-6
    )
    assert (control.estimate, control.standard_error) == pytest.approx(
        (float(row["bang_P"]), float(row["bang_P_se"])), abs=1e-6
    )


def test_both_indices_their_errors_and_one_sided_limits_agree_with_r():
    james, bang = CRISP_LIKE["result"]["James"], CRISP_LIKE["result"]["Bang"]
    ours = james_index([[82, 25], [27, 170], [29, 83]], alternative="less")
    assert ours.estimate == pytest.approx(james["Estimate"], abs=1e-12)
    assert ours.standard_error == pytest.approx(james["Std. Error"], abs=1e-12)
    assert (ours.lower, ours.upper) == pytest.approx(
        (james["95% LCL (1-Sided)"], james["95% UCL (1-Sided)"]), abs=1e-10
    )
    for place, guesses in enumerate((ArmGuesses(82, 27, 29), ArmGuesses(170, 25, 83))):
        arm = bang_index(guesses, alternative="greater")
        assert arm.estimate == pytest.approx(bang["Estimate"][place], abs=1e-12)
        assert arm.standard_error == pytest.approx(bang["Std. Error"][place], abs=1e-12)
        limits = (bang["95% LCL (1-Sided)"][place], bang["95% UCL (1-Sided)"][place])
        assert (arm.lower, arm.upper) == pytest.approx(limits, abs=1e-10)


def test_a_one_sided_limit_is_that_of_the_two_sided_interval_of_twice_the_error():
    guesses = ArmGuesses(30, 20, 10)
    assert bang_index(guesses, alternative="greater").lower == pytest.approx(bang_index(guesses, 0.9).lower)
    assert bang_index(guesses, alternative="less").upper == pytest.approx(bang_index(guesses, 0.9).upper)
    with pytest.raises(OutOfRange, match="alternative"):
        bang_index(guesses, alternative="higher")


def test_graded_answers_of_full_weight_are_the_plain_index():
    graded, plain = bang_index_graded(10, 20, 5, 10, 15, rather=1.0), bang_index(ArmGuesses(30, 15, 15))
    assert (graded.estimate, graded.lower, graded.upper) == pytest.approx((plain.estimate, plain.lower, plain.upper))
    half = bang_index_graded(10, 20, 5, 10, 15)
    assert half.estimate == pytest.approx((10 + 10 - 2.5 - 10) / 60)
    spread = (10 + 0.25 * 20 + 0.25 * 5 + 10) / 60 - half.estimate**2
    assert half.standard_error == pytest.approx((spread / 60) ** 0.5)
    with pytest.raises(OutOfRange, match="rather"):
        bang_index_graded(1, 1, 1, 1, 1, rather=2)


def test_when_all_say_dont_know_james_is_one_and_bang_is_zero():
    ours = james_index([[0, 0], [0, 0], [40, 60]])
    assert (ours.estimate, ours.standard_error) == (ALL_DONT_KNOW["result"]["James"]["Estimate"], 0.0)
    assert bang_index(ArmGuesses(0, 0, 40)).estimate == 0.0


def test_all_right_is_minus_or_plus_one_and_zero():
    assert bang_index(ArmGuesses(20, 0, 0)).estimate == 1.0
    assert bang_index(ArmGuesses(0, 20, 0)).estimate == -1.0
    assert james_index([[20, 0], [0, 20], [0, 0]]).estimate == 0.0


def test_guesses_in_equal_shares_are_random():
    assert james_index([[10, 10], [10, 10], [0, 0]]).estimate == pytest.approx(0.5)
    assert bang_index(ArmGuesses(10, 10, 5)).estimate == 0.0


counts = st.integers(0, 60)


some = st.integers(1, 60)


@given(some, counts, counts, some, counts, counts)
def test_naming_the_arms_the_other_way_round_leaves_james_alone(a, b, c, d, e, f):
    one = james_index([[a, b], [c, d], [e, f]])
    other = james_index([[d, c], [b, a], [f, e]])
    assert (one.estimate, one.standard_error) == pytest.approx((other.estimate, other.standard_error), abs=1e-12)
    assert one.lower <= one.estimate <= one.upper


def test_three_arms_have_a_james_index_too():
    assert james_index([[9, 1, 1], [1, 9, 1], [1, 1, 9], [5, 5, 5]]).estimate < 0.6


def test_the_james_error_is_that_of_repeated_sampling():
    import numpy as np

    shares = np.array([0.25, 0.08, 0.07, 0.12, 0.28, 0.20])
    rng = np.random.default_rng(5)
    tables = rng.multinomial(400, shares, size=3000)
    estimates = [james_index(t.reshape(3, 2)).estimate for t in tables]
    stated = james_index((400 * shares).round().astype(int).reshape(3, 2)).standard_error
    assert np.std(estimates) == pytest.approx(stated, rel=0.05)


def test_what_has_no_index_is_refused():
    with pytest.raises(EmptyArm, match="Nobody in this arm"):
        bang_index(ArmGuesses(0, 0, 0))
    with pytest.raises(EmptyArm):
        james_index([[0, 0], [0, 0], [0, 0]])
    with pytest.raises(UndefinedIndex):
        james_index([[10, 0], [0, 0], [3, 4]])
    with pytest.raises(OutOfRange, match="one column per arm"):
        james_index([[1, 2], [3, 4]])
    with pytest.raises(OutOfRange, match="right must be a whole number"):
        ArmGuesses(-1, 0, 0)
