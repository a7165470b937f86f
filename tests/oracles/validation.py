"""Every statistical function, its source, its oracle, and the largest difference between the two.

    .venv/bin/python -m tests.oracles.validation            writes docs/validation.md
    .venv/bin/python -m tests.oracles.validation --only X   prints the entries whose function holds X

A module in ``tests/oracles/checks`` gives a tuple ``CHECKS``; every module there is found by itself. An entry's
``largest`` computes afresh; ``tests/oracles/test_validation.py`` holds each against its tolerance and against what
the page says.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
CHECKS_HERE = Path(__file__).parent / "checks"


@dataclass(frozen=True)
class Check:
    """One function against one oracle.

    function: dotted below ``trial.statistics`` (``group_sequential.spending_bounds``).
    source: where the method is published. oracle: what it is compared with, with version.
    scale: of the difference: ``z``, ``probability``, ``relative``, ``log-likelihood`` …
    tolerance: the largest difference that is accepted. largest: computes (largest difference, number of values).
    note: what a reader must know, such as where the oracle is wrong.
    """

    room: str
    function: str
    source: str
    oracle: str
    scale: str
    tolerance: float
    largest: Callable[[], tuple[float, int]]
    note: str = ""


def all_checks() -> tuple[Check, ...]:
    """Every entry of every module in ``checks``, in the order of module names."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(CHECKS_HERE)]))
    modules = [importlib.import_module(f"tests.oracles.checks.{name}") for name in names]
    return tuple(check for module in modules for check in module.CHECKS)


def page(checks: tuple[Check, ...]) -> str:
    """The whole of docs/validation.md."""
    parts = [_HEAD]
    for room in dict.fromkeys(check.room for check in checks):
        parts.append(f"\n## {room}\n\n{_COLUMNS}")
        notes = []
        for check in (c for c in checks if c.room == room):
            parts.append(_row(check))
            notes += [f"- `{check.function}`, {check.oracle}: {check.note}"] if check.note else []
        if notes:
            parts.append("\n" + "\n".join(notes))
    return "\n".join(parts) + "\n"


_HEAD = """# Validation

Written by `.venv/bin/python -m tests.oracles.validation`; a test recomputes every line. Oracles are results of
independent programs, kept with their calls in `tests/oracles`, or an integration written apart from the code it
judges. The last column is what is accepted; the one before it, what was found."""
_COLUMNS = (
    "| function | source | oracle | values | scale | largest difference | accepted |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def _row(check: Check) -> str:
    difference, values = check.largest()
    return (
        f"| `{check.function}` | {check.source} | {check.oracle} | {values} | {check.scale} "
        f"| {rounded_up(difference)} | {check.tolerance:.0e} |"
    )


def rounded_up(difference: float) -> str:
    """To one digit, upwards, and nothing below 1e-15: never above what is accepted, which has one digit too."""
    if difference <= 1e-15:
        return "1e-15"
    exponent = floor(log10(difference) + 1e-12)
    return f"{ceil(difference / 10.0**exponent - 1e-6) * 10.0**exponent:.0e}"


def main(words: list[str]) -> None:
    """Write the page, or print some entries."""
    checks = all_checks()
    if words[:1] == ["--only"]:
        for check in (c for c in checks if words[1] in c.function):
            sys.stdout.write(_row(check) + "\n")
        return
    PAGE.write_text(page(checks), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
