"""Looks for arms in what a browser was sent.

The protocol's own sentences (its title, a criterion) may name a treatment: they say it of everybody. They are taken out
first, but never what the protocol says of an arm itself (its treatment, its product): that tells whose arm it is. An arm's
code, or a lot that begins with one, may stand nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trial.protocol.schema import Protocol


def arms_in(protocol: Protocol, bodies: Mapping[str, str]) -> list[tuple[str, str]]:
    """Where an arm's code or name stands, and the words around it."""
    codes = re.compile("|".join(rf"\b{re.escape(arm.code)}\b" for arm in protocol.arms))
    names = re.compile("|".join(rf"\b{re.escape(arm.name)}\b" for arm in protocol.arms), re.IGNORECASE)
    sentences = sorted(set(_sentences(protocol.model_dump(mode="json", exclude={"arms"}))), key=len, reverse=True)
    found = []
    for where, body in bodies.items():
        told = codes.search(body) or names.search(_without(sentences, body))
        if told is not None:
            found.append((where, told.string[max(0, told.start() - 60) : told.end() + 60]))
    return found


def _without(sentences: list[str], body: str) -> str:
    for sentence in sentences:
        body = body.replace(sentence, "")
    return body


def _sentences(value: Any) -> Iterator[str]:
    """Every text of the protocol that is longer than a name."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _sentences(each)
    elif isinstance(value, list):
        for each in value:
            yield from _sentences(each)
    elif isinstance(value, str) and " " in value:
        yield value
