"""History beside the value: who changed a record, when, from what to what, and why. In a dialog, or as a page of its own.

What may be read is the audit's own rule (``trial.audit.reading``): the same for both.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here
from api.pages.render import fragment, instant_words, page
from api.pages.site.words import said
from api.permissions import permission
from api.places import Place
from trial.access.accounts import names_of_actors
from trial.access.permissions import Permission
from trial.audit.reading import AuditEntry, AuditFilter, read_audit
from trial.database.session import TrialSession

router = APIRouter()

_UNSAID: Final = frozenset({"id", "recorded_at", "trial_id", "participant_id", "site_id", "protocol_version_id"})


@router.get("/t/{trial}/history/{record_id}", openapi_extra=permission(Permission.AUDIT_READ))
def show_history(request: Request, here: Here, session: Write, record_id: UUID, of: str = "this record") -> Response:
    entries = read_audit(session, here.actor, here.trial, AuditFilter(record_id=record_id))
    context: dict[str, Any] = {"title": f"History of {of[:80]}", "changes": _changes(session, here, entries)}
    if request.headers.get("HX-Request") == "true":
        return fragment(request, "site/history.html", **context)
    return page(request, "site/history_page.html", here=here, **context)


def _changes(session: TrialSession, here: Place, entries: list[AuditEntry]) -> list[dict[str, str]]:
    names = names_of_actors(session, (entry.actor for entry in entries))
    return [
        {
            "after": _words(entry.after, entry.before) or said(entry.operation),
            "before": _words(entry.before, entry.after) if entry.before else "",
            "who": names.get(entry.actor, entry.actor),
            "when": instant_words(entry.at, here.zone),
            "why": entry.reason,
        }
        for entry in entries
    ]


def _words(side: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What one side says that the other does not."""
    return "; ".join(f"{said(name)}: {value}" for name, value in _differing(side, other))


def _differing(side: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in side.items():
        known = other.get(name)
        if name in _UNSAID or value == known or value in (None, "", [], {}):
            continue
        if isinstance(value, dict):
            yield from _differing(value, known if isinstance(known, dict) else {})
        else:
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
