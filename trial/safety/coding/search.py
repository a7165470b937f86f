"""Search for the term that words mean: names of the dictionary, what people say instead, and both misspelt.

Invariants
1. Terms are those of the pinned dictionary version, with the meaning that our list of lay words gives them; nothing else.
2. Confidence is 1 exactly where the words are a name, or lay words, of the term, spelling and endings aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from trial.protocol.schema import AdverseEventRules
from trial.reference import AesiTerm, aesi_terms, ctcae_terms, lay_words
from trial.safety.coding.index import Phrase, WordIndex

_Meaning: TypeAlias = tuple[
    str, str | None
]  # a term, and the event of special interest where the term alone does not tell it


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A term, why it was found (``matched`` is the name or the lay words), and how sure that is, from 0 to 1."""

    term: str
    confidence: float
    matched: str
    aesi: str | None = None


def suggest(rules: AdverseEventRules, words: str, limit: int = 10) -> list[Suggestion]:
    """The terms that ``words`` may mean, the likeliest first. The last word may be unfinished, as one types."""
    found = _index_of(rules).find(words, typing=True)[:limit]
    return [Suggestion(hit.key[0], hit.score, hit.text, hit.key[1]) for hit in found]


def confidence(rules: AdverseEventRules, words: str, term: str, aesi: str | None = None) -> float:
    """How sure it is that ``words`` mean ``term``, from 0 to 1; ``aesi`` where the term stands for several events."""
    index = _index_of(rules)
    if any(_fits(key, term, aesi) for key in index.exactly(words)):
        return 1.0
    return max((hit.score for hit in index.find(words) if _fits(hit.key, term, aesi)), default=0.0)


def _fits(meaning: _Meaning, term: str, aesi: str | None) -> bool:
    return meaning[0] == term and (aesi is None or meaning[1] in {None, aesi})


def _index_of(rules: AdverseEventRules) -> WordIndex[_Meaning]:
    return _index(rules.dictionary.version, rules.special_interest.list_name)


@cache
def _index(version: str, special_list: str | None) -> WordIndex[_Meaning]:
    return WordIndex(_phrases(version, special_list))


def _phrases(version: str, special_list: str | None) -> Iterator[Phrase[_Meaning]]:
    known = {term.term for term in ctcae_terms(version)}
    special = aesi_terms(special_list) if special_list else ()
    shared = {term for term, times in Counter(one.ctcae_term for one in special).items() if times > 1}
    for term in ctcae_terms(version):
        yield Phrase((term.term, None), term.term, is_name=True)
    for interest in special:
        yield Phrase((interest.ctcae_term, _told_apart(interest, shared)), interest.name, is_name=False)
    named = {interest.name for interest in special}
    for said in lay_words():
        if said.term in known:
            aesi = said.aesi if said.aesi in named and (said.term in shared or _is_general(said.term)) else None
            yield from (Phrase((said.term, aesi), words, is_name=False) for words in said.words)


def _told_apart(interest: AesiTerm, shared: set[str]) -> str | None:
    """The event of special interest, where its term alone does not tell which one is meant."""
    return interest.name if interest.ctcae_term in shared or _is_general(interest.ctcae_term) else None


def _is_general(term: str) -> bool:
    return term.endswith("Other, specify")
