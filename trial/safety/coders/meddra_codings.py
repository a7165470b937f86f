"""An event's code in MedDRA, beside its CTCAE term: what the words plainly are is coded by itself, the rest by a coder.

Invariants
1. Codes are current lowest-level terms of the release that the protocol pins at the participant's site.
2. A coding is a row of its own, of these words under this CTCAE term in this release; the latest counts.
3. What is coded by itself says how sure it is and on what ground, and is at least as sure as ``confirm_from``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import exists
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import choice, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.safety.adverse_events import AdverseEvent, get_event
from trial.safety.coders.events import books_by_site, events_in
from trial.safety.coders.reviews import DetailNotShown
from trial.safety.coding import confidence
from trial.safety.meddra.distribution import MeddraTerm
from trial.safety.meddra.releases import OpenRelease, open_release
from trial.safety.reading import may_see_detail

_BY_CTCAE: Final = 0.97  # NCI's own mapping of its term to a lowest-level term


class MeddraNotPinned(Conflict):
    code = "meddra.not_pinned"


class MeddraTermUnknown(InvalidInput):
    code = "meddra.term_unknown"


class CodingGround(StrEnum):
    """Why an event has its code."""

    WORDS = "words"
    CTCAE_CODE = "ctcae_code"
    LIKENESS = "likeness"
    CODER = "coder"


class CodeInMeddra(BaseModel):
    model_config = ConfigDict(frozen=True)

    event_id: UUID
    llt_code: str = Bounded(pattern=r"^\d{8}$")
    reason: str = Bounded(default="", max_length=2000)


class MeddraCoding(ParticipantRecord, table=True):
    """``confidence`` is 1 where a coder decided."""

    __tablename__ = "meddra_coding"
    __table_args__ = in_schema("trial")

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    verbatim: str = prose()
    term: str = Field(max_length=200)
    release: str = Field(max_length=16)
    llt_code: str = Field(max_length=8)
    llt: str = Field(max_length=200)
    pt_code: str = Field(max_length=8)
    pt: str = Field(max_length=200)
    soc_code: str = Field(max_length=8)
    soc: str = Field(max_length=200)
    ground: CodingGround = choice(CodingGround)
    confidence: float
    coded_by: str = Field(max_length=80)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A term for an event, how sure, and why."""

    term: MeddraTerm
    confidence: float
    ground: CodingGround


@dataclass(frozen=True, slots=True)
class ToCode:
    event: AdverseEvent
    participant: str
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Coded:
    """What a round of coding did."""

    coded: int
    left: int


def propose(release: OpenRelease, casebook: Casebook, event: AdverseEvent) -> list[Proposal]:
    """Current terms for the event, the surest first; at most three."""
    found = {
        hit.key: Proposal(
            _current(release, hit.key), hit.score, CodingGround.WORDS if hit.score == 1 else CodingGround.LIKENESS
        )
        for hit in release.find(event.verbatim)[:3]
    }
    mapped = release.term(event.llt_code)
    if mapped is not None and mapped.is_current and not event.term.endswith("Other, specify"):
        sure = _BY_CTCAE * confidence(casebook.protocol.adverse_events, event.verbatim, event.term)
        if mapped.llt_code not in found or found[mapped.llt_code].confidence < sure:
            found[mapped.llt_code] = Proposal(mapped, round(sure, 3), CodingGround.CTCAE_CODE)
    return sorted(found.values(), key=lambda one: (-one.confidence, one.term.llt_code))[:3]


def code_what_is_certain(session: TrialSession, actor: Actor, trial_id: UUID) -> Coded:
    """Code every event whose best proposal is sure enough and stands alone. Raises ``ReleaseNotLoaded``."""
    authorize(session, actor, Action.EVENT_CODED, trial_id=trial_id)
    coded = left = 0
    for event, _, book in list(_uncoded(session, trial_id)):
        proposals = propose(_release_for(session, book), book, event)
        threshold = book.protocol.adverse_events.dictionary.confirm_from
        sure = [one for one in proposals if one.confidence >= threshold]
        if len({one.term.pt_code for one in sure}) == 1:
            _write(session, actor, open_casebook(session, event.participant_id), event, sure[0])
            coded += 1
        else:
            left += 1
    session.flush()
    return Coded(coded, left)


