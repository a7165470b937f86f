"""Safety letters: what the sponsor tells every site of a risk, and each site's signed acknowledgement.

Invariants
1. A letter is issued by the sponsor or the medical monitor, who are blinded; it is numbered in its trial and never changed.
   What corrects it is another letter.
2. It goes to every site that is open when it is issued. An investigator of each acknowledges it once, with a signature.
3. Which acknowledgements are outstanding is computed, never kept.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may, check_may_somewhere, may, sites_where
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.sites import Site, get_site, sites_of
from trial.conduct.trials import get_trial
from trial.database.columns import prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.protocol.versions import NoVersionAdopted, ProtocolVersion
from trial.safety.adverse_events import EventNotFound, get_event

MEANING: Final = "I have read this safety letter and have told my team what it asks of us."
TOLD: Final = ("investigator", "coordinator")
READ_WITH: Final = Permission.SAE_CLOCK_READ


class LetterNotFound(NotFound):
    code = "safety_letter.not_found"


class LetterNotForSite(Conflict):
    code = "safety_letter.not_for_site"


class AlreadyAcknowledged(Conflict):
    code = "safety_letter.already_acknowledged"


class IssueLetter(BaseModel):
    """``event_id`` names the case that gave rise to it, where there is one."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    title: str = Bounded(min_length=5, max_length=160)
    body: str = Bounded(min_length=20, max_length=8000)
    asked_of_sites: str = Bounded(min_length=3, max_length=4000)
    event_id: UUID | None = None
    idempotency_key: str


class AcknowledgeLetter(BaseModel):
    model_config = ConfigDict(frozen=True)

    letter_id: UUID
    site_id: UUID
    idempotency_key: str


class SafetyLetter(TrialRecord, table=True):
    """``sites`` are the codes of those to which it went."""

    __tablename__ = "safety_letter"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    number: int
    title: str = Field(max_length=160)
    body: str = prose()
    asked_of_sites: str = prose()
    sites: str = prose()
    event_id: UUID | None = Field(default=None, foreign_key="trial.adverse_event.id")
    issued_by: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)

    @property
    def site_codes(self) -> tuple[str, ...]:
        return tuple(self.sites.split())


class LetterAcknowledgement(TrialRecord, table=True):
    __tablename__ = "letter_acknowledgement"
    __table_args__ = in_schema("trial", UniqueConstraint("letter_id", "site_id"))

    letter_id: UUID = Field(foreign_key="trial.safety_letter.id", index=True)
    site_id: UUID = Field(foreign_key="trial.site.id")
    acknowledged_by: UUID = Field(foreign_key="access.account.id")
    printed_name: str = Field(max_length=120)


@dataclass(frozen=True, slots=True)
class LetterStanding:
    """A letter with who has acknowledged it and who has not."""

    letter: SafetyLetter
    acknowledged: tuple[tuple[Site, LetterAcknowledgement], ...]
    outstanding: tuple[Site, ...]


def issue_letter(session: TrialSession, actor: Actor, command: IssueLetter) -> SafetyLetter:
    """Issue a letter to every open site, whose people are alerted. Raises ``NotPermitted``, ``EventNotFound``."""
    as_monitor = may(actor, Permission.SUSAR_ASSESS, command.trial_id)
    action = Action.LETTER_ISSUED_BY_MONITOR if as_monitor else Action.LETTER_ISSUED_BY_SPONSOR
    authorize(session, actor, action, trial_id=command.trial_id)
    made = exactly_once(
        session, actor, action, command.idempotency_key, command, lambda: _issue(session, actor, command).id
    )
    return get_letter(session, made)


