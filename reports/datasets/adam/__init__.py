"""ADaM datasets: ADSL, ADVISIT, ADQS, ADAE, ADINF and ADGUESS, derived from SDTM and the analysis plan.

Purpose: every number of a report comes from these frames, and whoever pulls them can compute it again.

Invariants
1. Treatments come along from DM only; in the naive mode none of these frames has a treatment variable.
2. No record is dropped on the way: analyses choose rows by flags.

What it does not do: estimate anything; ``reports/analyses`` does.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from reports.context import AnalysisPlan
from reports.datasets.adam.occurrences import adverse_events, guesses, infusion_readings
from reports.datasets.adam.scores import scores, threshold_variables
from reports.datasets.adam.subjects import cut_off_day, factor_variables, observed, subjects, visits_at_cut_off
from reports.datasets.shapes import TreatmentMode, Variable, shaped

ADAM_DATASETS = ("ADSL", "ADVISIT", "ADQS", "ADAE", "ADINF", "ADGUESS")


def build_adam(
    domains: Mapping[str, pl.DataFrame],
    snapshot: Mapping[str, pl.DataFrame],
    plan: AnalysisPlan,
    mode: TreatmentMode = "naive",
) -> dict[str, pl.DataFrame]:
    """Every analysis dataset. ``snapshot`` gives the visits that are still to come, which SDTM does not
    hold.
    """
    adsl = observed(subjects(domains), cut_off_day(snapshot))
    visits = visits_at_cut_off(snapshot, adsl, plan)
    frames = {
        "ADSL": adsl,
        "ADVISIT": visits,
        "ADQS": scores(domains, adsl, visits, plan),
        "ADAE": adverse_events(domains, adsl),
        "ADINF": infusion_readings(domains, adsl),
        "ADGUESS": guesses(domains, adsl, plan),
    }
    extra = extra_variables(domains, plan)
    return {name: shaped(name, frame, mode, extra.get(name, ())) for name, frame in frames.items()}


def extra_variables(domains: Mapping[str, pl.DataFrame], plan: AnalysisPlan) -> dict[str, list[Variable]]:
    """Variables whose number depends on the protocol: factors and responder thresholds."""
    return {"ADSL": factor_variables(domains), "ADQS": threshold_variables(plan)}
