"""What the database itself refuses, said as domain errors.

The triggers guard what no service may be trusted to remember: a locked trial, frozen data. Where a service's own check came
too late (the lock fell in between) or was missing, the refusal of the trigger reaches the caller as the same kind of error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy.engine import ExceptionContext

from trial.errors import Conflict, DomainError


class DataLocked(Conflict):
    code = "data.locked"


class DataFrozen(Conflict):
    code = "data.frozen"


_SAID: Final[Mapping[str, tuple[type[DomainError], str]]] = {
    "EQ004": (
        DataLocked,
        "The data of this trial are locked, so nothing was recorded. Two people must unlock them, with a reason, first.",
    ),
    "EQ005": (
        DataFrozen,
        "These data are frozen, so nothing was recorded. Ask the data manager to lift the freeze, with a reason, first.",
    ),
}


def say_as_domain_error(context: ExceptionContext) -> DomainError | None:
    """What the session raises instead, for what a trigger of ours refused; everything else stays as it is."""
    return refusal_of(context.original_exception)


def refusal_of(error: BaseException | None) -> DomainError | None:
    """The refusal of one of our triggers behind an error of the driver, said as a domain error."""
    said = _SAID.get(getattr(error, "sqlstate", None) or "")
    if said is None:
        return None
    kind, sentence = said
    return kind(sentence)
