"""Informed consent: under which version, when, and taken back when.

Invariants
1. A consent is given under the version in force at the site on the day on which it is given, once a version.
2. Nothing of screening beyond registration is recorded without a consent that stands.
3. When an amendment asks for it, a participant consents again before randomization and before the next dose; the
   worklist says who has not yet.
4. A withdrawal is recorded beside the consent, never over it. No reason is asked for.
"""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, or_
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may, check_may_somewhere, sites_where
from trial.clock import local_date
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.participants import (
    ACTIVE,
    Participant,
    ParticipantRecord,
    ParticipantStatus,
    check_active,
    check_not_future,
)
from trial.conduct.sites import sites_of
from trial.database.columns import choice, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.protocol.schema import Protocol
from trial.protocol.versions import NoVersionAdopted, protocol_of, version_in_force

_BEFORE_LAST_DOSE = ACTIVE - {ParticipantStatus.FOLLOW_UP}


class WithdrawalScope(StrEnum):
    """What a participant takes back: the treatment alone, or the whole of taking part."""

    TREATMENT = "treatment"
    PARTICIPATION = "participation"


class ConsentMissing(Conflict):
    code = "consent.missing"


class ConsentOutdated(Conflict):
    code = "consent.outdated"


class ConsentAlreadyRecorded(Conflict):
    code = "consent.already_recorded"


class RecordConsent(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    given_on: date
    document_version: str = Bounded(min_length=1, max_length=40)
    copy_given: bool = True


class Consent(ParticipantRecord, table=True):
    __tablename__ = "consent"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "protocol_version_id"))

    given_on: date
    document_version: str = Field(max_length=40)
    copy_given: bool
    again: bool
    taken_by: UUID = Field(foreign_key="access.account.id")


class ConsentWithdrawal(ParticipantRecord, table=True):
    """Written by ``departures``, which also ends what the withdrawal ends."""

    __tablename__ = "consent_withdrawal"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "scope"))

    withdrawn_on: date
    scope: WithdrawalScope = choice(WithdrawalScope)
    remark: str | None = prose(default=None)


def record_consent(session: TrialSession, actor: Actor, command: RecordConsent) -> Consent:
    """A first consent, or one given again after an amendment.

    Raises ``DateInFuture``, ``NoVersionAdopted``, ``ConsentAlreadyRecorded``, ``ParticipantHasLeft``.
    """
    casebook = open_for(session, actor, Action.CONSENT_RECORDED, command.participant_id)
    participant = casebook.participant
    check_active(participant)
    check_not_future(command.given_on, casebook.today, "given_on")
    version_id = _version_on(session, casebook, command.given_on)
    _check_new(session, participant, version_id)
    consent = Consent(
        **{**casebook.stamp(session), "protocol_version_id": version_id},
        given_on=command.given_on,
        document_version=command.document_version,
        copy_given=command.copy_given,
        again=participant.consented_on is not None,
        taken_by=actor.account_id,
    )
    participant.consented_on = participant.consented_on or command.given_on
    participant.consent_version_id = version_id
    session.add_all([consent, participant])
    session.flush()
    return consent


def _version_on(session: TrialSession, casebook: Casebook, day: date) -> UUID:
    if day == casebook.today:
        return casebook.version_id
    return version_in_force(session, casebook.site.id, day).id


def _check_new(session: TrialSession, participant: Participant, version_id: UUID) -> None:
    if participant.consented_on is None:
        return
    known = select(Consent.id).where(
        Consent.participant_id == participant.id, Consent.protocol_version_id == version_id
    )
    if session.exec(known).first() is not None:
        raise ConsentAlreadyRecorded(
            f"{participant.code} has consented under this version already. Open the consent to see who took it."
        )


def has_consented(participant: Participant) -> bool:
    return participant.consented_on is not None


def check_consented(participant: Participant) -> None:
    """Raise ``ConsentMissing``."""
    if not has_consented(participant):
        raise ConsentMissing(f"{participant.code} has no recorded consent. Record the consent before anything else.")


def must_consent_again(
    participant: Participant, protocol: Protocol, version_id: UUID, *, before_dose: bool = False
) -> bool:
    """Whether the version in force asks this participant for a consent that is not there yet."""
    asked = protocol.identity.reconsent
    if asked is None or asked.who == "nobody" or participant.consent_version_id == version_id:
        return False
    concerned = ACTIVE if asked.who == "everybody_in_the_trial" else _BEFORE_LAST_DOSE
    return before_dose or participant.status in concerned


def check_consent_current(casebook: Casebook, *, before_dose: bool = False) -> None:
    """Raise ``ConsentMissing``, or ``ConsentOutdated`` where the amendment in force asks for another consent."""
    check_consented(casebook.participant)
    if must_consent_again(casebook.participant, casebook.protocol, casebook.version_id, before_dose=before_dose):
        raise ConsentOutdated(
            f"{casebook.participant.code} has not yet consented under version {casebook.version_label}, which this site"
            " has adopted. Record the new consent first."
        )


def reconsents_due(
    session: TrialSession, actor: Actor, trial_id: UUID, *, site_id: UUID | None = None
) -> list[Participant]:
    """The worklist after an amendment: who, at the sites that adopted it, has still to consent again."""
    check_may_somewhere(actor, Permission.SCREENING_READ, trial_id)
    reached = sites_where(actor, Permission.SCREENING_READ, trial_id)
    due: list[Participant] = []
    for site in sites_of(session, trial_id):
        if (reached is not None and site.id not in reached) or site_id not in (None, site.id):
            continue
        try:
            version = version_in_force(session, site.id, local_date(session.now(), site.zone))
        except NoVersionAdopted:
            continue
        protocol = protocol_of(version)
        waiting = _under_another_version(session, site.id, version.id) if protocol.identity.reconsent else []
        due += [one for one in waiting if must_consent_again(one, protocol, version.id)]
    return due


def _under_another_version(session: TrialSession, site_id: UUID, version_id: UUID) -> list[Participant]:
    return list(
        session.exec(
            select(Participant)
            .where(Participant.site_id == site_id, col(Participant.status).in_(list(ACTIVE)))
            .where(col(Participant.consented_on).is_not(None))
            .where(
                or_(
                    col(Participant.consent_version_id).is_(None),
                    col(Participant.consent_version_id) != version_id,
                )
            )
            .order_by(col(Participant.code))
        )
    )


def consents_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[Consent]:
    """Every consent of a participant, oldest first. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.SCREENING_READ, casebook.trial.id, casebook.site.id)
    found = select(Consent).where(Consent.participant_id == participant_id)
    return list(session.exec(found.order_by(col(Consent.given_on), col(Consent.recorded_at))))


def withdrawals_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[ConsentWithdrawal]:
    """What a participant took back, oldest first. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.SCREENING_READ, casebook.trial.id, casebook.site.id)
    found = select(ConsentWithdrawal).where(ConsentWithdrawal.participant_id == participant_id)
    return list(session.exec(found.order_by(col(ConsentWithdrawal.withdrawn_on))))
