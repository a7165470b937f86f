"""Every refusal that Equipoise can give, as a class with a stable code and a sentence that holds the remedy.

    DomainError
    ├── InvalidInput        what was given is malformed or out of range        (nothing was read or written)
    ├── NotFound            the thing named does not exist, or is not visible to the one who asks
    ├── NotPermitted        the actor lacks the permission at this place
    ├── NotAuthenticated    nobody is signed in, or the credential no longer counts
    ├── Conflict            the present state refuses it (already randomized, locked, out of kits …)
    ├── TooManyAttempts     slow down, or wait
    └── Unavailable         the system itself cannot do it now (no disk, no key, port in use …)

Invariants
1. A code is unique, lower-case, dotted (``participant.already_randomized``) and never changes once released.
2. A sentence never holds an arm, a secret, a row's values beyond what its reader typed, or a stack trace.
3. No error knows HTTP: ``api/errors.py`` owns the one table from these families to status codes.

Rooms define their own errors beside their rules, as subclasses of one of the families above.
"""

from __future__ import annotations

from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal. ``fields`` maps the names of offending inputs to their own sentences, for forms."""

    code: ClassVar[str] = "equipoise.error"

    def __init__(self, sentence: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fields = dict(fields or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.sentence, self.fields))


def _rebuild(kind: type[DomainError], sentence: str, fields: dict[str, str]) -> DomainError:
    return kind(sentence, fields=fields)


class InvalidInput(DomainError):
    code = "input.invalid"


class NotFound(DomainError):
    code = "record.not_found"


class NotPermitted(DomainError):
    code = "access.not_permitted"


class NotAuthenticated(DomainError):
    code = "access.not_authenticated"


class Conflict(DomainError):
    code = "state.conflict"


class TooManyAttempts(DomainError):
    code = "access.too_many_attempts"


class Unavailable(DomainError):
    code = "system.unavailable"


def every_error() -> list[type[DomainError]]:
    """All domain errors that are loaded, families first; for the error catalogue and its tests."""
    found: list[type[DomainError]] = [DomainError]
    for kind in found:
        found.extend(sub for sub in kind.__subclasses__() if sub not in found)
    return found
