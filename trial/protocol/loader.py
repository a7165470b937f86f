"""From a protocol file to a ``Protocol``, or to all that is wrong with it, by file, line and field.

Invariants
1. The same text gives the same protocol and the same hash, on every machine.
2. Whatever the text, the only refusals are ``ProtocolInvalid`` and ``ProtocolFileNotFound``.

It does not store or activate anything.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trial.errors import InvalidInput, NotFound
from trial.protocol.schema import Protocol
from trial.protocol.schema.problems import Path, Problem
from trial.protocol.source import LARGEST_TEXT, Source, SourceError, read_source

SHIPPED: Final[Mapping[str, str]] = {
    "keta-pain": "keta_pain.yaml",
    "keta-pain-1.1": "keta_pain_1_1.yaml",
    "second": "duo_knee.yaml",
}
"""The protocols that come with the package, by the name that ``shipped_protocol`` takes."""


@dataclass(frozen=True, slots=True)
class ProtocolProblem:
    """One thing that is wrong with a file, and where."""

    file: str
    line: int
    field: str
    sentence: str

    def __str__(self) -> str:
        place = f"{self.file} line {self.line}"
        return f"{place}, {self.field}: {self.sentence}" if self.field else f"{place}: {self.sentence}"


class ProtocolInvalid(InvalidInput):
    """The file is no valid protocol. ``problems`` says all that is wrong."""

    code = "protocol.invalid"

    def __init__(self, problems: Iterable[ProtocolProblem]) -> None:
        self.problems = tuple(problems)
        sentences = "; ".join(str(problem) for problem in self.problems[:20])
        more = f"; and {len(self.problems) - 20} more" if len(self.problems) > 20 else ""
        super().__init__(
            f"The protocol cannot be used until this is corrected: {sentences}{more}.",
            fields={problem.field: problem.sentence for problem in self.problems if problem.field},
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems,))


class ProtocolFileNotFound(NotFound):
    code = "protocol.file_not_found"


@dataclass(frozen=True, slots=True)
class LoadedProtocol:
    """A protocol with the exact text that said it, and the SHA-256 of that text."""

    protocol: Protocol
    text: str
    sha256: str


def load_protocol(source: FilePath | str, *, name: str | None = None) -> LoadedProtocol:
    """The protocol in a file (a ``Path``) or in a text (a ``str``); ``name`` is what problems call it."""
    if isinstance(source, FilePath):
        return parse_protocol(_read(source), name=name or source.name)
    return parse_protocol(source, name=name or "protocol")


def parse_protocol(text: str, *, name: str = "protocol") -> LoadedProtocol:
    """The protocol that ``text`` says."""
    try:
        return _parsed(text)
    except SourceError as error:
        raise ProtocolInvalid([ProtocolProblem(name, error.line, _spell(error.path), error.sentence)]) from error
    except ValidationError as error:
        raise ProtocolInvalid(_problems(error, read_source(text), name)) from error


@lru_cache(maxsize=32)
def _parsed(text: str) -> LoadedProtocol:
    """Once per text, whatever its file is called: a shipped one comes back as a version's text."""
    protocol = Protocol.model_validate(read_source(text).data)
    digest = hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
    return LoadedProtocol(protocol, text, digest)


@cache
def shipped_text(name: str) -> str:
    """The text of a shipped protocol."""
    if name not in SHIPPED:
        raise ProtocolFileNotFound(f"No protocol {name!r} is shipped; there are {', '.join(SHIPPED)}.")
    return files("trial.protocol").joinpath("shipped", SHIPPED[name]).read_text(encoding="utf-8")


@cache
def load_shipped(name: str) -> LoadedProtocol:
    """A shipped protocol with its text and hash."""
    return parse_protocol(shipped_text(name), name=SHIPPED.get(name, name))


def shipped_protocol(name: str) -> Protocol:
    """A shipped protocol: ``shipped_protocol("keta-pain")``."""
    return load_shipped(name).protocol


def protocol_json_schema() -> dict[str, Any]:
    """The JSON schema of a protocol file, for editors."""
    return Protocol.model_json_schema()


def _read(path: FilePath) -> str:
    try:
        size = path.stat().st_size
        if size > 4 * LARGEST_TEXT:
            sentence = f"the file has {size} bytes; at most {4 * LARGEST_TEXT} are read"
            raise ProtocolInvalid([ProtocolProblem(path.name, 1, "", sentence)])
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem = ProtocolProblem(path.name, 1, "", "the file is not UTF-8 text; save it as UTF-8")
        raise ProtocolInvalid([problem]) from error
    except (OSError, ValueError) as error:
        raise ProtocolFileNotFound(f"{path} cannot be read; check the path and its permissions.") from error


def _problems(error: ValidationError, source: Source, name: str) -> Iterator[ProtocolProblem]:
    for detail in error.errors(include_url=False):
        for path, sentence in _expanded(detail, source):
            yield ProtocolProblem(name, source.line_of(path), _spell(path), sentence)


def _expanded(detail: ErrorDetails, source: Source) -> Iterator[tuple[Path, str]]:
    found: tuple[Problem, ...] = detail.get("ctx", {}).get("problems", ())
    if detail["type"] == "protocol_inconsistent":
        yield from ((problem.path, problem.sentence) for problem in found)
    else:
        path = _path_in_file(detail["loc"], source)
        yield path, _sentence(detail, path)


def _path_in_file(loc: Path, source: Source) -> Path:
    """``loc`` without the steps that only the model knows, such as the tag of a union."""
    path: Path = ()
    for place, step in enumerate(loc):
        is_last = place == len(loc) - 1
        if (*path, step) in source.lines or is_last:
            path = (*path, step)
    return path


def _sentence(detail: ErrorDetails, path: Path) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        return "is not a field of a protocol here; remove it or correct its name" + _near(path)
    if kind == "too_short" and path == ("arms",):
        return "the file gives no arm; a randomized trial has at least two"
    sentence = detail["msg"].removeprefix("Value error, ")
    given = detail["input"]
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float)) and len(str(given)) <= 60 else ""
    return sentence[:1].lower() + sentence[1:] + shown


def _near(path: Path) -> str:
    close = difflib.get_close_matches(str(path[-1]), _field_names(), n=1, cutoff=0.75)
    return f" (did you mean {close[0]!r}?)" if close else ""


@cache
def _field_names() -> tuple[str, ...]:
    schema = protocol_json_schema()
    parts = [schema, *schema["$defs"].values()]
    return tuple(sorted({name for part in parts for name in part.get("properties", {})}))


def _spell(path: Path) -> str:
    spelled = ""
    for step in path:
        spelled += f"[{step}]" if isinstance(step, int) else f".{step}" if spelled else str(step)
    return spelled
