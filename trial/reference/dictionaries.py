"""CTCAE grades, adverse events of special interest, and the CDISC controlled terms that we use.

Invariants
1. A trial pins one CTCAE version; terms of two versions never mix.
2. A grade without words does not exist for that term (nausea has no grade 4): pickers must hide it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from trial.errors import InvalidInput
from trial.reference.files import rows

_CTCAE_FILES = {"5.0": "ctcae_v5.csv", "6.0": "ctcae_v6.csv"}
_AESI_FILES = {"aesi_ketamine": "aesi_ketamine.csv"}


class UnknownReferenceTable(InvalidInput):
    code = "reference.unknown_table"


@dataclass(frozen=True, slots=True)
class CtcaeTerm:
    """A term with the words of each grade that it has."""

    version: str
    meddra_version: str
    llt_code: str
    soc: str
    term: str
    grades: Mapping[int, str]
    definition: str

    @property
    def is_other_specify(self) -> bool:
        """The general term of its class: the verbatim text must be kept beside it."""
        return self.term.endswith("Other, specify")


@dataclass(frozen=True, slots=True)
class AesiTerm:
    """An event of special interest, the CTCAE term under which it is graded, and how it is looked for."""

    name: str
    ctcae_term: str
    llt_code: str
    soc: str
    systematic: bool
    how: str
    note: str


@dataclass(frozen=True, slots=True)
class LayWords:
    """What people say for one term; ``aesi`` where the words mean one event of special interest among several."""

    term: str
    aesi: str | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControlledTerm:
    """One submission value of a CDISC codelist."""

    codelist: str
    codelist_name: str
    extensible: bool
    sdtm_use: str
    code: str
    value: str
    synonyms: tuple[str, ...]
    definition: str


def _file(files: Mapping[str, str], what: str, name: str) -> str:
    if name not in files:
        raise UnknownReferenceTable(f"There is no {what} {name!r} here; there is {', '.join(files)}.")
    return files[name]


@cache
def ctcae_terms(version: str) -> tuple[CtcaeTerm, ...]:
    """All terms of CTCAE ``version`` (``"5.0"`` or ``"6.0"``), in NCI's order."""
    return tuple(
        CtcaeTerm(
            version=row["ctcae_version"],
            meddra_version=row["meddra_version"],
            llt_code=row["meddra_llt_code"],
            soc=row["soc"],
            term=row["term"],
            grades=MappingProxyType({n: row[f"grade{n}"] for n in range(1, 6) if row[f"grade{n}"]}),
            definition=row["definition"],
        )
        for row in rows(_file(_CTCAE_FILES, "CTCAE version", version))
    )


@cache
def _ctcae_by_term(version: str) -> Mapping[str, CtcaeTerm]:
    return MappingProxyType({term.term: term for term in ctcae_terms(version)})


def ctcae_term(version: str, term: str) -> CtcaeTerm | None:
    """The term of this exact name, or ``None``."""
    return _ctcae_by_term(version).get(term)


@cache
def aesi_terms(list_name: str = "aesi_ketamine") -> tuple[AesiTerm, ...]:
    """The prespecified events of special interest of a packaged list."""
    return tuple(
        AesiTerm(
            name=row["aesi"],
            ctcae_term=row["ctcae_v5_term"],
            llt_code=row["meddra_llt_code"],
            soc=row["soc"],
            systematic=row["ascertainment"] == "systematic",
            how=row["instrument"],
            note=row["note"],
        )
        for row in rows(_file(_AESI_FILES, "list of special interest", list_name))
    )


@cache
def lay_words() -> tuple[LayWords, ...]:
    """How participants say what CTCAE calls otherwise: our own list. A term of one version only may stand in it."""
    return tuple(
        LayWords(row["term"], row["aesi"] or None, tuple(row["words"].split(";"))) for row in rows("lay_words.csv")
    )


@cache
def _codelists() -> Mapping[str, tuple[ControlledTerm, ...]]:
    found: dict[str, list[ControlledTerm]] = {}
    for row in rows("cdisc_ct_subset.csv"):
        synonyms = tuple(part.strip() for part in row["synonyms"].split(";") if part.strip())
        found.setdefault(row["codelist_code"], []).append(
            ControlledTerm(
                codelist=row["codelist_code"],
                codelist_name=row["codelist_name"],
                extensible=row["extensible"] == "True",
                sdtm_use=row["sdtm_use"],
                code=row["term_code"],
                value=row["submission_value"],
                synonyms=synonyms,
                definition=row["definition"],
            )
        )
    return MappingProxyType({code: tuple(terms) for code, terms in found.items()})


def codelists() -> tuple[str, ...]:
    """The codes of the packaged codelists."""
    return tuple(_codelists())


def controlled_terms(codelist: str) -> tuple[ControlledTerm, ...]:
    """The terms of a codelist by its NCI code (``C66742``); empty where we do not carry it."""
    return _codelists().get(codelist, ())


def submission_values(codelist: str) -> tuple[str, ...]:
    """The values of a codelist as SDTM spells them. ``NA`` is one of them, not a missing value."""
    return tuple(term.value for term in controlled_terms(codelist))
