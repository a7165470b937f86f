"""How many are randomized, in the trial and at each site: the rows that hold the caps under concurrency.

Invariants
1. Whoever randomizes takes a number first of the trial, then of the site, and holds both rows until commit: caps
   hold, and numbers have no gap.
2. The randomization number counts the trial's participants in the order of randomization. It knows no stratum's
   position and no arm.
"""

from fractions import Fraction
from typing import Final
from uuid import UUID

from sqlalchemy import UniqueConstraint, text
from sqlmodel import Field

from trial.conduct.eligibility import RandomizationCandidate
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict

_WHOLE_TRIAL: Final = "trial"
# Rows are taken in the order of VALUES: the trial's before the site's, for everybody.
_TAKE: Final = text(
    "INSERT INTO trial.recruitment_tally AS tally (id, recorded_at, trial_id, stage, place, randomized) VALUES"
    " (:trial_row, :now, :trial_id, :stage, 'trial', 1), (:site_row, :now, :trial_id, :stage, :site, 1)"
    " ON CONFLICT (trial_id, stage, place) DO UPDATE SET randomized = tally.randomized + 1"
    " RETURNING place, randomized"
)


class SiteCapReached(Conflict):
    code = "site.cap_reached"


class TrialFull(Conflict):
    code = "trial.full"


class RecruitmentTally(Record, table=True):
    """``place`` is ``trial`` or a site's id."""

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


def take_number(session: TrialSession, candidate: RandomizationCandidate, stage: str) -> str:
    """The next randomization number. Raises ``SiteCapReached``, ``TrialFull``; the transaction must then end."""
    site = str(candidate.site.id)
    taken = session.execute(
        _TAKE,
        {
            "trial_row": session.new_id(),
            "site_row": session.new_id(),
            "now": session.now(),
            "trial_id": candidate.trial.id,
            "stage": stage,
            "site": site,
        },
    ).all()
    counts: dict[str, int] = {row.place: row.randomized for row in taken}
    if counts[_WHOLE_TRIAL] > candidate.trial.planned_participants:
        raise TrialFull("As many participants as planned are randomized. Nobody more was; ask the sponsor.")
    if counts[site] > site_cap(candidate):
        raise SiteCapReached(
            f"Site {candidate.site.code} has reached its cap of {site_cap(candidate)} participants, so nobody was"
            " randomized. Ask the sponsor."
        )
    prefix = "R" if stage == "main" else f"{stage.upper()}-R"
    return f"{prefix}{counts[_WHOLE_TRIAL]:04d}"


def site_cap(candidate: RandomizationCandidate) -> int:
    """The most that one site may randomize: the protocol's fraction of the planned number, rounded down."""
    share = Fraction(str(candidate.protocol.randomization.site_cap_fraction))
    return int(share * candidate.trial.planned_participants)
