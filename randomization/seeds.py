"""A seed that two people make together, so that neither can shop for a list.

    commitment   SHA-256( framed(COMMITMENT, person, contribution) )
    seed         first 32 bytes of SHAKE-256( framed(SEED, first person, first contribution,
                 second person, second contribution) ), in the order in which they contributed

The first contribution is fixed, by its commitment, before the second is given: who sees the other's bytes
could try seeds until a list pleases.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from randomization.schemes.stream import SEED_SIZE, framed
from trial.errors import Conflict, InvalidInput

LEAST_CONTRIBUTION: Final = 16
MOST_CONTRIBUTION: Final = 1024
_SEED: Final = b"equipoise/list-seed/v1"
_COMMITMENT: Final = b"equipoise/seed-contribution/v1"


class ContributionInvalid(InvalidInput):
    code = "seed.contribution_invalid"


class ContributionsNotTwo(InvalidInput):
    code = "seed.contributions_not_two"


class ContributionChanged(Conflict):
    code = "seed.contribution_changed"


@dataclass(frozen=True)
class Contribution:
    """One person's random bytes: at least 16, from a good source."""

    person: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not LEAST_CONTRIBUTION <= len(self.secret) <= MOST_CONTRIBUTION:
            raise ContributionInvalid(
                f"A contribution to the seed has {LEAST_CONTRIBUTION} to {MOST_CONTRIBUTION} bytes. Draw a new one."
            )
        if len(set(self.secret)) == 1:
            raise ContributionInvalid("A contribution to the seed must be random. Draw a new one.")


def combine_contributions(first: Contribution, second: Contribution) -> bytes:
    """The seed of two people's contributions."""
    if first.person == second.person:
        raise ContributionsNotTwo("The seed comes from two people. Ask a second person for a contribution.")
    if compare_digest(first.secret, second.secret):
        raise ContributionsNotTwo("Both contributions are the same. Let the second person draw another.")
    parts = (first.person.encode(), first.secret, second.person.encode(), second.secret)
    return hashlib.shake_256(framed(_SEED, *parts)).digest(SEED_SIZE)


def commit_contribution(contribution: Contribution) -> bytes:
    """What is recorded of a contribution before the other one is known."""
    return hashlib.sha256(framed(_COMMITMENT, contribution.person.encode(), contribution.secret)).digest()


def check_contribution(contribution: Contribution, commitment: bytes) -> None:
    """The contribution is the one that was committed to."""
    if not compare_digest(commit_contribution(contribution), commitment):
        raise ContributionChanged(
            "This is not the contribution that was recorded. Start the seed again with two new contributions."
        )
