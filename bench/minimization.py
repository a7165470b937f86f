"""What the state of a minimized trial costs at one allocation: opened from sealed running totals, or counted from every draw.

    .venv/bin/python bench/minimization.py

Processor time in this process, without the database: the draws' rows would have to be fetched besides.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from randomization.schemes import MarginalCounts
from randomization.sealing import Place, new_data_key, open_value, seal_value
from trial.ids import SystemEntropy

LEVELS = {"site": "S1", "severity": "high", "sex": "F"}


def milliseconds(act: Callable[[], object], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        act()
        best = min(best, time.process_time() - start)
    return best * 1000


def main() -> None:
    entropy = SystemEntropy()
    key = new_data_key("list", entropy)
    totals = json.dumps([["site", "S1", "0" * 32]] * 12).encode()
    sealed_totals = seal_value(key, Place("totals", 1), totals, entropy, 1024)
    kept = milliseconds(lambda: json.loads(open_value(key, Place("totals", 1), sealed_totals)), 20)
    print(f"{'earlier':>8} {'every draw':>12} {'running totals':>15}")
    for earlier in (100, 1_000, 10_000):
        draws = [seal_value(key, Place("draw", n), b"1", entropy) for n in range(earlier)]

        def count_again(draws: list = draws) -> MarginalCounts:  # type: ignore[type-arg]  # sealed values
            seats = (int(open_value(key, Place("draw", n), draw)) for n, draw in enumerate(draws))
            return MarginalCounts.of(4, ((LEVELS, seat) for seat in seats))

        print(f"{earlier:>8,} {milliseconds(count_again, 3):>9.1f} ms {kept:>12.2f} ms")


if __name__ == "__main__":
    main()
