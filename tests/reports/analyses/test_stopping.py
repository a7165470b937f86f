"""Bounds on harm, kind by kind, counted by hand and beside scipy's own binomial tail."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binom

from reports.analyses.groups import by_arm
from reports.analyses.stopping import harm_rule_states
from reports.context import HarmRule
from tests.reports.factory import make_plan
from trial.protocol.loader import ProtocolInvalid, load_protocol, shipped_text
from trial.protocol.schema import ExactRateRule, RelatedEventsRule

EXACT = HarmRule(
    name="exact", text="An exact bound", kind="exact_rate", events="aesi_serious", by_arm=True, rate_limit=0.05,
    confidence=0.95,
)  # fmt: skip
AT_RISK = {"A": 20, "B": 20}


def frames(events: list[dict]) -> dict[str, pl.DataFrame]:
    """Twenty treated in each arm, and these events of theirs."""
    people = [(f"{arm}{number}", "Y", arm) for arm, size in AT_RISK.items() for number in range(size)]
    usual = {
        "TRTEMFL": "Y",
        "SAFFL": "Y",
        "AESDTH": "N",
        "AESER": "Y",
        "CQ01NAM": None,
        "ARELFL": "Y",
        "AEDECOD": "Seizure",
    }
    rows = [{**usual, **event, "TRTA": event["USUBJID"][0]} for event in events]
    columns = dict.fromkeys((*usual, "USUBJID", "TRTA"), pl.String)
    return {
        "ADSL": pl.DataFrame(
            people, schema={"USUBJID": pl.String, "SAFFL": pl.String, "TRT01A": pl.String}, orient="row"
        ),
        "ADAE": pl.DataFrame(rows, schema=columns),
    }


def states(rule: HarmRule, events: list[dict]) -> dict[str, tuple[int, bool]]:
    plan = replace(make_plan(), harm_rules=(rule,))
    found = harm_rule_states(frames(events), plan, by_arm(("A", "B")))
    return {state.group: (state.observed, state.reached) for state in found}


def with_event(people: int, arm: str = "A", **said) -> list[dict]:
    return [{"USUBJID": f"{arm}{number}", "CQ01NAM": "Seizure", **said} for number in range(people)]


@given(st.integers(0, 20))
def test_an_exact_bound_is_reached_where_so_many_would_be_too_rare_under_the_limit(people: int):
    too_rare = binom.sf(people - 1, 20, EXACT.rate_limit) < 1 - EXACT.confidence
    assert states(EXACT, with_event(people)) == {"A": (people, too_rare), "B": (0, False)}


def test_a_participant_counts_once_in_a_rate_and_each_event_in_a_count():
    twice = [*with_event(1), *with_event(1)]
    assert states(EXACT, twice)["A"][0] == 1
    counted = HarmRule(name="n", text="Two", kind="related_events", events="serious", by_arm=True, count=2)
    assert states(counted, twice) == {"A": (2, True), "B": (0, False)}


def test_a_bound_on_one_event_of_special_interest_counts_no_other_and_no_grade_of_seriousness():
    narrow = replace(EXACT, events="aesi", special_interest=("Cystitis",))
    mixed = [*with_event(6), *with_event(3, "B", CQ01NAM="Cystitis", AESER="N")]
    assert states(narrow, mixed) == {"A": (0, False), "B": (3, binom.sf(2, 20, 0.05) < 0.05)}


def test_related_events_of_one_kind_are_counted_kind_by_kind_and_unrelated_ones_not():
    rule = HarmRule(
        name="kind", text="Two of one", kind="related_events", events="serious", by_arm=False, count=2, of_one_kind=True
    )
    different = [*with_event(1), *with_event(1, "B", AEDECOD="Syncope"), *with_event(1, "B", ARELFL="N")]
    assert states(rule, different) == {"all": (1, False)}
    assert states(rule, [*different, *with_event(1, "B")]) == {"all": (2, True)}


SHARED = {"id": "r", "text": "A rule", "events": "serious"}


@pytest.mark.parametrize(
    "said",
    [
        {"by_arm": True, "seen_by": "everybody"},
        {"by_arm": True, "seen_by": "everybody", "pauses_recruitment": True},
        {"by_arm": False, "seen_by": "board", "pauses_recruitment": True},
    ],
)
def test_a_bound_that_could_tell_an_arm_to_the_sites_cannot_be_written(said: dict):
    with pytest.raises(ValidationError, match=r"arm|everybody"):
        RelatedEventsRule(kind="related_events", of_one_kind=False, count=1, **SHARED, **said)


def test_an_exact_bound_is_data_of_the_protocol():
    rule = ExactRateRule(kind="exact_rate", rate_limit=0.05, confidence=0.95, by_arm=True, **SHARED)
    assert (rule.seen_by, rule.pauses_recruitment) == ("board", False)
    with pytest.raises(ValidationError):
        ExactRateRule(kind="exact_rate", rate_limit=0.05, confidence=1.0, by_arm=True, **SHARED)


def test_a_protocol_file_that_pauses_by_one_arm_is_refused_with_its_line():
    text = shipped_text("keta-pain").replace(
        "    by_arm: true\n    seen_by: board\n", "    by_arm: true\n    seen_by: everybody\n"
    )
    with pytest.raises(ProtocolInvalid):
        load_protocol(text)
