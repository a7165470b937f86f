"""An event's term in the dictionary version that the protocol pins, its grade, and whether it is of special interest.

Invariants
1. A term is one of the pinned dictionary's, by its exact name; a grade exists only where the dictionary has words for it.
2. Special interest follows from the coded term and the protocol's list; it is chosen only where one term serves several
   events of the list (``Other, specify``), and then among those.
3. The verbatim words are never changed by coding.
"""

from __future__ import annotations

from dataclasses import dataclass

from trial.errors import InvalidInput
from trial.protocol.schema import AdverseEventRules
from trial.reference import CtcaeTerm, aesi_terms, ctcae_term


class TermUnknown(InvalidInput):
    code = "coding.term_unknown"


class GradeNotInDictionary(InvalidInput):
    code = "coding.grade_not_in_dictionary"


class SpecialInterestUnclear(InvalidInput):
    code = "coding.special_interest_unclear"


@dataclass(frozen=True, slots=True)
class Coding:
    """What an event's row holds of its coding."""

    term: str
    soc: str
    llt_code: str
    dictionary: str
    grade: int
    aesi: str | None


def find_term(rules: AdverseEventRules, term: str) -> CtcaeTerm:
    """The pinned dictionary's term of this name. Raises ``TermUnknown``."""
    found = ctcae_term(rules.dictionary.version, term)
    if found is None:
        raise TermUnknown(
            f"{dictionary_label(rules)} has no term “{term}”. Search the dictionary; where nothing fits, take the"
            " class's “Other, specify” and keep the verbatim words.",
            fields={"term": "Choose a term of the dictionary."},
        )
    return found


def grades_offered(rules: AdverseEventRules, term: str) -> dict[int, str]:
    """The grades that the term has, with their words; a picker shows no other. Raises ``TermUnknown``."""
    return dict(find_term(rules, term).grades)


def code(rules: AdverseEventRules, term: str, grade: int, aesi: str | None = None) -> Coding:
    """Term, grade and special interest, checked. Raises ``TermUnknown``, ``GradeNotInDictionary``, ``SpecialInterestUnclear``."""
    found = find_term(rules, term)
    if grade not in found.grades:
        offered = ", ".join(map(str, found.grades))
        raise GradeNotInDictionary(
            f"{dictionary_label(rules)} has no grade {grade} for “{term}”. Choose one of: {offered}.",
            fields={"grade": f"Choose one of: {offered}."},
        )
    return Coding(found.term, found.soc, found.llt_code, dictionary_label(rules), grade, _interest(rules, term, aesi))


def dictionary_label(rules: AdverseEventRules) -> str:
    """As a row names it: ``CTCAE 6.0``."""
    return f"{rules.dictionary.name} {rules.dictionary.version}"


def interests_of(rules: AdverseEventRules, term: str) -> list[str]:
    """The events of special interest that the term may stand for."""
    special = rules.special_interest
    if special.list_name is None:
        return [term] if term in special.terms else []
    return [listed.name for listed in aesi_terms(special.list_name) if listed.ctcae_term == term]


def _interest(rules: AdverseEventRules, term: str, chosen: str | None) -> str | None:
    possible = interests_of(rules, term)
    if chosen is None:
        is_general = term.endswith("Other, specify")
        return possible[0] if len(possible) == 1 and not is_general else None
    if chosen not in possible:
        known = "; ".join(possible) or "none"
        raise SpecialInterestUnclear(
            f"“{term}” does not stand for that event of special interest. For this term there is: {known}.",
            fields={"aesi": f"Choose among: {known}."},
        )
    return chosen
