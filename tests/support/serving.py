"""An application behind the real server, on a free port, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any, *, lifespan: bool = False) -> Iterator[str]:
    """The address at which ``app`` answers until the block ends."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", lifespan="on" if lifespan else "off", server_header=False
    )
    server = uvicorn.Server(config)
    # asyncio sends small pieces at once only where the socket says that it is TCP; else each answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=15)
