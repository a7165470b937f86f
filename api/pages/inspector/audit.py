"""The audit trail: filtered, paged backwards, exported; signatures; who could do what on a date."""

import csv
import io
import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here, Place, Way, register_way, role_words, site_words
from api.pages.render import page
from api.permissions import permission
from trial.access.accounts import accounts_by_id, find_account, names_of_actors
from trial.access.grants import grants_at
from trial.access.infusion_grants import infusion_grants_at
from trial.access.permissions import Permission
from trial.audit.reading import READERS, AuditEntry, AuditFilter, read_audit, read_signatures, readable_tables
from trial.conduct.sites import sites_of
from trial.database.session import TrialSession
from trial.reference.permissions import permissions

router = APIRouter()
register_way(Way("Audit", "audit", (Permission.AUDIT_READ,), order=80))
register_way(Way("Access history", "access-history", (Permission.ACCESS_HISTORY_READ,), order=82))

_PAGE = 50
_EXPORTED = 10_000


@router.get("/t/{trial}/audit", openapi_extra=permission("audit:read"))
def show_audit(
    request: Request,
    here: Here,
    session: Write,
    person: str = "",
    table: str = "",
    record: str = "",
    day: str = "",
    before: int | None = None,
) -> Response:
    wanted = _filter(session, person, table, record, day, before, _PAGE)
    entries = read_audit(session, here.actor, here.trial, wanted) if wanted else []
    return page(
        request,
        "inspector/audit.html",
        here=here,
        asked={"person": person, "table": table, "record": record, "day": day},
        rows=_rows(session, here, entries),
        tables=_tables(here),
        older=entries[-1].id if len(entries) == _PAGE else None,
    )


def _filter(
    session: TrialSession, person: str, table: str, record: str, day: str, before: int | None, limit: int
) -> AuditFilter | None:
    """What was asked for; ``None`` when no entry can fit it."""
    actor = ""
    if person.strip():
        account = find_account(session, person)
        actor = f"person:{account.id}" if account else person.strip()
    try:
        since = datetime.combine(date.fromisoformat(day), time(), UTC) if day else None
        record_id = UUID(record) if record else None
    except ValueError:
        return None
    until = since + timedelta(days=1) if since else None
    return AuditFilter(actor, "", table, record_id, since, until, before, limit)


def _tables(here: Place) -> list[str]:
    study, own = readable_tables(here.actor, here.trial)
    return sorted(study | {name.partition("@")[0] for name in own})


def _rows(session: TrialSession, here: Place, entries: list[AuditEntry]) -> list[dict[str, Any]]:
    names = names_of_actors(session, (entry.actor for entry in entries))
    sites: dict[UUID | None, str] = {site.id: site.code for site in sites_of(session, here.trial.id)}
    return [
        {"entry": one, "who": names[one.actor], "site": sites.get(one.site_id, ""), "changes": _changes(one)}
        for one in entries
    ]


def _changes(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Each field that changed: its name, before, after."""
    return [(name, _text(entry.before.get(name)), _text(after)) for name, after in sorted(entry.after.items())]


def _text(value: Any) -> str:
    if value is None:
        return ""
    words = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return words if len(words) <= 300 else f"{words[:300]}…"


@router.get("/t/{trial}/audit.csv", openapi_extra=permission("audit:read"))
def export_audit(
    here: Here, session: Write, person: str = "", table: str = "", record: str = "", day: str = ""
) -> Response:
    wanted = _filter(session, person, table, record, day, None, _EXPORTED)
    entries = read_audit(session, here.actor, here.trial, wanted) if wanted else []
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("id", "at", "actor", "action", "table", "record", "operation", "reason", "before", "after"))
    for one in entries:
        images = (json.dumps(one.before, sort_keys=True), json.dumps(one.after, sort_keys=True))
        writer.writerow(
            (
                one.id,
                one.at.isoformat(),
                one.actor,
                one.action,
                one.table,
                one.record_id,
                one.operation,
                one.reason,
                *images,
            )
        )
    headers = {"Content-Disposition": f'attachment; filename="audit-{here.trial.code}.csv"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/t/{trial}/signatures", openapi_extra=permission("audit:read"))
def show_signatures(request: Request, here: Here, session: Write) -> Response:
    found = read_signatures(session, here.actor, here.trial)
    return page(request, "inspector/signatures.html", here=here, signatures=found, known=READERS)


@router.get("/t/{trial}/access-history", openapi_extra=permission("access:history:read"))
def show_access_history(request: Request, here: Here, session: Write, day: str = "") -> Response:
    asked = _day(day) or session.now().date()
    at = datetime.combine(asked + timedelta(days=1), time(), UTC)
    grants, by_grant = grants_at(session, here.trial.id, at), infusion_grants_at(session, here.trial.id, at)
    people = accounts_by_id(session, {one.account_id for one in grants} | {one.account_id for one in by_grant})
    sites: dict[UUID | None, str] = {site.id: site_words(site) for site in sites_of(session, here.trial.id)}
    held = sorted({grant.role for grant in grants})
    return page(
        request,
        "inspector/access_history.html",
        here=here,
        asked=asked,
        rows=[
            *(
                (people[one.account_id], role_words(one.role), sites.get(one.site_id, "Whole study"), one)
                for one in grants
            ),
            *((people[one.account_id], "Reads infusion data", "Whole study", one) for one in by_grant),
        ],
        acts=[
            (role_words(role), [name for name, row in permissions().items() if role in row.holders]) for role in held
        ],
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
