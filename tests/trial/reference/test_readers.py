"""The packaged tables, read as they are: counts from their provenance, and the traps of each."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from trial import reference
from trial.reference import files as reading


@pytest.mark.parametrize(("version", "terms"), [("5.0", 837), ("6.0", 850)])
def test_each_ctcae_version_has_the_terms_that_its_provenance_counts(version, terms):
    found = reference.ctcae_terms(version)
    assert len(found) == terms
    assert len({term.llt_code for term in found}) == terms
    assert {term.version for term in found} == {version}


def test_grades_without_words_do_not_exist():
    assert set(reference.ctcae_term("6.0", "Nausea").grades) == {1, 2, 3}
    assert set(reference.ctcae_term("6.0", "Confusion").grades) == {1, 2, 3, 4}


def test_hypertension_lost_its_first_grade_in_version_6():
    assert 1 in reference.ctcae_term("5.0", "Hypertension").grades
    assert 1 not in reference.ctcae_term("6.0", "Hypertension").grades


def test_an_unknown_ctcae_version_is_refused_by_name():
    with pytest.raises(reference.UnknownReferenceTable, match=r"'4\.0'"):
        reference.ctcae_terms("4.0")


def test_every_event_of_special_interest_can_be_graded_in_both_versions():
    for event in reference.aesi_terms():
        assert reference.ctcae_term("5.0", event.ctcae_term) is not None
        assert reference.ctcae_term("6.0", event.ctcae_term) is not None
    assert len(reference.aesi_terms()) == 46


def test_dissociation_has_no_term_of_its_own_and_keeps_its_verbatim_text():
    dissociation = next(event for event in reference.aesi_terms() if event.name.startswith("Dissociation"))
    assert reference.ctcae_term("6.0", dissociation.ctcae_term).is_other_specify


def test_not_applicable_is_a_controlled_term_and_no_missing_value():
    assert reference.submission_values("C66742") == ("N", "NA", "U", "Y")


def test_closed_codelists_hold_the_published_values():
    assert reference.submission_values("C66769") == ("MILD", "MODERATE", "SEVERE")
    assert len(reference.submission_values("C66768")) == 6
    assert not reference.controlled_terms("C66768")[0].extensible
    assert "TREATMENT UNBLINDED" in reference.submission_values("C150811")


def test_a_codelist_that_is_not_packaged_is_empty():
    assert reference.controlled_terms("C00000") == ()


def test_reporting_items_are_counted_as_the_guidelines_count_them():
    counts = {name: len(reference.reporting_items(name)) for name in ("CONSORT 2025", "SPIRIT 2025")}
    assert counts == {"CONSORT 2025": 42, "SPIRIT 2025": 53}
    assert len(reference.reporting_items()) == 111
    assert {item.filled_by for item in reference.reporting_items()} == {"A", "P", "M"}


def test_calibration_knows_the_signs_of_the_published_changes():
    facts = reference.calibration()
    assert facts["fatigue_mean_change"].number == -2.1
    assert facts["social_role_satisfaction_mean_change"].number == 2.0
    assert facts["completed_5plus"].value == "890 (86.1%)"
    assert facts["period"].number is None


def test_the_matrix_has_nineteen_roles_and_seventy_two_permissions():
    assert len(reference.ROLES) == 19
    assert len(reference.permissions()) == 72
    assert all(set(row.holders) <= set(reference.ROLES) for row in reference.permissions().values())


def test_an_administrator_holds_nothing_in_the_domains_that_tell_an_arm():
    telling = {"unblinding", "strongroom"}
    assert not [
        row.name for row in reference.permissions().values() if row.domain in telling and "administrator" in row.holders
    ]


def test_the_efficacy_assessor_never_reads_the_infusion_domain():
    rows = reference.permissions().values()
    assert not [row for row in rows if row.domain == "infusion" and "efficacy_assessor" in row.holders]


def test_site_roles_act_at_sites_only():
    scopes = reference.role_scopes()
    for role in ("coordinator", "investigator", "efficacy_assessor", "infusion_nurse", "pharmacist_unblinded"):
        assert scopes[role] == {"site"}
    assert scopes["monitor"] == {"site", "study"}


def test_a_conflict_of_roles_has_no_direction():
    assert len(reference.role_conflicts()) == 149
    one = reference.conflict_between("pharmacist_unblinded", "coordinator")
    assert one is not None
    assert one == reference.conflict_between("coordinator", "pharmacist_unblinded")
    assert reference.conflict_between("coordinator", "investigator") is None


def test_every_conflict_names_two_roles_that_exist():
    for pair in reference.role_conflicts():
        assert len(pair) == 2
        assert pair <= set(reference.ROLES)


def test_who_designs_the_list_may_not_be_who_confirms_it():
    design = set(reference.permissions()["list:design"].holders)
    confirm = set(reference.permissions()["list:confirm"].holders)
    for first in design:
        for second in confirm:
            assert first != second
            assert reference.conflict_between(first, second) is not None


def test_every_promis_table_rises_from_raw_4_to_raw_20():
    tables = reference.promis29_tables()
    assert len(tables) == 14
    for table in tables.values():
        assert list(table.scores) == list(range(4, 21))
        scores = [table.scores[raw].t_score for raw in range(4, 21)]
        assert scores == sorted(set(scores))
        assert all(score.standard_error > 0 for score in table.scores.values())


def test_profile_versions_differ_in_physical_function_only():
    tables = reference.promis29_tables()
    domains = {domain for domain, _ in tables}
    differing = {d for d in domains if tables[d, "2.0"].scores != tables[d, "2.1"].scores}
    assert differing == {"physical_function"}


def test_corrected_typing_errors_stay_corrected():
    tables = reference.promis29_tables()
    assert tables["depression", "2.0"].scores[20].standard_error == 3.6
    assert tables["pain_interference", "2.0"].scores[20].t_score == 75.6


def test_exactly_six_items_are_reversed():
    reversed_items = {item.item_id for item in reference.promis29_items() if item.reversed}
    social = {item.item_id for item in reference.promis29_items() if item.domain == "social_roles_ability"}
    assert reversed_items == {"Sleep109", "Sleep116"} | social
    assert len(social) == 4


def test_a_torn_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / "torn.csv").write_text("a,b\n1,2\n3\n", encoding="utf-8")
    monkeypatch.setattr(reading, "files", lambda _: tmp_path)
    with pytest.raises(reading.TornReferenceFileError, match="line 3"):
        list(reading.rows("torn.csv"))


def test_every_packaged_table_has_its_provenance():
    folder = files("trial.reference")
    tables = {entry.name for entry in folder.iterdir() if entry.name.endswith(".csv")}
    described = set(re.findall(r"`([a-z0-9_]+\.csv)`", folder.joinpath("PROVENANCE.md").read_text(encoding="utf-8")))
    assert tables == described


def test_provenance_counts_the_rows_rightly():
    text = files("trial.reference").joinpath("PROVENANCE.md").read_text(encoding="utf-8")
    for name, count in re.findall(r"\| `([a-z0-9_]+\.csv)` \| ([0-9]+) \|", text):
        assert len(list(reading.rows(name))) == int(count), name
