"""Coding: from the words that were said to the term that is counted.

``terms`` checks a term and its grade against the pinned dictionary; ``search`` finds the term that words mean.
"""

from trial.safety.coding.search import Suggestion, confidence, suggest
from trial.safety.coding.terms import (
    Coding,
    GradeNotInDictionary,
    SpecialInterestUnclear,
    TermUnknown,
    code,
    dictionary_label,
    find_term,
    grades_offered,
    interests_of,
)

__all__ = [
    "Coding",
    "GradeNotInDictionary",
    "SpecialInterestUnclear",
    "Suggestion",
    "TermUnknown",
    "code",
    "confidence",
    "dictionary_label",
    "find_term",
    "grades_offered",
    "interests_of",
    "suggest",
]
