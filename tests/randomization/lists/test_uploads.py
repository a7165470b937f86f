"""Uploaded lists: what REDCap's users make is read, and everything that is wrong is told by line and column."""

import csv
import io
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.lists import Factor, ListDesign, UploadedListInvalid, generate_list, read_uploaded_list

ARMS, RATIO = ("KET", "PBO"), (1, 1)
SEX = (Factor("sex", ("F", "M")),)
SITES = (Factor("site", ("S1", "S2")), *SEX)
SEED = bytes(32)


def read(text, factors=SEX, **kwargs):
    return read_uploaded_list(text, ARMS, RATIO, factors, **kwargs)


def arms_of(design):
    generated = generate_list(design, "l", SEED)
    return {stratum.key: generated.arm_codes(stratum) for stratum in generated.strata}


def problems(text, factors=SEX, **kwargs):
    with pytest.raises(UploadedListInvalid) as refused:
        read(text, factors, **kwargs)
    return [(problem.line, problem.column, problem.sentence) for problem in refused.value.problems]


def is_read_or_refused(text):
    try:
        return read(text).slots_per_stratum > 0
    except UploadedListInvalid as refused:
        return bool(refused.problems)


def test_a_table_as_redcap_exports_it_is_read_in_its_order_within_each_stratum():
    text = (
        "redcap_randomization_number,redcap_randomization_group,sex,redcap_data_access_group\r\n"
        "R1,1,F,1330\r\nR2,2,M,1330\r\nR3,2,F,1330\r\nR4,1,F,1331\r\nR5,2,M,1331\r\n"
    )
    codes = {
        "redcap_randomization_group": {"1": "KET", "2": "PBO"},
        "redcap_data_access_group": {"1330": "S1", "1331": "S2"},
    }
    assert arms_of(read(text, SITES, codes=codes)) == {
        "sex=F&site=S1": ["KET", "PBO"],
        "sex=M&site=S1": ["PBO"],
        "sex=F&site=S2": ["KET"],
        "sex=M&site=S2": ["PBO"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "arm,sex\nKET,F\nPBO,M\n",
        "\ufeffarm,sex\r\nKET,F\r\nPBO,M\r\n",
        "sex;arm\nF;KET\nM;PBO",
        "sex\tRandomize_To\nF\tKET\n\n\nM\tPBO\n",
        '"arm","sex"\n" KET ","F"\n"PBO","M"\n,\n',
        "ARM,Sex\nKET,F\nPBO,M\n",
    ],
    ids=["plain", "byte order mark", "semicolons", "tabs, the field's own name", "quoted, blanks", "capitals"],
)
def test_spreadsheets_ways_of_writing_a_table_are_all_read(text):
    assert arms_of(read(text)) == {"sex=F": ["KET"], "sex=M": ["PBO"]}


def test_a_design_of_an_uploaded_list_comes_back_from_its_parameters():
    design = read("arm,sex\nKET,F\nPBO,F\nPBO,M\n")
    assert ListDesign.from_parameters(design.parameters()) == design
    assert (design.slots_of("sex=F"), design.slots_of("sex=M"), design.slots_per_stratum) == (2, 1, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (1, "", "no slots")),
        ("arm,sex\n", (1, "", "no slots")),
        ("arm,sex\nKET,F\nKET\n", (3, "", "this row has 1 cells")),
        ("arm,sex\nKET,F\nPBO,M,x\n", (3, "", "3 cells")),
        ("arm,sex\nKET,F\nXYZ,M\n", (3, "arm", "'XYZ' is no code of an arm (KET, PBO)")),
        ("arm,sex\nKET,F\nPBO,X\n", (3, "sex", "'X' is no code of a level of sex (F, M)")),
        ("arm,sex\nKET,F\n,M\n", (3, "arm", "empty")),
        ("arm,sex\nKET,F\nPBO,F\n", (3, "", "no slot for the stratum sex=M")),
        ("arm,age\nKET,F\n", (1, "sex", "missing")),
        ("sex\nF\n", (1, "redcap_randomization_group", "missing, or several")),
        ("arm,redcap_randomization_group,sex\nKET,KET,F\n", (1, "redcap_randomization_group", "several")),
        ("arm,sex,sex\nKET,F,F\n", (1, "sex", "named twice")),
        ("arm,sex,weight\nKET,F,3\n", (1, "weight", "does not stratify")),
        ('arm,sex\n"KET,F\n', (2, "", "quotation marks")),
        ("arm,sex\nK\0T,F\n", (1, "", "no text")),
    ],
)
def test_what_is_wrong_is_told_by_line_and_column(text, expected):
    line, column, words = expected
    assert any(found[:2] == (line, column) and words in found[2] for found in problems(text)), problems(text)


def test_all_that_is_wrong_is_told_at_once_and_no_good_row_is_quoted():
    rows = "".join(f"{arm},{sex}\n" for arm, sex in [("KET", "F"), ("A", "F"), ("PBO", "B"), ("", "M")])
    assert [line for line, _, _ in problems("arm,sex\n" + rows)] == [3, 4, 5]
    with pytest.raises(UploadedListInvalid) as refused:
        read("arm,sex\n" + "X,F\n" * 100)
    assert "and 80 more" in refused.value.sentence
    assert pickle.loads(pickle.dumps(refused.value)).problems == refused.value.problems


cells = st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=6)


@given(st.lists(st.lists(cells, max_size=4), max_size=6))
def test_whatever_is_uploaded_is_read_or_refused(rows):
    body = io.StringIO()
    csv.writer(body).writerows(rows)
    assert is_read_or_refused(body.getvalue())


@given(st.text(max_size=60))
def test_whatever_the_text_it_is_read_or_refused(text):
    assert is_read_or_refused(text)


@given(st.lists(st.tuples(st.sampled_from(ARMS), st.sampled_from("FM")), min_size=1), st.data())
def test_the_uploaded_order_within_a_stratum_is_the_list(rows, data):
    rows = [("KET", "F"), ("KET", "M"), *rows]
    columns = data.draw(st.permutations(["arm", "sex"]))
    body = io.StringIO()
    writer = csv.DictWriter(body, columns, delimiter=data.draw(st.sampled_from(",;\t")))
    writer.writeheader()
    writer.writerows({"arm": arm, "sex": sex} for arm, sex in rows)
    expected = {f"sex={level}": [arm for arm, sex in rows if sex == level] for level in "FM"}
    assert arms_of(read(body.getvalue())) == expected
