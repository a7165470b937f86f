"""SDTM domains from a snapshot: DM, SV, DS, IE, SC, EX, CM, PR, QS, VS, AE, FA, DV and supplemental qualifiers.

Purpose: put the trial's frozen facts into the standard's tables, so that analyses read a standard, not us.

Invariants
1. Every domain has exactly its declared variables; dates are ISO 8601; sequence numbers count within a
   participant.
2. Treatments stand in DM and EX only, and only as the mode allows.

What it does not do: derive. Baselines, changes and flags are ADaM's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from reports.datasets.sdtm import events, findings, interventions, special_purpose
from reports.datasets.sdtm.source import Source
from reports.datasets.shapes import TreatmentMode, shaped
from reports.datasets.treatments import arms_for

DOMAINS: Final[Mapping[str, Callable[[Source], pl.DataFrame]]] = {
    "DM": special_purpose.demographics,
    "SUPPDM": special_purpose.demographic_qualifiers,
    "SV": special_purpose.visits,
    "DS": special_purpose.disposition,
    "IE": special_purpose.exceptions,
    "SC": special_purpose.characteristics,
    "EX": interventions.exposure,
    "SUPPEX": interventions.exposure_qualifiers,
    "CM": interventions.concomitant,
    "PR": interventions.sessions,
    "QS": findings.questionnaires,
    "VS": findings.vital_signs,
    "AE": events.adverse_events,
    "SUPPAE": events.adverse_event_qualifiers,
    "FA": events.checklists,
    "DV": events.deviations,
}


def build_sdtm(
    snapshot: Mapping[str, pl.DataFrame],
    mode: TreatmentMode = "naive",
    treatments: pl.DataFrame | None = None,
    *,
    salt: str = "",
) -> dict[str, pl.DataFrame]:
    """Every domain of the snapshot. ``salt`` (the snapshot's hash) decides the invented arms of the
    dummy mode.
    """
    source = Source(snapshot, arms_for(snapshot["participants"], mode, treatments, salt))
    return {name: shaped(name, build(source), mode) for name, build in DOMAINS.items()}
