"""Who comes when and where: arrivals at the sites until as many are promised as the trial may randomize.

Invariants
1. Exactly the planned number is randomized: the last arrival is the one who fills the trial.
2. No site takes more than its cap.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from api.cli.demo.calendar import ARRIVAL_WEEKS, FIRST_ARRIVAL_WEEK, monday_from, working_day
from api.cli.demo.follow_up import follow_up
from api.cli.demo.life import Life
from api.cli.demo.screening import enrolment, enrols, is_failing
from api.cli.demo.stage import Place, Stage
from api.cli.demo.timeline import Story
from api.cli.demo.treatment import treatment
from trial.errors import InvalidInput
from trial.statistics.virtual_participants import simulate_participant

_DAYS_TO_BASELINE = 9


class TooFewSites(InvalidInput):
    code = "demo.too_few_sites"


def cap_of_site(stage: Stage) -> int:
    """As the ledger counts it: the protocol's share of the planned number, rounded down."""
    return int(stage.protocol.randomization.site_cap_fraction * stage.planned + 1e-9)


def check_room(stage: Stage) -> None:
    """Raise ``TooFewSites`` where the caps of all sites together hold fewer than planned."""
    if cap_of_site(stage) * len(stage.places) < stage.planned:
        raise TooFewSites(
            f"One site may randomize at most {cap_of_site(stage)} of {stage.planned}, so {len(stage.places)} sites are"
            " too few. Give more with --sites."
        )


def lives(stage: Stage) -> list[Life]:
    """Everybody who will arrive, in the order of their arrival."""
    check_room(stage)
    numbers = list(_until_full(stage.planned))
    promised = dict.fromkeys(stage.places, 0)
    made: list[Life] = []
    for number in numbers:
        arrives = _arrival(stage, number, len(numbers))
        place = _place(stage, number, arrives, promised)
        promised[place.code] += enrols(number)
        made.append(_life(stage, number, place, arrives, number / len(numbers)))
    return made


def _until_full(planned: int) -> Iterator[int]:
    enrolled = number = 0
    while enrolled < planned:
        number += 1
        enrolled += enrols(number)
        yield number


def _arrival(stage: Stage, number: int, everybody: int) -> date:
    """Arrivals are spread over the weeks, fewer in the first ones, while sites open one after the other."""
    share = (number / everybody) ** 0.85
    days = round(share * ARRIVAL_WEEKS * 7) + int(stage.rng(number, 1).integers(-2, 3))
    first = stage.calendar.day(FIRST_ARRIVAL_WEEK)
    return working_day(max(first, first + timedelta(days=days)))


def _place(stage: Stage, number: int, arrives: date, promised: dict[str, int]) -> Place:
    open_now = [
        place
        for place in stage.places.values()
        if stage.calendar.day(place.opens_in_week, 4) <= arrives and promised[place.code] < cap_of_site(stage)
    ] or [min(stage.places.values(), key=lambda place: promised[place.code])]
    weights = [place.share for place in open_now]
    chosen = stage.rng(number, 2).choice(len(open_now), p=[weight / sum(weights) for weight in weights])
    return open_now[int(chosen)]


def _life(stage: Stage, number: int, place: Place, arrives: date, share: float) -> Life:
    rng = stage.rng(number)
    short_of_pain = is_failing(number) and number // 6 % 3 != 1
    return Life(
        stage=stage,
        place=place,
        number=number,
        share=share,
        arrives=arrives,
        first_day=monday_from(arrives + timedelta(days=_DAYS_TO_BASELINE)),
        rng=rng,
        person=simulate_participant(rng, stage.scenario, eligible=not short_of_pain),
    )


def story(life: Life) -> Story:
    """From arrival to the end of the study."""
    if (yield from enrolment(life)):
        yield from treatment(life)
        yield from follow_up(life)
        life.stage.finished += 1
