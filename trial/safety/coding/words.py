"""Words as a search compares them: without case, accents, punctuation, British spelling or endings.

What it does not do: correct a word, or know what it means. The same rules are applied to both sides of a comparison, so a
rule that is wrong for a word is wrong in the same way on both.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")
_APOSTROPHE: Final = re.compile("['’`]")
_SPELLINGS: Final = (
    (re.compile(r"ae|oe"), "e"),  # oedema, haematuria, diarrhoea
    (re.compile(r"our\b|our(?=s|ed|ing|less)"), "or"),  # tumour, coloured
    (re.compile(r"is(?=e|ed|es|ing|ation)(?<=\w{3})"), "iz"),  # derealisation
)
_ENDINGS: Final = ("nesses", "ness", "ings", "ing", "ied", "ies", "ed", "es", "s")
_SHORTEST_STEM: Final = 3

_FILLERS: Final = """
    a about after an and at be been but by during felt feel feeling feels for from had has have he her his i in is it its
    me mild moderate much my of on or participant patient severe she slight slightly some that the their then there they
    this to very was we were while with
"""
FILLERS: Final = frozenset(_FILLERS.split())


def plain(text: str) -> str:
    """Lower case letters and digits with single spaces, in one spelling."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = _NOT_A_WORD.sub(" ", _APOSTROPHE.sub("", bare)).strip()
    for pattern, spelling in _SPELLINGS:
        words = pattern.sub(spelling, words)
    return words


def stem(word: str) -> str:
    """``word`` without its ending: vomited, vomiting, vomits are one."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)]
            break
    return f"{word[:-1]}i" if len(word) > _SHORTEST_STEM and word.endswith("y") else word


def telling_words(text: str) -> tuple[str, ...]:
    """The words of ``text`` in their order; fillers stay out where anything else is left."""
    found = tuple(plain(text).split())
    return tuple(word for word in found if word not in FILLERS) or found


def stems(text: str) -> tuple[str, ...]:
    """The stems of the telling words of ``text``."""
    return tuple(stem(word) for word in telling_words(text))
