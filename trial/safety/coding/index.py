"""An index of phrases, each standing for something, that is searched with words: unfinished, in other order, misspelt.

Invariants
1. The same phrases and words give the same answer in the same order, on every machine.
2. A score is 1 exactly where the words are a phrase, spelling and endings aside.

How alike two words are is the Damerau-Levenshtein similarity (rapidfuzz). How alike words and a phrase are is the share of
what was said that the phrase explains, and of the phrase that was said, rare words weighing more.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from rapidfuzz.distance import DamerauLevenshtein
from rapidfuzz.process import extract

from trial.safety.coding.words import stem, stems, telling_words

Key = TypeVar("Key", bound=Hashable)

_SAID, _NAMED = 0.75, 0.25  # how much of the score is the share of what was said, and of the phrase
_CONTAINED: Final = 0.85  # a whole phrase within a longer account
_MISSPELT: Final = 0.9  # at most: likeness is no identity
_ALIKE: Final = 0.7
_FUZZY_FROM: Final = 4  # letters; shorter words are compared exactly
_WORTH_OFFERING: Final = 0.45


@dataclass(frozen=True, slots=True)
class Phrase(Generic[Key]):
    """One way to say ``key``; ``is_name`` where it is the dictionary's own."""

    key: Key
    text: str
    is_name: bool


@dataclass(frozen=True, slots=True)
class Hit(Generic[Key]):
    """What was found, from 0 to 1 how surely, and by which phrase."""

    key: Key
    score: float
    text: str


class _Rank(NamedTuple):
    """What comes first: the surer, then the dictionary's own name, then the more telling words."""

    score: float
    is_name: bool
    weight: float
    text: str


class WordIndex(Generic[Key]):
    """Phrases by their words. Building takes time; an index is kept by who asks for it."""

    def __init__(self, phrases: Iterable[Phrase[Key]]) -> None:
        self._phrases = tuple(dict.fromkeys(phrases))
        self._parts = tuple(stems(phrase.text) for phrase in self._phrases)
        holding: dict[str, list[int]] = defaultdict(list)
        for place, parts in enumerate(self._parts):
            for part in set(parts):
                holding[part].append(place)
        self._holding: Mapping[str, list[int]] = holding
        self._whole: dict[tuple[str, ...], set[Key]] = defaultdict(set)
        for phrase, parts in zip(self._phrases, self._parts, strict=True):
            self._whole[parts].add(phrase.key)
        self._weights = {part: math.log(1 + len(self._phrases) / len(places)) for part, places in holding.items()}
        self._unknown = math.log(1 + len(self._phrases))
        self._written = {word: stem(word) for phrase in self._phrases for word in telling_words(phrase.text)}

    def exactly(self, words: str) -> set[Key]:
        """What the words are a phrase of, spelling and endings aside: what scores 1. Quick."""
        return self._whole.get(stems(words), set())

    def find(self, words: str, *, typing: bool = False) -> list[Hit[Key]]:
        """What ``words`` may mean, the likeliest first; while ``typing`` the last word may be unfinished."""
        said, typed = stems(words), telling_words(words)
        if not said:
            return []
        likeness = [self._alike(word, unfinished=typing and word is typed[-1]) for word in typed]
        best: dict[Key, _Rank] = {}
        for place in {at for alike in likeness for part in alike for at in self._holding[part]}:
            rank = self._rank(place, said, likeness)
            key = self._phrases[place].key
            if rank.score >= _WORTH_OFFERING and (key not in best or rank[:3] > best[key][:3]):
                best[key] = rank
        ordered = sorted(
            best.items(), key=lambda item: (*(-float(each) for each in item[1][:3]), item[1].text, str(item[0]))
        )
        return [Hit(key, round(rank.score, 3), rank.text) for key, rank in ordered]

    def _alike(self, word: str, *, unfinished: bool) -> dict[str, float]:
        """Stems that ``word`` may have, each with how alike the two are."""
        near = self._misspelt(word) if len(word) >= _FUZZY_FROM else {}
        if unfinished and len(word) > 1:
            begun = (written for written in self._written if written.startswith(word))
            near |= {written: 0.9 + 0.1 * len(word) / len(written) for written in begun}
        found: dict[str, float] = {}
        for written, likeness in near.items():
            part = self._written[written]
            found[part] = max(found.get(part, 0.0), likeness)
        if stem(word) in self._weights:
            found[stem(word)] = 1.0
        return found

    def _misspelt(self, word: str) -> dict[str, float]:
        scorer = DamerauLevenshtein.normalized_similarity
        near = extract(word, self._written.keys(), scorer=scorer, limit=None, score_cutoff=_ALIKE)
        return {written: _MISSPELT * score for written, score, _ in near}

    def _rank(self, place: int, said: tuple[str, ...], likeness: list[dict[str, float]]) -> _Rank:
        phrase, parts = self._phrases[place], self._parts[place]
        weight = sum(map(self._weight, parts))
        return _Rank(self._score(place, said, likeness), phrase.is_name, weight, phrase.text)

    def _score(self, place: int, said: tuple[str, ...], likeness: list[dict[str, float]]) -> float:
        parts = self._parts[place]
        if parts == said:
            return 1.0
        explained = self._share(said, [max(alike.get(part, 0.0) for part in parts) for alike in likeness])
        named = self._share(parts, [max(alike.get(part, 0.0) for alike in likeness) for part in parts])
        within = _CONTAINED * named if named > 0.99 else 0.0
        return min(0.99, max(_SAID * explained + _NAMED * named, within))

    def _share(self, parts: tuple[str, ...], found: list[float]) -> float:
        weights = [self._weight(part) for part in parts]
        return sum(weight * one for weight, one in zip(weights, found, strict=True)) / sum(weights)

    def _weight(self, part: str) -> float:
        return self._weights.get(part, self._unknown)
