"""How often a site meets an arm that has run out: weekly reviews by simulated demand, over invented years.

    python bench/resupply.py

One site, two arms 1:1 in blocks of four and six, delivery in fourteen days, sets of two kits of each arm, four sets at the
start. A refusal is somebody who could not be randomized because one arm had no kit left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from randomization.kits.demand import SiteSupply, sets_needed

YEARS, LEAD, WEEK, SET = 60, 14, 7, 4
PACES = (0.5, 1.0, 2.0)
CONFIDENCES = (0.8, 0.95, 0.99)


@dataclass
class Shelf:
    """One site's year."""

    per_day: float
    confidence: float
    rng: np.random.Generator
    stock: list[int] = field(default_factory=lambda: [8, 8])
    coming: list[tuple[int, int]] = field(default_factory=list)
    block: list[int] = field(default_factory=list)
    received: int = 16
    used: int = 0
    refused: int = 0

    def live(self) -> Shelf:
        for day in range(365):
            self._deliver(day)
            for _ in range(int(self.rng.poisson(self.per_day))):
                self._randomize()
            if day % WEEK == 0:
                self._review(day)
        return self

    def _deliver(self, day: int) -> None:
        for kits in (kits for due, kits in self.coming if due == day):
            self.stock = [one + kits // 2 for one in self.stock]
        self.coming = [(due, kits) for due, kits in self.coming if due > day]

    def _randomize(self) -> None:
        if min(self.stock) < 1:
            self.refused += 1
            return
        if not self.block:
            self.block = [int(arm) for arm in self.rng.permutation([0, 1] * int(self.rng.choice([2, 3])))]
        self.stock[self.block.pop()] -= 1
        self.used += 1

    def _review(self, day: int) -> None:
        usable = sum(self.stock) + sum(kits for _, kits in self.coming)
        known = SiteSupply((1, 1), 1, self.received, usable, self.per_day, LEAD + WEEK)
        kits = SET * sets_needed(known, SET, self.confidence, most=12, seed=day + 1)
        if kits:
            self.coming.append((day + LEAD, kits))
            self.received += kits


def main() -> None:
    print("people a week | confidence | years with a refusal | refusals a year | kits used | kits sent, with the start")
    for pace in PACES:
        for confidence in CONFIDENCES:
            rng = np.random.default_rng(7)
            years = [Shelf(pace / WEEK, confidence, rng).live() for _ in range(YEARS)]
            share = np.mean([year.refused > 0 for year in years])
            means = [np.mean([getattr(year, name) for year in years]) for name in ("refused", "used", "received")]
            row = " | ".join(f"{value:.1f}" for value in means)
            print(f"{pace:.1f} | {confidence:.2f} | {100 * share:.0f} % | {row}")


if __name__ == "__main__":
    main()
