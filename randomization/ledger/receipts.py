"""The receipt as one line that proves itself: what a site keeps, and what gives a slot back after a restored backup.

    EQ1 KETA-PAIN main S1 P-0042 R0087 4829170 2026-03-02T09:00:00Z 7QK3M-...

Invariants
1. The line holds what the coordinator saw: codes, two numbers, an instant. List, stratum and position are not in it, and no arm.
2. The code at its end is an HMAC under the installation's key, over the line and over the place in the list that it leaves out:
   a line that was made up, changed or made elsewhere fits no place.
3. The same allocation gives the same line, whatever the arm behind it.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from trial.errors import InvalidInput
from trial.vault import Vault

_KIND: Final = "EQ1"
NO_KIT: Final = "-"
"""What stands in the kit's place where the protocol numbers none."""
_CODE_BYTES: Final = 15
_INSTANT: Final = "%Y-%m-%dT%H:%M:%SZ"
_NUMBER: Final = re.compile(r"(?:\S{1,32}-)?R[0-9]{1,9}")
_LINE: Final = re.compile(r"EQ1(?: \S{1,48}){7} [A-Z2-7]{5}(?:-[A-Z2-7]{4,5})+")


class ReceiptUnreadable(InvalidInput):
    code = "receipt.unreadable"


@dataclass(frozen=True, slots=True)
class Seat:
    """The place that a line leaves out: ``stratum`` is the one that was used."""

    list_id: UUID
    counter_id: UUID
    position: int
    stratum: str


@dataclass(frozen=True, slots=True)
class ReceiptWords:
    """What a line says before its code. The instant is told to the second."""

    trial: str
    stage: str
    site: str
    participant: str
    number: str
    kit: str | None
    at: datetime

    @property
    def text(self) -> str:
        at = self.at.astimezone(UTC).strftime(_INSTANT)
        return (
            f"{_KIND} {self.trial} {self.stage} {self.site} {self.participant} {self.number} {self.kit or NO_KIT} {at}"
        )

    @property
    def count(self) -> int:
        """Its place among the allocations of its trial and stage, from 1."""
        return int(self.number.rpartition("R")[2])

    @property
    def order(self) -> tuple[str, str, int]:
        """As they were given out: numbers are compared as numbers, for beyond R9999 they have more digits."""
        return self.trial, self.stage, self.count


@dataclass(frozen=True, slots=True)
class Receipt:
    """A line as it came back."""

    words: ReceiptWords
    code: str

    def fits(self, vault: Vault, seat: Seat) -> bool:
        """Whether this installation made the line for that place."""
        # As bytes: what was typed may hold any letter, and texts are compared only where they are ASCII.
        return hmac.compare_digest(self.code.encode(), receipt_code(vault, self.words, seat).encode())


def receipt_code(vault: Vault, words: ReceiptWords, seat: Seat) -> str:
    place = [words.text, str(seat.list_id), str(seat.counter_id), seat.position, seat.stratum]
    told = vault.authenticate(json.dumps(["receipt", *place]).encode())[:_CODE_BYTES]
    letters = base64.b32encode(told).decode()
    return "-".join(letters[start : start + 5] for start in range(0, len(letters), 5))


def receipt_line(vault: Vault, words: ReceiptWords, seat: Seat) -> str:
    """The whole line, as it is printed."""
    return f"{words.text} {receipt_code(vault, words, seat)}"


def read_receipt(line: str) -> Receipt:
    """A line as it was printed; spaces around it do not matter. Raises ``ReceiptUnreadable``."""
    parts = line.split()
    try:
        kind, trial, stage, site, participant, number, kit, at, code = parts
        instant = datetime.strptime(at, _INSTANT).replace(tzinfo=UTC)
    except ValueError:
        kind = number = ""
    if kind != _KIND or not _NUMBER.fullmatch(number):
        raise ReceiptUnreadable(
            f"“{line.strip()[:60]}” is no receipt. Give the whole line that begins with {_KIND}, as the receipt prints it."
        )
    return Receipt(ReceiptWords(trial, stage, site, participant, number, None if kit == NO_KIT else kit, instant), code)


def find_lines(text: str) -> list[str]:
    """Every line of a receipt in a text, such as a file that holds several."""
    return _LINE.findall(text)
