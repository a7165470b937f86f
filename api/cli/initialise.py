"""``equipoise init``: a new installation, and a trial in it; ``equipoise upgrade``: newer tables for an old one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from api.cli.options import DataOption, settings_from
from api.cli.people import hire, read_people, write_credentials
from api.installation import Installation, database_urls, open_installation, prepare
from migrations.runner import head
from trial.access.actors import system_actor
from trial.conduct.sites import AddSite, add_site
from trial.conduct.trials import CreateTrial, Trial, TrialKind, create_trial
from trial.errors import InvalidInput
from trial.protocol.loader import SHIPPED, LoadedProtocol, load_protocol, load_shipped
from trial.protocol.versions import add_version


class SiteOptionInvalid(InvalidInput):
    code = "init.site_invalid"


def initialise(
    data: DataOption = None,
    protocol: Annotated[
        str | None,
        typer.Option(help=f"A protocol file, or the name of a shipped protocol ({', '.join(SHIPPED)})."),
    ] = None,
    kind: Annotated[TrialKind, typer.Option(help="What the trial is. It can never be changed.")] = TrialKind.PRACTICE,
    code: Annotated[str | None, typer.Option(help="The trial's code; the protocol's own without it.")] = None,
    site: Annotated[
        list[str] | None, typer.Option(help="A site as CODE|NAME|COUNTRY|ZONE, such as S1|Basel|CHE|Europe/Zurich.")
    ] = None,
    people: Annotated[
        Path | None, typer.Option(help="A CSV file: username,display_name,role,site,email.", exists=True)
    ] = None,
    credentials: Annotated[
        Path, typer.Option(help="Where to write first passwords and second factors, readable by you only.")
    ] = Path("first-credentials.csv"),
) -> None:
    """Make an installation ready: keys, database, and with --protocol a trial with its sites and first people.

    Safe to run again: keys and tables that exist are kept.
    """
    settings = settings_from(data)
    loaded = None if protocol is None else _loaded(protocol)
    sites = [_site_fields(text) for text in site or []]
    listed = [] if people is None else read_people(people)
    with open_installation(settings, make=True) as installation:
        print(f"The installation is ready, at revision {head()}.")
        print(f"Keys: {settings.key_directory}. Give a second holder a copy; without them nothing sealed opens again.")
        if loaded is None:
            return
        trial, site_ids = _make_trial(installation, loaded, kind, code, sites)
        hired = hire(installation.database, trial.id, site_ids, listed)
        if hired:
            write_credentials(credentials, hired)
            print(f"{len(hired)} people can sign in; their first credentials are in {credentials}.")
        print(f"Trial {trial.code} ({trial.kind.value}) is made. Start the server with: equipoise serve")


def upgrade_database(data: DataOption = None) -> None:
    """Bring the tables of an installation to this program's revision. Take a backup first."""
    settings = settings_from(data)
    with database_urls(settings) as urls:
        prepare(settings, urls)
    print(f"The database is at revision {head()}.")


def _loaded(protocol: str) -> LoadedProtocol:
    return load_shipped(protocol) if protocol in SHIPPED else load_protocol(Path(protocol))


def _site_fields(text: str) -> dict[str, str]:
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != 4:
        raise SiteOptionInvalid(f"“{text}” is no site. Write it as CODE|NAME|COUNTRY|ZONE.")
    return dict(zip(("code", "name", "country", "zone"), parts, strict=True))


def _make_trial(
    installation: Installation, loaded: LoadedProtocol, kind: TrialKind, code: str | None, sites: list[dict[str, str]]
) -> tuple[Trial, dict[str, UUID]]:
    installer = system_actor("installer")
    identity = loaded.protocol.identity
    with installation.database.transaction() as session:
        command = CreateTrial(
            code=code or identity.code,
            title=identity.title,
            kind=kind,
            planned_participants=loaded.protocol.sample_size.total,
        )
        trial = create_trial(session, installer, command)
        add_version(session, installer, trial.id, loaded)
        made = [add_site(session, installer, AddSite(trial_id=trial.id, **fields)) for fields in sites]
        return trial, {site.code: site.id for site in made}
