"""Item answers that give a wanted T-score.

Invariants
1. The answers add up to a raw score of the table; each lies between the lowest and the highest answer.
2. Answers are scored values: where an item is reversed, the caller records its mirror image.

What it does not do: read score tables; the caller passes one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trial.statistics.checks import OutOfRange, check_in


def answers_for_t_score(
    rng: np.random.Generator,
    t_by_raw: Mapping[int, float],
    target_t: float,
    *,
    noise_sd: float = 0.0,
    items: int = 4,
    lowest: int = 1,
    highest: int = 5,
) -> tuple[int, ...]:
    """Answers to ``items`` items whose raw sum has the T-score nearest to ``target_t`` plus noise.

    t_by_raw: raw sum → T-score, its keys between items·lowest and items·highest. target_t: T points, finite.
    noise_sd: day-to-day fluctuation and measurement error in T points, in [0, 20].
    Returns scored values, one for each item.
    Raises OutOfRange.

    >>> table = {raw: 40.0 + 2.0 * (raw - 4) for raw in range(4, 21)}
    >>> sum(answers_for_t_score(np.random.default_rng(1), table, 61.0))
    14
    """
    possible = [raw for raw in t_by_raw if items * lowest <= raw <= items * highest]
    if not possible:
        raise OutOfRange(f"t_by_raw must hold raw sums in [{items * lowest}, {items * highest}].")
    wanted = check_in("target_t", target_t, -1000.0, 1000.0)
    wanted += check_in("noise_sd", noise_sd, 0.0, 20.0, "[]") * float(rng.standard_normal())
    raw = min(possible, key=lambda total: abs(t_by_raw[total] - wanted))
    return split_total(rng, raw, items=items, lowest=lowest, highest=highest)


def split_total(rng: np.random.Generator, total: int, *, items: int, lowest: int, highest: int) -> tuple[int, ...]:
    """``total`` split over ``items`` answers that differ a little from each other.

    total: in [items·lowest, items·highest]. Serves sums of other questionnaires too, such as PCS and PSEQ.
    """
    check_in("total", total, items * lowest, items * highest, "[]")
    even, rest = divmod(int(total), items)
    answers = np.full(items, even)
    answers[rng.permutation(items)[:rest]] += 1
    for _ in range(items):
        up, down = rng.integers(items, size=2)
        if up != down and answers[up] < highest and answers[down] > lowest and rng.random() < 0.4:
            answers[up] += 1
            answers[down] -= 1
    return tuple(int(answer) for answer in answers)
