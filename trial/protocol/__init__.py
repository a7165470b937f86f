"""The trial as data: the schema of a protocol, its loader, and the protocols that we ship."""

from __future__ import annotations

from trial.protocol.loader import (
    SHIPPED,
    LoadedProtocol,
    ProtocolFileNotFound,
    ProtocolInvalid,
    ProtocolProblem,
    load_protocol,
    load_shipped,
    parse_protocol,
    protocol_json_schema,
    shipped_protocol,
    shipped_text,
)
from trial.protocol.schema import NotInProtocol, Protocol

__all__ = [
    "SHIPPED",
    "LoadedProtocol",
    "NotInProtocol",
    "Protocol",
    "ProtocolFileNotFound",
    "ProtocolInvalid",
    "ProtocolProblem",
    "load_protocol",
    "load_shipped",
    "parse_protocol",
    "protocol_json_schema",
    "shipped_protocol",
    "shipped_text",
]
