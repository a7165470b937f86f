"""The passwords of the three login roles, in a private file beside the cluster.

Invariants
1. Passwords are on disk before the cluster that needs them, and are never made anew for one that has others.
"""

from __future__ import annotations

import base64
import json

from trial.database.embedded.directory import PASSWORDS, Instance, write_whole
from trial.database.embedded.errors import PasswordsMissing
from trial.ids import Entropy

SUPERUSER = "postgres"
OWNER = "equipoise_owner"
APP = "equipoise_app"
LOGIN_ROLES = (SUPERUSER, OWNER, APP)


def read_or_make_passwords(instance: Instance, entropy: Entropy) -> dict[str, str]:
    """By role; made where there is no cluster yet."""
    path = instance.directory / PASSWORDS
    try:
        passwords = json.loads(path.read_text(encoding="utf-8"))
        return {role: str(passwords[role]) for role in LOGIN_ROLES}
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        if instance.pgdata.exists():
            raise PasswordsMissing(
                f"{path} is missing or damaged, and nothing else opens the database: "
                "restore it from the backup that the data came from."
            ) from error
    made = {role: _new_password(entropy) for role in LOGIN_ROLES}
    write_whole(path, made)
    return made


def _new_password(entropy: Entropy) -> str:
    return base64.urlsafe_b64encode(entropy.take(24, "embedded database password")).decode("ascii")
