"""An investigator's signature on a participant's casebook: on everything that is recorded of one participant.

Invariants
1. What is signed is a hash over every row of the casebook's tables, as the database holds it at that moment.
2. Any later change or addition, by whatever way, makes the hash another one: the casebook is then unsigned again.
3. Queries, the sponsor's assessments and these signatures themselves are no part of a casebook.
"""

import hashlib
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import TextClause, text
from sqlmodel import Field, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.signatures import Reauthenticated, Signature, record_hash, sign, table_name
from trial.conduct.attendance import Attendance
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.concomitant import ConcomitantTreatment
from trial.conduct.consents import Consent, ConsentWithdrawal
from trial.conduct.departures import StudyEnd, TreatmentEnd
from trial.conduct.deviations import Deviation
from trial.conduct.eligibility import EligibilityAssessment
from trial.conduct.factors import FactorValue
from trial.conduct.forms import FormRecord
from trial.conduct.guesses import BlindingGuess
from trial.conduct.infusion_courses import Infusion, InfusionOrder
from trial.conduct.outcomes import Outcome
from trial.conduct.participants import ParticipantRecord
from trial.conduct.screening import ScreeningFailure
from trial.conduct.visits import VisitRecord
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.safety.adverse_events import AdverseEvent

MEANING = "I have reviewed this participant's casebook; it is complete and correct."
PARTS: Final[tuple[type[ParticipantRecord], ...]] = (
    Consent,
    ConsentWithdrawal,
    ScreeningFailure,
    EligibilityAssessment,
    FactorValue,
    FormRecord,
    Outcome,
    VisitRecord,
    InfusionOrder,
    Infusion,
    BlindingGuess,
    ConcomitantTreatment,
    Attendance,
    Deviation,
    AdverseEvent,
    TreatmentEnd,
    StudyEnd,
)
"""The tables of a casebook, besides the participant's own row."""

_TABLES: Final = (("trial.participant", "id"), *((table_name(part), "participant_id") for part in PARTS))
_PART: Final = (
    "SELECT {place} AS place, '{table}' AS part, {key} AS owner,"
    " encode(sha256(convert_to(string_agg(to_jsonb(part)::text, E'\\n' ORDER BY part.id), 'UTF8')), 'hex') AS digest"
    " FROM {table} AS part WHERE trial_id = :trial{whose} GROUP BY {key}"
)


def _digests(whose: str) -> TextClause:
    """One question for every part, in the order of the tables."""
    parts = (
        _PART.format(place=place, table=table, key=key, whose=whose.format(key=key))
        for place, (table, key) in enumerate(_TABLES)
    )
    return text(" UNION ALL ".join(parts) + " ORDER BY place")


_OF_ALL, _OF_ONE = _digests(""), _digests(" AND {key} = :one")


class SignCasebook(BaseModel):
    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    participant_id: UUID


class CasebookSignature(ParticipantRecord, table=True):
    """``content_sha256`` is over the casebook as signed; ``access.signature`` binds this row."""

    __tablename__ = "casebook_signature"
    __table_args__ = in_schema("trial")

    content_sha256: str = Field(max_length=64)
    signed_by: UUID = Field(foreign_key="access.account.id")


def sign_casebook(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: SignCasebook
) -> CasebookSignature:
    """The investigator signs the casebook as it stands. Raises ``ReauthenticationNeeded``, ``TrialLocked``."""
    casebook = open_for(session, actor, Action.CASEBOOK_SIGNED, command.participant_id)
    made = exactly_once(
        session,
        actor,
        Action.CASEBOOK_SIGNED,
        command.idempotency_key,
        command,
        lambda: _sign(session, actor, proof, casebook).id,
    )
    found = session.get(CasebookSignature, made)
    assert found is not None, "signatures are never removed"
    return found


def _sign(session: TrialSession, actor: Actor, proof: Reauthenticated, casebook: Casebook) -> CasebookSignature:
    session.flush()
    content = casebook_hashes(session, casebook.trial.id, casebook.participant.id)
    signature = CasebookSignature(
        **casebook.stamp(session),
        content_sha256=content[casebook.participant.id],
        signed_by=actor.account_id,
    )
    session.add(signature)
    sign(session, actor, proof, signature, MEANING, casebook.trial.id)
    return signature


def casebook_hashes(session: TrialSession, trial_id: UUID, participant_id: UUID | None = None) -> dict[UUID, str]:
    """The hash of each casebook as it stands, by participant: of one, or of all in the trial."""
    lines: dict[UUID, list[str]] = {}
    whose = {"trial": trial_id} if participant_id is None else {"trial": trial_id, "one": participant_id}
    for _, part, owner, digest in session.execute(_OF_ALL if participant_id is None else _OF_ONE, whose):
        lines.setdefault(owner, []).append(f"{digest}  {part}\n")
    return {owner: hashlib.sha256("".join(found).encode()).hexdigest() for owner, found in lines.items()}


def participants_signed(session: TrialSession, trial_id: UUID) -> set[UUID]:
    """The participants whose casebook is what an investigator signed."""
    now = casebook_hashes(session, trial_id)
    given = session.exec(
        select(CasebookSignature, Signature.record_hash)
        .join(Signature, Signature.record_id == CasebookSignature.id)  # type: ignore[arg-type]  # a column expression at run time
        .where(CasebookSignature.trial_id == trial_id)
    )
    return {
        signature.participant_id
        for signature, signed in given
        if signed == record_hash(signature) and signature.content_sha256 == now.get(signature.participant_id)
    }
