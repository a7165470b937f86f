"""What the product logs, caught while a block runs."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from api.logs import configure_logging


@contextmanager
def captured_log(stream: io.StringIO | None = None) -> Iterator[io.StringIO]:
    """What the product logs while the block runs, through its own formatter."""
    stream, root = stream or io.StringIO(), logging.getLogger()
    before = (list(root.handlers), root.level)
    configure_logging("INFO", stream)
    try:
        yield stream
    finally:
        root.handlers, root.level = before
        structlog.reset_defaults()
