"""The emergency break whose arm goes to a named treating physician and not to the one who asks, where the protocol says so.

The physician needs no account and no mail. They open a page on a device of their own; it shows nine characters that belong
to that browser. They read them to the investigator, by telephone or across the bed; the investigator names the physician,
types the characters and signs. That browser, and no other, then shows the arm for a quarter of an hour.

Invariants
1. What the investigator gets back holds no arm.
2. The characters are a keyed hash of the browser's secret: who knows them cannot make the secret, and no other browser has
   them. A mistyped character is refused by the check character, so nothing is sent into the void. The page is open to
   everybody, so it is not the strongroom's key that makes them.
3. An entry stands in the register before anything can be shown; that it was read, and when first, is recorded.
4. As every emergency break: nobody approves, no lock stands in the way, the medical monitor is told without the arm.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from randomization.ledger.allocations import find_allocation
from randomization.unblinding.emergency import MEANING, SHOWN_AGAIN_FOR, UnsealedArm, unsealed_arm
from randomization.unblinding.register import Unblinding, UnblindingKind, UnblindingReason, enter
from trial.access.actions import Action
from trial.access.actors import Actor, system_actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import instant
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ALIKE: Final = str.maketrans({"0": "O", "1": "I", "8": "B", "-": None, " ": None})
_DOMAIN: Final = b"equipoise/physician-screen/v1|"
_BYTES: Final = 5


class CodeShownToAsker(Conflict):
    code = "unblinding.shown_to_asker"


class ScreenMistyped(InvalidInput):
    code = "unblinding.screen_mistyped"


class OwnScreen(InvalidInput):
    code = "unblinding.own_screen"


class SendCode(BaseModel):
    """``screen``: the characters that the physician reads from their page. ``own_screen``: those of who asks, refused."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    reason: UnblindingReason
    note: str = Bounded(min_length=3, max_length=1000)
    physician: str = Bounded(min_length=3, max_length=120)
    institution: str = Bounded(min_length=2, max_length=200)
    screen: str = Bounded(min_length=9, max_length=20)
    own_screen: str | None = Bounded(default=None, max_length=20)
    idempotency_key: str


class CodeHandover(ParticipantRecord, table=True):
    """To whom an emergency break was sent. ``screen`` opens nothing without the browser's own secret."""

    __tablename__ = "code_handover"
    __table_args__ = in_schema("trial")

    unblinding_id: UUID = Field(foreign_key="trial.unblinding.id", unique=True)
    physician: str = Field(max_length=120)
    institution: str = Field(max_length=200)
    screen: str = Field(max_length=16, index=True)
    sent_at: datetime = instant()
    first_read_at: datetime | None = instant(default=None)


@dataclass(frozen=True, slots=True)
class CodeSent:
    """What the investigator gets: to whom, until when, and no arm."""

    participant: str
    physician: str
    until: datetime
    unblinding_id: UUID


def screen_of(session: TrialSession, secret: str) -> str:
    """The nine characters of the browser that holds ``secret``, in groups of three."""
    drawn = session.vault.authenticate(_DOMAIN + secret.encode())[:_BYTES]
    text = base64.b32encode(drawn).decode()
    return grouped(text + check_character(text))


def grouped(screen: str) -> str:
    return "-".join(screen[start : start + 3] for start in range(0, len(screen), 3))


def check_character(text: str) -> str:
    """Luhn over thirty-two characters: one wrong, and nearly every two that are swapped, is noticed."""
    size, total = len(_ALPHABET), 0
    for place, character in enumerate(reversed(text)):
        value = _ALPHABET.index(character) * (2 if place % 2 == 0 else 1)
        total += value // size + value % size
    return _ALPHABET[-total % size]


def read_screen(typed: str) -> str:
    """The characters as they are stored, whatever was typed between them. Raises ``ScreenMistyped``."""
    text = typed.upper().translate(_ALIKE)
    if len(text) != 9 or set(text) - set(_ALPHABET) or check_character(text[:-1]) != text[-1]:
        raise ScreenMistyped(
            "These are not the characters of a screen. Have the physician read them again.",
            fields={"screen": "Nine characters, as the physician's page shows them."},
        )
    return text


