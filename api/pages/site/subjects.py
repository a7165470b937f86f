"""One participant as a page's subject: found for this reader, with the addresses of the participant's pages."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from api.pages.frame import with_site
from api.places import Place
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.participant_readers import participant_for
from trial.database.session import TrialSession


def opened(session: TrialSession, here: Place, code: str) -> Casebook:
    """The casebook of the participant of this code. Raises ``ParticipantNotFound``, ``NotPermitted``."""
    participant = participant_for(session, here.actor, here.trial.id, code.upper())
    return open_casebook(session, participant.id)


def subject_url(here: Place, code: str, *parts: object) -> str:
    """``/t/KETA-PAIN/participants/P-0001/consent``, keeping the chosen site."""
    return with_site(here.url("participants", code, *parts), here)


def with_query(url: str, **given: str) -> str:
    """``url`` with more in its query, whether or not it has one."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(given)}"


def raise_query_url(here: Place, casebook: Casebook, **about: str) -> str:
    """Where a query about these data is raised; empty for those who raise none."""
    if not may_here(here, casebook, Permission.QUERY_RAISE):
        return ""
    return with_query(subject_url(here, casebook.participant.code, "queries", "raise"), **about)


def list_url(here: Place, *parts: object) -> str:
    return with_site(here.url(*parts), here)


def history_url(here: Place, record_id: UUID, what: str) -> str:
    """Who changed a record, when and why; empty for those who do not read the audit."""
    if not here.may(Permission.AUDIT_READ):
        return ""
    return f"{here.url('history', record_id)}?{urlencode({'of': what})}"


def trail(here: Place, casebook: Casebook) -> list[tuple[str, str]]:
    """The way back from a page below the participant's."""
    code = casebook.participant.code
    return [("Participants", list_url(here, "participants")), (code, subject_url(here, code))]


def may_here(here: Place, casebook: Casebook, permission: Permission) -> bool:
    """Whether the caller holds ``permission`` at this participant's site."""
    return may(here.actor, permission, casebook.trial.id, casebook.site.id)
