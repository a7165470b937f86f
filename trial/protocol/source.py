"""YAML text to plain data, with the line of every value.

Invariants
1. Nothing in the text can run, alias, merge or overwrite: tags, anchors and duplicate keys are refused.
2. Text stays text: only ``true`` and ``false`` are booleans (``yes`` and ``no`` are answers of a form), and
   only plain decimal numbers are numbers.
3. Size and depth are bounded before the text is understood.

It knows nothing of protocols: ``loader`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import BaseResolver

from trial.protocol.schema.problems import Path

LARGEST_TEXT: Final = 400_000
DEEPEST: Final = 24

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset(_TAG + name for name in ("null", "bool", "int", "float", "date", "str"))


class SourceError(Exception):
    """The text is not acceptable YAML. ``line`` counts from 1."""

    def __init__(self, line: int, sentence: str, path: Path = ()) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence
        self.path = path


class _Resolver(BaseResolver):
    """Fewer guesses than YAML 1.1 makes."""


for _name, _pattern, _first in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", list("tf")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", list("-+0123456789")),
    ("float", r"^[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}$", list("-+0123456789")),
    ("date", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", list("0123456789")),
):
    _Resolver.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)


class _Composer(Composer, CParser, _Resolver):
    """libyaml's events, PyYAML's tree of nodes, and no further: nothing is constructed."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise SourceError(line, "anchors and aliases are not allowed; write the value out")
        if self._depth >= DEEPEST:
            raise SourceError(line, f"values are nested more than {DEEPEST} deep")
        self._depth += 1
        try:
            return Composer.compose_node(self, parent, index)
        finally:
            self._depth -= 1


@dataclass
class Source:
    """Plain data and where each of its values stands."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the value at ``path``, or of the nearest value around it that the text has."""
        known: Path = ()
        for step in path:
            if (*known, step) in self.lines:
                known = (*known, step)
        return self.lines.get(known, 1)


def read_source(text: str) -> Source:
    """Plain data and lines of ``text``; raises ``SourceError``."""
    if len(text) > LARGEST_TEXT:
        raise SourceError(1, f"the file has {len(text)} characters; at most {LARGEST_TEXT} are read")
    source = Source(None)
    source.data = _plain(_compose(text), (), source.lines)
    return source


def _compose(text: str) -> Node:
    try:
        node = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sentence = error.problem or error.context or "this is not YAML"
        raise SourceError(mark.line + 1 if mark else 1, sentence) from error
    except yaml.YAMLError as error:
        raise SourceError(1, "the file holds characters that YAML does not allow") from error
    except (ValueError, IndexError, OverflowError) as error:
        raise SourceError(1, "this is not YAML that can be read") from error
    if node is None:
        raise SourceError(1, "the file is empty")
    return node


def _plain(node: Node, path: Path, lines: dict[Path, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, MappingNode):
        _expect_tag(node, "map", path)
        return {key: _plain(value, (*path, key), lines) for key, value in _pairs(node, path)}
    if isinstance(node, SequenceNode):
        _expect_tag(node, "seq", path)
        return [_plain(value, (*path, place), lines) for place, value in enumerate(node.value)]
    assert isinstance(node, ScalarNode)
    return _scalar(node, path)


def _expect_tag(node: Node, name: str, path: Path) -> None:
    if node.tag != _TAG + name:
        raise SourceError(node.start_mark.line + 1, f"the tag {node.tag} is not allowed", path)


def _pairs(node: MappingNode, path: Path) -> Iterator[tuple[str, Node]]:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode) or key_node.tag not in _PLAIN_TAGS:
            raise SourceError(line, "a field's name is plain text", path)
        key = str(key_node.value)
        if key in seen:
            raise SourceError(line, f"is given twice (first on line {seen[key]})", (*path, key))
        seen[key] = line
        yield key, value_node


def _scalar(node: ScalarNode, path: Path) -> Any:
    text = str(node.value)
    try:
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}[text]
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "date":
                return date.fromisoformat(text)
            case "str":
                return text
    except (ValueError, KeyError) as error:
        kind = node.tag.removeprefix(_TAG)
        raise SourceError(node.start_mark.line + 1, f"{text[:40]!r} is no {kind}", path) from error
    raise SourceError(node.start_mark.line + 1, f"the tag {node.tag} is not allowed", path)