def code_in_meddra(session: TrialSession, actor: Actor, command: CodeInMeddra) -> MeddraCoding:
    """The coder's choice. Raises ``MeddraNotPinned``, ``MeddraTermUnknown``, ``DetailNotShown``."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.EVENT_CODED, event.participant_id, reason=command.reason)
    if event.aesi is not None and not may_see_detail(actor, event):
        raise DetailNotShown("Its detail could tell the treatment. Somebody who reads the infusion domain codes it.")
    term = _current(_release_for(session, casebook), command.llt_code)
    coding = _write(session, actor, casebook, event, Proposal(term, 1.0, CodingGround.CODER))
    session.flush()
    return coding


def meddra_queue(session: TrialSession, actor: Actor, trial_id: UUID, limit: int = 50) -> list[ToCode]:
    """The first ``limit`` events that have no code yet in the pinned release, and that ``actor`` may see."""
    check_may(actor, Permission.CODING_WRITE, trial_id)
    waiting: list[ToCode] = []
    for event, code, book in _uncoded(session, trial_id):
        if event.aesi is None or may_see_detail(actor, event):
            proposals = propose(_release_for(session, book), book, event)
            waiting.append(ToCode(event, code, tuple(proposals)))
        if len(waiting) == limit:
            break
    return waiting


def meddra_coding_of(session: TrialSession, event: AdverseEvent, release: str) -> MeddraCoding | None:
    """The latest code of the event as it stands, in that release."""
    found = select(MeddraCoding).where(
        MeddraCoding.event_id == event.id,
        MeddraCoding.release == release,
        MeddraCoding.verbatim == event.verbatim,
        MeddraCoding.term == event.term,
    )
    return session.exec(found.order_by(col(MeddraCoding.recorded_at).desc(), col(MeddraCoding.id).desc())).first()


def _uncoded(session: TrialSession, trial_id: UUID) -> Iterator[tuple[AdverseEvent, str, Casebook]]:
    """Events without a code in the release pinned at their site, with a casebook of that site; none where none is pinned."""
    for site_id, book in books_by_site(session, trial_id).items():
        release = book.protocol.adverse_events.dictionary.meddra
        if release is None:
            continue
        coded = exists().where(
            col(MeddraCoding.event_id) == col(AdverseEvent.id),
            col(MeddraCoding.release) == release,
            col(MeddraCoding.verbatim) == col(AdverseEvent.verbatim),
            col(MeddraCoding.term) == col(AdverseEvent.term),
        )
        with session.exec(events_in(trial_id).where(col(AdverseEvent.site_id) == site_id, ~coded)) as rows:
            for event, code in rows:
                yield event, code, book


def _release_for(session: TrialSession, casebook: Casebook) -> OpenRelease:
    version = casebook.protocol.adverse_events.dictionary.meddra
    if version is None:
        raise MeddraNotPinned(
            "This protocol pins no MedDRA release. Name one in an amendment, under adverse_events.dictionary."
        )
    return open_release(session, version)


def _current(release: OpenRelease, llt_code: str) -> MeddraTerm:
    found = release.term(llt_code)
    if found is None or not found.is_current:
        raise MeddraTermUnknown(
            f"{release.label} has no current lowest-level term {llt_code}. Search the release and choose one.",
            fields={"llt_code": "Choose a current term of the pinned release."},
        )
    return found


def _write(
    session: TrialSession, actor: Actor, casebook: Casebook, event: AdverseEvent, chosen: Proposal
) -> MeddraCoding:
    version = casebook.protocol.adverse_events.dictionary.meddra
    assert version is not None, "a release is open"
    term = chosen.term
    coding = MeddraCoding(
        **casebook.stamp(session), event_id=event.id, verbatim=event.verbatim, term=event.term, release=version,
        llt_code=term.llt_code, llt=term.llt, pt_code=term.pt_code, pt=term.pt, soc_code=term.soc_code, soc=term.soc,
        ground=chosen.ground, confidence=chosen.confidence, coded_by=actor.name,
    )  # fmt: skip
    session.add(coding)
    return coding
