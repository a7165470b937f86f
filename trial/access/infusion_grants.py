"""Who reads the infusion domain by a grant, from when until when: the record, and what holds now.

Its content can reveal an arm, so the roles that work beside outcomes do not hold it; the sponsor gives it to one person.

What it does not do: grant (``infusion_domain``).
"""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, col, select

from trial.database.columns import instant, prose
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession


class InfusionDomainGrant(Record, table=True):
    __tablename__ = "infusion_domain_grant"
    __table_args__ = in_schema("access")

    account_id: UUID = Field(foreign_key="access.account.id", index=True)
    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    granted_by: UUID = Field(foreign_key="access.account.id")
    reason: str = prose()
    starts_at: datetime = instant()
    ends_at: datetime | None = instant(default=None)


def trials_with_infusion_domain(session: TrialSession, account_id: UUID) -> frozenset[UUID]:
    """The trials in which the person holds the grant now."""
    held = select(InfusionDomainGrant.trial_id).where(
        InfusionDomainGrant.account_id == account_id, col(InfusionDomainGrant.ends_at).is_(None)
    )
    return frozenset(session.exec(held))


def infusion_grants_at(session: TrialSession, trial_id: UUID, at: datetime) -> list[InfusionDomainGrant]:
    """The trial's grants that held at an instant, the newest first."""
    return [
        one
        for one in infusion_grants_of(session, trial_id)
        if one.starts_at <= at and (one.ends_at is None or one.ends_at > at)
    ]


def infusion_grants_of(session: TrialSession, trial_id: UUID) -> list[InfusionDomainGrant]:
    """Every grant of the trial, the newest first; ended ones too."""
    found = select(InfusionDomainGrant).where(InfusionDomainGrant.trial_id == trial_id)
    return list(session.exec(found.order_by(col(InfusionDomainGrant.starts_at).desc(), col(InfusionDomainGrant.id))))
