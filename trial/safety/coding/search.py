"""Search for the term that words mean: names of the dictionary, what people say instead, and both misspelt.

Invariants
1. Terms are those of the pinned dictionary version, with the meaning that our list of lay words gives them; nothing else.
2. The same words give the same terms in the same order, on every machine.
3. Confidence is 1 exactly where the words are a name, or lay words, of the term, spelling and endings aside.

How alike two words are is the Damerau-Levenshtein similarity (rapidfuzz). How alike words and a name are is the share of
what was said that the name explains, and of the name that was said, rare words weighing more.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from rapidfuzz.distance import DamerauLevenshtein
from rapidfuzz.process import extract

from trial.protocol.schema import AdverseEventRules
from trial.reference import AesiTerm, aesi_terms, ctcae_terms, lay_words
from trial.safety.coding.words import plain, stem, stems, telling_words

_SAID, _NAMED = 0.75, 0.25  # how much of the score is the share of what was said, and of the name
_CONTAINED: Final = 0.85  # a whole name within a longer account
_ALIKE: Final = 0.7
_FUZZY_FROM: Final = 4  # letters; shorter words are compared exactly
_WORTH_OFFERING: Final = 0.45


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A term, why it was found (``matched`` is the name or the lay words), and how sure that is, from 0 to 1."""

    term: str
    confidence: float
    matched: str
    aesi: str | None = None


@dataclass(frozen=True, slots=True)
class _Phrase:
    """One way to say a term. ``whole`` is compared for equality, ``parts`` by likeness."""

    term: str
    aesi: str | None
    text: str
    whole: str
    parts: tuple[str, ...]


class _Rank(NamedTuple):
    """What comes first: the surer, then the dictionary's own name, then the more telling words."""

    score: float
    is_name: bool
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class _Index:
    phrases: tuple[_Phrase, ...]
    weights: Mapping[str, float]
    holding: Mapping[str, tuple[int, ...]]  # stem → phrases that have it
    vocabulary: Mapping[str, str]  # word as it is written → its stem

    def weight(self, part: str) -> float:
        return self.weights.get(part, self.weights[""])


def suggest(rules: AdverseEventRules, words: str, limit: int = 10) -> list[Suggestion]:
    """The terms that ``words`` may mean, the likeliest first. The last word may be unfinished, as one types."""
    return _found(_index(rules.dictionary.version, rules.special_interest.list_name), words, typing=True)[:limit]


def confidence(rules: AdverseEventRules, words: str, term: str, aesi: str | None = None) -> float:
    """How sure it is that ``words`` mean ``term``, from 0 to 1; ``aesi`` where the term stands for several events."""
    index = _index(rules.dictionary.version, rules.special_interest.list_name)
    fitting = (
        found.confidence
        for found in _found(index, words, typing=False)
        if found.term == term and (aesi is None or found.aesi in {None, aesi})
    )
    return max(fitting, default=0.0)


@cache
def _index(version: str, special_list: str | None) -> _Index:
    phrases = tuple(dict.fromkeys(_phrases(version, special_list)))
    holding: dict[str, list[int]] = defaultdict(list)
    for place, phrase in enumerate(phrases):
        for part in set(phrase.parts):
            holding[part].append(place)
    weights = {part: math.log(1 + len(phrases) / len(places)) for part, places in holding.items()}
    weights[""] = math.log(1 + len(phrases))
    written = {word: stem(word) for phrase in phrases for word in telling_words(phrase.text)}
    return _Index(phrases, weights, {part: tuple(at) for part, at in holding.items()}, written)


def _phrases(version: str, special_list: str | None) -> Iterator[_Phrase]:
    known = {term.term for term in ctcae_terms(version)}
    special = aesi_terms(special_list) if special_list else ()
    shared = {term for term, times in Counter(one.ctcae_term for one in special).items() if times > 1}
    for term in ctcae_terms(version):
        yield _phrase(term.term, None, term.term)
    for interest in special:
        yield _phrase(interest.ctcae_term, _told_apart(interest, shared), interest.name)
    named = {interest.name for interest in special}
    for said in lay_words():
        if said.term in known:
            aesi = said.aesi if said.aesi in named and (said.term in shared or _is_general(said.term)) else None
            yield from (_phrase(said.term, aesi, words) for words in said.words)


def _told_apart(interest: AesiTerm, shared: set[str]) -> str | None:
    """The event of special interest, where its term alone does not tell which one is meant."""
    return interest.name if interest.ctcae_term in shared or _is_general(interest.ctcae_term) else None


def _is_general(term: str) -> bool:
    return term.endswith("Other, specify")


def _phrase(term: str, aesi: str | None, text: str) -> _Phrase:
    return _Phrase(term, aesi, text, plain(text), stems(text))


def _found(index: _Index, words: str, *, typing: bool) -> list[Suggestion]:
    said, whole = stems(words), plain(words)
    if not whole:
        return []
    typed = telling_words(words)
    likeness = [_alike(index, word, unfinished=typing and word is typed[-1]) for word in typed]
    best: dict[tuple[str, str | None], _Rank] = {}
    for place in {at for alike in likeness for part in alike for at in index.holding[part]}:
        phrase = index.phrases[place]
        score = _score(index, said, whole, phrase, likeness)
        rank = _Rank(score, phrase.text == phrase.term, sum(map(index.weight, phrase.parts)), phrase.text)
        key = (phrase.term, phrase.aesi)
        if score >= _WORTH_OFFERING and (key not in best or rank[:3] > best[key][:3]):
            best[key] = rank
    ordered = sorted(
        best.items(), key=lambda item: (*(-float(each) for each in item[1][:3]), item[0][0], item[0][1] or "")
    )
    return [Suggestion(term, round(rank.score, 3), rank.text, aesi) for (term, aesi), rank in ordered]


def _alike(index: _Index, word: str, *, unfinished: bool) -> dict[str, float]:
    """Stems that ``word`` may have, each with how alike the two are."""
    near = _misspelt(index, word) if len(word) >= _FUZZY_FROM else {}
    begun = {written: 0.9 + 0.1 * len(word) / len(written) for written in index.vocabulary if written.startswith(word)}
    found: dict[str, float] = {}
    for written, likeness in (*near.items(), *(begun.items() if unfinished and len(word) > 1 else ())):
        part = index.vocabulary[written]
        found[part] = max(found.get(part, 0.0), likeness)
    if stem(word) in index.holding:
        found[stem(word)] = 1.0
    return found


def _misspelt(index: _Index, word: str) -> dict[str, float]:
    scorer = DamerauLevenshtein.normalized_similarity
    near = extract(word, index.vocabulary.keys(), scorer=scorer, limit=None, score_cutoff=_ALIKE)
    return {written: 0.9 * score for written, score, _ in near}


def _score(
    index: _Index, said: tuple[str, ...], whole: str, phrase: _Phrase, likeness: list[dict[str, float]]
) -> float:
    if phrase.whole == whole or phrase.parts == said:
        return 1.0
    explained = _share(
        index, said, [max((alike.get(part, 0.0) for part in phrase.parts), default=0.0) for alike in likeness]
    )
    named = _share(index, phrase.parts, [max(alike.get(part, 0.0) for alike in likeness) for part in phrase.parts])
    within = _CONTAINED * named if named > 0.99 else 0.0
    return min(0.99, max(_SAID * explained + _NAMED * named, within))


def _share(index: _Index, parts: tuple[str, ...], found: list[float]) -> float:
    weights = [index.weight(part) for part in parts]
    return sum(weight * one for weight, one in zip(weights, found, strict=True)) / sum(weights)
