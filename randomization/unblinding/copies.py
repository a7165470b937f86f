"""Regulator's copies: which paper under seal carries the treatment of one SUSAR, and for whom it was made.

Invariants
1. A copy is made of every case that is unblinded for an authority, whichever treatment it shows; its bytes stand under seal
   (``documents``), and outside there is only that it was made, by whom and when.
2. A further copy, after follow-up information, is a further row with a further entry in the register.
"""

from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from randomization.unblinding.documents import DocumentKind, OpenedDocument, SealDocument, open_document, seal_document
from randomization.unblinding.emergency import RevealForSusar, UnsealedArm, reveal_for_susar
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated
from trial.conduct.casebooks import Casebook
from trial.conduct.participants import ParticipantRecord
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.safety.adverse_events import AdverseEvent
from trial.safety.susars import latest_susar_assessment


class NotASusar(Conflict):
    code = "regulator_copy.not_a_susar"


class CopyNotFound(NotFound):
    code = "regulator_copy.not_found"


class RegulatorCopy(ParticipantRecord, table=True):
    """``document_id`` names the paper under seal; it is no key outside it."""

    __tablename__ = "regulator_copy"
    __table_args__ = in_schema("trial", UniqueConstraint("event_id", "version"))

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    version: int
    unblinding_id: UUID = Field(foreign_key="trial.unblinding.id")
    document_id: UUID
    made_by: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)


def unblind_case(
    session: TrialSession, actor: Actor, proof: Reauthenticated, casebook: Casebook, event: AdverseEvent, key: str
) -> UnsealedArm:
    """The treatment of one SUSAR, for the copy that is then kept. Raises ``NotASusar`` and as ``reveal_for_susar``."""
    judged = latest_susar_assessment(session, event.id)
    if judged is None or not judged.is_susar:
        authorize(session, actor, Action.SUSAR_UNBLINDED, trial_id=casebook.trial.id, site_id=casebook.site.id)
        raise NotASusar("Only a case that the medical monitor has assessed as a SUSAR is unblinded for an authority.")
    command = RevealForSusar(participant_id=event.participant_id, case=_case(casebook, event), idempotency_key=key)
    return reveal_for_susar(session, actor, proof, command)


def keep_copy(
    session: TrialSession, actor: Actor, casebook: Casebook, event: AdverseEvent, arm: UnsealedArm, content: bytes
) -> RegulatorCopy:
    """Seal the paper that was made of an unblinded case. Asked again with the same unblinding, it is the copy made then."""
    known = session.exec(select(RegulatorCopy).where(RegulatorCopy.unblinding_id == arm.unblinding_id)).first()
    if known is not None:
        return known
    version = len(copies_of(session, event.id)) + 1
    name = f"Regulator's copy {version} of case {_case(casebook, event)}"
    sealed = seal_document(
        session,
        actor,
        SealDocument(trial_id=casebook.trial.id, kind=DocumentKind.REGULATOR_COPY, name=name, content=content),
    )
    copy = RegulatorCopy(
        **casebook.stamp(session),
        event_id=event.id,
        version=version,
        unblinding_id=arm.unblinding_id,
        document_id=sealed,
        made_by=actor.account_id,
        printed_name=actor.display_name,
    )
    session.add(copy)
    session.flush()
    return copy


def open_copy(session: TrialSession, actor: Actor, event_id: UUID, version: int) -> OpenedDocument:
    """The bytes of a copy, for the unblinded safety officer; entered in the register. Raises ``CopyNotFound``."""
    found = next((one for one in copies_of(session, event_id) if one.version == version), None)
    if found is None:
        raise CopyNotFound("There is no such copy. Choose one from the page of the case.")
    return open_document(session, actor, found.document_id)


def copies_of(session: TrialSession, event_id: UUID) -> list[RegulatorCopy]:
    """Which copies were made of the event, oldest first; nothing of what they show."""
    found = select(RegulatorCopy).where(RegulatorCopy.event_id == event_id)
    return list(session.exec(found.order_by(col(RegulatorCopy.version))))


def _case(casebook: Casebook, event: AdverseEvent) -> str:
    return f"{casebook.participant.code}/{event.number}"
