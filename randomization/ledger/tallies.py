"""How many are randomized, in the trial and at each site: the rows that hold the caps under concurrency.

Invariants
1. Whoever randomizes takes a number first of the trial, then of the site, then counts in the caps of the protocol in their
   order, and holds the rows until commit: caps hold, and numbers have no gap.
2. The randomization number counts the trial's participants in the order of randomization. It knows no stratum's
   position and no arm.
3. No refusal here depends on an arm. A cap on an arm is held as the total that its ratio allows.
4. The trial is full at the planned number, and replacement participants come on top of it: nobody else takes their place.
   Caps of sites, strata and arms stay as they are, for replacements too: they bound what a site can treat and what an
   arm may expose. A site's cap is a share of the planned number and moves with it.
5. Who was given a kit already, from an envelope, counts everywhere and is refused nowhere: a record follows what happened.
"""

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, select

from trial.conduct.eligibility import RandomizationCandidate
from trial.conduct.replacements import stand_ins
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import Cap

_WHOLE_TRIAL: Final = "trial"
# Rows are taken in the order of VALUES: the trial's before the site's, for everybody.
_TAKE: Final = (
    "INSERT INTO trial.recruitment_tally AS tally (id, recorded_at, trial_id, stage, place, randomized) VALUES"
    " (%(trial_row)s, %(now)s, %(trial_id)s, %(stage)s, 'trial', 1),"
    " (%(site_row)s, %(now)s, %(trial_id)s, %(stage)s, %(site)s, 1)"
    " ON CONFLICT (trial_id, stage, place) DO UPDATE SET randomized = tally.randomized + 1"
    " RETURNING place, randomized"
)
_ONE_MORE: Final = (
    "UPDATE trial.recruitment_tally SET randomized = randomized + 1"
    " WHERE trial_id = %(trial_id)s AND stage = %(stage)s AND place = %(place)s RETURNING randomized"
)
_COUNT_BEFORE: Final = (
    "INSERT INTO trial.recruitment_tally (id, recorded_at, trial_id, stage, place, randomized)"
    " SELECT %(id)s, %(recorded_at)s, %(trial_id)s, CAST(%(stage)s AS varchar), %(place)s, count(*) FROM trial.allocation"
    " WHERE trial_id = %(trial_id)s AND stage = CAST(%(stage)s AS varchar)"
    " AND (SELECT bool_and(strpos('&' || stratum || '&', level) > 0) FROM unnest(CAST(%(levels)s AS text[])) AS level)"
    " ON CONFLICT (trial_id, stage, place) DO NOTHING"
)
# Where ``least`` is given the tally rises to it, otherwise by one.
_COUNT_AGAIN: Final = (
    "INSERT INTO trial.recruitment_tally AS tally (id, recorded_at, trial_id, stage, place, randomized)"
    " VALUES (%(id)s, %(recorded_at)s, %(trial_id)s, %(stage)s, %(place)s, coalesce(CAST(%(least)s AS integer), 1))"
    " ON CONFLICT (trial_id, stage, place) DO UPDATE SET"
    " randomized = CASE WHEN CAST(%(least)s AS integer) IS NULL THEN tally.randomized + 1"
    " ELSE greatest(tally.randomized, CAST(%(least)s AS integer)) END"
)
# What the lever of the sponsor says now: it may have been moved while this transaction waited for its number.
_PLANNED: Final = "SELECT planned_participants FROM trial.trial WHERE id = %(trial_id)s"
_HOLD: Final = (
    "INSERT INTO trial.recruitment_tally AS tally (id, recorded_at, trial_id, stage, place, randomized)"
    " VALUES (%(id)s, %(recorded_at)s, %(trial_id)s, %(stage)s, %(place)s, 0)"
    " ON CONFLICT (trial_id, stage, place) DO UPDATE SET randomized = tally.randomized RETURNING randomized"
)


class SiteCapReached(Conflict):
    code = "site.cap_reached"


class StratumCapReached(Conflict):
    code = "stratum.cap_reached"


class ArmCapsReached(Conflict):
    code = "trial.arm_caps_reached"


class TrialFull(Conflict):
    code = "trial.full"


class RecruitmentTally(Record, table=True):
    """``place`` is ``trial``, a site's id, or the digest of a cap's levels."""

    __tablename__ = "recruitment_tally"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("trial_id", "stage", "place"),
        unaudited="it counts allocations, which are audited",
    )

    trial_id: UUID = Field(foreign_key="trial.trial.id")
    stage: str = Field(max_length=32)
    place: str = Field(max_length=48)
    randomized: int


def take_number(
    session: TrialSession, candidate: RandomizationCandidate, stage: str, *, given_already: bool = False
) -> str:
    """The next randomization number; ``given_already`` for an allocation that is only recorded now.

    Otherwise raises ``SiteCapReached``, ``StratumCapReached``, ``ArmCapsReached``, ``TrialFull``; the transaction must then end.
    """
    site = str(candidate.site.id)
    taken = session.run_sql(
        _TAKE,
        trial_row=session.new_id(),
        site_row=session.new_id(),
        now=session.now(),
        trial_id=candidate.trial.id,
        stage=stage,
        site=site,
    )
    counts: dict[str, int] = {row.place: row.randomized for row in taken}
    if not given_already:
        _check_room(session, candidate, counts[_WHOLE_TRIAL], counts[site])
    for cap in caps_for(candidate.protocol, candidate.factors):
        if _count_in(session, candidate.trial.id, stage, cap) > cap.at_most and not given_already:
            raise StratumCapReached(
                f"As many participants with {_words(cap)} are randomized as the protocol allows ({cap.at_most}), so nobody was"
                " randomized. Ask the sponsor."
            )
    return number_of(stage, counts[_WHOLE_TRIAL])


