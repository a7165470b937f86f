"""Randomization errors over JSON: one of four kinds, marked with a reason, and never put right."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here, Place
from api.routes.subjects import Keyed, KeyHeader, key_of, subject
from randomization.ledger.wrong_kits import MarkWrongKit, mark_wrong_kit
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.participants import get_participant
from trial.conduct.randomization_errors import (
    MarkDuplicate,
    MarkRandomizedInError,
    MarkWrongStratum,
    RandomizationErrorKind,
    RandomizationErrorMark,
    errors_for,
    mark_duplicate,
    mark_randomized_in_error,
    mark_wrong_stratum,
)
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/trials/{trial}/participants/{code}/randomization-errors"


class NewError(Keyed):
    reason: str = Field(
        min_length=3, max_length=2000, description="What happened. No name and nothing that tells a treatment."
    )
    found_on: date = Field(description="The day at the site on which it was found.")


class WrongStratum(NewError):
    """A factor was other than recorded when the stratum was taken."""

    kind: Literal["wrong_stratum"]
    factor: str = Field(max_length=48)
    value: str = Field(max_length=64, description="The level that should have been used.")


class InError(NewError):
    """Somebody was randomized who should not have been."""

    kind: Literal["in_error"]


class WrongKit(NewError):
    """Another kit was given than the assigned one."""

    kind: Literal["wrong_kit"]
    kit_given: str = Field(min_length=1, max_length=16)


class Duplicate(NewError):
    """One person holds two participant codes."""

    kind: Literal["duplicate"]
    same_person_as: str = Field(min_length=1, max_length=32, description="The person's other participant code.")


AnyError = Annotated[WrongStratum | InError | WrongKit | Duplicate, Field(discriminator="kind")]


class ErrorSummary(BaseModel):
    number: int = Field(description="Within the participant, from 1.")
    kind: RandomizationErrorKind
    reason: str
    found_on: date
    factor: str | None
    as_used: str | None
    corrected: str | None
    kit_given: str | None
    same_person_as: str | None

    @classmethod
    def of(cls, session: TrialSession, mark: RandomizationErrorMark) -> "ErrorSummary":
        told = mark.model_dump(include=set(cls.model_fields) - {"same_person_as"})
        other = get_participant(session, mark.same_person_as).code if mark.same_person_as else None
        return cls(same_person_as=other, **told)


@router.get(_PATH, openapi_extra=permission(Permission.SCREENING_READ))
def list_randomization_errors(here: Here, session: Write, code: str) -> list[ErrorSummary]:
    """Every mark of the participant, by number."""
    who = subject(session, here, code)
    check_may(here.actor, Permission.SCREENING_READ, here.trial.id, who.site_id)
    return [ErrorSummary.of(session, mark) for mark in errors_for(session, here.actor, who.id)]


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.PARTICIPANT_RANDOMIZE))
def mark_one_randomization_error(
    here: Here, session: Write, code: str, body: AnyError, key: KeyHeader = None
) -> ErrorSummary:
    """The allocation stays as it was made, and the participant in follow-up and analysis."""
    given = body.model_dump(exclude={"kind", "idempotency_key"})
    who = subject(session, here, code)
    return ErrorSummary.of(session, _mark(session, here, body, given | _named(who.id, key_of(key, body))))


def _named(participant_id: UUID, key: str) -> dict[str, UUID | str]:
    return {"participant_id": participant_id, "idempotency_key": key}


def _mark(session: TrialSession, here: Place, body: NewError, told: dict[str, object]) -> RandomizationErrorMark:
    if isinstance(body, WrongStratum):
        return mark_wrong_stratum(session, here.actor, command_of(MarkWrongStratum, **told))
    if isinstance(body, InError):
        return mark_randomized_in_error(session, here.actor, command_of(MarkRandomizedInError, **told))
    if isinstance(body, WrongKit):
        return mark_wrong_kit(session, here.actor, command_of(MarkWrongKit, **told))
    return mark_duplicate(session, here.actor, command_of(MarkDuplicate, **told))
