"""The loader: the same text gives the same protocol, and whatever is wrong is named by file, line and field."""

from __future__ import annotations

import hashlib
import pickle

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from trial.errors import DomainError
from trial.protocol import (
    SHIPPED,
    ProtocolFileNotFound,
    ProtocolInvalid,
    load_protocol,
    load_shipped,
    parse_protocol,
    protocol_json_schema,
    shipped_protocol,
    shipped_text,
)

KETA = shipped_text("keta-pain")


def problems(text, name="keta_pain.yaml"):
    with pytest.raises(ProtocolInvalid) as invalid:
        parse_protocol(text, name=name)
    return invalid.value.problems


def changed(old, new, text=KETA):
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


def line_of(fragment, text):
    return next(number for number, line in enumerate(text.splitlines(), start=1) if fragment in line)


def test_a_text_is_parsed_once_whatever_its_file_is_called():
    assert parse_protocol(KETA, name="mine.yaml") is parse_protocol(KETA)


def test_the_same_text_gives_the_same_protocol_and_hash():
    first, second = parse_protocol(KETA), parse_protocol(KETA)
    assert first == second
    assert first.sha256 == hashlib.sha256(KETA.encode()).hexdigest()
    assert first.text == KETA


def test_a_file_loads_like_its_text(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(KETA, encoding="utf-8")
    assert load_protocol(path).protocol == load_protocol(KETA).protocol == shipped_protocol("keta-pain")


def test_a_problem_names_file_line_and_field():
    text = changed("  - code: KET\n", "  - code: K E T\n")
    found = problems(text)[0]
    assert (found.file, found.field) == ("keta_pain.yaml", "arms[0].code")
    assert found.line == line_of("K E T", text)
    assert str(found).startswith(f"keta_pain.yaml line {found.line}, arms[0].code: ")


def test_a_missing_arm_has_a_clear_sentence():
    start, end = KETA.index("  - code: PBO\n"), KETA.index("ratio: {KET: 1, PBO: 1}")
    text = KETA[:start] + "\n" + KETA[end:]
    sentences = [str(problem) for problem in problems(text)]
    assert any("add the missing arm" in sentence for sentence in sentences)
    assert any("ratio.PBO" in sentence and "missing under arms" in sentence for sentence in sentences)


def test_an_arm_without_a_share_is_named_where_it_stands():
    found = problems(changed("ratio: {KET: 1, PBO: 1}", "ratio: {KET: 1}"))
    assert [(problem.field, "no share" in problem.sentence) for problem in found] == [("arms[1].code", True)]


def test_all_problems_are_told_at_once():
    text = changed("acronym: KETA-PAIN", "acronim: KETA-PAIN")
    text = changed("planned: 4", "planned: four", text)
    fields = {problem.field for problem in problems(text)}
    assert fields == {"identity.acronym", "identity.acronim", "sites.planned"}


def test_a_misspelt_field_is_offered_its_right_name():
    found = {problem.field: problem for problem in problems(changed("acronym: K", "acronim: K"))}
    assert "did you mean 'acronym'?" in found["identity.acronim"].sentence
    assert found["identity.acronym"].sentence == "is missing; add it"


def test_block_sizes_in_a_protocol_are_refused_as_secret():
    found = problems(changed("sizes: random}", "sizes: random, block_sizes: [4, 6]}"))
    assert len(found) == 1
    assert "no part of a protocol" in found[0].sentence


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("reading: {measure: HR,", "reading: {measure: PULSE,", "infusions.rules[2].reading", "not among the measures"),
        ("visits: [M3]\n", "visits: [M4]\n", "endpoints.primary.visits[0]", "no visit 'M4'"),
        (
            "domain: pain_interference}\n    visits",
            "domain: pain}\n    visits",
            "endpoints.primary.score.domain",
            "has no domain 'pain'",
        ),
        ("visits: [M3]\n", "visits: [INF1]\n", "endpoints.primary.visits[0]", "does not collect it"),
        ("information_fraction: 0.75", "information_fraction: 0.40", "design", "must increase"),
        (
            "information_fraction: 0.75",
            "information_fraction: 1.0",
            "design.looks[1].information_fraction",
            "less than 1",
        ),
        ("code: M6\n", "code: M3\n", "schedule.visits[10]", "named twice"),
        (
            "- {code: nociplastic, label: Nociplastic}",
            "- {code: neuropathic, label: Again}",
            "randomization.factors[1].levels[1]",
            "named twice",
        ),
        (
            "recorded_at: {form: baseline, field: pain_type}",
            "recorded_at: {form: baseline, field: pain}",
            "randomization.factors[1].recorded_at.field",
            "has no field 'pain'",
        ),
        (
            "recorded_at: {form: baseline, field: pain_type}",
            "recorded_at: {form: analgesics, field: daily_mme}",
            "randomization.factors[1].levels",
            "differ from the answers",
        ),
        ("rate_ml_per_h: 150", "rate_ml_per_h: 200", "infusions.delivery", "150 mL/h, not 200"),
        ("days: [1, 2, 3, 4, 5]", "days: [1, 2, 3, 4, 6]", "infusions.days.days", "each infusion has one visit"),
        (
            "expected_terms: [Hallucinations",
            "expected_terms: [Dissociation",
            "adverse_events.reference_safety_information.expected_terms[0]",
            "no term of CTCAE 6.0",
        ),
        (
            "checklist_form: aesi_checklist",
            "checklist_form: aesi_list",
            "adverse_events.special_interest.checklist_form",
            "no form 'aesi_list'",
        ),
        (
            "asked_by_checklist_at: [INF1,",
            "asked_by_checklist_at: [M1, INF1,",
            "adverse_events.special_interest.checklist_form",
            "not due at M1, where it is asked",
        ),
        ("quorum: 3", "quorum: 6", "board", "larger than the board"),
        (
            "role: safety_officer_unblinded",
            "role: safety_officer",
            "responsibilities[5].role",
            "no role 'safety_officer'",
        ),
        ("use: saline", "use: water", "arms[1]", "not among this arm's variants (saline, midazolam)"),
        (
            "  site_cap_fraction: 0.40\n",
            "  site_cap_fraction: 0.40\n  replacements: {when: always, at_most: 12}\n",
            "randomization.replacements.when",
            "before_first_dose",
        ),
        (
            "  site_cap_fraction: 0.40\n",
            "  site_cap_fraction: 0.40\n  replacements: {when: before_completion, at_most: 409}\n",
            "randomization.replacements.at_most",
            "more than the 408",
        ),
        (
            "  site_cap_fraction: 0.40\n",
            "  site_cap_fraction: 0.40\n  replacements: {when: before_completion}\n",
            "randomization.replacements.at_most",
            "is missing",
        ),
        ("total: 408", "total: 409", "sample_size.total", "ratio 1:1"),
        ("day: 91", "day: 191", "schedule.visits[9]", "outside its own window"),
        ("{arm: KET, against: PBO}", "{arm: KET, against: MID}", "estimand.contrast.against", "no arm 'MID'"),
        ("primary_analysis: true", "primary_analysis: false", "lock_stages", "exactly one"),
    ],
)
def test_parts_that_disagree_are_found_where_they_stand(old, new, field, words):
    found = problems(changed(old, new))
    assert (field, True) in [(problem.field, words in problem.sentence) for problem in found], found


