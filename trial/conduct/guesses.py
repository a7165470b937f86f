"""Blinding guesses: which treatment somebody believes was given, how sure they are, and why.

Invariants
1. A guess names an arm of the protocol or says “don't know”; nobody is ever told whether it was right.
2. Each guesser guesses once an occasion. The infusion nurse's guess is the nurse's own, the assessor's the assessor's.
3. What was guessed is shown to nobody who is blinded: the audit redacts it and no page reads it. It is analysed in the
   closed report, and after the lock.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import UniqueConstraint, bindparam
from sqlmodel import Field, select

from trial.access.actions import Action
from trial.access.actors import Actor, ActorKind
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import Casebook, begin, open_casebook
from trial.conduct.participants import ParticipantRecord, check_randomized
from trial.database.columns import choice
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotPermitted
from trial.protocol.schema import GuessForm, Protocol

DONT_KNOW: Final = "dont_know"


class Guesser(StrEnum):
    PARTICIPANT = "participant"
    INFUSION_NURSE = "infusion_nurse"
    ASSESSOR = "assessor"


_OWN_ROLE: Final = {Guesser.INFUSION_NURSE: "infusion_nurse", Guesser.ASSESSOR: "efficacy_assessor"}


class GuessNotExpected(InvalidInput):
    code = "guess.not_expected"


class GuessNotOffered(InvalidInput):
    code = "guess.not_offered"


class GuessAlreadyRecorded(Conflict):
    code = "guess.already_recorded"


class NotYourGuess(NotPermitted):
    code = "guess.not_yours"


class RecordGuess(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    occasion: str
    guesser: Guesser
    guess: str
    certainty: int | None = None
    reason: str | None = None


class BlindingGuess(ParticipantRecord, table=True):
    __tablename__ = "blinding_guess"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("participant_id", "occasion", "guesser"),
        secret=("guess", "certainty", "reason"),
    )

    occasion: str = Field(max_length=48)
    guesser: Guesser = choice(Guesser)
    guess: str = Field(max_length=48)
    certainty: int | None = None
    reason: str | None = Field(default=None, max_length=48)


_KNOWN: Final = select(BlindingGuess.id).where(
    BlindingGuess.participant_id == bindparam("participant_id"),
    BlindingGuess.occasion == bindparam("occasion"),
    BlindingGuess.guesser == bindparam("guesser"),
)


def record_guess(session: TrialSession, actor: Actor, command: RecordGuess) -> BlindingGuess:
    """Raises ``GuessNotExpected``, ``GuessNotOffered``, ``GuessAlreadyRecorded``, ``NotYourGuess``, ``NotRandomized``."""
    casebook = open_casebook(session, command.participant_id, to_write=True)
    by_link = actor.kind is ActorKind.PARTICIPANT
    begin(session, actor, Action.PARTICIPANT_ANSWERED if by_link else Action.GUESS_RECORDED, casebook)
    check_guesser(actor, casebook, command.guesser)
    check_randomized(casebook.participant)
    check_guess(casebook.protocol, command)
    if (
        session.exec(_KNOWN, params=command.model_dump(include={"participant_id", "occasion", "guesser"})).first()
        is not None
    ):
        raise GuessAlreadyRecorded("This guess is recorded already. A first guess is not changed.")
    guess = BlindingGuess(**casebook.stamp(session), **command.model_dump(exclude={"participant_id"}))
    session.add(guess)
    session.flush()
    return guess


def check_guesser(actor: Actor, casebook: Casebook, guesser: Guesser) -> None:
    """Raise ``NotYourGuess``: nobody guesses for a nurse or an assessor, and a link is the participant's own."""
    if actor.kind is ActorKind.PARTICIPANT:
        own = guesser is Guesser.PARTICIPANT and actor.key == str(casebook.participant.id)
    elif guesser in _OWN_ROLE:
        own = any(held.role == _OWN_ROLE[guesser] and held.site_id == casebook.site.id for held in actor.roles)
    else:
        own = True
    if not own:
        raise NotYourGuess("A guess is entered by the one who guesses. Ask that person to enter it.")


def check_guess(protocol: Protocol, command: RecordGuess) -> None:
    """Raise ``GuessNotExpected`` or ``GuessNotOffered``."""
    form = _form(protocol, command.occasion)
    if command.guesser.value not in form.guessers:
        raise GuessNotExpected(f"{form.label}: only {', '.join(form.guessers)} are asked.")
    offered = guesses_offered(protocol)
    if command.guess not in offered:
        raise GuessNotOffered(f"Choose one of: {', '.join(offered)}.", fields={"guess": "Choose an answer."})
    low, high = protocol.guesses.certainty_low, protocol.guesses.certainty_high
    if command.certainty is not None and not low <= command.certainty <= high:
        raise GuessNotOffered(f"Certainty goes from {low} to {high}.", fields={"certainty": f"{low} to {high}."})
    reasons = [reason.code for reason in protocol.guesses.reasons]
    if command.reason is not None and command.reason not in reasons:
        raise GuessNotOffered(f"Choose a reason: {', '.join(reasons)}.", fields={"reason": "Choose a reason."})


def guesses_offered(protocol: Protocol) -> tuple[str, ...]:
    """The arms by code, and ``dont_know``."""
    return (*protocol.arm_codes, DONT_KNOW)


def guesses_made_for(session: TrialSession, actor: Actor, participant_id: UUID) -> set[tuple[str, Guesser]]:
    """Which guesses are entered, by occasion and guesser; never what was guessed. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.VISIT_READ, casebook.trial.id, casebook.site.id)
    found = session.exec(
        select(BlindingGuess.occasion, BlindingGuess.guesser).where(BlindingGuess.participant_id == participant_id)
    )
    return {(occasion, Guesser(guesser)) for occasion, guesser in found}


def _form(protocol: Protocol, occasion: str) -> GuessForm:
    for form in protocol.guesses.forms:
        if form.occasion == occasion:
            return form
    known = ", ".join(form.occasion for form in protocol.guesses.forms)
    raise GuessNotExpected(f"The protocol asks for no guess at {occasion!r}; it asks at {known}.")
