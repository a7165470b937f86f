"""Structured logs: one JSON line an event, holding only fields that are known to be harmless.

Invariants
1. A field that is not in ``ALLOWED_FIELDS`` is dropped; ``dropped`` keeps its name only.
2. An exception is logged as its class, its SQLSTATE and where it was raised; never its text, which may
   quote a row.
3. Paths are route templates: no id, no query, no body reaches a line.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

ALLOWED_FIELDS = frozenset(
    {
        "event", "level", "timestamp", "logger", "request_id", "method", "route", "status", "ms", "actor_id",
        "code", "exception", "sqlstate", "raised_at", "dropped", "job", "job_id", "attempt", "queue", "count",
        "version", "host", "port", "step", "seconds", "bytes",
    }
)  # fmt: skip

log: structlog.stdlib.BoundLogger = structlog.get_logger("equipoise")

_HANDLER_NAME = "equipoise"
# Their lines hold raw paths, SQL or parameters, or the characters of a report's figures (fontTools): ours say the same
# without them.
_SILENCED = ("uvicorn.access", "sqlalchemy.engine", "sqlalchemy.pool", "httpx", "multipart", "fontTools")


def configure_logging(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging through one JSON formatter; may be called again."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_exception,
        keep_allowed_fields,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.name = _HANDLER_NAME
    handler.setFormatter(_formatter(shared))
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if other.name != _HANDLER_NAME] + [handler]
    root.setLevel(level.upper())
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _formatter(shared: list[Any]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
        ],
    )


def keep_allowed_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what no one has declared harmless; keys of the formatter itself begin with an underscore."""
    refused = sorted(key for key in event if key not in ALLOWED_FIELDS and not key.startswith("_"))
    for key in refused:
        del event[key]
    if refused:
        event["dropped"] = refused
    return event


def describe_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace ``exc_info`` by facts that cannot hold a row's values."""
    raised = event.pop("exc_info", None)
    record = event.get("_record")
    if raised is None and record is not None:
        raised, record.exc_info, record.exc_text = record.exc_info, None, None
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event.update(facts_of(error))
    return event


def facts_of(error: BaseException) -> dict[str, Any]:
    """The class, the SQLSTATE if there is one, and the last places of the stack, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    facts: dict[str, Any] = {
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "raised_at": [f"{_short(frame.filename)}:{frame.lineno}:{frame.name}" for frame in frames],
    }
    sqlstate = getattr(getattr(error, "orig", error), "sqlstate", None)
    if sqlstate:
        facts["sqlstate"] = str(sqlstate)
    return facts


def _short(filename: str) -> str:
    return "/".join(Path(filename).parts[-3:])