def test_nobody_is_replaced_unless_the_protocol_says_who_and_how_many():
    assert shipped_protocol("keta-pain").randomization.replacements is None
    rule = "  site_cap_fraction: 0.40\n  replacements: {when: before_first_dose, at_most: 12}\n"
    read = parse_protocol(changed("  site_cap_fraction: 0.40\n", rule)).protocol.randomization.replacements
    assert (read.when, read.at_most) == ("before_first_dose", 12)


def test_the_switch_alone_makes_the_comparator_an_active_placebo():
    loaded = parse_protocol(changed("use: saline", "use: midazolam"))
    arm = loaded.protocol.arm("PBO")
    assert arm.role == "comparator"
    assert arm.preparation.mg_per_kg == 0.045
    assert "Midazolam" in arm.treatment


def test_an_arm_with_variants_may_not_contradict_the_chosen_one():
    found = problems(changed("  - code: PBO\n", "  - code: PBO\n    name: Water\n"))
    assert any("say its name in the variant" in problem.sentence for problem in found)


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(ProtocolFileNotFound, match="check the path"):
        load_protocol(tmp_path / "none.yaml")


def test_a_directory_is_no_protocol_file(tmp_path):
    with pytest.raises(ProtocolFileNotFound):
        load_protocol(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("identity: {title: Schmerz für alle}".encode("latin-1"))
    with pytest.raises(ProtocolInvalid, match="UTF-8"):
        load_protocol(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(2_000_000)
    with pytest.raises(ProtocolInvalid, match="2000000 bytes"):
        load_protocol(path)


def test_an_unknown_shipped_protocol_is_not_found():
    with pytest.raises(ProtocolFileNotFound, match="keta-pain"):
        shipped_protocol("nothing")


def test_an_invalid_protocol_survives_pickling():
    error = ProtocolInvalid(problems("identity: 1"))
    again = pickle.loads(pickle.dumps(error))
    assert (again.sentence, again.problems) == (error.sentence, error.problems)


@pytest.mark.parametrize("text", ["1", "[]", "hello", "~", "identity:\n", "arms: []\nratio: {}\n", "{}"])
def test_what_is_no_protocol_at_all_is_refused(text):
    assert problems(text)


def test_the_json_schema_describes_every_field_of_the_file():
    schema = protocol_json_schema()
    assert set(yaml.safe_load(KETA)) <= set(schema["properties"])
    assert schema["additionalProperties"] is False


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_arbitrary_text_gives_a_domain_error_or_a_protocol(text):
    with pytest.raises(DomainError):
        parse_protocol(text)


def _paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _paths(inner, (*path, place))


JUNK = st.sampled_from([None, True, -1, 0, 1e9, 10**15, "x", "x" * 5000, [], {}, [[]], {"a": 1}, ["M3"], "2026-01-01"])


def _with(data, path, value):
    if not path:
        return value
    inner = _with(data[path[0]], path[1:], value)
    if isinstance(data, list):
        return [*data[: path[0]], inner, *data[path[0] + 1 :]]
    return {**data, path[0]: inner}


def _understood(name):
    """The shipped protocol as the loader understands it, to be mutated and written again."""
    return load_shipped(name).protocol.model_dump(mode="json", exclude_unset=True)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(SHIPPED)))
def test_a_mutated_protocol_loads_or_names_a_line_and_a_field(data, name):
    understood = _understood(name)
    path = data.draw(st.sampled_from([path for path in _paths(understood) if path]))
    text = yaml.safe_dump(_with(understood, path, data.draw(JUNK)), sort_keys=False)
    try:
        parse_protocol(text, name="mutated.yaml")
    except ProtocolInvalid as error:
        found = error.problems
    else:
        return
    assert found
    for problem in found:
        assert problem.field
        assert 1 <= problem.line <= len(text.splitlines())
        assert problem.sentence


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_protocol_written_out_and_read_again_is_the_same(name):
    text = yaml.safe_dump(load_shipped(name).protocol.model_dump(mode="json"), sort_keys=False)
    assert parse_protocol(text).protocol == shipped_protocol(name)
