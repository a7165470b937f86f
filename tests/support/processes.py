"""Application servers in processes of their own, which a test may kill: each is forked ready, so that another costs little."""

from __future__ import annotations

import multiprocessing
import socket
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess

import uvicorn

from api.app import create_app
from api.logs import configure_logging
from api.services import AppServices
from api.sparing import fewer_collections
from tests.conftest import FixedKey
from trial.clock import SetClock
from trial.database.session import Database, open_engine
from trial.ids import SystemEntropy
from trial.keyring import Keyring
from trial.settings import Settings
from trial.vault import Vault

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.support.warm"])


def database_at(url: str, at: datetime, *, pool_size: int = 10) -> Database:
    """The test's own keys over a database, with a standing clock and real randomness."""
    keyring = Keyring(vault=Vault(b"v" * 32), sealing=FixedKey(b"s" * 32))
    return Database(open_engine(url, pool_size=pool_size), keyring, clock=SetClock(at), entropy=SystemEntropy())


def _serve(url: str, at: datetime, listening: socket.socket, ready: Pipe) -> None:
    configure_logging("CRITICAL")
    app = create_app(AppServices(Settings(), database_at(url, at)))
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="off", server_header=False)
    ready.send("ready")
    with fewer_collections():
        uvicorn.Server(config).run([listening])


@dataclass
class ApiProcess:
    """A server on a port that stays its own from one life to the next: the socket is the test's."""

    url: str
    at: datetime
    listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=128))
    process: BaseProcess | None = None

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    def start(self) -> None:
        """Returns once it is about to listen; who connects before waits in the socket's queue."""
        ours, theirs = FORKED.Pipe()
        self.process = FORKED.Process(target=_serve, args=(self.url, self.at, self.listening, theirs), daemon=True)
        self.process.start()
        theirs.close()
        assert ours.recv() == "ready"

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said to anybody."""
        assert self.process is not None
        self.process.kill()
        self.process.join()

    def close(self) -> None:
        if self.process is not None and self.process.is_alive():
            self.kill()
        self.listening.close()
