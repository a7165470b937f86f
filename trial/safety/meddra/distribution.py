"""A MedDRA distribution as its licensee gets it: ASCII files with ``$`` between the fields, read and checked.

Invariants
1. Nothing is guessed: a file that is missing, a line of another shape, a lowest-level term without its preferred term, or a
   preferred term without exactly one primary class is an error that names file and line.
2. A release is a function of the files: the same distribution gives the same bytes and the same hash.

Read are ``llt.asc`` and ``mdhier.asc``, whose layout the MSSO's distribution format document gives, and the version from
``meddra_release.asc`` where it is there. English files are Latin-1 or UTF-8; others UTF-8.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from trial.errors import InvalidInput

_LLT_FIELDS, _HIERARCHY_FIELDS = 11, 12
_CURRENCY, _PRIMARY = 9, 11
_CODE_DIGITS: Final = 8


class DistributionIncomplete(InvalidInput):
    code = "meddra.distribution_incomplete"


class DistributionDamaged(InvalidInput):
    code = "meddra.distribution_damaged"


@dataclass(frozen=True, slots=True)
class MeddraTerm:
    """A lowest-level term with its place in the hierarchy, by the primary class of its preferred term."""

    llt_code: str
    llt: str
    is_current: bool
    pt_code: str
    pt: str
    hlt: str
    hlgt: str
    soc_code: str
    soc: str


@dataclass(frozen=True, slots=True)
class MeddraRelease:
    """All lowest-level terms of one version, in the order of their codes."""

    version: str
    language: str
    terms: tuple[MeddraTerm, ...]

    @property
    def text(self) -> bytes:
        """Every term on a line, tabs between: what is kept and hashed."""
        return "\n".join("\t".join(_row(term)) for term in self.terms).encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text).hexdigest()

    def packed(self) -> bytes:
        return zlib.compress(self.text, 9)


def unpacked(version: str, language: str, content: bytes) -> MeddraRelease:
    """The release that ``packed`` was made from."""
    lines = zlib.decompress(content).decode().split("\n")
    return MeddraRelease(version, language, tuple(_term(line.split("\t")) for line in lines))


def _row(term: MeddraTerm) -> tuple[str, ...]:
    current = "Y" if term.is_current else "N"
    return (term.llt_code, term.llt, current, term.pt_code, term.pt, term.hlt, term.hlgt, term.soc_code, term.soc)


def _term(row: list[str]) -> MeddraTerm:
    code, llt, current, *others = row
    return MeddraTerm(code, llt, current == "Y", *others)


def read_distribution(directory: Path, version: str | None = None) -> MeddraRelease:
    """The release in ``directory`` (the one that holds ``llt.asc``). ``version`` where the files do not say it.

    Raises ``DistributionIncomplete``, ``DistributionDamaged``.
    """
    found, language = _release_of(directory, version)
    places = _hierarchy(directory)
    terms = sorted(_terms(directory, places), key=lambda term: term.llt_code)
    twice = {one.llt_code for one, other in pairwise(terms) if one.llt_code == other.llt_code}
    if twice or not terms:
        what = f"has the code {min(twice)} twice" if twice else "holds no term"
        raise DistributionDamaged(f"llt.asc {what}. Unpack the distribution again.")
    return MeddraRelease(found, language, tuple(terms))


def _release_of(directory: Path, version: str | None) -> tuple[str, str]:
    file = directory / "meddra_release.asc"
    if file.is_file():
        said, language, *_ = [*_decoded(file).split("$"), "", ""]
        if version is not None and said.strip() != version:
            raise DistributionDamaged(
                f"These files are MedDRA {said.strip()}, not {version}. Choose the other directory."
            )
        return said.strip(), language.strip() or "English"
    if version is None:
        raise DistributionIncomplete(
            "There is no meddra_release.asc in this directory. Say which version it is, with --version."
        )
    return version, "English"


def _hierarchy(directory: Path) -> dict[str, tuple[str, ...]]:
    """For each preferred term its name, group terms and primary class."""
    places: dict[str, tuple[str, ...]] = {}
    for where, row in _lines(directory / "mdhier.asc", _HIERARCHY_FIELDS):
        if row[_PRIMARY] != "Y":
            continue
        pt_code, _, _, soc_code, pt, hlt, hlgt, soc = row[:8]
        _check_code(where, pt_code, soc_code)
        if pt_code in places:
            raise DistributionDamaged(f"{where}: {pt_code} has two primary classes. Unpack the distribution again.")
        places[pt_code] = (pt, hlt, hlgt, soc_code, soc)
    return places


def _terms(directory: Path, places: dict[str, tuple[str, ...]]) -> Iterator[MeddraTerm]:
    for where, row in _lines(directory / "llt.asc", _LLT_FIELDS):
        llt_code, llt, pt_code = row[:3]
        _check_code(where, llt_code, pt_code)
        if pt_code not in places:
            raise DistributionDamaged(
                f"{where}: {pt_code} has no primary class in mdhier.asc. Unpack the distribution again."
            )
        pt, hlt, hlgt, soc_code, soc = places[pt_code]
        yield MeddraTerm(llt_code, llt, row[_CURRENCY] == "Y", pt_code, pt, hlt, hlgt, soc_code, soc)


def _lines(file: Path, fields: int) -> Iterator[tuple[str, list[str]]]:
    if not file.is_file():
        raise DistributionIncomplete(
            f"There is no {file.name} in this directory. Give the one that holds the .asc files."
        )
    for number, line in enumerate(_decoded(file).splitlines(), start=1):
        # Lines end with a separator; a release may add fields behind those that are known.
        row = line.split("$")
        if not line.strip():
            continue
        if len(row) < fields or any("\t" in value for value in row):
            raise DistributionDamaged(
                f"{file.name}, line {number}: {len(row)} fields, expected {fields}. Unpack it again."
            )
        yield f"{file.name}, line {number}", row


def _decoded(file: Path) -> str:
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _check_code(where: str, *codes: str) -> None:
    for code in codes:
        if len(code) != _CODE_DIGITS or not code.isascii() or not code.isdigit():
            raise DistributionDamaged(f"{where}: “{code}” is no code of eight digits. Unpack the distribution again.")
