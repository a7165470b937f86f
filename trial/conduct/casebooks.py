"""A participant's casebook, opened: the participant, the site, the trial and the protocol in force, read at once.

Every service that writes about a participant begins with ``open_for``: it reads one row, says who acts, and asks
whether the trial takes writes at all.

Invariants
1. One statement reads all, and locks the participant's row when something is to be written: two commands about one
   participant follow each other. What was locked is read once a transaction.
2. The protocol is the version in force at the site on the site's own date.
3. Nothing about a participant is written in a trial that is locked or has not started.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, bindparam, cast, func
from sqlalchemy.orm import SessionTransaction
from sqlmodel import col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.clock import local_date
from trial.conduct.participants import Participant, ParticipantNotFound, check_trial_open
from trial.conduct.sites import Site
from trial.conduct.trials import Lever, Trial, check_lever_open
from trial.database.columns import UtcInstant
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol
from trial.protocol.versions import (
    NoVersionAdopted,
    ProtocolVersion,
    SiteAdoption,
    get_version,
    protocol_with,
)

_TODAY = cast(func.timezone(Site.zone, bindparam("now", type_=UtcInstant())), Date)
_IN_FORCE = (
    select(SiteAdoption.version_id)
    .where(SiteAdoption.site_id == Participant.site_id, SiteAdoption.approved_on <= _TODAY)
    .order_by(col(SiteAdoption.approved_on).desc(), col(SiteAdoption.recorded_at).desc())
    .limit(1)
    .correlate(Participant, Site)
    .scalar_subquery()
)
_CASEBOOK = (
    select(Participant, Site, Trial, ProtocolVersion.id, ProtocolVersion.label, ProtocolVersion.sha256)  # type: ignore[call-overload]  # SQLModel's overloads end at four
    .join(Site, Site.id == Participant.site_id)
    .join(Trial, Trial.id == Participant.trial_id)
    .outerjoin(ProtocolVersion, ProtocolVersion.id == _IN_FORCE)
    .where(Participant.id == bindparam("participant_id"))
)
# A row of a table that refers to the participant may be added meanwhile: its key is not what changes.
_CASEBOOK_TO_WRITE = _CASEBOOK.with_for_update(of=Participant, key_share=True).execution_options(populate_existing=True)
_HELD = "casebook held to write"


@dataclass(frozen=True, slots=True)
class Casebook:
    participant: Participant
    site: Site
    trial: Trial
    protocol: Protocol
    version_id: UUID
    version_label: str
    now: datetime

    @property
    def today(self) -> date:
        """The date at the site."""
        return local_date(self.now, self.site.zone)

    def day_of(self, instant: datetime) -> date:
        """The date at the site of an instant."""
        return local_date(instant, self.site.zone)

    def stamp(self, session: TrialSession) -> dict[str, Any]:
        """The fields that every record about this participant needs."""
        return {
            **session.stamp(),
            "trial_id": self.trial.id,
            "protocol_version_id": self.version_id,
            "participant_id": self.participant.id,
            "site_id": self.site.id,
        }


@dataclass(frozen=True, slots=True)
class _Held:
    """A casebook whose participant's row this transaction has locked."""

    casebook: Casebook
    transaction: SessionTransaction | None

    def serves(self, session: TrialSession, participant_id: UUID, now: datetime) -> bool:
        same = self.casebook.participant.id == participant_id and self.casebook.now == now
        return same and self.transaction is session.get_transaction()


def open_casebook(session: TrialSession, participant_id: UUID, *, to_write: bool = False) -> Casebook:
    """Raises ``ParticipantNotFound``, ``NoVersionAdopted``. ``to_write`` locks the participant's row.

    Several acts of one transaction at one instant share the casebook that the first of them has locked.
    """
    now = session.now()
    held: _Held | None = session.info.get(_HELD)
    if held is not None and held.serves(session, participant_id, now):
        return held.casebook
    casebook = _read(session, participant_id, now, to_write=to_write)
    if to_write:
        session.info[_HELD] = _Held(casebook, session.get_transaction())
    return casebook


def _read(session: TrialSession, participant_id: UUID, now: datetime, *, to_write: bool) -> Casebook:
    row = session.execute(
        _CASEBOOK_TO_WRITE if to_write else _CASEBOOK, {"participant_id": participant_id, "now": now}
    ).first()
    if row is None:
        raise ParticipantNotFound("There is no such participant. Choose one from the list of participants.")
    participant, site, trial, version_id, label, sha256 = row
    if version_id is None:
        raise NoVersionAdopted("The site has not adopted any version of the protocol. Record its approval first.")
    protocol = protocol_with(sha256, lambda: get_version(session, version_id))
    return Casebook(participant, site, trial, protocol, version_id, label, now)


def open_for(
    session: TrialSession,
    actor: Actor,
    action: Action,
    participant_id: UUID,
    *,
    lever: Lever | None = None,
    reason: str | None = None,
) -> Casebook:
    """The casebook, to write in it: the act authorized, the trial open and the sponsor's ``lever`` too.

    Raises ``ParticipantNotFound``, ``NotPermitted``, ``TrialNotStarted``, ``TrialLocked``, ``LeverClosed``.
    """
    casebook = open_casebook(session, participant_id, to_write=True)
    begin(session, actor, action, casebook, lever=lever, reason=reason)
    return casebook


def begin(
    session: TrialSession,
    actor: Actor,
    action: Action,
    casebook: Casebook,
    *,
    lever: Lever | None = None,
    reason: str | None = None,
) -> None:
    """What ``open_for`` does after reading, for acts whose name depends on what was read."""
    authorize(session, actor, action, trial_id=casebook.trial.id, site_id=casebook.site.id, reason=reason)
    check_trial_open(casebook.trial)
    if lever is not None:
        check_lever_open(casebook.trial, lever)
