"""MedDRA releases that this installation was given: kept packed, named by version, never changed.

Invariants
1. A version is kept once; the same files again are nothing new, and other files under its version are refused.
2. What is kept is the hash of what was loaded; the audit holds the hash, not the licensed text.

What it does not do: pin a version. The protocol does (``adverse_events.dictionary.meddra``).
"""

from __future__ import annotations

from sqlalchemy import LargeBinary
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.safety.coding.index import Hit, Phrase, WordIndex
from trial.safety.meddra.distribution import MeddraRelease, MeddraTerm, unpacked


class ReleaseNotLoaded(NotFound):
    code = "meddra.release_not_loaded"


class ReleaseDiffers(Conflict):
    code = "meddra.release_differs"


class LoadedRelease(Record, table=True):
    __tablename__ = "meddra_release"
    __table_args__ = in_schema("trial", digest=("content",))

    version: str = Field(max_length=16, unique=True)
    language: str = Field(max_length=40)
    sha256: str = Field(max_length=64)
    terms: int
    content: bytes = Field(sa_type=LargeBinary, repr=False)


def load_release(session: TrialSession, actor: Actor, release: MeddraRelease) -> LoadedRelease:
    """Keep ``release``. Raises ``ReleaseDiffers`` where its version was loaded from other files."""
    authorize(session, actor, Action.MEDDRA_LOADED)
    kept = _find(session, release.version)
    if kept is None:
        kept = LoadedRelease(
            **session.stamp(),
            version=release.version,
            language=release.language,
            sha256=release.sha256,
            terms=len(release.terms),
            content=release.packed(),
        )
        session.add(kept)
        session.flush()
    if kept.sha256 != release.sha256:
        raise ReleaseDiffers(
            f"MedDRA {release.version} was loaded before, from other files. Events are coded by those; nothing was loaded."
        )
    return kept


def loaded_releases(session: TrialSession) -> list[tuple[str, str, int]]:
    """Version, language and number of lowest-level terms of each release."""
    columns = (LoadedRelease.version, LoadedRelease.language, LoadedRelease.terms)
    return [(one[0], one[1], one[2]) for one in session.exec(select(*columns).order_by(LoadedRelease.version))]


class OpenRelease:
    """A release with what is needed to find in it."""

    def __init__(self, release: MeddraRelease) -> None:
        self.release = release
        self._by_code = {term.llt_code: term for term in release.terms}
        self._index = WordIndex(
            Phrase(term.llt_code, term.llt, is_name=True) for term in release.terms if term.is_current
        )

    @property
    def label(self) -> str:
        return f"MedDRA {self.release.version}"

    def term(self, llt_code: str) -> MeddraTerm | None:
        return self._by_code.get(llt_code)

    def find(self, words: str, *, typing: bool = False) -> list[Hit[str]]:
        """Current lowest-level terms by their codes, the likeliest first."""
        return self._index.find(words, typing=typing)


def open_release(session: TrialSession, version: str) -> OpenRelease:
    """The release of this version. Raises ``ReleaseNotLoaded``."""
    known = session.exec(select(LoadedRelease.sha256).where(LoadedRelease.version == version)).first()
    if known is None:
        raise ReleaseNotLoaded(
            f"The protocol pins MedDRA {version}, which this installation does not have."
            " Load the sponsor's licensed distribution with: equipoise meddra load DIRECTORY."
        )
    return _OPEN.get(known) or _opened(session, version, known)


_OPEN: dict[str, OpenRelease] = {}


def _opened(session: TrialSession, version: str, sha256: str) -> OpenRelease:
    kept = _find(session, version)
    assert kept is not None, "asked for just above"
    while len(_OPEN) > 1:  # the pinned one, and one that is compared with it
        del _OPEN[next(iter(_OPEN))]
    _OPEN[sha256] = OpenRelease(unpacked(kept.version, kept.language, kept.content))
    return _OPEN[sha256]


def _find(session: TrialSession, version: str) -> LoadedRelease | None:
    return session.exec(select(LoadedRelease).where(col(LoadedRelease.version) == version)).first()
