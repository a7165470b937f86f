"""Recruitment by site and by cohort: what the sponsor closes, reopens, pauses and resumes, each by a signed decision.

A cohort is everybody with given levels of the stratification factors, at one site or at all: one stratum, or several at once.

Invariants
1. The latest decision on a site or a cohort holds. Decisions are signed, have a reason, and are never changed.
2. A closed site registers and randomizes nobody; those who are in the trial are treated and followed there as before.
3. A paused cohort is not randomized. Screening goes on, and the refusal names the cohort, which the site knows anyway.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.clock import local_date
from trial.conduct.sites import Site, find_site, get_site
from trial.conduct.trials import Trial, get_trial
from trial.database.columns import document, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import Protocol
from trial.protocol.versions import protocol_of, versions_of

MEANING: Final = "I decide on recruitment as it is written here."
_SITE: Final = "site"
_STANDING: Final = (
    "SELECT DISTINCT ON (scope) scope, site_id, levels, is_open FROM trial.recruitment_decision"
    " WHERE trial_id = %(trial)s ORDER BY scope, number DESC"
)


class SiteNotOpen(Conflict):
    code = "site.not_open"


class SiteNotClosed(Conflict):
    code = "site.not_closed"


class CohortUnknown(InvalidInput):
    code = "cohort.unknown"


class CohortPaused(Conflict):
    code = "cohort.paused"


class CohortPausedAlready(Conflict):
    code = "cohort.paused_already"


class CohortNotPaused(Conflict):
    code = "cohort.not_paused"


class DecideOnSite(BaseModel):
    """Close a site for recruitment, or reopen it."""

    model_config = ConfigDict(frozen=True)

    site_id: UUID
    reason: str = Bounded(min_length=3, max_length=4000)
    idempotency_key: str


class DecideOnCohort(BaseModel):
    """Pause a cohort, or resume it. ``levels`` maps factors to levels, all or some; ``site`` is a code, or every site."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    levels: dict[str, str] = Bounded(min_length=1, max_length=20)
    site: str | None = Bounded(default=None, max_length=16)
    reason: str = Bounded(min_length=3, max_length=4000)
    idempotency_key: str


class RecruitmentDecision(TrialRecord, table=True):
    """``number`` counts the trial's decisions; ``scope`` names the site or cohort. No levels: the whole site."""

    __tablename__ = "recruitment_decision"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    number: int
    scope: str = prose()
    site_id: UUID | None = Field(default=None, foreign_key="trial.site.id")
    levels: dict[str, Any] = document()
    is_open: bool
    reason: str = prose()
    decided_by: UUID = Field(foreign_key="access.account.id")


def close_site(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: DecideOnSite
) -> RecruitmentDecision:
    """Nobody more is registered or randomized there. Raises ``SiteNotFound``, ``SiteNotOpen``, ``ReauthenticationNeeded``."""
    return _decide_on_site(session, actor, proof, command, Action.SITE_CLOSED)


def reopen_site(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: DecideOnSite
) -> RecruitmentDecision:
    """Recruitment goes on. Raises ``SiteNotFound``, ``SiteNotClosed``, ``ReauthenticationNeeded``."""
    return _decide_on_site(session, actor, proof, command, Action.SITE_REOPENED)


def pause_cohort(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: DecideOnCohort
) -> RecruitmentDecision:
    """Nobody of the cohort is randomized. Raises ``SiteNotFound``, ``CohortUnknown``, ``CohortPausedAlready``."""
    return _decide_on_cohort(session, actor, proof, command, Action.COHORT_PAUSED)


def resume_cohort(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: DecideOnCohort
) -> RecruitmentDecision:
    """The cohort is randomized again. Raises ``SiteNotFound``, ``CohortUnknown``, ``CohortNotPaused``."""
    return _decide_on_cohort(session, actor, proof, command, Action.COHORT_RESUMED)


def _decide_on_site(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: DecideOnSite, act: Action
) -> RecruitmentDecision:
    site = get_site(session, command.site_id)
    authorize(session, actor, act, trial_id=site.trial_id, reason=command.reason)

    def do() -> UUID:
        trial = _one_at_a_time(session, site.trial_id)
        session.refresh(site)
        closes = act is Action.SITE_CLOSED
        _check_site(site, closes=closes)
        site.closed_on = local_date(session.now(), site.zone) if closes else None
        session.add(site)
        return _write(session, actor, proof, trial, site, {}, command.reason, is_open=not closes)

    return session.get_one(RecruitmentDecision, exactly_once(session, actor, act, command.idempotency_key, command, do))


