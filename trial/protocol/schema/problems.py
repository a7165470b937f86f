"""One disagreement between the parts of a protocol, and what every check of them asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trial.protocol.schema.allocation import RecordedAt

if TYPE_CHECKING:
    from trial.protocol.schema.protocol import Protocol

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One disagreement, where it stands in the file, in one plain sentence."""

    path: Path
    sentence: str


def twice(path: Path, what: str, names: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            yield Problem((*path, place), f"{what} {name!r} is named twice; give each its own name")
        seen.add(name)


def recorded(protocol: Protocol, path: Path, place: RecordedAt) -> Iterator[Problem]:
    form = next((form for form in protocol.forms if form.code == place.form), None)
    if form is None:
        yield Problem((*path, "form"), f"there is no form {place.form!r} under forms")
    elif form.field(place.field) is None:
        yield Problem((*path, "field"), f"the form {place.form!r} has no field {place.field!r}")


def visit_exists(protocol: Protocol, path: Path, code: str | None) -> Iterator[Problem]:
    if code is not None and code not in protocol.visit_codes:
        known = ", ".join(protocol.visit_codes)
        yield Problem(path, f"there is no visit {code!r}; the schedule has {known}")
