"""Ports of the loopback address: whether one is free, and which one is."""

from __future__ import annotations

import socket

from trial.database.embedded.errors import PortInUse

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL does: connections of an earlier server that are still fading away do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """One that was free a moment ago; another program may be faster than PostgreSQL."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_in_use(port: int) -> PortInUse:
    return PortInUse(
        f"Port {port} on {HOST} is used by another program: stop that program, choose another port, "
        "or choose none to have a free one found."
    )
