"""The term that words mean: within the first three lines, also for lay words and misspelt ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.protocol.loader import shipped_protocol
from trial.reference import ctcae_terms, lay_words
from trial.safety.coding import Suggestion, confidence, interests_of, suggest
from trial.safety.coding.words import FILLERS, plain, stems

VERSIONS = {"6.0": shipped_protocol("keta-pain").adverse_events, "5.0": shipped_protocol("second").adverse_events}
RULES = VERSIONS["6.0"]
DISSOCIATION = "Dissociation / derealisation / depersonalisation"
GENERAL = "Psychiatric disorders - Other, specify"

MISSPELT = {
    "vomitting": "Vomiting", "vomitted twice": "Vomiting", "trowing up": "Vomiting", "nausia": "Nausea", "nausious": "Nausea",
    "naseous": "Nausea", "diarhea": "Diarrhea", "diarreah": "Diarrhea", "diarrohea": "Diarrhea", "halucination": "Hallucinations",
    "hallucinashun": "Hallucinations", "haluscinating": "Hallucinations", "saw thigns": "Hallucinations", "dizy": "Dizziness",
    "dizzyness": "Dizziness", "light heded": "Dizziness", "hedache": "Headache", "headake": "Headache", "migrane": "Headache",
    "anxeity": "Anxiety", "panick attack": "Anxiety", "anxios": "Anxiety", "confussed": "Confusion", "parranoid": "Psychosis",
    "euforia": "Euphoria", "tachicardia": "Sinus tachycardia", "hart racing": "Sinus tachycardia", "palpatations": "Palpitations",
    "hypertention": "Hypertension", "high blood presure": "Hypertension", "hipotension": "Hypotension", "drousy": "Somnolence",
    "sleepyness": "Somnolence", "blury vision": "Blurred vision", "nistagmus": "Nystagmus", "tingeling": "Paresthesia",
    "pins and neddles": "Paresthesia", "paresthisia": "Paresthesia", "slured speech": "Dysarthria",
    "cystitus": "Cystitis noninfective",
    "bloody urin": "Hematuria", "hematurea": "Hematuria", "peing a lot": "Urinary frequency", "siezure": "Seizure",
    "convultion": "Seizure", "fanted": "Syncope", "faintd": "Syncope", "insomia": "Insomnia", "cant sleap": "Insomnia",
    "tirednes": "Fatigue", "fatige": "Fatigue", "constipatd": "Constipation", "ichy": "Pruritus", "swetting": "Hyperhidrosis",
    "suicidle thoughts": "Suicidal ideation", "depresion": "Depression", "shortness of breth": "Dyspnea", "cofusion": "Confusion",
    "runy nose": "Rhinorrhea", "vertego": "Vertigo", "dry mouht": "Dry mouth", "memmory loss": "Memory impairment",
}  # fmt: skip


def terms_of(found: list[Suggestion]) -> list[str]:
    return [one.term for one in found]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_lay_word_finds_its_term_within_the_first_three(version: str):
    known = {term.term for term in ctcae_terms(version)}
    missed = {
        words: (said.term, terms_of(suggest(VERSIONS[version], words, 3)))
        for said in lay_words()
        for words in said.words
        if said.term in known and said.term not in terms_of(suggest(VERSIONS[version], words, 3))
    }
    assert missed == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_term_finds_itself_first(version: str):
    for term in ctcae_terms(version):
        assert suggest(VERSIONS[version], term.term, 1)[0].term == term.term


@pytest.mark.parametrize(("typed", "term"), MISSPELT.items())
def test_misspelt_words_find_their_term_within_the_first_three(typed: str, term: str):
    assert term in terms_of(suggest(RULES, typed, 3))


@given(
    st.sampled_from([term.term for term in ctcae_terms("6.0") if term.term.isalpha() and len(term.term) >= 7]),
    st.data(),
)
def test_a_term_that_lacks_one_letter_or_has_two_exchanged_is_still_found_within_the_first_three(term: str, data):
    at = data.draw(st.integers(1, len(term) - 2))
    wrong = data.draw(
        st.sampled_from([term[:at] + term[at + 1 :], term[:at] + term[at + 1] + term[at] + term[at + 2 :]])
    )
    assert term in terms_of(suggest(RULES, wrong, 3))


@pytest.mark.parametrize("typed", ["hal", "halluc", "hallucination"])
def test_a_word_that_is_still_being_typed_finds_what_it_begins(typed: str):
    assert "Hallucinations" in terms_of(suggest(RULES, typed, 3))


def test_floating_is_dissociation_among_the_events_that_share_its_term():
    first = suggest(RULES, "floating")[0]
    assert (first.term, first.aesi, first.confidence) == (GENERAL, DISSOCIATION, 1)
    assert DISSOCIATION in interests_of(RULES, GENERAL)


def test_a_protocol_without_that_list_of_special_interest_is_offered_the_term_alone():
    assert {one.aesi for words in ("floating", "double vision") for one in suggest(VERSIONS["5.0"], words)} == {None}


def test_lay_words_within_a_longer_account_are_found():
    told = "Half an hour in he felt like floating above the bed, it passed when the pump was stopped."
    assert suggest(RULES, told, 1)[0].aesi == DISSOCIATION


def test_words_that_mean_nothing_find_nothing():
    assert suggest(RULES, "") == suggest(RULES, "…") == suggest(RULES, "xqzw kjvq") == []


@given(st.text(max_size=80))
def test_whatever_is_typed_gives_terms_of_the_pinned_version_in_descending_confidence(typed: str):
    found = suggest(RULES, typed)
    assert {one.term for one in found} <= {term.term for term in ctcae_terms("6.0")}
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    assert found == suggest(RULES, typed)


def test_confidence_is_one_for_a_name_or_its_lay_words_and_less_for_anything_else():
    for words in ("Vomiting", "vomited", "threw up", "he was THROWING UP"):
        assert confidence(RULES, words, "Vomiting") == 1
    assert 0 < confidence(RULES, "vomitting", "Vomiting") < 1
    assert confidence(RULES, "threw up", "Headache") == 0


def test_confidence_tells_events_apart_that_share_a_term():
    assert confidence(RULES, "floating", GENERAL, DISSOCIATION) == 1
    assert confidence(RULES, "floating", GENERAL, "Drug misuse / craving / abuse") == 0


@pytest.mark.parametrize(
    ("british", "american"),
    [("oedema", "edema"), ("haematuria", "hematuria"), ("tumour", "tumor"), ("depersonalisation", "depersonalization")],
)
def test_both_spellings_are_one(british: str, american: str):
    assert plain(british) == plain(american)


@given(st.text(max_size=60))
def test_fillers_stay_out_unless_nothing_else_was_said(text: str):
    words = set(plain(text).split())
    assert bool(stems(text)) == bool(words)
    assert words <= FILLERS or len(stems(text)) == len([word for word in plain(text).split() if word not in FILLERS])
