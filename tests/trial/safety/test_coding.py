"""Terms, grades and special interest, from the dictionary that the protocol pins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.protocol.loader import shipped_protocol
from trial.reference import aesi_terms, ctcae_terms
from trial.safety.coding import (
    GradeNotInDictionary,
    SpecialInterestUnclear,
    TermUnknown,
    code,
    grades_offered,
    interests_of,
)

RULES = shipped_protocol("keta-pain").adverse_events
GENERAL = "Psychiatric disorders - Other, specify"


@given(st.sampled_from(ctcae_terms("6.0")), st.integers(1, 5))
def test_a_grade_is_accepted_exactly_where_the_dictionary_has_words_for_it(term, grade: int):
    if grade in grades_offered(RULES, term.term):
        assert code(RULES, term.term, grade).grade == grade
    else:
        with pytest.raises(GradeNotInDictionary):
            code(RULES, term.term, grade)


def test_nausea_has_no_grade_four():
    assert set(grades_offered(RULES, "Nausea")) == {1, 2, 3}


def test_a_term_of_no_dictionary_is_refused():
    with pytest.raises(TermUnknown, match="Other, specify"):
        code(RULES, "Feeling odd", 1)


def test_a_coded_event_names_dictionary_version_class_and_code():
    coded = code(RULES, "Nausea", 2)
    assert (coded.dictionary, coded.soc, coded.llt_code) == ("CTCAE 6.0", "Gastrointestinal disorders", "10028813")


def test_special_interest_follows_from_the_term():
    assert code(RULES, "Hallucinations", 1).aesi == "Hallucination / perceptual distortion"
    assert code(RULES, "Anemia", 1).aesi is None


def test_a_general_term_gets_its_special_interest_only_when_chosen():
    name = "Dissociation / derealisation / depersonalisation"
    assert code(RULES, GENERAL, 1).aesi is None
    assert code(RULES, GENERAL, 1, name).aesi == name


def test_special_interest_that_the_term_does_not_stand_for_is_refused():
    with pytest.raises(SpecialInterestUnclear):
        code(RULES, "Nausea", 1, "Cystitis")


def test_every_event_of_the_list_can_be_coded_under_the_pinned_dictionary():
    for listed in aesi_terms():
        assert listed.name in interests_of(RULES, listed.ctcae_term)
        assert grades_offered(RULES, listed.ctcae_term)
