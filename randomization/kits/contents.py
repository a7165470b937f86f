"""What is in each kit, under seal: arm, lot, and the lot's real expiry.

Invariants
1. Everything here runs inside ``strongroom``.
2. Each content is sealed to one size and bound to its kit and to the number on its label: neither contents nor numbers of two
   kits can be swapped. Kits that were sealed before the number was bound open as well; their numbers the audit alone proves.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import LargeBinary
from sqlmodel import Field, col, select

from randomization.holders import find_data_key, make_data_key
from randomization.kits.kits import Kit
from randomization.sealing import DataKey, Opener, Place, SealBroken, seal_value
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession

_SIZE = 256
_PURPOSE = "kit"


class KitContent(Record, table=True):
    __tablename__ = "kit_content"
    __table_args__ = in_schema("sealed", digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    kit_id: UUID = Field(foreign_key="trial.kit.id", unique=True)
    content: bytes = Field(sa_type=LargeBinary, repr=False)


@dataclass(frozen=True, slots=True)
class UnsealedContent:
    """A kit laid open: handle it as what it is."""

    arm: str = field(repr=False)
    lot: str = field(repr=False)
    expires_on: date = field(repr=False)


def kit_holder(trial_id: UUID) -> str:
    """In whose name the contents of the trial's kits are sealed."""
    return f"kits:{trial_id}"


def kit_key(session: TrialSession, trial_id: UUID) -> DataKey:
    """The key of the trial's kits, made with the first shipment."""
    holder = kit_holder(trial_id)
    return find_data_key(session, holder) or make_data_key(session, trial_id, holder)


def store_content(session: TrialSession, key: DataKey, kit: Kit, content: UnsealedContent) -> None:
    # Letters as they are: as escapes a lot in another script would not fit the one size of all contents.
    plain = json.dumps([content.arm, content.lot, content.expires_on.isoformat()], ensure_ascii=False).encode()
    session.add(
        KitContent(
            **session.stamp(),
            trial_id=kit.trial_id,
            kit_id=kit.id,
            content=seal_value(
                key, Place(_PURPOSE, part=_part(kit.id, kit.number)), plain, session.entropy, _SIZE
            ).token,
        )
    )


def open_content(key: DataKey, kit_id: UUID | str, number: str, token: bytes) -> UnsealedContent:
    """What is in the kit of this number. Raises ``SealBroken``."""
    arm, lot, expires_on = json.loads(_opened(Opener(key, _PURPOSE), kit_id, number, token))
    return UnsealedContent(arm, lot, date.fromisoformat(expires_on))


def _opened(opener: Opener, kit_id: UUID | str, number: str, token: bytes) -> bytes:
    try:
        return opener.open(token, part=_part(kit_id, number))
    except SealBroken:
        return opener.open(token, part=str(kit_id))  # as kits were sealed before their number was bound


def arms_in(key: DataKey, kits: Iterable[tuple[UUID | str, str, bytes]]) -> Iterator[str]:
    """The arm of each kit, given with its number, in the order given. Raises ``SealBroken``."""
    opener = Opener(key, _PURPOSE)
    # Kits of one lot hold the same words: each is understood once.
    known: dict[bytes, str] = {}
    for kit_id, number, token in kits:
        plain = _opened(opener, kit_id, number, token)
        if plain not in known:
            known[plain] = json.loads(plain)[0]
        yield known[plain]


def contents_of(session: TrialSession, trial_id: UUID, kit_ids: Iterable[UUID]) -> dict[UUID, UnsealedContent]:
    """The content of each kit."""
    key = kit_key(session, trial_id)
    rows = session.exec(
        select(KitContent.kit_id, Kit.number, KitContent.content)
        .join(Kit, col(Kit.id) == col(KitContent.kit_id))
        .where(col(KitContent.kit_id).in_(list(kit_ids)))
    )
    return {kit_id: open_content(key, kit_id, number, token) for kit_id, number, token in rows}


def _part(kit_id: UUID | str, number: str) -> str:
    return f"{kit_id}/{number}"
