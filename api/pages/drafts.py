"""Drafts: what somebody has half typed is kept in their browser (``static/drafts.js``), sealed for them alone.

    return page(request, "site/form.html", draft=draft_of(here.caller, record.id), …)
    {% call ui.form(url, csrf_token, draft=draft) %}

Invariants
1. Nothing half typed reaches the server: no row, no log line and no audit entry tells of it.
2. The key is derived for the account, so another person at the same browser opens nothing.
3. A draft is taken back only into the form that it was typed into, as long as what the form was filled from (``basis``)
   is the same: what was recorded meanwhile is never covered by something older.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from api.dependencies import Caller

_PURPOSE = "draft"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form needs to keep a draft. ``owner`` tells people apart and names nobody."""

    basis: str
    owner: str
    key: str = field(repr=False)


def draft_of(caller: Caller, *basis: object) -> Draft:
    """For a form of this person, filled from ``basis``: the record that it corrects, or nothing."""
    key = caller.services.database.keyring.vault.derive(purpose=_PURPOSE, record=caller.actor.account_id)
    told = "|".join(str(part) for part in basis)
    return Draft(
        basis=hashlib.sha256(told.encode()).hexdigest()[:16],
        owner=hashlib.sha256(key).hexdigest()[:16],
        key=base64.b64encode(key).decode(),
    )
