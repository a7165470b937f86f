import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[4] / "docs" / "statistics" / "designs.md"


def test_the_page_of_designs_is_true():
    assert doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8").failed == 0


def test_the_pictures_of_the_page_exist():
    for name in re.findall(r"\]\((\.\./pictures/[^)]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / name).resolve().exists()
