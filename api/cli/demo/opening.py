"""How a demo trial begins: protocol, sites, people, board, allocation list, first kits; each by whose task it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from api.cli.demo.calendar import SITES_OPEN_IN_WEEKS, Calendar, at
from api.cli.demo.roster import PASSWORD, SEATS, SITES, roster, site_codes
from api.cli.demo.stage import DemoEntropy, Place, Stage
from api.cli.demo.supply import send, take_in
from api.cli.demo.timeline import InTurn, Story, Timeline
from api.cli.people import Credentials, Person, hire
from api.installation import Installation
from api.jobs.contexts import write_milestone
from randomization.ledger.generation import ConfirmList, DesignList, confirm_list, design_list
from trial.access.accounts import Account, code_secret
from trial.access.actors import Actor, system_actor
from trial.access.grants import actor_for
from trial.access.passwords import LIGHT_FOR_SIMULATION
from trial.clock import SetClock
from trial.conduct.sites import AddSite, Site, activate_site, add_site, sites_of
from trial.conduct.trials import CreateTrial, TrialKind, create_trial, find_trial, start_trial
from trial.database.session import TrialSession
from trial.oversight.members import AppointMember, appoint_member
from trial.protocol.loader import load_shipped
from trial.protocol.versions import (
    AdoptVersion,
    ProtocolVersion,
    activate_version,
    add_version,
    adopt_version,
    versions_of,
)
from trial.statistics.virtual_participants import Scenario

PROTOCOL, AMENDMENT = "keta-pain", "keta-pain-1.1"
BLOCK_SIZES = (4, 6)
_LIST_CONTRIBUTION = 32


def open_stage(
    installation: Installation,
    clock: SetClock,
    calendar: Calendar,
    *,
    code: str,
    planned: int,
    sites: int,
    seed: int,
    scenario: Scenario,
) -> tuple[Stage, list[Credentials]]:
    """A trial with its sites, its first version and its people; nobody has acted in it yet."""
    people = roster(site_codes(sites))
    trial_id, places = _make_trial(installation, code, planned, site_codes(sites))
    hire(
        installation.database,
        trial_id,
        places,
        people,
        strength=LIGHT_FOR_SIMULATION,
        password=lambda entropy: PASSWORD,  # noqa: ARG005 - one password for every demo account, on purpose
    )
    stage = enter_stage(installation, clock, calendar, code=code, planned=planned, seed=seed, scenario=scenario)
    with installation.database.reading() as session:
        return stage, _credentials(session, people)


def enter_stage(
    installation: Installation,
    clock: SetClock,
    calendar: Calendar,
    *,
    code: str,
    planned: int,
    seed: int,
    scenario: Scenario,
) -> Stage:
    """The stage of a trial that is made already, read from its database: for each process that conducts it."""
    with installation.database.reading() as session:
        trial = find_trial(session, code)
        sites = sites_of(session, trial.id)
        actors = _actors(session, roster(tuple(site.code for site in sites)))
    return Stage(
        installation=installation,
        clock=clock,
        timeline=Timeline(installation.database, clock, lambda stream: DemoEntropy(seed, code, stream)),
        calendar=calendar,
        trial=trial,
        protocol=load_shipped(PROTOCOL).protocol,
        scenario=scenario,
        seed=seed,
        planned=planned,
        places=_places(sites),
        actors=actors,
    )


def _make_trial(
    installation: Installation, code: str, planned: int, sites: tuple[str, ...]
) -> tuple[UUID, dict[str, UUID]]:
    """The trial's id, and its sites' by their codes."""
    installer, loaded = system_actor("installer"), load_shipped(PROTOCOL)
    with installation.database.transaction() as session:
        trial = create_trial(
            session,
            installer,
            CreateTrial(
                code=code,
                title=loaded.protocol.identity.title,
                kind=TrialKind.SIMULATED,
                planned_participants=planned,
            ),
        )
        add_version(session, installer, trial.id, loaded)
        made = [
            add_site(session, installer, AddSite(trial_id=trial.id, code=site, name=name, country=country, zone=zone))
            for site, (name, country, zone) in zip(sites, SITES, strict=False)
        ]
    return trial.id, {site.code: site.id for site in made}


def _accounts(session: TrialSession, usernames: Iterable[str]) -> Sequence[Account]:
    """Read back: some may have been hired earlier."""
    wanted = col(Account.username).in_(list(usernames))
    return session.exec(select(Account).where(wanted).order_by(Account.username)).all()


def _actors(session: TrialSession, people: Iterable[Person]) -> dict[str, Actor]:
    """Everybody as an actor of this trial, by user name."""
    accounts = _accounts(session, (one.username for one in people))
    return {account.username: actor_for(session, account) for account in accounts}


def _credentials(session: TrialSession, people: Iterable[Person]) -> list[Credentials]:
    """How each signs in."""
    roles = {one.username: f"{one.role} {one.site}".strip() for one in people}
    return [
        Credentials(one.username, one.display_name, roles[one.username], PASSWORD, code_secret(session, one))
        for one in _accounts(session, roles)
    ]


def _places(sites: list[Site]) -> dict[str, Place]:
    """Earlier sites recruit more: shares fall as 1/3, 1/4, 1/5 …"""
    weights = [1 / (number + 3) for number in range(len(sites))]
    return {
        site.code: Place(site.id, site.code, number, site.zone, weight / sum(weights), week)
        for number, (site, weight, week) in enumerate(zip(sites, weights, SITES_OPEN_IN_WEEKS, strict=False), 1)
    }


def beginning(stage: Stage) -> Story:
    """The sponsor's first week: version, board, start; the list by two people."""
    zone = stage.gathering_zone
    monday = stage.calendar.day(0)
    session = yield at(monday, 9, 0, zone)
    sponsor = stage.person("sponsor")
    activate_version(session, sponsor, labelled(session, stage, "1.0").id)
    _appoint_board(stage, session)
    session = yield at(monday + timedelta(days=1), 10, 15, zone)
    list_id = _design_list(stage, session)
    session = yield at(monday + timedelta(days=2), 14, 40, zone)
    _confirm_list(stage, session, list_id)
    stage.timeline.afterwards(lambda: _anchor(stage, "allocation list sealed"))
    session = yield at(monday + timedelta(days=3), 9, 30, zone)
    stage.trial = start_trial(session, sponsor, stage.trial.id)


