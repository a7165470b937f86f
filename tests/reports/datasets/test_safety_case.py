"""The JSON of a case: valid by its own schema, the same bytes each time, and without a place for a treatment."""

import json
from dataclasses import replace

import jsonschema_rs
import pytest

from reports.datasets.safety_case import SCHEMA_ID, safety_case, safety_case_json, safety_case_schema
from tests.support.cases import made_up_case

VALIDATOR = jsonschema_rs.validator_for(safety_case_schema())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ended": "", "onset": "2026", "code": "", "soc": "", "route": "", "doses": (), "other_treatments": ()},
        {
            "causality_sponsor": "",
            "expected": None,
            "susar": None,
            "judged_at": None,
            "narrative": "",
            "narrative_version": 0,
        },
        {"infusion": None, "age_years": None, "sponsor_received_at": None, "special_interest": "Hallucination"},
    ],
)
def test_every_case_is_valid_by_the_schema_in_the_package(changes):
    case = made_up_case(**changes)
    written = safety_case_json(case)
    VALIDATOR.validate(json.loads(written))
    assert written == safety_case_json(made_up_case(**changes))
    assert json.loads(written)["schema"] == SCHEMA_ID


def test_the_schema_refuses_what_is_not_documented_a_treatment_first_of_all():
    document = safety_case(made_up_case())
    for place in (document, document["study_treatment"], document["patient"]):
        place["arm"] = "KET"
        assert not VALIDATOR.is_valid(document)
        del place["arm"]
    assert VALIDATOR.is_valid(document)
    del document["event"]["onset"]
    assert not VALIDATOR.is_valid(document)


def test_a_case_names_every_arm_and_no_one_of_them():
    case = made_up_case()
    assert safety_case(case)["study_treatment"]["name"] == "Blinded study treatment: Ketamine or Placebo"
    assert safety_case(replace(case, arms=("Ketamine", "Placebo"))) == safety_case(case)
