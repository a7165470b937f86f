"""How long the analyses and tables of harms take on many events, beside plain pandas doing a part of the same work.

    .venv/bin/python bench/harms.py [--events 100000] [--people 5000]

The events are spread over every term of CTCAE 6.0 and two arms. pandas counts participants, events and worst grades by term
and arm, and those with a serious and with a related event: no intervals, no rates, no durations. Intervals are compared with
statsmodels' score interval for two proportions, over the same pairs of counts. Processor time, the best of three.
"""

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from reports.analyses.groups import by_arm
from reports.analyses.harms import Harms, harms
from reports.analyses.harms.comparing import _compare
from reports.analyses.harms.first_events import KINDS, first_events
from reports.context import AnalysisPlan
from reports.tables.harms import consequences_table, harms_table, special_interest_table, timing_table
from trial.reference import aesi_terms, ctcae_terms

ARMS = by_arm(("A", "B"))
START = date(2026, 1, 5)
AESI = tuple(dict.fromkeys(term.name for term in aesi_terms()))


def frames_of(events: int, people: int) -> dict[str, pl.DataFrame]:
    """ADSL and ADAE of seeded noise."""
    rng = np.random.default_rng(7)
    terms = ctcae_terms("6.0")
    names = [f"P-{n:05d}" for n in range(people)]
    arms = rng.choice(["A", "B"], people)
    days = rng.integers(60, 183, people)
    adsl = pl.DataFrame(
        {
            "USUBJID": names,
            "TRT01A": arms,
            "SAFFL": ["Y"] * people,
            "TRTSDT": [START] * people,
            "SAFEDT": [START + timedelta(days=int(n)) for n in days],
        }
    )
    who = rng.integers(0, people, events)
    what = np.minimum(rng.geometric(0.004, events) - 1, len(terms) - 1)  # some terms are frequent, most are rare
    day = rng.integers(1, 60, events)
    special = [AESI[w % len(AESI)] if w % 9 == 0 else None for w in what]
    yes = np.array(["N", "Y"])
    adae = pl.DataFrame(
        {
            "USUBJID": [names[w] for w in who],
            "TRTA": arms[who],
            "AESEQ": np.arange(events),
            "AEDECOD": [terms[w].term for w in what],
            "AEBODSYS": [terms[w].soc for w in what],
            "CQ01NAM": pl.Series(special, dtype=pl.String),
            "ATOXGRN": rng.choice([1, 2, 3, 4, 5], events, p=[0.6, 0.28, 0.1, 0.015, 0.005]),
            **{
                name: yes[(rng.random(events) < chance).astype(int)]
                for name, chance in (("AESER", 0.03), ("ARELFL", 0.5), ("AESDTH", 0.003), ("AEWDFL", 0.02))
            },
            "AEASCERT": np.where(rng.random(events) < 0.5, "systematic", "non_systematic"),
            "ASTDT": [START + timedelta(days=int(d) - 1) for d in day],
            "ASTDY": day,
            "ADURN": rng.exponential(3.0, events),
            "ADURU": ["DAYS"] * events,
            "DURCNSR": (rng.random(events) < 0.1).astype(int),
            "TRTEMFL": ["Y"] * events,
            "SAFFL": ["Y"] * events,
        }
    )
    return {"ADSL": adsl, "ADAE": adae}


def with_pandas(adae: object) -> int:
    """The counts alone, as somebody would write them."""
    keys = ["AEBODSYS", "AEDECOD", "TRTA"]
    each = adae.assign(serious=adae.AESER == "Y", related=adae.ARELFL == "Y")  # type: ignore[attr-defined]
    people = each.groupby([*keys, "USUBJID"]).agg(
        events=("AESEQ", "size"), worst=("ATOXGRN", "max"), serious=("serious", "any"), related=("related", "any")
    )
    rows = people.groupby(keys).agg(
        participants=("events", "size"),
        events=("events", "sum"),
        serious=("serious", "sum"),
        related=("related", "sum"),
    )
    grades = people.groupby([*keys, "worst"]).size().unstack(fill_value=0)
    return len(rows.join(grades))


def tables(found: Harms) -> int:
    made = (
        harms_table("Table 1", "Harms", found, found.terms, by_class=True),
        special_interest_table("Table 2", found),
        consequences_table("Table 3", found, found.terms),
        timing_table("Table 4", found, found.terms),
    )
    return sum(len(table.as_text()) for table in made)


def best_ms(do: Callable[[], object], times: int = 3) -> float:
    spent = []
    for _ in range(times):
        _compare.cache_clear()
        start = time.process_time()
        do()
        spent.append(time.process_time() - start)
    return 1e3 * min(spent)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--events", type=int, default=100_000)
    asked.add_argument("--people", type=int, default=5_000)
    given = asked.parse_args()
    frames = frames_of(given.events, given.people)
    plan = AnalysisPlan("pain", "M3", (), (), aesi=AESI)
    found = harms(frames, plan, ARMS, reference="B")
    print(f"{given.events:,} events, {given.people:,} participants, {len(found.terms)} terms")
    ours = best_ms(lambda: harms(frames, plan, ARMS, reference="B"))
    print(f"analysis, all counts, rates, durations, intervals  {ours:8.0f} ms")
    print(f"four tables as text                                {best_ms(lambda: tables(found)):8.0f} ms")
    curves = best_ms(lambda: [first_events(frames, ARMS, kind) for kind in KINDS])
    print(f"time to first event, three kinds                   {curves:8.0f} ms")
    pandas_frame = frames["ADAE"].to_pandas()
    theirs = best_ms(lambda: with_pandas(pandas_frame))
    print(f"pandas, counts alone                               {theirs:8.0f} ms    ratio {ours / theirs:.2f}")
    _intervals(found)
    tracemalloc.start()
    harms(frames, plan, ARMS, reference="B")
    print(f"memory of Python's own objects at most             {tracemalloc.get_traced_memory()[1] / 2**20:8.1f} MiB")


def _intervals(found: Harms) -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    pairs = [(*_counts(row.groups[0]), *_counts(row.groups[1])) for row in found.terms]
    mine = best_ms(lambda: [_compare(*pair) for pair in pairs])
    few = pairs[:60]
    score = best_ms(lambda: [confint_proportions_2indep(*pair, method="score", compare="diff") for pair in few], 1)
    print(f"difference and ratio of {len(pairs)} rows                  {mine:8.0f} ms")
    scaled = score * len(pairs) / len(few)
    print(f"statsmodels, difference alone (60 rows, scaled)    {scaled:8.0f} ms    ratio {mine / scaled:.2f}")


def _counts(group: object) -> tuple[int, int]:
    return group.participants, group.denominator  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
