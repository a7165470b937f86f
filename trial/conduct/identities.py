"""Who a participant is: name and contact, apart from everything else.

Invariants
1. Name and contact are sealed with the installation's credentials key, bound to the record; the audit holds a digest.
2. They stand in a schema of their own and never leave it through another module.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import open_for
from trial.conduct.participants import ParticipantRecord, get_participant
from trial.database.columns import prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import NotFound

_NAME, _CONTACT = "participant_name", "participant_contact"


class IdentityNotFound(NotFound):
    code = "identity.not_found"


class RecordIdentity(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    name: str = Bounded(min_length=1, max_length=200, repr=False)
    contact: str = Bounded(default="", max_length=500, repr=False)


class Identity(BaseModel):
    """What the site reads. Its parts never show in a log."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    name: str = Bounded(repr=False)
    contact: str = Bounded(repr=False)


class ParticipantIdentity(ParticipantRecord, table=True):
    __tablename__ = "participant_identity"
    __table_args__ = in_schema("identity", digest=("sealed_name", "sealed_contact"))

    participant_id: UUID = Field(foreign_key="trial.participant.id", unique=True)
    sealed_name: str = prose(repr=False)
    sealed_contact: str = prose(repr=False)


def record_identity(session: TrialSession, actor: Actor, command: RecordIdentity) -> ParticipantIdentity:
    """Write or correct who the participant is. Raises ``ParticipantNotFound``, ``NotPermitted``."""
    casebook = open_for(session, actor, Action.IDENTITY_RECORDED, command.participant_id)
    identity = _stored(session, command.participant_id) or ParticipantIdentity(
        **casebook.stamp(session), sealed_name="", sealed_contact=""
    )
    identity.sealed_name = _seal(session, identity.id, _NAME, command.name)
    identity.sealed_contact = _seal(session, identity.id, _CONTACT, command.contact)
    session.add(identity)
    session.flush()
    return identity


def identity_for(session: TrialSession, actor: Actor, participant_id: UUID) -> Identity:
    """Name and contact, in clear. Raises ``NotPermitted``, ``IdentityNotFound``."""
    participant = get_participant(session, participant_id)
    check_may(actor, Permission.IDENTITY_READ, participant.trial_id, participant.site_id)
    stored = _stored(session, participant_id)
    if stored is None:
        raise IdentityNotFound("No name is recorded for this participant. Record it on the participant's page.")
    return Identity(
        participant_id=participant_id,
        name=session.vault.open(stored.sealed_name, purpose=_NAME, record=stored.id),
        contact=session.vault.open(stored.sealed_contact, purpose=_CONTACT, record=stored.id),
    )


def _stored(session: TrialSession, participant_id: UUID) -> ParticipantIdentity | None:
    return session.exec(select(ParticipantIdentity).where(ParticipantIdentity.participant_id == participant_id)).first()


def _seal(session: TrialSession, record: UUID, purpose: str, value: str) -> str:
    return session.vault.seal(value, purpose=purpose, record=record, entropy=session.entropy)