def send_code(session: TrialSession, actor: Actor, proof: Reauthenticated, command: SendCode) -> CodeSent:
    """An investigator breaks a code for a treating physician, who alone is shown the arm.

    Raises ``ParticipantNotFound``, ``NotPermitted``, ``NotRandomized``, ``CodeShownToAsker``, ``ScreenMistyped``,
    ``OwnScreen``, ``ReauthenticationNeeded``.
    """
    casebook = open_casebook(session, command.participant_id)
    authorize(session, actor, Action.CODE_SENT, trial_id=casebook.trial.id, site_id=casebook.site.id)
    find_allocation(session, casebook.participant)
    if casebook.protocol.blinding.emergency_code_to != "treating_physician":
        raise CodeShownToAsker(
            "By the protocol the treatment is shown to you. Break the code on the participant's page."
        )
    screen = read_screen(command.screen)
    if command.own_screen is not None and screen == read_screen(command.own_screen):
        raise OwnScreen(
            "These are the characters of your own screen. The treatment is not shown to who asks.",
            fields={"screen": "Of the physician's device, not of yours."},
        )
    made = exactly_once(
        session,
        actor,
        Action.CODE_SENT,
        command.idempotency_key,
        command.model_copy(update={"own_screen": None}),
        lambda: _enter(session, actor, proof, casebook, command),
    )
    sent = session.exec(select(CodeHandover).where(CodeHandover.unblinding_id == made)).one()
    return CodeSent(casebook.participant.code, sent.physician, sent.sent_at + SHOWN_AGAIN_FOR, made)


def _enter(session: TrialSession, actor: Actor, proof: Reauthenticated, casebook: Casebook, command: SendCode) -> UUID:
    entry = enter(
        session,
        actor,
        UnblindingKind.EMERGENCY,
        casebook.trial.id,
        command.note,
        participant=casebook.participant,
        reason=command.reason,
        version_id=casebook.version_id,
    )
    session.add(
        CodeHandover(
            **casebook.stamp(session),
            unblinding_id=entry.id,
            physician=command.physician.strip(),
            institution=command.institution.strip(),
            screen=read_screen(command.screen),
            sent_at=entry.opened_at,
        )
    )
    sign(session, actor, proof, entry, MEANING, casebook.trial.id)
    return entry.id


def read_sent_codes(session: TrialSession, secret: str) -> list[UnsealedArm]:
    """What was sent to the browser that holds ``secret`` in the last quarter of an hour, the last first; that it was read is
    recorded. An empty list says nothing but that nothing was sent."""
    screen = screen_of(session, secret).replace("-", "")
    sent = session.exec(
        select(CodeHandover)
        .where(CodeHandover.screen == screen, CodeHandover.sent_at >= session.now() - SHOWN_AGAIN_FOR)
        .order_by(col(CodeHandover.sent_at).desc(), col(CodeHandover.id))
    ).all()
    if sent:
        authorize(session, system_actor("physician-screen"), Action.CODE_READ_ON_SCREEN)
    return [_read(session, one) for one in sent]


def _read(session: TrialSession, sent: CodeHandover) -> UnsealedArm:
    if sent.first_read_at is None:
        sent.first_read_at = session.now()
        session.add(sent)
    return unsealed_arm(session, open_casebook(session, sent.participant_id), sent.unblinding_id)


def handovers_in(session: TrialSession, trial_id: UUID) -> dict[UUID, CodeHandover]:
    """To whom each emergency break of the trial was sent, by entry of the register; those that were sent to nobody are not
    here."""
    found = select(CodeHandover).where(CodeHandover.trial_id == trial_id)
    return {one.unblinding_id: one for one in session.exec(found)}


def shown_to(entry: Unblinding, handover: CodeHandover | None) -> str:
    """In words, to whom an entry of the register showed something."""
    if handover is not None:
        return f"{handover.physician}, {handover.institution}"
    return _READERS.get(entry.kind, entry.printed_name)


_READERS: Final = {
    UnblindingKind.CLOSED_FRAME: "Nobody: the board's closed report, with coded arms",
    UnblindingKind.END_OF_TRIAL: "Everybody who may read unblinded data",
    UnblindingKind.SIMULATOR: "Nobody: the simulator of a simulated trial",
    UnblindingKind.ENVELOPES: "The unblinded pharmacist, in sealed envelopes",
    UnblindingKind.PAPER: "As told in the note",
    UnblindingKind.ACCIDENT: "As told in the note",
}
