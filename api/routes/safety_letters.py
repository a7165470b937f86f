"""Safety letters: issued to every site, acknowledged by an investigator of each."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Called, Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, SignedBody, key_of
from trial.access.permissions import Permission
from trial.conduct.sites import find_site
from trial.safety.letters import (
    AcknowledgeLetter,
    IssueLetter,
    LetterStanding,
    acknowledge_letter,
    check_may_issue,
    issue_letter,
    letter_for,
    letters_for,
)

router = APIRouter()

_PATH = "/trials/{trial}/safety/letters"
_READERS = permission(Permission.SAE_CLOCK_READ)


class LetterSummary(BaseModel):
    id: UUID
    number: int
    title: str
    body: str
    asked_of_sites: str
    issued_by: str
    issued_at: datetime
    sites: list[str] = Field(description="To which it went.")
    acknowledged: list[str] = Field(description="Of the sites that you may see.")
    outstanding: list[str] = Field(description="Of the sites that you may see.")

    @classmethod
    def of(cls, one: LetterStanding) -> "LetterSummary":
        letter = one.letter
        return cls(
            id=letter.id,
            number=letter.number,
            title=letter.title,
            body=letter.body,
            asked_of_sites=letter.asked_of_sites,
            issued_by=letter.printed_name,
            issued_at=letter.recorded_at,
            sites=list(letter.site_codes),
            acknowledged=[site.code for site, _ in one.acknowledged],
            outstanding=[site.code for site in one.outstanding],
        )


class NewLetter(Keyed):
    title: str = Field(min_length=5, max_length=160)
    body: str = Field(min_length=20, max_length=8000)
    asked_of_sites: str = Field(min_length=3, max_length=4000)


class Acknowledgement(SignedBody):
    site: str = Field(description="The code of the site for which you sign.")


class AcknowledgementSummary(BaseModel):
    letter_id: UUID
    printed_name: str
    recorded_at: datetime


@router.get(_PATH, openapi_extra=_READERS)
def list_safety_letters(here: Here, session: Write) -> list[LetterSummary]:
    """Every letter, the newest first."""
    return [LetterSummary.of(one) for one in letters_for(session, here.actor, here.trial.id)]


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.SUSAR_ASSESS, Permission.OVERSIGHT_DECIDE))
def issue_safety_letter(here: Here, session: Write, body: NewLetter, key: KeyHeader = None) -> LetterSummary:
    """To every active site, whose people are alerted."""
    check_may_issue(here.actor, here.trial.id)
    command = command_of(
        IssueLetter,
        trial_id=here.trial.id,
        idempotency_key=key_of(key, body),
        **body.model_dump(exclude={"idempotency_key"}),
    )
    letter = issue_letter(session, here.actor, command)
    return LetterSummary.of(letter_for(session, here.actor, here.trial.id, letter.id))


@router.get(f"{_PATH}/{{letter_id}}", openapi_extra=_READERS)
def read_safety_letter(here: Here, session: Write, letter_id: UUID) -> LetterSummary:
    return LetterSummary.of(letter_for(session, here.actor, here.trial.id, letter_id))


@router.post(f"{_PATH}/{{letter_id}}/acknowledgements", status_code=201, openapi_extra=permission(Permission.SAE_SIGN))
def acknowledge_safety_letter(
    here: Here, caller: Called, session: Write, letter_id: UUID, body: Acknowledgement, key: KeyHeader = None
) -> AcknowledgementSummary:
    """An investigator's signature for the site."""
    proof = body.prove(caller)
    letter_for(session, here.actor, here.trial.id, letter_id)
    command = command_of(
        AcknowledgeLetter,
        letter_id=letter_id,
        site_id=find_site(session, here.trial.id, body.site).id,
        idempotency_key=key_of(key, body),
    )
    made = acknowledge_letter(session, here.actor, proof, command)
    return AcknowledgementSummary.model_validate(made, from_attributes=True)
