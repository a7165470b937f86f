"""Sites: where participants are seen, each with its own zone, and active from the day that the sponsor says so."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, bindparam
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.clock import local_date
from trial.conduct.trials import Trial, no_such_trial
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound


class SiteNotFound(NotFound):
    code = "site.not_found"


class SiteCodeTaken(Conflict):
    code = "site.code_taken"


class SiteNotActive(Conflict):
    code = "site.not_active"


class SiteClosed(SiteNotActive):
    code = "site.closed"


class AddSite(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    code: str = Bounded(min_length=1, max_length=16, pattern=r"^[A-Z0-9-]+$")
    name: str = Bounded(min_length=2, max_length=120)
    country: str = Bounded(pattern=r"^[A-Z]{3}$", description="ISO 3166-1 alpha-3")
    zone: str

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("give an IANA time zone such as Europe/Zurich") from None
        return value


class Site(Record, table=True):
    __tablename__ = "site"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "code"))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    code: str = Field(max_length=16)
    name: str = Field(max_length=120)
    country: str = Field(max_length=3)
    zone: str = Field(max_length=64)
    activated_on: date | None = None
    closed_on: date | None = None


_WITH_SITES = (
    select(Trial, Site)
    .outerjoin(Site, col(Site.trial_id) == col(Trial.id))
    .where(col(Trial.code) == bindparam("code"))
    .order_by(col(Site.code))
)


def add_site(session: TrialSession, actor: Actor, command: AddSite) -> Site:
    """A site that is not active yet. Raises ``SiteCodeTaken``."""
    authorize(session, actor, Action.SITE_ADDED, trial_id=command.trial_id)
    taken = select(Site).where(Site.trial_id == command.trial_id, Site.code == command.code)
    if session.exec(taken).first() is not None:
        raise SiteCodeTaken(f"There is a site {command.code} already. Choose another code.")
    site = Site(**session.stamp(), **command.model_dump())
    session.add(site)
    session.flush()
    return site


def activate_site(session: TrialSession, actor: Actor, site_id: UUID) -> Site:
    """Participants may be screened from today on. Raises ``SiteNotFound``."""
    site = get_site(session, site_id)
    authorize(session, actor, Action.SITE_ACTIVATED, trial_id=site.trial_id)
    site.activated_on = site.activated_on or local_date(session.now(), site.zone)
    session.add(site)
    return site


def get_site(session: TrialSession, site_id: UUID) -> Site:
    """Raises ``SiteNotFound``."""
    found = session.get(Site, site_id)
    if found is None:
        raise SiteNotFound("There is no such site. Choose one from the trial's list of sites.")
    return found


def find_site(session: TrialSession, trial_id: UUID, code: str) -> Site:
    """Raises ``SiteNotFound``."""
    found = session.exec(select(Site).where(Site.trial_id == trial_id, Site.code == code)).first()
    if found is None:
        raise SiteNotFound(f"There is no site {code} in this trial. Choose one from the trial's list of sites.")
    return found


def find_trial_with_sites(session: TrialSession, code: str) -> tuple[Trial, list[Site]]:
    """The trial and its sites by code, in one question: where every request begins. Raises ``TrialNotFound``."""
    rows = session.execute(_WITH_SITES, {"code": code}).all()
    if not rows:
        raise no_such_trial(code)
    return rows[0][0], [site for _, site in rows if site is not None]


def sites_of(session: TrialSession, trial_id: UUID) -> list[Site]:
    """Every site of the trial, by code."""
    return list(session.exec(select(Site).where(Site.trial_id == trial_id).order_by(col(Site.code))))


def check_site_active(site: Site) -> None:
    """Raise ``SiteNotActive``, or ``SiteClosed`` where the sponsor has closed it for recruitment."""
    if site.closed_on is not None:
        raise SiteClosed(
            f"The sponsor has closed site {site.code} for recruitment. Participants who are in the trial go on; ask the"
            " sponsor before you screen anybody."
        )
    if site.activated_on is None:
        raise SiteNotActive(
            f"Site {site.code} is not active. The sponsor activates a site when its checklist is complete."
        )
