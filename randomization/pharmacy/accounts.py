"""Accounts: what somebody who knows treatments has to say of a special situation, under seal.

A pharmacist who drew from the wrong vial says so in words that name what was in it. Those words never stand among the
blinded records: there only stands that an account exists.

Invariants
1. Every account is sealed to one size and bound to the version of the report that it belongs to.
2. Who knows treatments by their work at that site gives it, and reads it; nobody else does.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import LargeBinary
from sqlmodel import Field, select

from randomization.holders import data_key_of, find_data_key, make_data_key
from randomization.sealing import Place, SealedValue, open_value, seal_value
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import InvalidInput, NotFound, NotPermitted
from trial.safety.special_situations import (
    SituationVersion,
    SpecialSituation,
    get_situation,
    knows_treatments,
    versions_of_situation,
)

_SIZE: Final = 8192
MOST_LETTERS: Final = 2000


class AccountNotYours(NotPermitted):
    code = "account.not_yours"


class AccountMisplaced(InvalidInput):
    code = "account.misplaced"


class ReportNotFound(NotFound):
    code = "account.report_not_found"


class SealAccount(BaseModel):
    """``number`` is the version of the report that the words belong to."""

    model_config = ConfigDict(frozen=True)

    situation_id: UUID
    number: int = Bounded(ge=1)
    words: str = Bounded(min_length=3, max_length=MOST_LETTERS, repr=False)


class SituationAccount(Record, table=True):
    """The words of one version, sealed."""

    __tablename__ = "situation_account"
    __table_args__ = in_schema("sealed", digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    version_id: UUID = Field(foreign_key="trial.special_situation_version.id", unique=True)
    given_by: UUID = Field(foreign_key="access.account.id")
    content: bytes = Field(sa_type=LargeBinary, repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    number: int
    received_at: datetime
    printed_name: str
    words: str


def seal_account(session: TrialSession, actor: Actor, command: SealAccount) -> UUID:
    """Keep the words of a version that says that it has some. Raises ``AccountNotYours``, ``AccountMisplaced``."""
    situation, version = _version(session, command.situation_id, command.number)
    authorize(session, actor, Action.ACCOUNT_SEALED, trial_id=situation.trial_id, site_id=situation.site_id)
    _check_knows(actor, situation)
    if not version.under_seal or version.submitted_by != actor.name:
        raise AccountMisplaced(
            "This report has no words under seal, or is another person's. Follow it up with words of yours."
        )
    with strongroom(session):
        if session.exec(select(SituationAccount.id).where(SituationAccount.version_id == version.id)).first():
            raise AccountMisplaced("The words of this report are under seal already. Follow it up to say more.")
        key = find_data_key(session, _holder(situation.trial_id)) or make_data_key(
            session, situation.trial_id, _holder(situation.trial_id)
        )
        token = seal_value(key, _place(version.id), command.words.encode(), session.entropy, _SIZE).token
        account = SituationAccount(
            **session.stamp(),
            trial_id=situation.trial_id,
            version_id=version.id,
            given_by=actor.account_id,
            content=token,
        )
        session.add(account)
        session.flush()
        return account.id


def accounts_of(session: TrialSession, actor: Actor, situation_id: UUID) -> list[Account]:
    """The words under seal, for who knows treatments at that site. Raises ``AccountNotYours``."""
    situation = get_situation(session, situation_id)
    _check_knows(actor, situation)
    versions = {one.id: one for one in versions_of_situation(session, situation.id) if one.under_seal}
    with strongroom(session):
        rows = session.exec(select(SituationAccount).where(SituationAccount.trial_id == situation.trial_id)).all()
        rows = [row for row in rows if row.version_id in versions]
        if not rows:
            return []
        key = data_key_of(session, _holder(situation.trial_id))
        words = {
            row.version_id: open_value(key, _place(row.version_id), SealedValue(bytes(row.content))).decode()
            for row in rows
        }
    return [
        Account(one.number, one.received_at, one.printed_name, words[one.id])
        for one in versions.values()
        if one.id in words
    ]


def _version(session: TrialSession, situation_id: UUID, number: int) -> tuple[SpecialSituation, SituationVersion]:
    situation = get_situation(session, situation_id)
    for version in versions_of_situation(session, situation_id):
        if version.number == number:
            return situation, version
    raise ReportNotFound("There is no such report of this special situation.")


def _check_knows(actor: Actor, situation: SpecialSituation) -> None:
    if not knows_treatments(actor, situation.trial_id, situation.site_id):
        raise AccountNotYours(
            "These words can tell a treatment: only who knows treatments by their work may read or give them."
        )


def _holder(trial_id: UUID) -> str:
    return f"accounts:{trial_id}"


def _place(version_id: UUID) -> Place:
    return Place("situation account", part=str(version_id))
