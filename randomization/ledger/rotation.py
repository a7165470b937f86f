"""Rotation of the strongroom's key: every data key wrapped again, and nothing that they seal opened.

What it does not do: keep keys. Where they are is the installation's own business.
"""

from __future__ import annotations

from dataclasses import dataclass

from randomization.holders import rewrap_data_keys
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.database.session import TrialSession, strongroom
from trial.errors import InvalidInput
from trial.keys import KeyProvider


class SameKey(InvalidInput):
    code = "keys.same_key"


@dataclass(frozen=True, slots=True)
class Rotation:
    """From which key to which, and how many data keys were wrapped again."""

    old_id: str
    new_id: str
    data_keys: int


def rotate_key(session: TrialSession, actor: Actor, new: KeyProvider) -> Rotation:
    """Wrap every data key under ``new``'s master key. Raises ``SameKey``, ``WrongKey``, ``WrappedKeyBroken``."""
    old_id, new_id = session.keyring.sealing.master_key().key_id, new.master_key().key_id
    if old_id == new_id:
        raise SameKey(f"The new place holds the key that is in use ({old_id}). Name another place for the new one.")
    authorize(session, actor, Action.KEYS_ROTATED, reason=f"{old_id} to {new_id}")
    with strongroom(session):
        return Rotation(old_id, new_id, rewrap_data_keys(session, new))
