"""``equipoise serve``: the pages and the API over one installation, and the worker that does its queued work."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Annotated

import typer
import uvicorn

from api.app import create_app
from api.cli.options import DataOption, settings_from
from api.cli.working import beside_the_server
from api.installation import Installation, open_installation
from api.jobs.restores import notice_restore
from api.logs import configure_logging
from api.services import AppServices
from api.sparing import fewer_collections
from trial.errors import Unavailable


class PortInUse(Unavailable):
    code = "server.port_in_use"


def serve(
    data: DataOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.", show_default="8000")] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Whether queued work is done here too, beside the pages.")
    ] = True,
) -> None:
    """Serve the pages and the API until Ctrl-C, which stops everything that this command started.

    With --no-worker, run “equipoise worker” beside it: without one no report or dataset is ever built.
    """
    settings = settings_from(data, host=host, port=port)
    check_port_free(settings.host, settings.port)
    with open_installation(settings) as installation:
        if notice_restore(installation):
            print("This database was restored from a backup. Lists that lag are held: equipoise recover show")
        print(f"Equipoise is at http://{settings.host}:{settings.port}  (Ctrl-C stops it)")
        run(installation, worker=worker)


def run(installation: Installation, *, worker: bool = True) -> None:
    """Serve ``installation`` in this process until it is interrupted; with a ``worker`` in its event loop."""
    settings = installation.settings
    configure_logging(settings.log_level)
    lifespan = beside_the_server(installation) if worker else None
    app = create_app(AppServices(settings, installation.database), lifespan=lifespan)
    with fewer_collections():
        uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False)


def check_port_free(host: str, port: int) -> None:
    """Raise ``PortInUse`` before anything is started."""
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PortInUse(
                f"Port {port} on {host} is in use. Stop the program that uses it, or choose another with --port."
            ) from None
