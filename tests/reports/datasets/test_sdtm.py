"""SDTM from a snapshot: counted again the slow way, from the snapshot's own rows."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from reports.datasets.sdtm import DOMAINS, build_sdtm
from reports.datasets.shapes import declared_datasets, short_codes, treatment_variables, variables_of
from reports.datasets.terms import ACTION, ETHNICITY, OUTCOME, RACE, SEX, VITAL_SIGNS
from reports.datasets.treatments import TreatmentsDoNotFit
from reports.datasets.withheld import without_infusion_domain
from tests.reports.factory import make_treatments, table
from trial.reference.dictionaries import submission_values

ISO = re.compile(r"^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2})?)?)?$")


@pytest.fixture(scope="module")
def domains(snapshot, treatments):
    return build_sdtm(snapshot, "unblinded", treatments)


def test_every_domain_has_exactly_its_declared_variables(domains):
    for name, frame in domains.items():
        assert frame.columns == [variable.name for variable in variables_of(name)]


def test_variable_names_and_labels_fit_transport_version_5():
    for name in declared_datasets():
        for variable in variables_of(name):
            assert re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", variable.name)
            assert len(variable.label) <= 40


def test_everybody_assessed_has_one_row_in_dm(domains, snapshot):
    dm = domains["DM"]
    assert dm["SUBJID"].to_list() == sorted(snapshot["participants"]["participant"].to_list())
    assert dm["USUBJID"].n_unique() == dm.height


def test_arms_stand_with_the_randomized_and_with_nobody_else(domains, treatments):
    given = dict(zip(treatments["participant"], treatments["arm"], strict=True))
    for row in domains["DM"].iter_rows(named=True):
        assert row["ARM"] == given.get(row["SUBJID"])
        treated = row["RFXSTDTC"] is not None
        assert row["ACTARM"] == (row["ARM"] if treated else None)
        assert (row["ARMNRS"] is None) == treated


def test_sequence_numbers_count_from_one_within_each_participant(domains):
    for name, frame in domains.items():
        seq = f"{name}SEQ"
        if seq not in frame.columns:
            continue
        for _, rows in frame.group_by("USUBJID"):
            assert sorted(rows[seq].to_list()) == list(range(1, rows.height + 1))


def test_dates_are_iso_8601(domains):
    for frame in domains.values():
        for column in (c for c in frame.columns if c.endswith("DTC")):
            assert all(ISO.match(value) for value in frame[column].drop_nulls())


def test_instants_are_written_as_the_sites_own_clock_shows_them(domains, snapshot):
    zones = dict(zip(snapshot["sites"]["site"], snapshot["sites"]["zone"], strict=True))
    written = dict(zip(domains["DM"]["SUBJID"], domains["DM"]["RFXSTDTC"], strict=True))
    for row in snapshot["participants"].filter(pl.col("first_dose_at").is_not_null()).iter_rows(named=True):
        local = row["first_dose_at"].astimezone(ZoneInfo(zones[row["site"]]))
        assert written[row["participant"]] == local.strftime("%Y-%m-%dT%H:%M")


def test_the_day_before_the_first_dose_is_day_minus_one(snapshot):
    tables = dict(snapshot)
    person = {
        "participant": "P-9",
        "site": "S03",
        "assessed_on": date(2026, 3, 1),
        "consented_on": date(2026, 3, 1),
        "randomized_at": datetime(2026, 3, 9, 20, tzinfo=UTC),
        "first_dose_at": datetime(2026, 3, 9, 20, tzinfo=UTC),
    }  # in Osaka: 10 March
    tables["participants"] = table("participants", [person])
    tables["deviations"] = table(
        "deviations",
        [
            {
                "participant": "P-9",
                "deviation": n,
                "category": "x",
                "importance": "other",
                "happened_on": date(2026, 3, day),
            }
            for n, day in ((1, 9), (2, 10), (3, 11))
        ],
    )
    found = build_sdtm(tables)
    assert found["DV"]["DVSTDY"].to_list() == [-1, 1, 2]


def test_only_broken_criteria_are_exceptions(domains, snapshot):
    broken = [row for row in snapshot["criteria"].iter_rows(named=True) if (row["kind"] == "inclusion") != row["met"]]
    assert domains["IE"].height == len(broken)


def test_vital_signs_and_other_readings_share_out_every_reading(domains, snapshot):
    readings = snapshot["readings"]
    vital = [m for m in readings["measure"] if m.lower() in VITAL_SIGNS]
    assert domains["VS"].height == len(vital)
    assert domains["QS"].filter(pl.col("QSSCAT") == "INFUSION READING").height == readings.height - len(vital)


def test_qualifiers_point_at_records_that_exist(domains):
    for name in ("AE", "EX"):
        keys = {(u, str(n)) for u, n in domains[name].select("USUBJID", f"{name}SEQ").rows()}
        assert {tuple(row) for row in domains[f"SUPP{name}"].select("USUBJID", "IDVARVAL").rows()} <= keys


@pytest.mark.parametrize(
    ("codelist", "mapping"),
    [("C66731", SEX), ("C74457", RACE), ("C66790", ETHNICITY), ("C66768", OUTCOME), ("C66767", ACTION)],
)
def test_every_term_we_map_to_is_in_the_codelist(codelist, mapping):
    assert set(mapping.values()) <= set(submission_values(codelist))


def test_submitted_terms_are_in_the_codelists(domains):
    assert set(domains["DM"]["SEX"].drop_nulls()) <= set(submission_values("C66731"))
    assert set(domains["AE"]["AEOUT"].drop_nulls()) <= set(submission_values("C66768"))
    assert set(domains["AE"]["AEACN"].drop_nulls()) <= set(submission_values("C66767"))


def test_naive_domains_hold_no_treatment_variable_and_no_arm(snapshot):
    for frame in build_sdtm(snapshot, "naive").values():
        assert not treatment_variables() & set(frame.columns)
    assert build_sdtm(snapshot, "naive")["EX"]["EXTRT"].unique().to_list() == ["STUDY TREATMENT (MASKED)"]


def test_every_dummy_arm_says_that_it_is_one(snapshot):
    found = build_sdtm(snapshot, "dummy", salt="a")
    assert all("DUMMY" in arm for arm in found["DM"]["ARM"].drop_nulls())
    assert found["DM"]["ARM"].drop_nulls().len() > 0
    assert all("DUMMY" in arm for arm in found["EX"]["EXTRT"])


def test_treatments_for_somebody_else_are_refused(snapshot, treatments):
    stranger = treatments.with_columns(participant=pl.lit("X-") + pl.col("participant"))
    with pytest.raises(TreatmentsDoNotFit):
        build_sdtm(snapshot, "unblinded", stranger)
    with pytest.raises(TreatmentsDoNotFit):
        build_sdtm(snapshot, "unblinded", treatments.head(3))
    with pytest.raises(TreatmentsDoNotFit):
        build_sdtm(snapshot, "naive", treatments)


def test_a_snapshot_of_any_shape_gives_every_domain(case):
    snapshot, treatments = case
    assert set(build_sdtm(snapshot, "unblinded", treatments)) == set(DOMAINS)


def test_codes_are_short_and_unique_even_for_names_that_begin_alike():
    names = [f"pain_interference_{n}" for n in range(12)]
    codes = short_codes(names, {})
    assert len(set(codes.values())) == 12
    assert max(map(len, codes.values())) <= 8


def test_an_event_has_its_severity_its_treatment_its_first_and_its_worst_grade_and_every_relation(snapshot):
    first, second = snapshot["adverse_events"].rows(named=True)[:2]
    who = first["participant"]
    events = [
        first
        | {
            "event": 1,
            "severity": "SEVERE",
            "treatments": "medication, hospital_care",
            "grade": 3,
            "grade_at_onset": 1,
        },
        second | {"participant": who, "event": 2, "treatments": "none", "recurrence_of": 1},
        second | {"participant": who, "event": 3, "treatments": None},
    ]
    judged = {"participant": who, "event": 1, "related": True}
    tables = dict(snapshot) | {
        "adverse_events": table("adverse_events", events),
        "event_relations": table(
            "event_relations",
            [
                judged | {"component": "procedure", "label": "Study procedure", "sponsor": "unlikely"},
                judged | {"component": "programme", "label": "Comprehensive pain programme of long name",
                          "investigator": "possible"},
            ],
        ),
    }  # fmt: skip
    made = build_sdtm(tables, "naive", None)
    rows = made["AE"].sort("AESEQ").select("AESEV", "AECONTRT", "AETOXGR").rows()
    assert rows[0] == ("SEVERE", "Y", "3")
    assert [row[1] for row in rows] == ["Y", "N", None]
    told = {
        (row["IDVARVAL"], row["QNAM"]): (row["QVAL"], row["QLABEL"]) for row in made["SUPPAE"].iter_rows(named=True)
    }
    assert told["1", "AEGRONS"][0] == "1"
    assert told["1", "AETRTGV"][0] == "MEDICATION, HOSPITAL CARE"
    assert told["2", "AERECOF"][0] == "1"
    assert told["1", "AEREL1S"] == ("UNLIKELY", "Relation to Study procedure, Sponsor")
    assert told["1", "AEREL2I"][0] == "POSSIBLE"
    assert all(len(label) <= 40 for _, label in told.values())


def test_treatments_do_not_change_blinded_domains(snapshot):
    one = make_treatments(snapshot, seed=1)
    other = make_treatments(snapshot, seed=2)
    assert not one.equals(other)
    first, second = build_sdtm(snapshot, "unblinded", one), build_sdtm(snapshot, "unblinded", other)
    for name in set(DOMAINS) - {"DM", "EX"}:
        assert first[name].equals(second[name])


def coded(snapshot, events: list[tuple[str, int, str | None]]) -> dict[str, pl.DataFrame]:
    """The snapshot with these events alone, each coded in MedDRA."""
    codes = {
        "release": "28.0", "llt_code": "90000011", "llt": "Queasy stomach", "pt_code": "90000001", "pt": "Feeling sick",
        "soc_code": "90000301", "soc": "Gut class", "ground": "words",
    }  # fmt: skip
    told = [{"participant": one, "event": number, "aesi": aesi} for one, number, aesi in events]
    return {
        **snapshot,
        "adverse_events": table(
            "adverse_events", [{**row, "verbatim": "x", "term": "Nausea", "grade": 1} for row in told]
        ),
        "event_codings": table("event_codings", [{**row, **codes} for row in told]),
        "event_courses": snapshot["event_courses"].clear(),
        "event_relations": snapshot["event_relations"].clear(),
    }


def test_codes_in_meddra_stand_beside_the_term_of_ctcae(snapshot):
    one = snapshot["participants"]["participant"][0]
    domains = build_sdtm(coded(snapshot, [(one, 1, None)]), "naive")
    supp = dict(domains["SUPPAE"].select("QNAM", "QVAL").iter_rows())
    assert domains["AE"]["AEDECOD"].to_list() == ["Nausea"]
    assert {name: value for name, value in supp.items() if name.startswith("MD")} == {
        "MDVER": "28.0", "MDLLTCD": "90000011", "MDLLT": "Queasy stomach", "MDPTCD": "90000001", "MDPT": "Feeling sick",
        "MDSOCCD": "90000301", "MDSOC": "Gut class",
    }  # fmt: skip


def test_codes_of_events_of_special_interest_are_withheld_with_them(snapshot, context):
    one = snapshot["participants"]["participant"][0]
    whole = coded(snapshot, [(one, 1, "Nausea"), (one, 2, None)])
    left = without_infusion_domain(whole, context.plan)["event_codings"]
    assert left.select("participant", "event").rows() == [(one, 1)]