def _check_room(session: TrialSession, candidate: RandomizationCandidate, in_trial: int, at_site: int) -> None:
    planned: int = session.run_sql(_PLANNED, trial_id=candidate.trial.id)[0].planned_participants
    if in_trial > planned and in_trial > planned + replacements_among(
        session, candidate.trial.id, candidate.participant.id
    ):
        raise TrialFull(
            f"As many participants as planned ({planned}) are randomized, so nobody more was. The sponsor can raise the"
            " planned number on the page on recruitment."
        )
    _check_arm_caps(candidate, in_trial)
    if at_site > (most := site_cap(candidate.protocol, planned)):
        raise SiteCapReached(
            f"Site {candidate.site.code} has reached its cap of {most} participants, so nobody was randomized. Ask the"
            " sponsor."
        )


def replacements_among(session: TrialSession, trial_id: UUID, candidate_id: UUID | None = None) -> int:
    """How many of those randomized stand in for somebody; the candidate too, who is randomized next."""
    return sum(one.is_randomized or one.participant_id == candidate_id for one in stand_ins(session, trial_id))


def hold_count(session: TrialSession, trial_id: UUID, stage: str) -> int:
    """How many numbers of the stage are given; nobody is given another until this transaction ends."""
    named = {"trial_id": trial_id, "stage": stage, "place": _WHOLE_TRIAL}
    return int(session.run_sql(_HOLD, **named, **session.stamp())[0].randomized)


def _check_arm_caps(candidate: RandomizationCandidate, count: int) -> None:
    most = candidate.protocol.most_by_arm_caps
    if most is not None and count > most:
        raise ArmCapsReached(
            f"The caps of the protocol's arms allow {most} participants at its ratio, and as many are randomized. Nobody more"
            " was; ask the sponsor."
        )


def caps_for(protocol: Protocol, factors: Mapping[str, str]) -> list[Cap]:
    """The caps that somebody with these levels counts in, in the protocol's order."""
    caps = protocol.randomization.caps
    return [cap for cap in caps if all(factors.get(name) == level for name, level in cap.levels.items())]


def _count_in(session: TrialSession, trial_id: UUID, stage: str, cap: Cap) -> int:
    """One more in the cap. The first time, those who were randomized before the protocol had it are counted."""
    named = {"trial_id": trial_id, "stage": stage, "place": _place(cap)}
    counted = session.run_sql(_ONE_MORE, **named)
    if not counted:
        levels = [f"&{quote(name, safe='')}={quote(level, safe='')}&" for name, level in cap.levels.items()]
        session.run_sql(_COUNT_BEFORE, **named, **session.stamp(), levels=levels)
        counted = session.run_sql(_ONE_MORE, **named)
    return int(counted[0].randomized)


def _place(cap: Cap) -> str:
    return "cap:" + hashlib.sha256(_words(cap).encode()).hexdigest()[:40]


def _words(cap: Cap) -> str:
    return "; ".join(f"{name}={level}" for name, level in sorted(cap.levels.items()))


def number_of(stage: str, count: int) -> str:
    """The randomization number of the participant who is ``count``-th in the stage."""
    prefix = "R" if stage == "main" else f"{stage.upper()}-R"
    return f"{prefix}{count:04d}"


def numbers_given(session: TrialSession, trial_id: UUID, stage: str) -> int:
    """How many numbers of the stage are given or set aside."""
    found = select(RecruitmentTally.randomized).where(
        RecruitmentTally.trial_id == trial_id, RecruitmentTally.stage == stage, RecruitmentTally.place == _WHOLE_TRIAL
    )
    return session.exec(found).first() or 0


def set_numbers_aside(session: TrialSession, trial_id: UUID, stage: str, *, up_to: int) -> None:
    """Nobody gets one of the numbers up to this one any more, but whose they were."""
    named = {"trial_id": trial_id, "stage": stage, "place": _WHOLE_TRIAL, "least": up_to}
    session.run_sql(_COUNT_AGAIN, **named, **session.stamp())


def count_again(
    session: TrialSession, trial_id: UUID, stage: str, site_id: UUID, count: int, caps: Sequence[Cap] = ()
) -> None:
    """Somebody who was randomized before a restore counts again: at the site, and up to their number in the trial."""
    set_numbers_aside(session, trial_id, stage, up_to=count)
    named = {"trial_id": trial_id, "stage": stage, "place": str(site_id), "least": None}
    session.run_sql(_COUNT_AGAIN, **named, **session.stamp())
    for cap in caps:
        _count_in(session, trial_id, stage, cap)


def site_cap(protocol: Protocol, planned: int) -> int:
    """The most that one site may randomize: the protocol's fraction of the planned number, rounded down."""
    return int(Fraction(str(protocol.randomization.site_cap_fraction)) * planned)
