"""The page about endpoints says what is true: its examples are run."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "statistics" / "endpoints.md"


def test_the_examples_of_the_page_are_true():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert (result.failed, result.attempted > 15) == (0, True)