def _issue(session: TrialSession, actor: Actor, command: IssueLetter) -> SafetyLetter:
    trial = get_trial(session, command.trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    if command.event_id is not None and get_event(session, command.event_id).trial_id != trial.id:
        raise EventNotFound("There is no such adverse event in this trial. Choose one from the list.")
    last = session.exec(select(func.max(SafetyLetter.number)).where(SafetyLetter.trial_id == trial.id)).one()
    sites = [site for site in sites_of(session, trial.id) if site.activated_on is not None]
    letter = SafetyLetter(
        **session.stamp(),
        protocol_version_id=_version_of(session, trial.id),
        number=(last or 0) + 1,
        sites=" ".join(site.code for site in sites),
        issued_by=actor.account_id,
        printed_name=actor.display_name,
        **command.model_dump(exclude={"idempotency_key"}),
    )
    session.add(letter)
    for site in sites:
        for role in TOLD:
            raise_alert(
                session,
                AlertKind.SAFETY_LETTER,
                role,
                f"Safety letter {letter.number} was issued. Read it; an investigator acknowledges it.",
                trial_id=trial.id,
                site_id=site.id,
            )
    session.flush()
    return letter


def _version_of(session: TrialSession, trial_id: UUID) -> UUID:
    """The version that was activated last."""
    active = select(ProtocolVersion.id).where(
        ProtocolVersion.trial_id == trial_id, col(ProtocolVersion.activated_at).is_not(None)
    )
    found = session.exec(active.order_by(col(ProtocolVersion.activated_at).desc())).first()
    if found is None:
        raise NoVersionAdopted("No version of the protocol is active yet, so there is no site to write to.")
    return found


def acknowledge_letter(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: AcknowledgeLetter
) -> LetterAcknowledgement:
    """An investigator acknowledges a letter for the site. Raises ``LetterNotForSite``, ``AlreadyAcknowledged``."""
    letter, site = get_letter(session, command.letter_id), get_site(session, command.site_id)
    authorize(session, actor, Action.LETTER_ACKNOWLEDGED, trial_id=letter.trial_id, site_id=site.id)
    made = exactly_once(
        session,
        actor,
        Action.LETTER_ACKNOWLEDGED,
        command.idempotency_key,
        command,
        lambda: _acknowledge(session, actor, proof, letter, site),
    )
    found = session.get(LetterAcknowledgement, made)
    assert found is not None, "acknowledgements are never removed"
    return found


def _acknowledge(session: TrialSession, actor: Actor, proof: Reauthenticated, letter: SafetyLetter, site: Site) -> UUID:
    session.refresh(letter, with_for_update={"key_share": True})
    if site.trial_id != letter.trial_id or site.code not in letter.site_codes:
        raise LetterNotForSite("This letter did not go to this site. Choose one from the site's list.")
    known = select(LetterAcknowledgement.id).where(
        LetterAcknowledgement.letter_id == letter.id, LetterAcknowledgement.site_id == site.id
    )
    if session.exec(known).first() is not None:
        raise AlreadyAcknowledged("The site has acknowledged this letter already. Once is enough.")
    given = LetterAcknowledgement(
        **session.stamp(),
        trial_id=letter.trial_id,
        protocol_version_id=letter.protocol_version_id,
        letter_id=letter.id,
        site_id=site.id,
        acknowledged_by=actor.account_id,
        printed_name=actor.display_name,
    )
    session.add(given)
    sign(session, actor, proof, given, MEANING, letter.trial_id)
    return given.id


def get_letter(session: TrialSession, letter_id: UUID) -> SafetyLetter:
    """Raises ``LetterNotFound``."""
    found = session.get(SafetyLetter, letter_id)
    if found is None:
        raise LetterNotFound("There is no such safety letter. Choose one from the list.")
    return found


def letters_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[LetterStanding]:
    """Every letter, the newest first; who reads for a site sees that site's acknowledgement. Raises ``NotPermitted``."""
    check_may_somewhere(actor, READ_WITH, trial_id)
    found = select(SafetyLetter).where(SafetyLetter.trial_id == trial_id).order_by(col(SafetyLetter.number).desc())
    allowed = sites_where(actor, READ_WITH, trial_id)
    return [_standing(session, letter, allowed) for letter in session.exec(found)]


def letter_for(session: TrialSession, actor: Actor, trial_id: UUID, letter_id: UUID) -> LetterStanding:
    """One letter of the trial. Raises ``LetterNotFound``, ``NotPermitted``."""
    check_may_somewhere(actor, READ_WITH, trial_id)
    letter = get_letter(session, letter_id)
    if letter.trial_id != trial_id:
        raise LetterNotFound("There is no such safety letter in this trial. Choose one from the list.")
    return _standing(session, letter, sites_where(actor, READ_WITH, trial_id))


def _standing(session: TrialSession, letter: SafetyLetter, allowed: frozenset[UUID] | None) -> LetterStanding:
    sites = [
        site
        for site in sites_of(session, letter.trial_id)
        if site.code in letter.site_codes and (allowed is None or site.id in allowed)
    ]
    given = {
        one.site_id: one
        for one in session.exec(select(LetterAcknowledgement).where(LetterAcknowledgement.letter_id == letter.id))
    }
    return LetterStanding(
        letter,
        tuple((site, given[site.id]) for site in sites if site.id in given),
        tuple(site for site in sites if site.id not in given),
    )


def can_acknowledge(actor: Actor, standing: LetterStanding) -> list[Site]:
    """The sites for which the actor can acknowledge the letter now."""
    trial_id = standing.letter.trial_id
    return [site for site in standing.outstanding if may(actor, Permission.SAE_SIGN, trial_id, site.id)]


def check_may_issue(actor: Actor, trial_id: UUID) -> None:
    """Raise ``NotPermitted`` unless the actor is the sponsor or the medical monitor."""
    if not may(actor, Permission.SUSAR_ASSESS, trial_id):
        check_may(actor, Permission.OVERSIGHT_DECIDE, trial_id)
