import re

import pytest

from tests.oracles.validation import PAGE, all_checks, rounded_up

ALL = all_checks()
LINE = re.compile(r"^\| `([^`]+)` \| .* \| ([\d.e+-]+) \| ([\d.e+-]+) \|$", re.MULTILINE)


@pytest.mark.parametrize("check", ALL, ids=lambda c: f"{c.function} {c.oracle}"[:90])
def test_a_function_agrees_with_its_oracle_and_with_the_page(check):
    difference, values = check.largest()
    assert values > 0
    assert difference <= check.tolerance
    written = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{check.function}` |") and f"| {check.oracle} |" in line
    ]
    assert len(written) == 1, "run .venv/bin/python -m tests.oracles.validation"
    # Rounding of the last digits differs between machines; the page must not claim more than is found.
    assert difference <= 3 * float(written[0].split("|")[-3]) + 1e-13


def test_the_page_lists_nothing_that_is_not_checked():
    listed = LINE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(listed) == len(ALL)


@pytest.mark.parametrize(
    ("given", "shown"), [(0.0, "1e-15"), (1.4e-8, "2e-08"), (3.0e-7, "3e-07"), (9.2e-3, "1e-02"), (2.1, "3e+00")]
)
def test_a_difference_is_rounded_up(given, shown):
    assert rounded_up(given) == shown
