"""Jurisdictions: to whose authority a SUSAR of this trial is reported.

Invariants
1. The sponsor's own rule applies in every trial.
2. A SUSAR is reported in every jurisdiction in which the trial has a site, wherever it happened.
3. Where no site lies in a jurisdiction that the protocol has clocks for, all of the protocol's clocks apply: too many
   reports do less harm than one that was not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from trial.protocol.schema import ExpeditedClock
from trial.safety.clocks import SITES_OWN

_EU_AND_EEA: Final = (
    *("AUT", "BEL", "BGR", "CYP", "CZE", "DEU", "DNK", "ESP", "EST", "FIN", "FRA", "GRC", "HRV", "HUN", "IRL", "ISL"),
    *("ITA", "LIE", "LTU", "LUX", "LVA", "MLT", "NLD", "NOR", "POL", "PRT", "ROU", "SVK", "SVN", "SWE"),
)
JURISDICTION_OF: Final = {"USA": "FDA", **dict.fromkeys(_EU_AND_EEA, "EU")}
"""The jurisdiction of a country (ISO 3166-1 alpha-3), for those that a protocol can name."""


def clocks_that_apply(clocks: Sequence[ExpeditedClock], countries: Iterable[str]) -> tuple[ExpeditedClock, ...]:
    """The protocol's clocks for a trial with sites in ``countries``."""
    known = {clock.jurisdiction for clock in clocks}
    here = {JURISDICTION_OF[country] for country in countries if country in JURISDICTION_OF} & known
    if not here:
        return tuple(clocks)
    return tuple(clock for clock in clocks if clock.jurisdiction == SITES_OWN or clock.jurisdiction in here)