def _check_site(site: Site, *, closes: bool) -> None:
    if closes and (site.activated_on is None or site.closed_on is not None):
        raise SiteNotOpen(f"Site {site.code} is not open for recruitment, so there is nothing to close.")
    if not closes and site.closed_on is None:
        raise SiteNotClosed(f"Site {site.code} is not closed. A new site is activated instead.")


def _decide_on_cohort(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: DecideOnCohort, act: Action
) -> RecruitmentDecision:
    authorize(session, actor, act, trial_id=command.trial_id, reason=command.reason)

    def do() -> UUID:
        trial = _one_at_a_time(session, command.trial_id)
        site = find_site(session, trial.id, command.site) if command.site else None
        _check_levels(protocol_of(versions_of(session, trial.id)[-1]), command.levels)
        pauses = act is Action.COHORT_PAUSED
        stands = _scope(site, command.levels) in {scope for scope, _, _ in paused_cohorts(session, trial.id)}
        if pauses and stands:
            raise CohortPausedAlready("This cohort is paused already. Nothing was changed.")
        if not pauses and not stands:
            raise CohortNotPaused("This cohort is not paused. Resume one exactly as it was paused.")
        return _write(session, actor, proof, trial, site, command.levels, command.reason, is_open=not pauses)

    return session.get_one(RecruitmentDecision, exactly_once(session, actor, act, command.idempotency_key, command, do))


def _check_levels(protocol: Protocol, levels: Mapping[str, str]) -> None:
    offered = {factor.name: factor.level_codes for factor in protocol.factors}
    for factor, level in levels.items():
        if level not in offered.get(factor, ()):
            raise CohortUnknown(
                f"The protocol has no {factor}={level}. Choose among its stratification factors and their levels.",
                fields={"levels": "No such factor or level."},
            )


def _one_at_a_time(session: TrialSession, trial_id: UUID) -> Trial:
    trial = get_trial(session, trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    return trial


def _write(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    trial: Trial,
    site: Site | None,
    levels: Mapping[str, str],
    reason: str,
    *,
    is_open: bool,
) -> UUID:
    made = RecruitmentDecision(
        **session.stamp(),
        trial_id=trial.id,
        protocol_version_id=versions_of(session, trial.id)[-1].id,
        number=len(decisions_on_recruitment(session, trial.id)) + 1,
        scope=_scope(site, levels),
        site_id=site.id if site else None,
        levels=dict(levels),
        is_open=is_open,
        reason=reason,
        decided_by=actor.account_id,
    )
    session.add(made)
    sign(session, actor, proof, made, MEANING, trial.id)
    return made.id


def _scope(site: Site | None, levels: Mapping[str, str]) -> str:
    """As people read it: ``site=S1; opioid_use=yes``."""
    named = [(_SITE, site.code)] if site else []
    return "; ".join(f"{name}={value}" for name, value in [*named, *sorted(levels.items())])


def decisions_on_recruitment(session: TrialSession, trial_id: UUID) -> list[RecruitmentDecision]:
    """Every decision, in its order."""
    found = select(RecruitmentDecision).where(RecruitmentDecision.trial_id == trial_id)
    return list(session.exec(found.order_by(col(RecruitmentDecision.number))))


def paused_cohorts(session: TrialSession, trial_id: UUID) -> list[tuple[str, UUID | None, dict[str, str]]]:
    """The cohorts that are paused now: how each is written, its site, its levels."""
    rows = session.run_sql(_STANDING, trial=trial_id)
    return [(row.scope, row.site_id, dict(row.levels)) for row in rows if row.levels and not row.is_open]


def check_cohort_open(session: TrialSession, trial_id: UUID, site_id: UUID, factors: Mapping[str, str]) -> None:
    """Raise ``CohortPaused`` for somebody of a cohort that is paused."""
    for scope, at_site, levels in paused_cohorts(session, trial_id):
        if at_site in (None, site_id) and all(factors.get(name) == level for name, level in levels.items()):
            raise CohortPaused(
                f"The sponsor has paused recruitment of {scope}, so nobody was randomized. Screening may go on; ask the"
                " sponsor when it resumes."
            )