def _anchor(stage: Stage, reason: str) -> None:
    write_milestone(stage.installation, reason)


def _appoint_board(stage: Stage, session: TrialSession) -> None:
    for username, seat in SEATS.items():
        command = AppointMember(trial_id=stage.trial.id, account_id=stage.person(username).account_id, seat=seat)
        appoint_member(session, stage.person("sponsor"), command)


def _design_list(stage: Stage, session: TrialSession) -> UUID:
    command = DesignList(
        trial_id=stage.trial.id,
        block_sizes=BLOCK_SIZES,
        slots_per_stratum=slots_per_stratum(stage.planned),
        contribution=session.entropy.take(_LIST_CONTRIBUTION, "first contribution"),
    )
    return design_list(session, stage.person("statistician.randomization"), command).id


def _confirm_list(stage: Stage, session: TrialSession, list_id: UUID) -> None:
    command = ConfirmList(list_id=list_id, contribution=session.entropy.take(_LIST_CONTRIBUTION, "second contribution"))
    confirm_list(session, stage.person("statistician.unblinded"), command)


def slots_per_stratum(planned: int) -> int:
    """Enough for a stratum that takes a third of the largest site, in whole dozens: both block sizes divide them."""
    return 12 * max(2, -(-planned // 60))


def site_opens(stage: Stage, place: Place) -> Story:
    """Its ethics committee approves, kits come, the sponsor activates it."""
    monday = stage.calendar.day(place.opens_in_week)
    session = yield InTurn(at(monday - timedelta(days=3), 11, 10, place.zone))
    adopt(stage, session, place, "1.0")
    session = yield InTurn(at(monday, 8, 50, place.zone))
    shipment = send(stage, session, place, first=True)
    session = yield InTurn(at(monday + timedelta(days=2), 9, 20, place.zone))
    take_in(stage, session, place, shipment)
    activate_site(session, stage.person("sponsor"), place.id)


def adopt(stage: Stage, session: TrialSession, place: Place, label: str) -> None:
    """The site's investigator records that its committee approved the version today."""
    command = AdoptVersion(
        trial_id=stage.trial.id,
        site_id=place.id,
        version_id=labelled(session, stage, label).id,
        approved_on=stage.clock.now().date(),
        approval_reference=f"EC-{place.code}-{label}",
    )
    adopt_version(session, stage.at("investigator", place), command)


def labelled(session: TrialSession, stage: Stage, label: str) -> ProtocolVersion:
    """The trial's version of this label."""
    return next(version for version in versions_of(session, stage.trial.id) if version.label == label)
