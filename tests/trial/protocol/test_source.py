"""The reading of YAML: attacks are refused, text stays text, and every value knows its line."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.protocol.source import DEEPEST, LARGEST_TEXT, SourceError, read_source


def refused(text):
    with pytest.raises(SourceError) as error:
        read_source(text)
    return error.value


def test_yes_and_no_stay_words():
    assert read_source("[yes, no, on, off, true, false]").data == ["yes", "no", "on", "off", True, False]


def test_numbers_are_plain_decimals_only():
    assert read_source("[1, -2, 0.5, 010, 1:30, 1_000, 0x1f, .nan]").data == [
        1, -2, 0.5, "010", "1:30", "1_000", "0x1f", ".nan",
    ]  # fmt: skip


def test_dates_and_empty_values_are_understood():
    assert read_source("a: 2026-01-12\nb: ~\nc:\n").data == {"a": date(2026, 1, 12), "b": None, "c": None}


def test_every_value_knows_its_line():
    source = read_source("a:\n  - x: 1\n  - x: 2\n")
    assert source.line_of(("a", 1, "x")) == 3
    assert source.line_of(("a", 1, "missing")) == 3
    assert source.line_of(("nowhere",)) == 1


def test_a_duplicate_key_is_refused_with_both_lines():
    error = refused("a: 1\nb: 2\na: 3\n")
    assert (error.line, error.path) == (3, ("a",))
    assert "first on line 1" in error.sentence


def test_a_billion_laughs_is_refused_at_its_first_anchor():
    error = refused("a: &a [x, x]\nb: &b [*a, *a]\n")
    assert error.line == 1
    assert "anchors" in error.sentence


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!mine x", "!!set {a}", "!!binary aGk="])
def test_a_tag_that_could_construct_something_is_refused(tag):
    assert "tag" in refused(f"a: {tag}\n").sentence


@pytest.mark.parametrize("text", ["a: !!int twelve\n", "a: !!float x\n", "a: !!bool maybe\n", "a: 2026-02-31\n"])
def test_a_value_that_is_not_what_it_claims_is_refused(text):
    assert "is no" in refused(text).sentence


def test_a_merge_key_is_an_ordinary_name():
    assert read_source("'<<': 1\n").data == {"<<": 1}
    assert read_source("<<: {a: 1}\n").data == {"<<": {"a": 1}}


def test_deep_nesting_is_refused_before_it_can_exhaust_the_stack():
    assert f"{DEEPEST} deep" in refused("[" * 5000).sentence


def test_a_text_beyond_the_limit_is_not_read():
    assert str(LARGEST_TEXT) in refused("x" * (LARGEST_TEXT + 1)).sentence


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_refused_or_is_nothing(text):
    if text == "---\n":
        assert read_source(text).data is None
    else:
        assert "empty" in refused(text).sentence


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\tx", "a: 1\n---\nb: 2\n", "a\x00b", "? {a: 1}\n: 2\n"])
def test_what_is_no_single_yaml_document_of_named_fields_is_refused(text):
    assert refused(text).line >= 1


@given(st.text(alphabet=st.sampled_from(list(" \n\t:-[]{},&*!|>'\"%@`#?~<0123456789.abyestrufaln")), max_size=60))
def test_no_text_escapes_as_another_error(text):
    try:
        line = read_source(text).lines[()]
    except SourceError as error:
        line = error.line
    assert line >= 1
